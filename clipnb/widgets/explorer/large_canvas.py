"""Maps of up to millions of points, drawn on the graphics card by jupyter-scatter (Lekschas & Manz 2024)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any
from uuid import uuid4

import ipywidgets as W
import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import UnsupportedOption, WrongShape
from clipnb.plots.palette import ink, shorten
from clipnb.widgets.explorer.canvas import Rows
from clipnb.widgets.explorer.large_marks import Marks
from clipnb.widgets.explorer.large_plot import colour_traits, frames, on_a_plane, page, plot_of, points_of, show_all
from clipnb.widgets.explorer.map_names import map_names
from clipnb.widgets.explorer.point_colours import Colouring, coloured, rgba

__all__ = ["LargeCanvas"]

_EMPTY = np.zeros(0, np.uint32)


class LargeCanvas:
    """The `Canvas` for large maps: one scatter a map, in which the same points are selected, lit and named.

    The browser gets two coordinates and the number of a colour of each point, as 32-bit floats; labels stay here, and
    one is sent when the pointer rests on its point. All points are dots: pictures and texts differ by colour only, if
    neither groups nor values are given. Drawing with the mouse lassos; the buttons choose a box, or moving the map.

    Args:
        projections: maps of the same points on a plane: Projections, or arrays [point, 2].
        labels: one name a point.
        groups, values, value_name: the colours, see `colour`.
        modality: "image" or "text" for each point.
        mode: "light" or "dark", the page it is for; "auto": as the page that it is on, light until that is known.
        width: of all maps together, in CSS pixels; None: as wide as their place on the page.
        height: of each map, if it is as wide; default: 560.

    Raises:
        MissingExtra: jupyter-scatter is not installed.
        WrongShape: a map that is not on a plane, or has another number of points.
    """

    def __init__(
        self,
        projections: Sequence[Any],
        *,
        labels: Sequence[str],
        groups: Sequence[str] | None = None,
        values: ArrayLike | None = None,
        value_name: str = "",
        modality: Sequence[str] | None = None,
        mode: str = "light",
        width: int | None = None,
        height: int | None = None,
    ) -> None:
        self._labels, self._new = labels, []  # type: tuple[Sequence[str], list[str]]
        self._auto, self._mode, self._modality = mode == "auto", "light" if mode == "auto" else mode, modality
        self._on_point: list[Callable[[int], None]] = []
        self._on_click: list[Callable[[int], None]] = []
        self._on_select: list[Callable[[NDArray[np.intp]], None]] = []
        self._selected, self._quiet = _EMPTY, False
        maps = on_a_plane(projections)
        self._count = len(maps[0])
        self._frames = frames(projections, maps)
        colouring = self._colouring(groups, values, value_name)
        self._legend = W.HTML(colouring.legend).add_class("clipnb-large-legend")
        self._plots, self._marks = [], []  # type: tuple[list[Any], list[Marks]]
        self._too_far: set[Any] = set()
        """Plots with new stars beside what is seen of them; moved when the stars have been drawn."""
        self._height = height or 560
        across = 1 if len(maps) == 1 else 2 if len(maps) in (2, 4) else 3
        linked = str(uuid4()) if len(maps) > 1 and all(frame is self._frames[0] for frame in self._frames) else None
        for coords, frame in zip(maps, self._frames, strict=True):
            plot = plot_of(points_of(coords, frame, colouring.codes), colouring, self._mode, self._height, linked)
            plot.observe(self._pointed, "hovering")
            plot.observe(self._lassoed, "selection")
            words = f"Map of {self._count:,} points"
            marks = Marks(ink=ink(self._mode), page=page(self._mode), description=words)
            marks.on_msg(self._heard)
            marks.observe(self._fit, "wide")
            marks.observe(self._follow, "dark")
            self._plots.append(plot)
            self._marks.append(marks)
        self.widget = W.VBox([self._boxes(projections, width, across), self._legend])
        self.widget.add_class("clipnb-map")

    def on_point(self, call: Callable[[int], None]) -> None:
        """See `Canvas`."""
        self._on_point.append(call)

    def on_click(self, call: Callable[[int], None]) -> None:
        """See `Canvas`."""
        self._on_click.append(call)

    def on_select(self, call: Callable[[NDArray[np.intp]], None]) -> None:
        """See `Canvas`."""
        self._on_select.append(call)

    def select(self, rows: Rows) -> None:
        """See `Canvas`."""
        self._selected = np.unique(self._checked(rows)).astype(np.uint32)
        self._show_selection(self._plots)

    def light(self, rows: Rows) -> None:
        """See `Canvas`."""
        ringed = [int(row) for row in self._checked(rows)]
        for marks in self._marks:
            marks.rings = ringed

    def show(self, row: int) -> None:
        """See `Canvas`."""
        if row >= 0:
            self._checked([row])
        for marks in self._marks:
            marks.shown = int(row)

    def colour(
        self, groups: Sequence[str] | None = None, values: ArrayLike | None = None, value_name: str = ""
    ) -> None:
        """See `Canvas`; with neither, by modality where it is known."""
        colouring = self._colouring(groups, values, value_name)
        self._legend.value = colouring.legend
        for plot in self._plots:
            points = plot.points.copy()
            points[: self._count, 2] = colouring.codes
            with plot.hold_sync():
                for trait, value in colour_traits(colouring).items():
                    setattr(plot, trait, value)
                plot.non_spatial_points_update = True  # the index of places stays
                plot.points = points

    def add(self, coords: Any, labels: Sequence[str]) -> None:
        """See `Canvas`. All points are sent to the browser again.

        Raises:
            WrongShape: other numbers of coordinates or names.
        """
        if not len(labels):
            return
        places = [np.asarray(coords)] if len(self._plots) == 1 else [np.asarray(each) for each in coords]
        if len(places) == 1 and places[0].ndim == 3:
            places = [places[0][0]]
        if len(places) != len(self._plots) or any(each.shape != (len(labels), 2) for each in places):
            raise WrongShape(
                f"coords have the shapes {[list(each.shape) for each in places]}; expected [{len(labels)}, 2] for each "
                f"of {len(self._plots)} maps"
            )
        self._new.extend(str(label) for label in labels)
        rows = list(range(self._count, self._count + len(self._new)))
        codes = np.full(len(labels), 0.5 if self._continuous else 0, np.float32)
        for plot, marks, frame, each in zip(self._plots, self._marks, self._frames, places, strict=True):
            with self._quietly():
                plot.selection = _EMPTY  # another number of points would take it away, and say so; see _heard
            plot.non_spatial_points_update = False
            plot.points = np.concatenate([plot.points, points_of(each, frame, codes)])
            if np.abs(plot.points[-len(labels) :, :2]).max() > 1:
                self._too_far.add(plot)
            with marks.hold_sync():
                marks.names = [shorten(name, 24) for name in self._new]
                marks.stars = rows

    def _colouring(self, groups: Sequence[str] | None, values: ArrayLike | None, value_name: str) -> Colouring:
        if groups is None and values is None and self._modality is not None:
            words = {"image": "pictures", "text": "texts"}
            groups = [words.get(kind, kind) for kind in self._modality]
        mode = "auto" if self._auto and values is not None else self._mode
        colouring = coloured(self._count, groups, values, value_name, mode)
        if len(colouring.codes) != self._count:
            raise WrongShape(f"{len(colouring.codes)} groups or values for {self._count} points; expected one for each")
        self._continuous = colouring.continuous
        return colouring

    def _boxes(self, projections: Sequence[Any], width: int | None, across: int) -> W.Box:
        boxes = []
        for name, plot, marks in zip(map_names(projections), self._plots, self._marks, strict=True):
            heading = [W.HTML(f"<h4><bdi>{escape(name)}</bdi></h4>")] if across > 1 else []
            box = W.VBox([*heading, plot, marks], layout=W.Layout(flex="1 1 auto", width=f"{96 // across}%"))
            boxes.append(box.add_class("clipnb-large-map"))
        row = W.Box(
            boxes, layout=W.Layout(flex_flow="row wrap", width=f"{width}px" if width else "100%", max_width="100%")
        )
        row.layout.grid_gap = "8px"
        return row

    def _pointed(self, change: Any) -> None:
        row = change["new"]
        known = row is not None and 0 <= row < self._count + len(self._new)
        for marks in self._marks:
            with marks.hold_sync():
                marks.label = self._label(row) if known else ""
                marks.at = row if known else -1
        if known:
            for call in self._on_point:
                call(row)

    def _label(self, row: int) -> str:
        return shorten(str(self._labels[row]) if row < self._count else self._new[row - self._count], 80)

    def _lassoed(self, change: Any) -> None:
        if self._quiet:
            return
        rows = change["new"]
        self._selected = np.sort(rows).astype(np.uint32) if rows is not None else _EMPTY
        self._show_selection([plot for plot in self._plots if plot is not change["owner"]])
        for call in self._on_select:
            call(self._selected.astype(np.intp))

    def _show_selection(self, plots: Sequence[Any]) -> None:
        with self._quietly():
            for plot in plots:
                plot.selection = self._selected

    def _heard(self, widget: Any, content: dict[str, Any], _: Any) -> None:
        plot = self._plots[self._marks.index(widget)]
        if content.get("kind") == "drawn":  # what is drawn anew is selected again; nothing is sent where it still is
            self._show_selection([plot])
            if plot in self._too_far:
                self._too_far.remove(plot)
                show_all(plot)
        elif content.get("kind") == "click" and plot.hovering is not None:
            for call in self._on_click:
                call(plot.hovering)

    def _fit(self, change: Any) -> None:
        """jupyter-scatter fits the points to the height: higher than wide, it would cut them off at the sides."""
        plot = self._plots[self._marks.index(change["owner"])]
        plot.height = max(120, min(self._height, change["new"]))

    def _follow(self, change: Any) -> None:
        mode = "dark" if change["new"] else "light"
        if not self._auto or mode == self._mode:
            return
        old, new = ink(self._mode), ink(mode)  # the colour of one group, too
        self._mode = mode
        self._legend.value = self._legend.value.replace(old, new)
        for plot, marks in zip(self._plots, self._marks, strict=True):
            with plot.hold_sync(), marks.hold_sync():
                plot.background_color, plot.color_hover = rgba(page(mode)), rgba(new)
                plot.color = [rgba(new) if list(colour) == rgba(old) else colour for colour in plot.color]
                marks.ink, marks.page = new, page(mode)

    def _checked(self, rows: Rows) -> NDArray[np.intp]:
        chosen = np.asarray(rows, dtype=np.intp).reshape(-1)
        count = self._count + len(self._new)
        if len(chosen) and (chosen.min() < 0 or chosen.max() >= count):
            raise UnsupportedOption(f"there is no row {chosen.min() if chosen.min() < 0 else chosen.max()} on the map; "
                                    f"expected 0 to {count - 1}")  # fmt: skip
        return chosen

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before
