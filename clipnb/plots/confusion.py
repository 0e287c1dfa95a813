"""Which class is taken for which: a confusion matrix that can be read at a hundred classes and more."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from clipnb.errors import EmptyInput, UnsupportedOption, WrongShape, WrongType
from clipnb.plots.marking import add_lines, add_words
from clipnb.plots.ordering import class_groups, class_order
from clipnb.plots.palette import SEQUENTIAL, heading, ink, plain, template, text_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["confusion_frame", "confusion_matrix", "tick_names"]

_NUMBERS_UP_TO = 16
_CELLS_UP_TO = 250
_SVG_UP_TO = 8000
_BAR = 96


def confusion_matrix(
    result: Any,
    *,
    groups: Mapping[str, str] | Sequence[str] | None = None,
    normalize: Literal["true"] | None = "true",
    title: str | None = None,
    width: int | None = None,
    mode: str = "light",
) -> go.Figure:
    """Rows are true classes, columns what was predicted; empty cells are the page, rare confusions can still be seen.

    Classes stand in the order of their groups, with a border between groups; within a group, or without groups, those
    that are taken for each other stand side by side (see `clipnb.plots.ordering.class_order`). As many names are
    shown as fit; dragging a box enlarges it and shows more of them, a double click goes back.

    The colours follow the square root of the value, or 1% could not be told from nothing.

    Args:
        result: a `ZeroShot` with labels, or the frame of its `confusion()`: counts, true x predicted.
        groups: a mapping from class to group, or one group a class in the order of the class names.
        normalize: "true": cells are shares of their row; None: numbers of pictures.
        title: above the figure, if any.
        width: in CSS pixels, 820 or, above 40 classes, 980; cells are square.
        mode: "light" or "dark", the page it is for.
    """
    if normalize not in ("true", None):
        raise UnsupportedOption(f"normalize={normalize!r}; expected 'true' (shares of the true class) or None (counts)")
    frame = confusion_frame(result)
    kinds = class_groups(list(frame.index), groups)
    order = class_order(frame.to_numpy(), kinds)
    counts, names = frame.to_numpy()[np.ix_(order, order)], [str(frame.index[i]) for i in order]
    totals, ticks = counts.sum(axis=1), tick_names(names)
    with np.errstate(invalid="ignore", divide="ignore"):
        values = counts / totals[:, None] if normalize else counts.astype(float)

    kinds = [kinds[i] for i in order] if kinds is not None else None
    width = (820 if len(names) <= 40 else 980) if width is None else width
    right = _group_room(kinds) + _BAR
    left = 36 + int(6.2 * max(map(text_columns, ticks)))
    below = 46 + int(5.4 * max(map(text_columns, ticks)))
    cell = min(56.0, (width - left - right) / len(names))
    side = round(cell * len(names))
    empty = int((totals == 0).sum())
    above = (48 if title else 16) + (18 if empty else 0)
    bar = _colour_bar(normalize, side) | {"x": 1 + (right - _BAR) / side}
    scale = {"colorscale": _square_root(mode), "colorbar": bar}
    draw = _cells if len(names) <= _CELLS_UP_TO else _dots
    figure = go.Figure(draw(values, counts, ticks, cell, normalize, scale))
    _draw_groups(figure, kinds, cell, mode)
    if empty:
        words = f"{empty} of {len(names)} classes have no picture; their rows are empty."
        figure.add_annotation(
            text=words, xref="paper", yref="paper", x=0, y=1, yshift=2, xanchor="left", yanchor="bottom",
            showarrow=False, font={"size": 12},
        )  # fmt: skip
    wide = max(left + side + right, 30 + 9 * text_columns(title or ""), left + 300 if empty else 0)
    axis = {"type": "category", "showgrid": False, "zeroline": False, "tickfont": {"size": 11}}
    axis |= {"categoryorder": "array", "categoryarray": ticks}
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=wide,
        height=above + side + below,
        margin={"l": left, "r": wide - left - side, "t": above, "b": below},
        xaxis={**axis, "title": {"text": "predicted"}, "tickangle": -60, "range": [-0.5, len(names) - 0.5]},
        yaxis={**axis, "title": {"text": "true"}, "range": [len(names) - 0.5, -0.5]},
    )
    return figure


def confusion_frame(result: Any) -> pd.DataFrame:
    """The counts of a result, or the frame itself, checked: square, the same names both ways, no negative number."""
    frame = result.confusion() if hasattr(result, "confusion") else result
    if not (hasattr(frame, "to_numpy") and hasattr(frame, "columns")):
        raise WrongType(f"expected a ZeroShot or the frame of its confusion(), not {type(result).__name__}")
    if frame.empty:
        raise EmptyInput("the confusion matrix is empty: it has no class")
    if list(frame.index) != list(frame.columns):
        raise WrongShape("the rows and the columns of a confusion matrix are the same classes in the same order")
    values = frame.to_numpy()
    if values.dtype.kind not in "iuf" or not np.all(values >= 0) or not np.all(values == np.floor(values)):
        raise WrongType("a confusion matrix holds counts; pass it as confusion() gives it, before any normalising")
    return frame.astype(np.int64)


def tick_names(names: Sequence[str]) -> list[str]:
    """Names as short as they can be and still be told apart: on an axis of categories equal names are one."""
    short = [plain(name, 28) for name in names]
    count = Counter(short)
    return [plain(name, None) if count[cut] > 1 else cut for name, cut in zip(names, short, strict=True)]


def _cells(
    values: np.ndarray, counts: np.ndarray, ticks: list[str], cell: float, normalize: str | None, scale: dict[str, Any]
) -> go.Heatmap:
    """Every cell in its place; the empty ones are left to the page."""
    filled = np.round(values, 5).astype(object)
    filled[counts == 0] = None  # not NaN: a widget's messages are JSON, which knows none
    return go.Heatmap(
        z=filled.tolist(),
        x=ticks,
        y=ticks,
        customdata=counts.astype(np.int32),
        hovertemplate=_hover("%{customdata}", "%{z:.1%}" if normalize else None),
        hoverongaps=False,
        xgap=1 if cell > 6 else 0,
        ygap=1 if cell > 6 else 0,
        zmin=0,
        zmax=1 if normalize else max(1, int(counts.max())),
        texttemplate=("%{z:.0%}" if normalize else "%{z:d}") if len(ticks) <= _NUMBERS_UP_TO else None,
        **scale,
    )


def _dots(
    values: np.ndarray, counts: np.ndarray, ticks: list[str], cell: float, normalize: str | None, scale: dict[str, Any]
) -> go.Scatter | go.Scattergl:
    """A square for each cell that is not empty: cells narrower than a pixel would be lost, and a million be heavy."""
    rows, columns = np.nonzero(counts)
    kind = go.Scattergl if len(rows) > _SVG_UP_TO else go.Scatter
    colour = values[rows, columns]
    return kind(
        x=[ticks[j] for j in columns],
        y=[ticks[i] for i in rows],
        mode="markers",
        customdata=np.stack([counts[rows, columns], colour], axis=1),
        hovertemplate=_hover("%{customdata[0]}", "%{customdata[1]:.1%}" if normalize else None),
        showlegend=False,
        marker={
            "color": colour,
            "cmin": 0,
            "cmax": 1 if normalize else max(1, int(counts.max())),
            "symbol": "square",
            "size": max(3.0, cell),
            "line": {"width": 0},
            "showscale": True,
            **scale,
        },
    )


def _hover(count: str, share: str | None) -> str:
    words = f"true: %{{y}}<br>predicted: %{{x}}<br>pictures: {count}"
    return words + (f"<br>of the class: {share}" if share else "") + "<extra></extra>"


def _square_root(mode: str) -> list[tuple[float, str]]:
    """Cividis from the end that is nearer to the page, with colours at the square root of their place."""
    places = np.linspace(0.0, 1.0, 33)
    roots = 0.12 + 0.88 * np.sqrt(places)
    colours = sample_colorscale(SEQUENTIAL, list(roots if mode == "dark" else 1 - roots))
    return list(zip(places.tolist(), colours, strict=True))


def _colour_bar(normalize: str | None, side: int) -> dict[str, Any]:
    bar = {"thickness": 14, "outlinewidth": 0, "len": min(side, 260), "lenmode": "pixels", "yanchor": "top", "y": 1}
    if not normalize:
        return {**bar, "title": {"text": "pictures"}}
    return {**bar, "title": {"text": "of the class"}, "tickformat": ".0%", "tickvals": [0.05, 0.25, 0.5, 0.75, 1]}


def _group_room(kinds: Sequence[str] | None) -> int:
    return 0 if kinds is None else 14 + int(6.2 * max(text_columns(plain(kind)) for kind in kinds))


def _draw_groups(figure: go.Figure, kinds: Sequence[str] | None, cell: float, mode: str) -> None:
    """Borders between groups, and their names at the right where they fit."""
    if kinds is None:
        return
    starts = [i for i, kind in enumerate(kinds) if i == 0 or kind != kinds[i - 1]]
    count = len(kinds)
    line, faint = {"color": ink(mode), "width": 1}, 0.45 if len(starts) <= 30 else 0.15
    lines: list[dict[str, Any]] = []
    for at in (start - 0.5 for start in starts[1:]):
        lines.append({"x0": -0.5, "x1": count - 0.5, "y0": at, "y1": at})
        lines.append({"x0": at, "x1": at, "y0": -0.5, "y1": count - 0.5})
    add_lines(figure, ({"type": "line", "line": line, "opacity": faint, **ends} for ends in lines))
    look = {"xref": "paper", "x": 1, "xshift": 6, "xanchor": "left", "showarrow": False, "font": {"size": 11}}
    add_words(
        figure,
        (
            {"text": plain(kinds[start]), "y": (start + stop - 1) / 2, **look}
            for start, stop in pairwise([*starts, count])
            if (stop - start) * cell >= 12
        ),
    )
