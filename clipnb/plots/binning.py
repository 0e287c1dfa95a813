"""Points counted in square cells."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cells", "cells_of"]


class Cells(NamedTuple):
    """Squares over a map.

    Attributes:
        of: [point], which one it is in, counted line by line from the bottom left.
        shape: lines and columns.
        low: the corner at the bottom left.
        side: of a square, in the map's units.
        counts: [cell], its points.
    """

    of: NDArray[np.intp]
    shape: tuple[int, int]
    low: NDArray[np.float64]
    side: float
    counts: NDArray[np.intp]

    @property
    def place(self) -> dict[str, Any]:
        """The middles of columns and lines, as plotly's heatmap takes them."""
        (left, bottom), (lines, columns), half = self.low, self.shape, self.side / 2
        # A single column or line has no width of its own there, but it may be given by its edges.
        x = [left + half + self.side * n for n in range(columns)] if columns > 1 else [left, left + self.side]
        y = [bottom + half + self.side * n for n in range(lines)] if lines > 1 else [bottom, bottom + self.side]
        return {"x": x, "y": y, "hoverongaps": False}

    def grid(self, numbers: NDArray[Any]) -> NDArray[np.float32]:
        """A number a cell as [line, column], empty cells without one."""
        return np.where(self.counts > 0, numbers, np.nan).astype(np.float32).reshape(self.shape)

    def mean(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """[cell], of those points that have a value; NaN where none has."""
        there = np.isfinite(numbers)
        have = np.bincount(self.of[there], minlength=len(self.counts))
        total = np.bincount(self.of[there], numbers[there], minlength=len(self.counts))
        return np.asarray(np.where(have > 0, total / np.maximum(have, 1), np.nan))

    def middles(self) -> NDArray[np.float64]:
        """[cell, 2] of those that hold a point."""
        lines, columns = np.divmod(np.flatnonzero(self.counts), self.shape[1])
        return np.asarray(self.low + self.side * (np.column_stack([columns, lines]) + 0.5))


def cells_of(points: NDArray[np.float64], bins: int) -> Cells:
    """Square cells over the points [point, 2], so many along the longer side of their box."""
    low, span = points.min(axis=0), np.ptp(points, axis=0)
    side = float(span.max()) / bins or 1.0
    columns, lines = (max(1, int(np.ceil(part / side - 1e-9))) for part in span)
    place = np.minimum(((points - low) / side).astype(np.intp), [columns - 1, lines - 1])
    of = place[:, 1] * columns + place[:, 0]
    return Cells(of, (lines, columns), low, side, np.bincount(of, minlength=lines * columns))
