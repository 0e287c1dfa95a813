"""The explorer's points drawn by plotly: one figure, with one map or several side by side."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ipywidgets as W
import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from clipnb.plots.palette import plain
from clipnb.widgets.controls import named
from clipnb.widgets.explorer.canvas import Rows
from clipnb.widgets.explorer.plot_link import PlotLink
from clipnb.widgets.explorer.plotly_drawing import BAR_WIDTH, CHOSEN, HITS, NEW, SHOWN, Drawing, lay_out

__all__ = ["PlotlyCanvas"]

_TALLEST = 620
_CONFIG = {"displaylogo": False, "showSendToCloud": False, "doubleClick": "reset"}


class PlotlyCanvas:
    """See `Canvas`. Maps on a plane have a lasso and a box; those in space have neither, as plotly has none there.

    Args:
        projections: maps of the same points; several only on a plane.
        labels: one name a point.
        groups: one group a point, or
        values: one number a point, for the colour to begin with.
        value_name: what the number is.
        modality: "image" or "text" for each point.
        mode: "light" or "dark"; "auto": for a page of either kind, whose style sheet colours text and ground.
        width: in CSS pixels; None: as wide as its place on the page.
        height: in CSS pixels; None: by the shape of the maps.
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
        self._drawing = Drawing(projections, labels, modality, mode, width or 720)
        self._maps = self._drawing.coords
        self._added = [np.empty((0, coords.shape[1])) for coords in self._maps]
        self._names: list[str] = []
        self._calls: dict[str, list[Callable[[Any], None]]] = {"point": [], "click": [], "select": []}
        self._lit: list[int] = []
        self._chosen: list[int] = []
        self._shown = -1
        figure, self._rows = self._drawing.figure(groups, values, value_name)
        across = len(self._maps) if len(self._maps) < 4 else 2 if len(self._maps) == 4 else 3
        # Of several maps each is a square; names of groups are below.
        ratio = 1.05 if across == 1 else -(-len(self._maps) // across) / across + 0.2
        tall = height or int(min(figure.layout.height, _TALLEST) if across == 1 else ratio * (width or 720))
        lay_out(figure, width, tall, with_bar=values is not None)
        self._drawing.tighten(figure)
        self.figure: Any = go.FigureWidget(figure)
        self.figure._config = {**self.figure._config, **_CONFIG, "responsive": width is None}
        least = min(tall, 320 if across == 1 else 180)
        self._link = PlotLink(self._done, fit=width is None, height=tall, ratio=ratio, least=least)
        self.widget = named(W.Box([self.figure, self._link]), "map")
        self._traces: Sequence[Any] = self.figure.data
        # The link tells of a lasso. plotly's own answer is a change, and a drawing of all points, for each trace.
        self.figure.unobserve_all("_js2py_pointsCallback")

    @property
    def in_space(self) -> bool:
        """Whether the maps have three dimensions: nothing can be lassoed then."""
        return self._drawing.in_space

    # -- what the panel asks for ------------------------------------------------------------------

    def on_point(self, call: Callable[[int], None]) -> None:
        """See `Canvas`."""
        self._calls["point"].append(call)

    def on_click(self, call: Callable[[int], None]) -> None:
        """See `Canvas`."""
        self._calls["click"].append(call)

    def on_select(self, call: Callable[[NDArray[np.intp]], None]) -> None:
        """See `Canvas`."""
        self._calls["select"].append(call)

    def select(self, rows: Rows) -> None:
        """See `Canvas`."""
        self._chosen = np.unique(np.asarray(rows, dtype=np.intp)).tolist()
        with self.figure.batch_update():
            self._dim()
            if not self._chosen:
                self.figure.layout.selections = []

    def light(self, rows: Rows) -> None:
        """See `Canvas`."""
        self._lit = np.asarray(rows, dtype=np.intp).tolist()
        with self.figure.batch_update():
            self._place(HITS, self._lit)

    def show(self, row: int) -> None:
        """See `Canvas`."""
        self._shown = int(row)
        with self.figure.batch_update():
            self._place(SHOWN, [self._shown] if self._shown >= 0 else [])

    def colour(
        self, groups: Sequence[str] | None = None, values: ArrayLike | None = None, value_name: str = ""
    ) -> None:
        """See `Canvas`. The points are drawn anew, where the reader has moved the map to."""
        new, self._rows = self._drawing.figure(groups, values, value_name)
        # Each change makes the browser draw all the points again: so none while there are any.
        self._traces = new.data
        self._put_added()
        self._place(HITS, self._lit)
        self._place(SHOWN, [self._shown] if self._shown >= 0 else [])
        self._dim()
        self.figure.data = ()
        with self.figure.batch_update():
            self.figure.layout.coloraxis = new.layout.coloraxis
            self.figure.layout.margin.r = 8 if values is None else BAR_WIDTH
        self.figure.add_traces(new.data)
        self._traces = self.figure.data

    def add(self, coords: Any, labels: Sequence[str]) -> None:
        """See `Canvas`."""
        several = coords if len(self._maps) > 1 else [coords]
        self._added = [np.vstack([old, np.asarray(new)]) for old, new in zip(self._added, several, strict=True)]
        self._names += [plain(label, 60) for label in labels]
        with self.figure.batch_update():
            self._put_added()
            if not self.in_space:
                self._widen()

    # -- what changes of the drawing --------------------------------------------------------------

    def _put_added(self) -> None:
        first = len(self._maps[0])
        rows = np.arange(first, first + len(self._names))
        for i, trace in self._overlays(NEW):
            self._rows[i] = rows
            _put(trace, self._added[trace.meta["map"]])
            trace.text = self._names
            self._raise(trace, len(rows))

    def _widen(self) -> None:
        """Bring stars that lie beside a map into what is seen of it; maps of one frame keep one."""
        for side, column in (("x", 0), ("y", 1)):
            axes = [self.figure.layout[f"{side}axis{n + 1 if n else ''}"] for n in range(len(self._maps))]
            frames = [axis.range for axis in axes]
            everywhere = np.concatenate(self._added)[:, column]
            for axis, added in zip(axes, self._added, strict=True):
                low, high = axis.range
                new = everywhere if len(set(frames)) == 1 else added[:, column]
                edge = 0.04 * (high - low)
                if new.min() < low or new.max() > high:
                    axis.range = [min(low, new.min() - edge), max(high, new.max() + edge)]

    def _overlays(self, name: str) -> list[tuple[int, Any]]:
        first = len(self._traces) - len(self._maps) * self._drawing.marks
        return [(i, t) for i, t in enumerate(self._traces) if i >= first and t.name == name]

    def _place(self, name: str, rows: Sequence[int]) -> None:
        for _, trace in self._overlays(name):
            n = trace.meta["map"]
            _put(trace, np.vstack([self._maps[n], self._added[n]])[list(rows)])
            self._raise(trace, len(rows))

    def _dim(self) -> None:
        if self.in_space:
            self._place(CHOSEN, self._chosen)
            return
        chosen = np.asarray(self._chosen, dtype=np.intp)
        for rows, trace in zip(self._rows, self._traces, strict=True):
            trace.selectedpoints = np.flatnonzero(np.isin(rows, chosen)) if len(chosen) else None
        for name in (HITS, SHOWN, NEW):
            for _, trace in self._overlays(name):
                self._raise(trace, len(trace.x))

    def _raise(self, trace: Any, count: int) -> None:
        """Keep marks above the chosen dots: WebGL draws what is selected last, so the marks are selected too."""
        if trace.type == "scattergl":
            trace.selectedpoints = np.arange(count) if self._chosen else None

    # -- what the reader does ---------------------------------------------------------------------

    def _done(self, what: str, traces: NDArray[np.intp], points: NDArray[np.intp]) -> None:
        """Rows of what was pointed at, clicked or lassoed; rings are no points."""
        found = [
            self._rows[trace][points[traces == trace]]
            for trace in np.unique(traces).tolist()
            if trace < len(self._rows) and len(self._rows[trace])
        ]
        rows = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.intp)
        if what == "select":
            self._tell(what, rows)
            self.select(rows)  # in every map, even where nobody listens
        elif len(rows):
            self._tell(what, int(rows[0]))

    def _tell(self, what: str, news: Any) -> None:
        for call in self._calls[what]:
            call(news)


def _put(trace: Any, coords: NDArray[np.floating]) -> None:
    trace.x, trace.y = coords[:, 0], coords[:, 1]
    if coords.shape[1] == 3:
        trace.z = coords[:, 2]
