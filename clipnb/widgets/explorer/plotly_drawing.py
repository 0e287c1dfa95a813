"""What plotly draws of the explorer's maps: the points, and the marks that lie over them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import ArrayLike, NDArray

from clipnb.plots.palette import ink, plain
from clipnb.plots.points import scatter
from clipnb.plots.shades import sequential
from clipnb.plots.side_maps import side_by_side
from clipnb.widgets.explorer.map_names import map_names

__all__ = ["BAR_WIDTH", "CHOSEN", "HITS", "HOVER_TEXT_UP_TO", "NEW", "SHOWN", "Drawing", "lay_out"]

HOVER_TEXT_UP_TO = 20_000
"""Points up to which the browser is given their names; above, the panel alone says what the pointer rests on."""
BAR_WIDTH = 74
"""CSS pixels that the scale of a colour takes at the right."""
HITS, SHOWN, NEW, CHOSEN = "hits", "shown", "new", "chosen"
"""Names of the marks: rings around hits, one around the shown point, stars, frames in space."""

# Seen on light and dark pages alike, and told from the groups' colours by its form.
_RING, _STAR = "#E7298A", "#E7298A"
_ON_ANY_PAGE = "#8B93A1"
# Of the tenth group, which has the ink of its page where that is known.
_TENTH = "#7D8A2E"
_LAYOUT: dict[str, Any] = {
    "dragmode": "lasso",
    "hovermode": "closest",
    "margin": {"l": 8, "r": 8, "t": 36, "b": 8},
    "legend": {"orientation": "h", "x": 0, "y": 0, "yanchor": "top", "xanchor": "left"},
    "modebar": {
        "remove": ["toImage", "autoScale2d"],
        "bgcolor": "rgba(0,0,0,0)",
        "color": _ON_ANY_PAGE,
        "activecolor": _RING,  # plotly's own is that of a white page
    },
}
_COLOUR_BAR: dict[str, Any] = {"x": 1.01, "thickness": 12, "outlinewidth": 0, "nticks": 6}


class Drawing:
    """Maps of the same points as one figure, which can be drawn again in other colours.

    Args:
        projections: several only on a plane.
        labels: one name a point.
        modality: "image" or "text" for each point.
        mode: "light" or "dark"; "auto": for a page of either kind.
        width: in CSS pixels.
    """

    def __init__(
        self, projections: Sequence[Any], labels: Sequence[str], modality: Sequence[str] | None, mode: str, width: int
    ) -> None:
        self.coords = [np.asarray(each.coords) for each in projections]
        self.in_space = self.coords[0].shape[1] == 3
        self.marks = 4 if self.in_space else 3
        self._projections, self._labels = list(projections), labels
        self._auto, mode = mode == "auto", "light" if mode == "auto" else mode
        self._mode = mode
        self._look: dict[str, Any] = {"modality": modality, "mode": mode, "width": width}

    def figure(
        self, groups: Sequence[str] | None = None, values: ArrayLike | None = None, value_name: str = ""
    ) -> tuple[go.Figure, list[NDArray[np.intp]]]:
        """The points in these colours and the empty marks, and for each trace the rows of its points."""
        colour: dict[str, Any] = {"groups": groups} if values is None else {"values": values, "value_name": value_name}
        if len(self.coords) > 1:
            names = map_names(self._projections)
            figure = side_by_side(self._projections, self._labels, names=names, **self._look, **colour)
        else:
            figure = scatter(self._projections[0], self._labels, **self._look, **colour)
        figure.data = [trace for trace in figure.data if trace.customdata is not None]
        if len(self.coords) == 1:
            figure.update_traces(meta={"map": 0})
        rows = [np.asarray([each[-1] for each in trace.customdata], dtype=np.intp) for trace in figure.data]
        for trace in figure.data:
            self._lighten(trace)
        webgl = any(trace.type == "scattergl" for trace in figure.data)
        for n in range(len(self.coords)):
            figure.add_traces(self._marks_of(n, webgl))
        rows += [np.empty(0, dtype=np.intp)] * (len(figure.data) - len(rows))
        if values is not None:
            figure.layout.coloraxis.colorscale = sequential("auto" if self._auto else self._mode)
            figure.layout.coloraxis.colorbar = {
                **_COLOUR_BAR,
                "title": {"text": plain(value_name), "side": "top", "font": {"size": 13}},
            }
        return figure, rows

    def tighten(self, figure: go.Figure) -> None:
        """Take away what a panel has no room for, and fit the axes to the points."""
        if self.in_space:
            if self._auto:  # the style sheet does not reach what WebGL writes
                grey = {"title": {"font": {"color": _ON_ANY_PAGE}}}
                figure.update_scenes(xaxis=grey, yaxis=grey, zaxis=grey)
            return
        figure.update_layout(newselection={"line": {"color": _ON_ANY_PAGE, "width": 2, "dash": "dot"}})
        figure.update_xaxes(title=None)  # nearness alone counts, and the axes have no unit
        figure.update_yaxes(title=None)
        if len(self.coords) == 1:  # tight, whatever the shape of the place: plotly widens one axis to fit
            low, high = self.coords[0].min(axis=0), self.coords[0].max(axis=0)
            edge = 0.04 * float((high - low).max() or 1.0)
            figure.update_xaxes(range=[low[0] - edge, high[0] + edge])
            figure.update_yaxes(range=[low[1] - edge, high[1] + edge])

    def _lighten(self, trace: Any) -> None:
        """Less for the browser to hold, and no colour that one of the two pages would swallow."""
        if len(self.coords[0]) > HOVER_TEXT_UP_TO:
            trace.hovertemplate = trace.customdata = None
            trace.hoverinfo = "none"
            for axis in "xyz" if self.in_space else "xy":
                short = np.asarray(trace[axis], dtype=np.float32)
                trace[axis] = None  # equal numbers of another kind would not be taken
                trace[axis] = short
        if self._auto and isinstance(trace.marker.color, str) and trace.marker.color == ink(self._mode):
            trace.marker.color = _TENTH
        if not self.in_space:
            trace.unselected = {"marker": {"opacity": 0.18}}
            trace.selected = {"marker": {"opacity": 0.95}}

    def _marks_of(self, n: int, webgl: bool) -> list[Any]:
        """What lies over the points of a map: rings around hits, one around the shown point, stars.

        Over dots of WebGL, only marks of WebGL do.
        """
        where: dict[str, Any] = {"mode": "markers", "meta": {"map": n}, "showlegend": False}
        if self.in_space:
            kind: Any = go.Scatter3d
            where |= {"x": [], "y": [], "z": []}
        else:
            kind = go.Scattergl if webgl else go.Scatter
            number = "" if n == 0 else str(n + 1)
            # A lasso dims what is outside of it; rings and stars stay.
            where |= {"x": [], "y": [], "xaxis": f"x{number}", "yaxis": f"y{number}"}
            where |= {"unselected": {"marker": {"opacity": 1}}, "selected": {"marker": {"opacity": 1}}}
        ring: dict[str, Any] = {
            "symbol": "circle-open",
            "opacity": 1,
            "color": _RING,
            "line": {"width": 2.5, "color": _RING},
        }
        here = {**ring, "size": 22, "color": _ON_ANY_PAGE, "line": {"width": 4, "color": _ON_ANY_PAGE}}
        star = {"color": _STAR, "size": 15, "line": {"width": 1.2, "color": "#FFFFFF"}}
        star["symbol"] = "diamond" if self.in_space else "star"
        marks = [
            kind(name=HITS, hoverinfo="skip", marker={**ring, "size": 15}, **where),
            kind(name=SHOWN, hoverinfo="skip", marker=here, **where),
            kind(name=NEW, hovertemplate="<b>%{text}</b><extra></extra>", marker=star, **where),
        ]
        if self.in_space:  # where nothing can be dimmed, what is chosen gets a frame
            frame = {"symbol": "square-open", "color": _RING, "size": 8}
            marks.append(kind(name=CHOSEN, hoverinfo="skip", marker=frame, **where))
        return marks


def lay_out(figure: go.Figure, width: int | None, height: int, with_bar: bool) -> None:
    """Size, margins, legend and the bar of tools; ``with_bar``: a scale of colours stands at the right."""
    figure.update_layout(width=width, height=height, **_LAYOUT)
    if with_bar:
        figure.layout.margin.r = BAR_WIDTH
