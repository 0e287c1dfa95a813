"""What the model thinks of each picture: the k most probable classes as horizontal bars."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.named_lines import named_lines
from clipnb.plots.palette import OKABE_ITO, OTHER, heading, plain, template, text_columns
from clipnb.plots.thumbnails import layout_image

_BAR, _GAP, _BOTTOM, _PICTURE = 22, 26, 44, 84


def probability_bars(
    result: Any,
    images: Sequence[Image.Image] | None = None,
    *,
    k: int = 5,
    labels: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    width: int = 720,
    mode: str = "light",
) -> go.Figure:
    """One row a picture: its thumbnail, and bars for its `k` most probable classes.

    Args:
        result: a `ZeroShot`, or the pair (probabilities [image, class], classnames).
        images: one PIL image a row, drawn beside the bars.
        k: how many classes a row, the most probable first.
        labels: the true class name of each picture; its bar is blue, a wrong first guess orange.
            A `ZeroShot` that knows its labels brings its own.
        names: one name a picture, for the hover text; default: a `ZeroShot`'s image_ids, or a number.
        title: above the figure, if any.
        width: of the figure in CSS pixels; the height follows from the number of bars.
        mode: "light" or "dark", the page it is for.
    """
    probabilities, classnames, names, labels = _unpack(result, names, labels)
    rows, k = len(probabilities), min(k, len(classnames))
    same_length("images", images, rows)
    same_length("names", names, rows)
    same_length("labels", labels, rows)

    order = np.argsort(-probabilities, axis=1, kind="stable")[:, :k]
    room = max(text_columns(plain(classnames[j])) for j in order.flat)
    left = 24 + int(7.4 * room) + (_PICTURE + 16 if images is not None else 0)
    row_height = max(k * _BAR, _PICTURE if images is not None else 0)
    plot_height = rows * row_height + (rows - 1) * _GAP
    figure = go.Figure()
    for i in range(rows):
        top = 1 - i * (row_height + _GAP) / plot_height
        domain = [max(0.0, top - row_height / plot_height), top]
        figure.add_trace(_bars(probabilities[i], order[i], classnames, names[i], None if labels is None else labels[i]))
        figure.data[-1].update(xaxis=_axis("x", i), yaxis=_axis("y", i))
        last = i == rows - 1
        figure.update_layout(
            {
                f"xaxis{i + 1 if i else ''}": _percent_axis(_axis("y", i), last),
                f"yaxis{i + 1 if i else ''}": _class_axis(_axis("x", i), domain, order[i], classnames),
            }
        )
        if images is not None:
            across = _PICTURE / (width - left - 24)
            figure.add_layout_image(
                layout_image(
                    images[i],
                    size=2 * _PICTURE,
                    xref="paper",
                    yref="paper",
                    x=(16 - left) / (width - left - 24),
                    y=sum(domain) / 2,
                    yanchor="middle",
                    sizex=across,
                    sizey=_PICTURE / plot_height,
                )
            )
    top_margin = 48 if title else 12
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=top_margin + plot_height + _BOTTOM,
        margin={"l": left, "r": 24, "t": top_margin, "b": _BOTTOM},
        bargap=0.25,
        showlegend=False,
    )
    return figure


def bar_values(probabilities: np.ndarray, order: np.ndarray, classnames: Sequence[str]) -> dict[str, list[Any]]:
    """The data of one row of bars: x in percent, text beside the bar, the full name for hovering."""
    percent = [100 * float(probabilities[j]) for j in order]
    return {
        "x": percent,
        "y": list(range(len(order))),
        "text": [percentage(p) for p in percent],
        "customdata": [plain(classnames[j], None) for j in order],
    }


def percentage(percent: float) -> str:
    """A share as people say it: 97%, 3.1%, below 0.1%."""
    if percent < 0.1:
        return "< 0.1%"
    return f"{percent:.1f}%" if percent < 9.95 else f"{percent:.0f}%"


def _bars(p: np.ndarray, order: np.ndarray, classnames: Sequence[str], name: str, label: str | None) -> go.Bar:
    blue, orange = OKABE_ITO[0], OKABE_ITO[1]
    first = blue if label is None or classnames[order[0]] == label else orange
    shade = [blue if classnames[j] == label else first if place == 0 else OTHER for place, j in enumerate(order)]
    return go.Bar(
        **bar_values(p, order, classnames),
        orientation="h",
        name=plain(name, None),
        marker={"color": shade, "line": {"width": 0}},
        textposition="outside",
        cliponaxis=False,
        hovertemplate="%{customdata}<br>%{x:.2f}%<extra>" + plain(name, None) + "</extra>",
    )


def _percent_axis(anchor: str, last: bool) -> dict[str, Any]:
    return {
        "anchor": anchor,
        "range": [0, 115],
        "tickvals": [0, 25, 50, 75, 100],
        "ticktext": ["0", "25%", "50%", "75%", "100%"],
        "showticklabels": last,
        "title": {"text": "probability" if last else None},
        "zeroline": True,
    }


def _class_axis(anchor: str, domain: list[float], order: np.ndarray, classnames: Sequence[str]) -> dict[str, Any]:
    return named_lines([plain(classnames[j]) for j in order], anchor=anchor, domain=domain)


def _axis(letter: str, i: int) -> str:
    return f"{letter}{i + 1}" if i else letter


def _unpack(
    result: Any, names: Sequence[str] | None, labels: Sequence[str] | None
) -> tuple[np.ndarray, list[str], list[str], Sequence[str] | None]:
    if hasattr(result, "probabilities"):
        probabilities, classnames = result.probabilities, list(result.classnames)
        names = names if names is not None else [str(i) for i in result.image_ids]
        labels = labels if labels is not None else result.labels
    else:
        probabilities, classnames = result[0], list(result[1])
    matrix = as_matrix("probabilities", probabilities)
    same_length("classnames", classnames, matrix.shape[1])
    return matrix, classnames, list(names or (f"picture {i + 1}" for i in range(len(matrix)))), labels
