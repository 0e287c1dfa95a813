"""What the explorer asks of whatever draws its points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

import ipywidgets as W
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Canvas", "Rows"]

Rows = Sequence[int] | NDArray[np.intp]


class Canvas(Protocol):
    """Where the points are drawn. Rows count the map's points from 0; points added later follow them.

    A canvas is made of maps of the same points: ``(projections, *, labels, groups=None, values=None, value_name="",
    modality=None, mode="light", width=…, height=…)``. It has checked nothing: the panel has.
    """

    widget: W.Widget
    """To be put on the panel; it has the class ``clipnb-map``, onto which files can be dropped."""

    def on_point(self, call: Callable[[int], None]) -> None:
        """Call with the row of a point that the pointer rests on."""

    def on_click(self, call: Callable[[int], None]) -> None:
        """Call with the row of a point that was clicked. A canvas where a click selects reports it by `on_select`."""

    def on_select(self, call: Callable[[NDArray[np.intp]], None]) -> None:
        """Call with the rows, ascending, inside a lasso or a box; with none when it is taken away."""

    def select(self, rows: Rows) -> None:
        """Show the rows as if they had been lassoed, in every map, without calling back; none: all look alike again."""

    def light(self, rows: Rows) -> None:
        """Rings around hits, in every map; none takes them away."""

    def show(self, row: int) -> None:
        """A mark around the point that is looked at, in every map; -1: around none."""

    def colour(
        self, groups: Sequence[str] | None = None, values: ArrayLike | None = None, value_name: str = ""
    ) -> None:
        """Colour the map's points anew: by group, by a number, or, with neither, all alike."""

    def add(self, coords: Any, labels: Sequence[str]) -> None:
        """Draw new points as stars.

        Args:
            coords: float [new, 2]; with several maps one such array a map.
            labels: one name a new point.
        """
