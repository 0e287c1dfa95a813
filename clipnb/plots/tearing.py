"""Where a map lies: points whose true neighbours it put elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray

from clipnb.errors import UnsupportedOption, WrongType
from clipnb.plots.palette import OKABE_ITO
from clipnb.plots.points import scatter

if TYPE_CHECKING:
    from clipnb.maps import Projection

__all__ = ["torn"]

_LOOKED_AT = 200
_CLOSE = 3000


def torn(
    projection: Projection,
    k: int = 15,
    *,
    within: int | None = None,
    worst: int = 8,
    labels: Sequence[str] | None = None,
    named: bool = True,
    size: float | None = None,
    title: str | None = None,
    width: int = 860,
    height: int | None = None,
    mode: str = "light",
) -> go.Figure:
    """A map in the colour of the share of its true neighbours that each point lost, with lines to where they are.

    A true neighbour is one of the ``k`` nearest rows in the model's space; it is lost if it is not among the ``within``
    nearest points of the map (see `clipnb.Projection.torn`). A sentence below the map says how many points that
    concerns; rings and lines show the points that lost most, among equals those whose neighbours lie farthest away.

    Args:
        projection: of `clipnb.project`, in two or three dimensions.
        k: how many nearest rows count as true neighbours.
        within: how near they have to be on the map; default: 3 k.
        worst: how many points have a ring and lines to their lost neighbours.
        labels: one name a point; default: the projection's ids.
        named: the worst points' names are written beside them.
        size: of a mark in pixels; default: 4 to 9, by the number of points.
        title: above the figure, if any.
        width: in CSS pixels.
        height: in CSS pixels; default: what the shape of the map needs.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongType: no Projection.
        UnsupportedOption: ``k`` or ``within`` is out of range, ``worst`` is below 0, or the map does not know its rows.
    """
    if not hasattr(projection, "torn"):
        raise WrongType(f"expected a Projection, as clipnb.project makes it, not {type(projection).__name__}")
    if worst < 0:
        raise UnsupportedOption(f"worst={worst}; expected how many points to ring, 0 or more")
    lost = projection.torn(k, within=within)
    coords = np.asarray(projection.coords, dtype=float)
    rows, ends = _worst(projection, coords, lost, k, within or min(3 * k, len(coords) - 1), worst)
    figure = scatter(
        projection, labels, values=lost, value_name="neighbours torn away", named=rows if named else None,
        highlight=rows.tolist(), size=size, title=title, note=_sentence(lost, k, len(rows)), width=width, height=height,
        mode=mode,
    )  # fmt: skip
    figure.update_coloraxes(cmin=0, cmax=1, colorbar={"tickformat": ".0%", "nticks": 5})
    for trace in figure.data:
        if trace.hovertemplate:
            trace.hovertemplate = trace.hovertemplate.replace(":.3g}", ":.0%}")
    figure.add_trace(_lines(coords, rows, ends, any(trace.type == "scattergl" for trace in figure.data)))
    *points, rings, lines = figure.data
    rings.marker.color = OKABE_ITO[1]  # what lost most is as dark, or as bright, as the ink
    # Below the points, except where these lie so close that nothing would be seen.
    figure.data = (*points, lines, rings) if len(coords) > _CLOSE else (lines, *points, rings)
    return figure


def _worst(
    projection: Projection, coords: NDArray[np.float64], lost: NDArray[np.float64], k: int, within: int, worst: int
) -> tuple[NDArray[np.intp], list[NDArray[np.intp]]]:
    """The rows that lost most, and for each the true neighbours that it lost."""
    assert projection.source is not None  # else torn() has said so
    vectors = projection.source.embeddings.vectors
    candidates = np.argsort(-lost, kind="stable")[: max(worst, _LOOKED_AT)]
    candidates = candidates[lost[candidates] > 0] if worst else candidates[:0]
    found = []
    for row in candidates.tolist():
        near = _nearest(-(vectors @ vectors[row]), row, k)
        away = ((coords - coords[row]) ** 2).sum(axis=1)
        gone = near[~np.isin(near, _nearest(away, row, within))]
        found.append((float(lost[row]), float(np.sqrt(away[gone]).mean()) if len(gone) else 0.0, row, gone))
    found = sorted(found, key=lambda each: (-each[0], -each[1], each[2]))[:worst]
    return np.array([row for _, _, row, _ in found], dtype=np.intp), [gone for _, _, _, gone in found]


def _nearest(distances: NDArray[Any], row: int, k: int) -> NDArray[np.intp]:
    """The k smallest without the row itself; of equals the earlier."""
    distances = distances.astype(float)
    distances[row] = np.inf
    return np.argsort(distances, kind="stable")[:k]


def _sentence(lost: NDArray[np.float64], k: int, ringed: int) -> str:
    whose = "its nearest row" if k == 1 else f"its {k} nearest rows"
    words = f"On average a point has lost {lost.mean():.0%} of {whose} to other places of the map; "
    words += f"{(lost > 0.5).mean():.0%} of the points have lost more than half."
    many = "the one that" if ringed == 1 else f"the {ringed} that"
    return words + (f" Lines lead from {many} lost most to where theirs are." if ringed else "")


def _lines(coords: NDArray[np.float64], rows: NDArray[np.intp], ends: list[NDArray[np.intp]], webgl: bool) -> Any:
    """All lines in one trace, with a gap after each."""
    path = np.full((3 * sum(map(len, ends)), coords.shape[1]), np.nan)
    starts = np.repeat(rows, [len(each) for each in ends]) if len(rows) else rows
    path[0::3] = coords[starts]
    path[1::3] = coords[np.concatenate(ends)] if ends else coords[:0]
    more: dict[str, Any] = {
        "mode": "lines", "name": "torn", "showlegend": False, "hoverinfo": "skip", "opacity": 0.5,
        "line": {"color": OKABE_ITO[1], "width": 1},
    }  # fmt: skip
    x, y, *z = path.T
    if z:
        return go.Scatter3d(x=x, y=y, z=z[0], **more | {"opacity": 1, "line": {"color": OKABE_ITO[1], "width": 2}})
    return (go.Scattergl if webgl else go.Scatter)(x=x, y=y, **more)
