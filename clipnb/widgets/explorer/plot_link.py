"""What stands between a plotly figure and the page: its size, and the reader's deeds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import numpy as np
import traitlets as T
from numpy.typing import NDArray

__all__ = ["PlotLink"]

Deed = Callable[[str, NDArray[np.intp], NDArray[np.intp]], None]


class PlotLink(anywidget.AnyWidget):
    """An unseen widget beside a figure, both in an element of the class ``clipnb-map``.

    It tells what the reader points at, clicks and lassos, each deed by a message of its own: plotly's own callbacks
    lose a lasso when the pointer moves on while the kernel is busy. And it keeps a figure without a width as wide as
    its place, and no taller than suits that.

    Args:
        call: called with "point", "click" or "select" and, for each point, the number of its trace and its own number
            within.

    Traits:
        fit (bool): the figure has no width of its own.
        height (int): of the figure in CSS pixels, if there is room.
        ratio (float): height of the figure in a narrow place, in units of the width.
        least (int): pixels below which the height does not go.
    """

    _esm = Path(__file__).parent / "plot_link.js"

    fit = T.Bool(True).tag(sync=True)
    height = T.Int(600).tag(sync=True)
    ratio = T.Float(1.05).tag(sync=True)
    least = T.Int(260).tag(sync=True)

    def __init__(self, call: Deed, **traits: Any) -> None:
        super().__init__(**traits)
        self._call = call
        self.on_msg(self._receive)

    def _receive(self, _: Any, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        if content.get("kind") in ("point", "click", "select") and len(buffers) == 2:
            traces, points = (np.frombuffer(bytes(part), dtype="<u4").astype(np.intp) for part in buffers)
            self._call(content["kind"], traces, points)
