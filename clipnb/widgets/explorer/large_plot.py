"""A scatter of jupyter-scatter: where its points lie in it, and how it is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import MissingExtra, WrongShape
from clipnb.plots.palette import ink, template
from clipnb.widgets.explorer.point_colours import Colouring

__all__ = ["Frame", "colour_traits", "frames", "on_a_plane", "page", "plot_of", "points_of", "show_all"]

Frame = tuple[NDArray[np.floating], float]

_MARGIN = 0.94  # of the half of a map that its points fill
_BUTTONS = ["pan_zoom", "lasso", "lasso_type", "divider", "full_screen", "download", "reset"]


def on_a_plane(projections: Sequence[Any]) -> list[NDArray[np.floating]]:
    """The coordinates [point, 2] of each map; WrongShape unless all are of the same points."""
    maps = [np.asarray(getattr(each, "coords", each)) for each in projections]
    for n, coords in enumerate(maps, start=1):
        if coords.shape != (len(maps[0]), 2):
            raise WrongShape(
                f"map {n} has the shape {list(coords.shape)}; jupyter-scatter draws maps on a plane, all of the same "
                f"points: expected [{len(maps[0])}, 2]. Maps in space: renderer='plotly'"
            )
    return maps


def frames(projections: Sequence[Any], maps: Sequence[NDArray[np.floating]]) -> list[Frame]:
    """Middle and half of the longer side of each map; one and the same where all were aligned with the first."""
    aligned = all({"frame", "aligned"} & set(getattr(each, "params", {})) for each in projections[1:])
    if aligned and len(maps) > 1:
        ends = np.stack([[each.min(axis=0), each.max(axis=0)] for each in maps]).reshape(-1, 2)
        return [_frame(ends)] * len(maps)
    return [_frame(each) for each in maps]


def _frame(coords: NDArray[np.floating]) -> Frame:
    low, high = coords.min(axis=0).astype(np.float64), coords.max(axis=0).astype(np.float64)
    return (low + high) / 2, float((high - low).max()) / 2 or 1.0


def points_of(coords: NDArray[np.floating], frame: Frame, codes: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32 [point, 3]: the place, from -1 to 1 and a unit as long upwards as sideways, and the colour's number."""
    middle, half = frame
    points = np.empty((len(coords), 3), np.float32)
    points[:, :2] = (coords - middle) * (_MARGIN / half)
    points[:, 2] = codes
    return points


def plot_of(points: NDArray[np.float32], colouring: Colouring, mode: str, height: int, linked: str | None) -> Any:
    """The widget of a scatter of two points, which is then given the others: `Scatter` itself copies all in 64 bits."""
    try:
        from jscatter import Scatter
    except ImportError as error:
        raise MissingExtra(
            "jupyter-scatter, which draws maps of very many points, is not installed: pip install 'clipnb[scatter]'"
        ) from error

    count, ends = len(points), np.array([-1.0, 1.0], np.float32)
    plot = Scatter(
        x=ends,
        y=ends,
        background_color=page(mode),
        color_hover=ink(mode),
        opacity_unselected=0.3,
        size=9 if count <= 300 else 6 if count <= 3000 else 4 if count <= 30_000 else 3 if count <= 300_000 else 2,
        mouse_mode="lasso",
        lasso_color="#D55E00",
        lasso_on_long_press=False,
        axes=False,
        reticle=False,
        height=height,
    ).widget
    with plot.hold_sync():
        plot.toolbar_buttons = _BUTTONS
        plot.transition_points = False
        plot.view_sync = linked
        plot.points = points
        for trait, value in colour_traits(colouring).items():
            setattr(plot, trait, value)
    return plot


def colour_traits(colouring: Colouring) -> dict[str, Any]:
    """The traits of the scatter that say how its points' third number is a colour."""
    numbers = {str(code): code for code in range(len(colouring.palette))}
    return {
        "color": colouring.palette,
        "color_by": "valueA",
        "color_scale": "linear" if colouring.continuous else "categorical",
        "color_domain": [0, 1] if colouring.continuous else numbers,
        "color_histogram": [0.0, 0.0],  # of a tooltip that is never shown; without one, colours by value fail
    }


def show_all(plot: Any) -> None:
    """Move the view so that all points are in it."""
    places = plot.points[:, :2]
    with plot.hold_sync():
        plot.zoom_animation, plot.zoom_padding = 0, 0.1
        plot.zoom_to = np.unique([places.argmin(axis=0), places.argmax(axis=0)]).astype(np.uint32)
        plot.zoom_to_call_idx += 1


def page(mode: str) -> str:
    """The colour of the page of that mode."""
    return str(template(mode).layout.paper_bgcolor)
