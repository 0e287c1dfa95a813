"""The map: pictures and texts as points of a plane (or of space)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from clipnb.errors import InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.grouping import grouped
from clipnb.plots.looks import Look, ring
from clipnb.plots.naming import as_rows, group_words, named_rows, words_beside, words_in_space
from clipnb.plots.palette import plain
from clipnb.plots.picture_marks import apart, layout_images
from clipnb.plots.shades import as_values, bar, bar_lines
from clipnb.plots.window import Window, open_window

__all__ = ["checked_points", "scatter"]


def scatter(
    coords: Any,
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    *,
    values: ArrayLike | None = None,
    value_name: str = "value",
    modality: Sequence[str] | None = None,
    named: int | ArrayLike | None = None,
    group_names: bool = False,
    thumbnails: Sequence[Image.Image | None] | None = None,
    thumbnail_size: float = 0.045,
    highlight: Sequence[int] | None = None,
    size: float | None = None,
    title: str | None = None,
    note: str | None = None,
    axis: str | None = None,
    width: int = 860,
    height: int | None = None,
    mode: str = "light",
) -> go.Figure:
    """Points [n, 2 or 3] in the colour of their group or their value, pictures as dots and texts as diamonds.

    Whatever finds no room is counted in a line below the map. From about 100,000 points on see `plots.density`.

    Args:
        coords: an array [n, 2 or 3] or a `Projection`. The axes have no unit: only nearness counts.
        labels: one name a point, shown on hovering; default: the projection's ids.
        groups: one group a point. The ten largest have a colour each, smaller ones share grey and a legend entry.
        values: one number a point, for a continuous colour instead of groups: Cividis, farther from the page's colour
            the higher the number. Points where it is NaN are grey and hollow; the legend says how many.
        value_name: what the number is.
        modality: "image" or "text" for each point; one legend entry a group serves both.
        named: rows of points whose label is written beside them, the most wanted first, or how many to choose: the
            middle of each group, then always the point farthest from all named ones. On a plane labels lie on no other
            label and on as few marks as possible, and a line leads to one that was moved off; in three dimensions they
            stay at their points, for the view turns.
        group_names: the name of each group at its middle (the point nearest to the median of its coordinates).
        thumbnails: one PIL image (or None) a point, drawn as its mark, in a frame of its group's colour; on a plane
            only. No picture lies on another: named and highlighted points choose first, then the others by
            lot (always the same one), and those without room stay dots.
        thumbnail_size: side of a thumbnail as a share of the map's longer side.
        highlight: rows of points with a ring; see also `plots.light_points`.
        size: of a mark in pixels; default: 4 to 9, by the number of points.
        title: above the figure, if any.
        note: a sentence below the map.
        axis: name of the axes ("UMAP" gives "UMAP 1", "UMAP 2"); default: the projection's method.
        width: in CSS pixels; below 600 the legend goes under the map.
        height: in CSS pixels; default: what the shape of the map needs, between 420 and 760.
        mode: "light" or "dark", the page it is for.

    Returns:
        A figure in which each trace of points has ``customdata[i] = [label, modality, row]``.

    Raises:
        WrongShape, EmptyInput: other dimensions, no points, or lists of another length than the points.
        InvalidEmbeddings: a point without a position.
        WrongType: groups and values, of which only one can be the colour; rows that are no whole numbers.
        UnsupportedOption: a row that is not there, an infinite value, names of groups without groups, thumbnails in
            three dimensions.
    """
    points, labels = checked_points(coords, labels)
    count, dimensions = points.shape
    for name, given in {"groups": groups, "modality": modality, "thumbnails": thumbnails}.items():
        same_length(name, given, count)
    if groups is not None and values is not None:
        raise WrongType("groups and values were both given; a point has one colour only")
    if group_names and groups is None:
        raise UnsupportedOption("group_names=True needs groups")
    if thumbnails is not None and dimensions == 3:
        raise UnsupportedOption("thumbnails are drawn on a plane only; project with n_components=2, or leave them out")
    if not 0 < thumbnail_size <= 1:
        raise UnsupportedOption(
            f"thumbnail_size={thumbnail_size}; expected a share of the map's side, above 0, up to 1"
        )
    look = Look(
        groups=grouped(groups, count, mode),
        kind=np.array(modality if modality is not None else ["image"] * count),
        said=modality is not None,
        numbers=None if values is None else as_values(values, count),
        value_name=value_name,
        size=size or (9 if count <= 300 else 6 if count <= 3000 else 4),
        mode=mode,
    )
    shown = np.array([plain(text, 60) for text in labels], dtype=object)
    wanted = np.empty(0, dtype=np.intp) if named is None else named_rows(named, points, look.groups)
    lit = None if highlight is None else as_rows("highlight", highlight, count)
    side = thumbnail_size * float(np.ptp(points, axis=0).max() or 1.0)
    pictured, notes = np.empty(0, dtype=np.intp), [plain(note, None)] if note else []
    if thumbnails is not None:
        first = dict.fromkeys([*wanted.tolist(), *(() if lit is None else lit.tolist()), *_by_lot(count)])
        pictured = apart(points, first, side, thumbnails)
        # A sequence that makes its pictures when asked is not asked for those that have no room.
        listed = isinstance(thumbnails, list | tuple)
        if left := (sum(each is not None for each in thumbnails) if listed else count) - len(pictured):
            notes.append(f"{left:,} of {left + len(pictured):,} pictures have no room and are dots.")

    figure = look.figure(points, shown)
    if lit is not None:
        figure.add_trace(ring(points, lit, look.size, mode))
    head = list(dict.fromkeys(look.kind.tolist())) if modality is not None else []

    def window(notes: Sequence[str]) -> Window:
        axes = str(axis or getattr(coords, "method", "dimension"))
        return open_window(
            points, axis=axes.upper() if axes in ("umap", "pca") else axes, title=title, head=len(head) > 1,
            entries=[trace.name for trace in figure.data if trace.showlegend and trace.name],
            bar=None if look.numbers is None else max(bar_lines(value_name), key=len), notes=notes,
            edge=side / 2 if thumbnails is not None else 0.0, width=width, height=height, mode=mode,
        )  # fmt: skip

    if dimensions == 3:
        last = window(notes)
        last.layout["scene"]["annotations"] = words_in_space(
            points, wanted, [labels[row] for row in wanted.tolist()], look.groups if group_names else None, mode
        )
    else:
        words, missed = _names(points, labels, wanted, look, window(notes), pictured, side, lit, group_names)
        if missed:  # the lines about them take room from the map
            words, missed = _names(
                points, labels, wanted, look, window([*notes, *missed]), pictured, side, lit, group_names
            )
        last = window([*notes, *missed])
        last.layout["annotations"] = [*last.layout.get("annotations", []), *words]
        if thumbnails is not None:
            figure.layout.images = layout_images(points, pictured, side, thumbnails, mode)
            figure.layout.shapes = [
                _frame(points[row], side, look.colour(row)) for row in pictured.tolist() if groups is not None
            ]
    figure.update_layout(last.layout)
    if len(head) > 1:
        kinds = {"image": "● picture", "text": "◆ text"}
        figure.add_annotation(
            text="   ".join(kinds.get(m, f"■ {plain(m)}") for m in head),
            xref="paper", yref="paper", x=0, y=1, yanchor="bottom", showarrow=False,
        )  # fmt: skip
    if look.numbers is not None:
        figure.update_layout(coloraxis=bar(look.numbers, value_name, last.below, mode))
    return figure


def checked_points(coords: Any, labels: Sequence[str] | None) -> tuple[NDArray[np.float64], Sequence[str]]:
    """Positions float64 [point, 2 or 3] and a label for each, of an array or a Projection."""
    points = as_matrix("coords", getattr(coords, "coords", coords))
    count, dimensions = points.shape
    if dimensions not in (2, 3):
        raise WrongShape(f"coords must have 2 or 3 columns, not {dimensions}")
    whole = np.isfinite(points).all(axis=1)
    if not whole.all():
        raise InvalidEmbeddings(
            f"coords has no position for {(~whole).sum()} points, the first in row {whole.argmin()}"
        )
    if labels is None:
        labels = list(getattr(coords, "ids", None) or [f"point {i}" for i in range(count)])
    same_length("labels", labels, count)
    return points, list(labels)  # a pandas Series would be asked by its index


def _by_lot(count: int) -> list[int]:
    """The rows in an order that is no group's gain, and always the same."""
    return [int(row) for row in np.random.default_rng(0).permutation(count)]


def _names(
    points: NDArray[np.float64], labels: Sequence[str], wanted: NDArray[np.intp], look: Look, window: Window,
    pictured: NDArray[np.intp], side: float, lit: NDArray[np.intp] | None, group_names: bool,
) -> tuple[list[dict[str, Any]], list[str]]:  # fmt: skip
    """Annotations of groups and points, and what is said below the map about those without room."""
    words: list[dict[str, Any]] = []
    notes: list[str] = []
    boxes = np.empty((0, 4))
    if group_names:
        words, boxes, left = group_words(points, look.groups, window, wanted, look.mode)
        if left:
            notes.append(f"{len(left)} of {len(look.groups.names)} groups are named on hovering only.")
    if len(wanted):
        own = np.full(len(wanted), look.size)
        if lit is not None:
            own[np.isin(wanted, lit)] += 12
        own[np.isin(wanted, pictured)] = side * window.scale
        # A picture is nine marks' worth of what should not be covered.
        steps = np.array([(x, y) for x in (-1, 0, 1) for y in (-1, 0, 1)]) * side / 3
        pictures = window.pixels((points[pictured][:, None] + steps).reshape(-1, 2))
        texts = [plain(labels[row], 26) for row in wanted.tolist()]
        beside, missed = words_beside(
            points, wanted, texts, window, mark=look.size, own=own, covered=pictures, taken=boxes, mode=look.mode
        )
        words = words + beside
        if missed:
            notes.append(f"{missed} of {len(wanted)} names have no room and are shown on hovering.")
    return words, notes


def _frame(point: NDArray[np.float64], side: float, colour: str) -> dict[str, Any]:
    x, y = point.tolist()
    half = side / 2
    return {
        "type": "rect", "x0": x - half, "x1": x + half, "y0": y - half, "y1": y + half,
        "line": {"color": colour, "width": 1.5},
    }  # fmt: skip
