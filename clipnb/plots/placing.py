"""Where labels go so that they do not lie on each other."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["arrange", "place_labels"]

#: How far a box may be moved off its mark, in pixels, and in how many directions.
_RINGS, _DIRECTIONS = (16.0, 28.0, 42.0, 58.0, 76.0, 96.0, 120.0), 16
#: A covered mark is as bad as that many pixels of distance.
_COVERED = 6.0

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


def arrange(
    points: ArrayLike,
    sizes: ArrayLike,
    *,
    room: tuple[float, float],
    marks: ArrayLike = (),
    mark: float = 8.0,
    own: ArrayLike | None = None,
    kept: ArrayLike = (),
    taken: ArrayLike = (),
    over: bool = False,
) -> NDArray[np.float64]:
    """Places for boxes of text near their points, so that none lies on another, on a kept mark or on another's line,
    and no lines cross.

    Each box in its turn takes the best of 120 places, 8 beside its mark and the rest up to 120 pixels away, where a
    line has to lead back: the one with the least sum of distance and six pixels for each mark that it covers.

    Args:
        points: [box, 2], in pixels from the bottom left, y upwards; earlier ones choose first.
        sizes: [box, 2], width and height.
        room: width and height that boxes have to lie in.
        marks: [mark, 2], everything that is better not covered.
        mark: the width of a mark.
        own: [box], the width of each one's own mark; default: ``mark``.
        kept: [mark, 2], marks that must not be covered.
        taken: [box, 4], (left, bottom, right, top), taken already.
        over: a box may lie on its point and on marks, as the name of a whole group does; it is never far from it.

    Returns:
        float64 [box, 2], from the point to the middle of its box; NaN where every place is taken.
    """
    places, boxes = np.asarray(points, dtype=float).reshape(-1, 2), np.asarray(sizes, dtype=float).reshape(-1, 2)
    halves = np.full(len(places), mark / 2) if own is None else np.asarray(own, dtype=float) / 2
    fixed = np.asarray(kept, dtype=float).reshape(-1, 2)
    full = np.asarray(taken, dtype=float).reshape(-1, 4)
    lines = np.empty((0, 2))
    counted = _Counted(np.asarray(marks, dtype=float).reshape(-1, 2), room, mark)
    found = np.full((len(places), 2), np.nan)
    for i, (at, size, half) in enumerate(zip(places, boxes, halves, strict=True)):
        offsets = _over(size) if over else _around(size, half)
        candidates = np.concatenate([at + offsets - size / 2, at + offsets + size / 2], axis=1)
        free: NDArray[np.bool_] = np.all([*(candidates[:, :2] >= 0).T, *(candidates[:, 2:] <= room).T], axis=0)
        if not over:  # off its own mark, which is as wide as it is high
            free &= (np.abs(offsets) - size / 2 >= half + 0.5).any(axis=1)
        others = fixed[np.abs(fixed - at).max(axis=1) > 0.5] if len(fixed) else fixed
        for taken_boxes in (full, np.concatenate([others - mark / 2, others + mark / 2], axis=1)):
            free &= ~_pairs(candidates, taken_boxes).any(axis=1)
        cost = _gap(offsets, size) + (0.0 if over else _COVERED * counted(candidates))
        for place in np.argsort(cost, kind="stable").tolist():
            if not free[place] or _pairs(candidates[place][None], np.concatenate([lines, lines], axis=1)).any():
                continue
            line = _line(at, candidates[place], half)
            if over or not (_pairs(np.concatenate([line, line], axis=1), full).any() or _meet(line, lines, others)):
                found[i], full = offsets[place], np.concatenate([full, candidates[place][None]])
                lines = lines if over else np.concatenate([lines, line])
                break
    return found


class _Counted:
    """How many marks lie in a box: from sums over a grid of pixels, so that their number does not matter."""

    def __init__(self, marks: NDArray[np.float64], room: tuple[float, float], mark: float) -> None:
        wide, high = (max(1, int(np.ceil(side))) for side in room)
        cells = np.floor(marks[np.isfinite(marks).all(axis=1)]).astype(int)
        cells = cells[((cells >= 0) & (cells < (wide, high))).all(axis=1)]
        grid = np.bincount(cells[:, 0] * high + cells[:, 1], minlength=wide * high).reshape(wide, high)
        # Two marks on one pixel look like one.
        self.sums = np.pad(np.minimum(grid, 1).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
        self.half, self.room = mark / 2, np.array([wide, high])

    def __call__(self, boxes: NDArray[np.float64]) -> NDArray[np.int_]:
        low = np.clip(np.ceil(boxes[:, :2] - self.half), 0, self.room).astype(int)
        high = np.clip(np.floor(boxes[:, 2:] + self.half), 0, self.room).astype(int)
        (x0, y0), (x1, y1) = low.T, np.maximum(high, low).T
        return np.asarray(self.sums[x1, y1] - self.sums[x0, y1] - self.sums[x1, y0] + self.sums[x0, y0])


def _around(size: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """Middles of boxes beside a mark, the usual sides first, then on rings around it."""
    beside = np.array(list(_SIDES.values())) * (size / 2 + half + 3)
    beside[np.abs(np.array(list(_SIDES.values()))).sum(axis=1) == 2] -= 2 * np.sign(beside[4:])
    angles = 2 * np.pi * np.arange(_DIRECTIONS) / _DIRECTIONS
    ways = np.column_stack([np.cos(angles), np.sin(angles)])
    return np.concatenate([beside, *[ways * (size / 2 + half + ring) for ring in _RINGS]])


def _over(size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Middles of boxes on a point and up to two heights away from it."""
    steps = np.array([(x, y) for y in range(-2, 3) for x in (0, -1, 1)], dtype=float)
    offsets = steps * (size[0] / 2, size[1])
    return np.asarray(offsets[np.argsort((offsets**2).sum(axis=1), kind="stable")])


def _gap(offsets: NDArray[np.float64], size: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixels from the point to the nearest part of its box, a little more for the later candidates."""
    away = np.maximum(np.abs(offsets) - size / 2, 0)
    order = np.arange(len(offsets))
    # The usual sides are worth some pixels, for there no line is needed.
    return np.asarray(np.sqrt((away**2).sum(axis=1)) + 0.01 * order + 6.0 * (order >= len(_SIDES)))


def _line(at: NDArray[np.float64], box: NDArray[np.float64], half: float) -> NDArray[np.float64]:
    """Points of the line from a mark to its box, a pixel apart, without the ends."""
    way = (box[:2] + box[2:]) / 2 - at
    near = np.clip(at, box[:2], box[2:]) - at
    reach = float(np.hypot(*near))
    steps = np.arange(half, reach - 1) / max(float(np.hypot(*way)), 1e-9)
    return np.asarray(at + steps[:, None] * way)


def _meet(line: NDArray[np.float64], lines: NDArray[np.float64], kept: NDArray[np.float64]) -> bool:
    """The line crosses an earlier one, or runs over a mark that has a name."""
    reach = [(lines, 1.5), (kept, 3.0)]
    for other, near in reach:
        across, up = (np.abs(line[:, None, i] - other[None, :, i]) < near for i in (0, 1))
        if (across & up).any():
            return True
    return False


def _pairs(boxes: NDArray[np.float64], others: NDArray[np.float64]) -> NDArray[np.bool_]:
    """[box, other]: the two overlap."""
    a, b = boxes[:, None], others[None]
    return np.asarray(
        (b[..., 0] < a[..., 2]) & (b[..., 2] > a[..., 0]) & (b[..., 1] < a[..., 3]) & (b[..., 3] > a[..., 1])
    )


def _touches(box: NDArray[np.float64], others: NDArray[np.float64]) -> bool:
    return bool(
        np.any((others[:, 0] < box[2]) & (others[:, 2] > box[0]) & (others[:, 1] < box[3]) & (others[:, 3] > box[1]))
    )
