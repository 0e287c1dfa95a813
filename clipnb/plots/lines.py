"""Curves over a common x: how probabilities follow the scale, how accuracy follows the number of classes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.palette import colours, heading, ink, plain, template

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")


def curves(
    x: Any,
    lines: Mapping[str, Sequence[float]],
    *,
    x_title: str,
    y_title: str,
    title: str | None = None,
    log_x: bool = False,
    percent: bool = False,
    marker: tuple[float, str] | None = None,
    width: int = 720,
    height: int = 400,
    mode: str = "light",
) -> go.Figure:
    """One line a name over the same `x`, told apart by colour and by dashes.

    Args:
        x: [point] the common x.
        lines: name -> [point] y.
        x_title: with the unit where there is one.
        y_title: with the unit where there is one.
        title: above the figure, if any.
        log_x: x on a logarithmic axis.
        percent: y is a share in 0..1 and is shown in percent.
        marker: (x, words) of a vertical line, such as the model's own scale.
        width: in CSS pixels.
        height: in CSS pixels.
        mode: "light" or "dark", the page it is for.
    """
    at = as_matrix("x", x)[0]
    figure = go.Figure()
    palette = colours(list(lines), mode)
    for i, (name, y) in enumerate(lines.items()):
        same_length(f"line {name!r}", y, len(at))
        figure.add_trace(
            go.Scatter(
                x=at,
                y=np.asarray(y, dtype=float),
                name=plain(name, 32),
                mode="lines" if len(at) > 20 else "lines+markers",
                line={"color": palette[name], "dash": _DASHES[i % len(_DASHES)], "width": 2.5},
                marker={"size": 8},
                hovertemplate="%{x:.4g}: %{y:"
                + (".1%" if percent else ".3g")
                + "}<extra>"
                + plain(name, None)
                + "</extra>",
            )
        )
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height,
        margin={"l": 66, "r": 24, "t": 56, "b": 52},
        xaxis=dict(title={"text": x_title}, **({"type": "log", "dtick": 1} if log_x else {})),
        yaxis={"title": {"text": y_title}, "rangemode": "tozero", "tickformat": ".0%" if percent else None},
        showlegend=len(lines) > 1,
    )
    if marker is not None:
        place, words = marker
        figure.add_shape(
            type="line", xref="x", yref="paper", x0=place, x1=place, y0=0, y1=1,
            line={"color": ink(mode), "width": 1.5, "dash": "dot"},
        )  # fmt: skip
        figure.add_annotation(
            x=np.log10(place) if log_x else place, y=1, xref="x", yref="paper",
            text=plain(words, None), showarrow=False, yanchor="bottom",
        )  # fmt: skip
    return figure
