"""Which canvas draws a map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clipnb.errors import UnsupportedOption
from clipnb.maps import Projection
from clipnb.widgets.explorer.canvas import Canvas
from clipnb.widgets.explorer.contents import Contents
from clipnb.widgets.explorer.plotly_canvas import PlotlyCanvas

__all__ = ["PLOTLY_UP_TO", "canvas_of"]

PLOTLY_UP_TO = 100_000
"""Points up to which "auto" means plotly."""


def canvas_of(
    maps: Sequence[Projection],
    contents: Contents,
    colouring: dict[str, Any],
    renderer: str = "auto",
    mode: str = "auto",
    height: int | None = None,
) -> Canvas:
    """The canvas of a panel.

    Raises:
        UnsupportedOption: another renderer or mode, a height below 100, or a map in space for jupyter-scatter.
        MissingExtra: jupyter-scatter is not installed.
    """
    if renderer not in ("auto", "plotly", "jupyter-scatter"):
        raise UnsupportedOption(f"renderer={renderer!r}; expected 'auto', 'plotly' or 'jupyter-scatter'")
    if mode not in ("auto", "light", "dark"):
        raise UnsupportedOption(f"mode={mode!r}; expected 'auto', 'light' or 'dark'")
    if height is not None and not (isinstance(height, int) and height >= 100):
        raise UnsupportedOption(f"height={height!r}; expected 100 pixels or more")
    modality = contents.modality if contents.modality is not None and len(set(contents.modality)) > 1 else None
    shared: dict[str, Any] = {"labels": contents.labels, "modality": modality, **colouring}
    shared |= {} if height is None else {"height": height}
    if renderer == "plotly" or (renderer == "auto" and len(maps[0]) <= PLOTLY_UP_TO):
        return PlotlyCanvas(maps, mode=mode, **shared)
    from clipnb.widgets.explorer.large_canvas import LargeCanvas

    return LargeCanvas(maps, mode=mode, **shared)
