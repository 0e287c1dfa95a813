"""How many points lie where: a map of any number of points in a figure of one size."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.binning import Cells, cells_of
from clipnb.plots.grouping import Groups, grouped
from clipnb.plots.naming import named_rows, words_beside
from clipnb.plots.palette import OTHER, ink, page, plain
from clipnb.plots.shades import as_values, bar, bar_lines, strengths
from clipnb.plots.window import Window, open_window

__all__ = ["density"]

_MARK = 7.0
#: Groups with a colour of their own: one fewer than on a map of points, for the ink mixed with the page is grey too.
_HUES = 9
_CHOSEN_AMONG = 100_000


def density(
    coords: Any,
    groups: Sequence[str] | None = None,
    *,
    values: ArrayLike | None = None,
    value_name: str = "value",
    labels: Sequence[str] | None = None,
    named: int | ArrayLike | None = None,
    bins: int = 200,
    log: bool = True,
    title: str | None = None,
    axis: str | None = None,
    width: int = 860,
    height: int | None = None,
    mode: str = "light",
) -> go.Figure:
    """Points [n, 2] counted in square cells; the figure is as large for a million as for ten thousand.

    Without groups and values a cell's colour says how many points lie in it, in Cividis, farther from the page's colour
    the more. With groups it has the hue of the group with most points in it (the larger group, where they are equal),
    mixed with the page where there are few: two fifths of the colour for the least, all of it for the most. With values
    it has the mean of those that are not NaN, and grey where there are none.

    Args:
        coords: an array [n, 2] or a `Projection`.
        groups: one group a point. The nine largest have a colour each, smaller ones share grey.
        values: one number a point.
        value_name: what it is.
        labels: one name a point, for those that are named; default: the projection's ids.
        named: rows of points that are marked and named, or how many to choose; see `plots.scatter`. They are
            chosen among 100,000 points at most, drawn by lot.
        bins: cells along the longer side of the map.
        log: counts on a logarithmic scale, else on a linear one.
        title: above the figure, if any.
        axis: name of the axes; default: the projection's method.
        width: in CSS pixels; below 600 the legend goes under the map.
        height: in CSS pixels; default: what the shape of the map needs, between 420 and 760.
        mode: "light" or "dark", the page it is for.

    Returns:
        A figure whose heatmap has ``customdata[line][column]``, the number of points in that cell (with groups that and
        the largest group's share in percent), and last a trace of the named points with
        ``customdata[i] = [label, "", row]``.

    Raises:
        WrongShape, EmptyInput: other dimensions, no points, or lists of another length than the points.
        InvalidEmbeddings: a point without a position.
        WrongType: groups and values, of which only one can be the colour; rows that are no whole numbers.
        UnsupportedOption: a row that is not there, an infinite value, fewer bins than 2 or more than 1,000.
    """
    points = as_matrix("coords", getattr(coords, "coords", coords))
    count = len(points)
    if points.shape[1] != 2:
        raise WrongShape(f"coords has shape {list(points.shape)}; expected [point, 2], for cells lie on a plane")
    if not np.isfinite(points).all():
        raise InvalidEmbeddings(f"coords has no position for row {int(np.isfinite(points).all(axis=1).argmin())}")
    for name, given in {"groups": groups, "labels": labels}.items():
        same_length(name, given, count)
    if groups is not None and values is not None:
        raise WrongType("groups and values were both given; a cell has one colour only")
    if not isinstance(bins, Integral) or not 2 <= bins <= 1000:
        raise UnsupportedOption(f"bins={bins}; expected a whole number from 2 to 1000")
    known, numbers = grouped(groups, count, mode), None if values is None else as_values(values, count)
    cells = cells_of(points, bins)
    notes: list[str] = []
    if numbers is not None:
        figure = go.Figure(_by_value(cells, numbers, value_name))
        axes = bar(cells.mean(numbers), value_name, None, mode)
    elif groups is not None:
        figure = go.Figure(_by_group(cells, known, log, mode))
        scale = "on a logarithmic scale" if log else "in proportion"
        notes.append(
            "A cell has the colour of the group with most points in it, "
            f"from faint for 1 point to full for {cells.counts.max():,}, {scale}."
        )
        axes = {}
    else:
        figure = go.Figure(_by_count(cells, log))
        value_name, axes = "points in a cell", _count_bar(cells, log, mode)
    rows = np.empty(0, dtype=np.intp) if named is None else _chosen(named, points, known)
    shown = [plain(_label(row, labels, coords), 60) for row in rows.tolist()]

    def window(notes: Sequence[str]) -> Window:
        on = str(axis or getattr(coords, "method", "dimension"))
        return open_window(
            np.stack([points.min(axis=0), points.max(axis=0)]), axis=on.upper() if on in ("umap", "pca") else on,
            title=title, head=False, entries=[trace.name for trace in figure.data if trace.showlegend],
            bar=max(bar_lines(value_name), key=len) if axes else None, notes=notes, edge=cells.side / 2, width=width,
            height=height, mode=mode,
        )  # fmt: skip

    def names(window: Window) -> tuple[list[dict[str, Any]], list[str]]:
        beside, missed = words_beside(
            np.concatenate([points[rows], cells.middles()]), np.arange(len(rows)),
            [plain(_label(row, labels, coords), 26) for row in rows.tolist()], window, mark=_MARK,
            own=np.full(len(rows), _MARK), covered=np.empty((0, 2)), taken=np.empty((0, 4)), mode=mode,
        )  # fmt: skip
        return beside, [f"{missed} of {len(rows)} names have no room and are shown on hovering."] if missed else []

    words, missed = names(window(notes)) if len(rows) else ([], [])
    if missed:
        words, missed = names(window([*notes, *missed]))
    last = window([*notes, *missed])
    last.layout["annotations"] = [*last.layout.get("annotations", []), *words]
    figure.update_layout(last.layout)
    # A legend of colours, not of traces: there is nothing that it could switch off.
    figure.update_layout(legend={"itemclick": False, "itemdoubleclick": False})
    if axes and last.below is not None:
        axes["colorbar"] |= bar(np.zeros(1), value_name, last.below, mode)["colorbar"]
    figure.update_layout(coloraxis=axes or None)
    if len(rows):
        figure.add_trace(_marked(points[rows], rows, shown, mode))
    return figure


def _chosen(named: int | ArrayLike, points: NDArray[np.float64], groups: Groups) -> NDArray[np.intp]:
    if not isinstance(named, Integral) or len(points) <= _CHOSEN_AMONG:
        return named_rows(named, points, groups)
    drawn = np.sort(np.random.default_rng(0).choice(len(points), _CHOSEN_AMONG, replace=False))
    return np.asarray(drawn[named_rows(named, points[drawn], groups._replace(codes=groups.codes[drawn]))])


def _strength(counts: NDArray[np.intp], log: bool) -> NDArray[np.float64]:
    """[cell], 0 for a single point and 1 for the most; 1 everywhere where all have one."""
    most = int(counts.max())
    if most == 1:
        return np.ones(len(counts))
    held = np.maximum(counts, 1)
    return np.asarray(np.log(held) / np.log(most) if log else (held - 1) / (most - 1))


def _by_group(cells: Cells, groups: Groups, log: bool, mode: str) -> list[Any]:
    own = min(_HUES, len(groups.names))
    codes = np.minimum(groups.codes, own)
    many = min(own + 1, len(groups.names))
    each = np.bincount(cells.of * many + codes, minlength=len(cells.counts) * many).reshape(-1, many)
    largest = each.argmax(axis=1)
    left = groups.names[own:]
    names = [*groups.names[:own], *([left[0] if len(left) == 1 else f"{len(left)} smaller groups"] if left else [])]
    ends = [strengths(groups.colour(code) if code < own else OTHER, mode) for code in range(many)]
    # Each group has a stretch of one scale, from its faintest to its full colour; between stretches lies no number.
    scale = [stop for n, (faint, full) in enumerate(ends) for stop in ([n / many, faint], [(n + 0.98) / many, full])]
    shown = np.array([plain(name, None) for name in names], dtype=object)[largest]
    shown[cells.counts == 0] = None
    share = each.max(axis=1) / np.maximum(cells.counts, 1)
    picture = go.Heatmap(
        z=cells.grid(largest + 0.98 * _strength(cells.counts, log)), zmin=0, zmax=many,
        colorscale=[*scale, [1.0, ends[-1][1]]], showscale=False, text=shown.reshape(cells.shape),
        customdata=np.stack([cells.counts, np.round(100 * share)], axis=1).astype(np.int32).reshape(*cells.shape, 2),
        hovertemplate="<b>%{text}</b>: %{customdata[1]}%<br>of %{customdata[0]:,} points<extra></extra>", **cells.place,
    )  # fmt: skip
    return [picture, *(_entry(name, end[1]) for name, end in zip(names, ends, strict=True) if name)]


def _by_value(cells: Cells, numbers: NDArray[np.float64], value_name: str) -> list[Any]:
    mean, called = cells.mean(numbers), plain(value_name, None)
    counts = cells.counts.astype(np.int32).reshape(cells.shape)
    common: dict[str, Any] = {"customdata": counts, **cells.place}
    words = "<br>%{customdata:,} points<extra></extra>"
    traces: list[Any] = [
        go.Heatmap(z=cells.grid(mean), coloraxis="coloraxis", hovertemplate=f"{called}: %{{z:.3g}}{words}", **common)
    ]
    missing = int(np.isnan(numbers).sum())
    if missing:
        empty = cells.grid(np.where(np.isnan(mean), 0.0, np.nan))
        grey = {"colorscale": [[0, OTHER], [1, OTHER]], "showscale": False, "opacity": 0.5}
        traces += [go.Heatmap(z=empty, hovertemplate=f"{called}: no value{words}", **grey, **common)]
        traces += [_entry(f"no value ({missing:,})", OTHER, 0.5)]
    return traces


def _by_count(cells: Cells, log: bool) -> list[Any]:
    held = np.maximum(cells.counts, 1)
    return [
        go.Heatmap(
            z=cells.grid(np.log10(held) if log else held), coloraxis="coloraxis",
            customdata=cells.counts.astype(np.int32).reshape(cells.shape),
            hovertemplate="%{customdata:,} points<extra></extra>", **cells.place,
        )
    ]  # fmt: skip


def _count_bar(cells: Cells, log: bool, mode: str) -> dict[str, Any]:
    held = np.maximum(cells.counts, 1).astype(float)
    axes: dict[str, Any] = bar(np.log10(held) if log else held, "points in a cell", None, mode)
    most = int(cells.counts.max())
    if log:
        steps = [d * 10**n for n in range(len(str(most))) for d in (1, 2, 5) if d * 10**n <= most]
        steps = [step for step in steps if str(step)[0] == "1"] if len(steps) > 7 else steps
        ends = {"tickmode": "array", "tickvals": np.log10(steps).tolist(), "ticktext": [f"{step:,}" for step in steps]}
        axes["colorbar"] |= ends
    return axes


def _entry(name: str, colour: str, opacity: float = 1.0) -> Any:
    """An entry of the legend without points."""
    return go.Scatter(
        x=[None], y=[None], mode="markers", name=plain(name, 32), showlegend=True, hoverinfo="skip",
        marker={"color": colour, "symbol": "square", "size": 11, "opacity": opacity},
    )  # fmt: skip


def _marked(points: NDArray[np.float64], rows: NDArray[np.intp], shown: list[str], mode: str) -> Any:
    custom = [[name, "", str(row)] for name, row in zip(shown, rows.tolist(), strict=True)]
    return go.Scatter(
        x=points[:, 0], y=points[:, 1], mode="markers", name="named", showlegend=False, customdata=custom,
        marker={"color": page(mode), "size": _MARK, "line": {"width": 1.6, "color": ink(mode)}},
        hovertemplate="<b>%{customdata[0]}</b><extra></extra>",
    )  # fmt: skip


def _label(row: int, labels: Sequence[str] | None, coords: Any) -> str:
    if labels is None:
        labels = getattr(coords, "ids", None)
    # A pandas Series would be asked by its index.
    labels = getattr(labels, "values", labels)
    return str(labels[row]) if labels is not None else f"point {row}"
