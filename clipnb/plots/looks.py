"""How the points of a map look: colour by group or by value, symbol by modality."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from clipnb.plots.grouping import Groups
from clipnb.plots.palette import OTHER, ink, page, plain
from clipnb.plots.shades import OUTLINE

__all__ = ["Look", "ring"]

# Beyond this many points SVG gets slow and WebGL takes over.
_SVG_UP_TO = 8000
_SYMBOLS = {"image": "circle", "text": "diamond"}


class _Part(NamedTuple):
    """Points with one entry in the legend; a colour of None is that of their values."""

    name: str
    chosen: NDArray[np.bool_]
    words: str
    colour: str | None
    text: NDArray[np.object_] | None = None


@dataclass(frozen=True)
class Look:
    """What decides the colour and the symbol of a mark.

    Attributes:
        groups: of the points.
        kind: [point], "image", "text" or something else.
        said: the kind is told on hovering.
        numbers: [point], the values, if they are the colour.
        value_name: what they are.
        size: of a mark in pixels.
        mode: "light" or "dark".
    """

    groups: Groups
    kind: NDArray[np.str_]
    said: bool
    numbers: NDArray[np.float64] | None
    value_name: str
    size: float
    mode: str

    def colour(self, row: int) -> str:
        """Of the point's group."""
        return self.groups.colour(int(self.groups.codes[row]))

    def figure(self, points: NDArray[np.float64], shown: NDArray[np.object_]) -> go.Figure:
        """A trace for each part and modality."""
        rows = np.arange(len(points))
        figure = go.Figure()
        for part in self._parts():
            members = rows[part.chosen]
            # Pictures first: the legend shows the symbol of the first.
            for n, what in enumerate(
                sorted(set(self.kind[members].tolist()), key=lambda kind: (kind != "image", kind))
            ):
                chosen = members[self.kind[members] == what]
                figure.add_trace(
                    _trace(
                        points[chosen], len(points), name=plain(part.name, 32), legendgroup=part.name,
                        showlegend=n == 0 and bool(part.name), marker=self._marker(part, chosen, what),
                        hovertemplate="<b>%{customdata[0]}</b>" + part.words
                        + ("<br>%{customdata[1]}" if self.said else "") + "<extra></extra>",
                    )
                )  # fmt: skip
                custom = np.empty((len(chosen), 3), dtype=object)
                custom[:, 0], custom[:, 1] = shown[chosen], what
                custom[:, 2] = [str(row) for row in chosen.tolist()]
                # Not with the trace, of which a figure makes a copy, word by word.
                figure.data[-1].customdata = custom
                if part.text is not None:
                    figure.data[-1].text = part.text[chosen]
        return figure

    def _marker(self, part: _Part, chosen: NDArray[np.intp], what: str) -> dict[str, Any]:
        marker: dict[str, Any] = {
            "size": self.size * (1.15 if what == "text" else 1),
            "symbol": _SYMBOLS.get(what, "square"),
            "opacity": 0.85,
            "line": {"width": 0.6 if self.size > 5 else 0, "color": page(self.mode)},
            "color": part.colour,
        }
        if self.numbers is None:
            return marker
        if part.colour is not None:  # hollow, for the middle of Cividis is grey as well
            return marker | {"symbol": marker["symbol"] + "-open", "line": {"width": 1.5}}
        outline = OUTLINE if self.size > 5 else {"width": 0}
        return marker | {"color": self.numbers[chosen], "coloraxis": "coloraxis", "opacity": 1.0, "line": outline}

    def _parts(self) -> Iterator[_Part]:
        if self.numbers is not None:
            missing, called = np.isnan(self.numbers), plain(self.value_name, None)
            if missing.any():
                yield _Part(f"no value ({missing.sum():,})", missing, f"<br>{called}: no value", OTHER)
            if not missing.all():
                yield _Part("", ~missing, f"<br>{called}: %{{marker.color:.3g}}", None)
            return
        names, codes, palette = self.groups
        # One more than there are colours keeps its name; several share an entry, for each would be the same grey.
        own = len(palette) if len(names) > len(palette) + 1 else len(names)
        for code, name in enumerate(names[:own]):
            yield _Part(name, codes == code, f"<br>{plain(name, None)}" if name else "", self.groups.colour(code))
        if own < len(names):
            each = np.array([plain(name, None) for name in names], dtype=object)[codes]
            yield _Part(f"{len(names) - own} smaller groups", codes >= own, "<br>%{text}", OTHER, each)


def _trace(points: NDArray[np.float64], count: int, **more: Any) -> Any:
    if points.shape[1] == 3:
        more["marker"]["size"] *= 0.6
        return go.Scatter3d(x=points[:, 0], y=points[:, 1], z=points[:, 2], mode="markers", **more)
    kind = go.Scatter if count <= _SVG_UP_TO else go.Scattergl
    return kind(x=points[:, 0], y=points[:, 1], mode="markers", **more)


def ring(points: NDArray[np.float64], rows: NDArray[np.intp], size: float, mode: str) -> Any:
    """The trace of rings around highlighted points, which `plots.light_points` moves."""
    marker = {"symbol": "circle-open", "size": size + 9, "color": ink(mode), "line": {"width": 2.5}}
    more = {"mode": "markers", "name": "highlighted", "showlegend": False, "hoverinfo": "skip", "meta": {"map": 0}}
    x, y, *z = points[rows].T
    if z:
        return go.Scatter3d(x=x, y=y, z=z[0], marker=marker, **more)
    # What is not WebGL lies below what is.
    return (go.Scatter if len(points) <= _SVG_UP_TO else go.Scattergl)(x=x, y=y, marker=marker, **more)
