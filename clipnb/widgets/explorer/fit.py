"""Keeps a figure as wide as its place on the page, and no taller than suits that."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets as T

__all__ = ["Fit"]


class Fit(anywidget.AnyWidget):
    """An unseen widget beside a figure of no width of its own, which is measured again when its place changes.

    Traits:
        height (int): of the figure in CSS pixels, if there is room.
        ratio (float): height of the figure in a narrow place, in units of the width.
        least (int): pixels below which the height does not go.
    """

    _esm = Path(__file__).parent / "fit.js"

    height = T.Int(600).tag(sync=True)
    ratio = T.Float(1.05).tag(sync=True)
    least = T.Int(260).tag(sync=True)
