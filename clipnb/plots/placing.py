"""Where labels go so that they do not lie on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["place_labels"]

#: plotly's textposition, and where the box's middle then is, in halves of its own size and in steps of the mark's.
_SIDES = {
    "middle right": (1.0, 0.0),
    "middle left": (-1.0, 0.0),
    "top center": (0.0, 1.0),
    "bottom center": (0.0, -1.0),
    "top right": (1.0, 1.0),
    "top left": (-1.0, 1.0),
    "bottom right": (1.0, -1.0),
    "bottom left": (-1.0, -1.0),
}


def place_labels(
    points: ArrayLike,
    widths: Sequence[float],
    *,
    height: float = 17.0,
    mark: float = 8.0,
    taken: Sequence[tuple[float, float, float, float]] = (),
    bounds: tuple[float, float, float, float] | None = None,
) -> list[str | None]:
    """A side for each label, the first of eight where it lies on no mark and no label before it; None: there is none.

    Args:
        points: the marks, [point, 2], in pixels, y upwards; earlier ones choose first.
        widths: of the labels, in pixels.
        height: of each.
        mark: the width of a mark.
        taken: boxes (left, bottom, right, top) that are taken already.
        bounds: the box that labels have to lie in.

    Returns:
        plotly's ``textposition`` for each point.
    """
    marks = np.asarray(points, dtype=float).reshape(-1, 2)
    half = mark / 2
    boxes = [np.array(box, dtype=float) for box in taken]
    dots = np.concatenate([marks - half, marks + half], axis=1)
    found: list[str | None] = []
    for i, ((x, y), wide) in enumerate(zip(marks, widths, strict=True)):
        chosen = None
        others = np.delete(dots, i, axis=0)
        for side, (across, up) in _SIDES.items():
            cx, cy = x + across * (wide / 2 + half), y + up * (height / 2 + half)
            box = np.array([cx - wide / 2, cy - height / 2, cx + wide / 2, cy + height / 2])
            if bounds is not None and not (
                box[0] >= bounds[0] and box[1] >= bounds[1] and box[2] <= bounds[2] and box[3] <= bounds[3]
            ):
                continue
            if not _touches(box, others) and not _touches(box, np.array(boxes).reshape(-1, 4)):
                chosen = side
                boxes.append(box)
                break
        found.append(chosen)
    return found


def _touches(box: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    return bool(
        np.any((others[:, 0] < box[2]) & (others[:, 2] > box[0]) & (others[:, 1] < box[3]) & (others[:, 3] > box[1]))
    )
