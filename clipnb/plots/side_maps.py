"""Several maps of the same points beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.grouping import grouped
from clipnb.plots.palette import OTHER, heading, ink, plain, template
from clipnb.plots.shades import OUTLINE, as_values, bar
from clipnb.plots.window import NARROW, legend_room

__all__ = ["light_points", "side_by_side"]

_SVG_UP_TO = 4000
_LIT = "highlighted"
_FRAME = {"showline": True, "mirror": True}
_SYMBOLS = {"image": "circle", "text": "diamond"}


def side_by_side(
    projections: Sequence[Any],
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    *,
    values: ArrayLike | None = None,
    value_name: str = "value",
    modality: Sequence[str] | None = None,
    names: Sequence[str] | None = None,
    highlight: Sequence[int] = (),
    same_axes: bool | None = None,
    across: int | None = None,
    size: float | None = None,
    title: str | None = None,
    width: int = 960,
    mode: str = "light",
) -> go.Figure:
    """One panel a map; a point has the same colour in all, and the highlighted ones a ring in all.

    Args:
        projections: maps of the same points in the same order: Projections (see `clipnb.project_aligned`) or arrays
            [point, 2].
        labels: one name a point, shown on hovering; default: the ids of the first map.
        groups: one group a point. The ten largest have a colour each, smaller ones share grey.
        values: one number a point, such as `clipnb.neighbourhood_overlap`, for a continuous colour instead of groups;
            points where it is NaN are grey and hollow, and the legend says how many.
        value_name: what the number is.
        modality: "image" or "text" for each point: dots and diamonds.
        names: one heading a map; default: the models' names where they are known.
        highlight: rows of the points with a ring; see also `light_points`.
        same_axes: the same stretch of the plane in each panel, so that places can be compared; default: if every map
            was aligned with the first.
        across: panels in a row; default: up to three.
        size: of a mark in pixels; default: 3 to 7, by the number of points.
        title: above the figure, if any.
        width: in CSS pixels, below 600 with the legend under the maps; the height follows.
        mode: "light" or "dark", the page it is for.

    Raises:
        EmptyInput, WrongShape: no maps, other numbers of points, or maps that are not on a plane.
        WrongType: no list, or groups and values, of which only one can be the colour.
        InvalidEmbeddings: a point without a position.
        UnsupportedOption: a highlighted row that is not there, or an infinite value.
    """
    if not isinstance(projections, (Sequence, np.ndarray)):
        raise WrongType(f"projections is a {type(projections).__name__}; expected a list of maps: [projection]")
    if not len(projections):
        raise EmptyInput("there are no maps to draw")
    maps = [as_matrix(f"map {n}", getattr(each, "coords", each)) for n, each in enumerate(projections, start=1)]
    count = len(maps[0])
    for n, coords in enumerate(maps, start=1):
        if coords.shape != (count, 2):
            raise WrongShape(f"map {n} has shape {list(coords.shape)}; expected [{count}, 2], the points of the first")
        if not np.isfinite(coords).all():
            raise InvalidEmbeddings(f"map {n} has no position for row {np.isfinite(coords).all(axis=1).argmin()}")
    if labels is None:
        labels = list(getattr(projections[0], "ids", None) or [f"point {i}" for i in range(count)])
    for name, given in {"labels": labels, "groups": groups, "modality": modality}.items():
        same_length(name, given, count)
    same_length("names", names, len(maps))
    if groups is not None and values is not None:
        raise WrongType("groups and values were both given; a point has one colour only")
    numbers = None if values is None else as_values(values, count)
    called = names or [_name(each, n) for n, each in enumerate(projections, start=1)]
    size = size or (7 if count <= 300 else 5 if count <= 3000 else 3)
    if same_axes is None:
        same_axes = all(_is_aligned(each) for each in projections[1:])

    figure = go.Figure()
    shown = np.array([plain(text, 60) for text in labels], dtype=object)
    for n, coords in enumerate(maps):
        for trace in _traces(coords, n, shown, groups, numbers, value_name, modality, size, mode):
            figure.add_trace(trace)
        # What is not WebGL lies below what is.
        kind = go.Scatter if count <= _SVG_UP_TO else go.Scattergl
        figure.add_trace(
            kind(
                x=[], y=[], mode="markers", name=_LIT, showlegend=False, hoverinfo="skip",
                xaxis=_axis("x", n), yaxis=_axis("y", n), meta={"map": n},
                marker={"symbol": "circle-open", "size": size + 9, "color": ink(mode), "line": {"width": 2.5}},
            )
        )  # fmt: skip
    entries = [trace.name for trace in figure.data if trace.showlegend]
    below = _lay_out(figure, maps, called, entries, numbers is not None, same_axes, across, title, width, mode)
    if numbers is not None:
        figure.update_layout(coloraxis=bar(numbers, value_name, below, mode))
    return light_points(figure, projections, highlight)


def light_points(figure: go.Figure, projections: Sequence[Any], rows: Sequence[int]) -> go.Figure:
    """Put the rings of a figure around other points, in every panel; the same figure again.

    Args:
        figure: of `side_by_side`, or of `scatter` with ``highlight``; also as a FigureWidget, where the rings move at
            once.
        projections: the maps that it shows.
        rows: of the points; none takes the rings away.

    Raises:
        UnsupportedOption: a row that is not there.
    """
    chosen = np.asarray(list(rows), dtype=int)
    count = len(projections[0])
    if len(chosen) and (chosen.min() < 0 or chosen.max() >= count):
        raise UnsupportedOption(f"highlight={chosen.tolist()}; expected rows from 0 to {count - 1}")
    for trace in figure.select_traces({"name": _LIT}):
        coords = np.asarray(getattr(projections[trace.meta["map"]], "coords", projections[trace.meta["map"]]))
        trace.x, trace.y = coords[chosen, 0], coords[chosen, 1]
        if coords.shape[1] == 3:
            trace.z = coords[chosen, 2]
    return figure


def _traces(
    coords: NDArray[np.float64], n: int, shown: NDArray[np.object_], groups: Sequence[str] | None,
    numbers: NDArray[np.float64] | None, value_name: str, modality: Sequence[str] | None, size: float, mode: str,
) -> list[Any]:  # fmt: skip
    """The points of one panel: a trace a group, or one coloured by its numbers."""
    known = grouped(groups, len(coords), mode)
    symbols = np.array([_SYMBOLS.get(m, "square") for m in modality], dtype=object) if modality is not None else None
    kind = go.Scatter if len(coords) <= _SVG_UP_TO else go.Scattergl
    parts: list[tuple[str, NDArray[np.intp], dict[str, Any], str]] = []
    if numbers is not None:
        called, none, some = (
            plain(value_name, None),
            np.flatnonzero(np.isnan(numbers)),
            np.flatnonzero(~np.isnan(numbers)),
        )
        if len(none):
            words = f"<br>{called}: no value"
            parts.append((f"no value ({len(none):,})", none, {"color": OTHER, "line": {"width": 1.5}}, words))
        # The outline keeps the ends of the scale apart from each other.
        marker = {"color": numbers[some], "coloraxis": "coloraxis", "line": OUTLINE, "opacity": 1.0}
        parts.append(("", some, marker, f"<br>{called}: %{{marker.color:.3g}}"))
    else:
        names, lone = known.names, len(known.palette)
        lone = lone if len(names) > lone + 1 else len(names)
        for code, name in enumerate(names[:lone]):
            words = f"<br>{plain(name, None)}" if name else ""
            parts.append((name, np.flatnonzero(known.codes == code), {"color": known.colour(code)}, words))
        if lone < len(names):
            rest = np.flatnonzero(known.codes >= lone)
            parts.append((f"{len(names) - lone} smaller groups", rest, {"color": OTHER}, "<br>%{text}"))
    traces = []
    for name, chosen, look, more in parts:
        marker = {"size": size, "opacity": 0.85} | look
        symbol = np.full(len(chosen), "circle", dtype=object) if symbols is None else symbols[chosen]
        if numbers is not None and name:  # the middle of the scale is grey as well
            symbol = symbol + "-open"
        if symbols is not None or "-open" in str(symbol[:1]):
            marker["symbol"] = symbol.tolist()
        # The row of each point goes along, so that a click in one panel can light it in all.
        own = np.empty((len(chosen), 2), dtype=object)
        own[:, 0], own[:, 1] = shown[chosen], chosen
        traces.append(
            kind(
                x=coords[chosen, 0], y=coords[chosen, 1], mode="markers", marker=marker, customdata=own,
                name=plain(name, 32), legendgroup=name, showlegend=n == 0 and bool(name), meta={"map": n},
                xaxis=_axis("x", n), yaxis=_axis("y", n),
                text=[plain(known.names[known.codes[i]], None) for i in chosen] if "%{text}" in more else None,
                hovertemplate="<b>%{customdata[0]}</b>" + more + "<extra></extra>",
            )
        )  # fmt: skip
    return traces


def _lay_out(
    figure: go.Figure, maps: list[NDArray[np.float64]], called: Sequence[str], entries: Sequence[str], scaled: bool,
    same_axes: bool, across: int | None, title: str | None, width: int, mode: str,
) -> float | None:  # fmt: skip
    """How far below the panels a colour bar goes, in their height; None: beside them."""
    narrow = width < NARROW
    across = max(1, min(len(maps), across or (2 if narrow or len(maps) in (2, 4) else 3)))
    down = -(-len(maps) // across)
    right, under, legend = legend_room(entries, narrow or scaled, width)
    left, right, gap, head = 12, right if not scaled or narrow else 130, 16, 30
    bar_room = 60 if scaled and narrow else 0
    bottom = 12 + under + bar_room
    panel = (width - left - right - (across - 1) * gap) / across
    tall = panel + head
    top, room = 44 if title else 8, width - left - right
    height = down * tall
    quiet = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""} | _FRAME
    every = np.concatenate(maps)
    for n, coords in enumerate(maps):
        line, place = divmod(n, across)
        seen = every if same_axes else coords
        middle = (seen.min(axis=0) + seen.max(axis=0)) / 2
        half = 0.54 * (float(np.ptp(seen, axis=0).max()) or 1.0)
        x0, y1 = place * (panel + gap) / room, 1 - (line * tall + head) / height
        figure.layout[_axis("xaxis", n)] = {
            **quiet, "domain": [x0, min(1.0, x0 + panel / room)], "anchor": _axis("y", n),
            "range": [middle[0] - half, middle[0] + half],
        }  # fmt: skip
        figure.layout[_axis("yaxis", n)] = {
            **quiet, "domain": [max(0.0, y1 - panel / height), y1], "anchor": _axis("x", n),
            "range": [middle[1] - half, middle[1] + half], "scaleanchor": _axis("x", n),
        }  # fmt: skip
        figure.add_annotation(
            text=f"<b>{plain(called[n], 48)}</b>", xref="paper", yref="paper", x=x0, y=y1, yshift=4, xanchor="left",
            yanchor="bottom", showarrow=False,
        )  # fmt: skip
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height + top + bottom,
        margin={"l": left, "r": right, "t": top, "b": bottom},
        legend=legend,
    )
    if under:
        figure.layout.legend.y = -(4 + bar_room) / height
    return -6 / height if scaled and narrow else None


def _name(projection: Any, n: int) -> str:
    """Of the model that the map is of, where the map knows it; a saved map's rows are not opened for it."""
    rows = getattr(getattr(projection, "source", None), "rows", None)
    return getattr(rows, "model", "") or f"map {n}"


def _is_aligned(projection: Any) -> bool:
    params = getattr(projection, "params", {})
    return "frame" in params or "aligned" in params


def _axis(letter: str, n: int) -> str:
    return letter if n == 0 else f"{letter}{n + 1}"
