"""Alignment and uniformity: what a contrastive loss asks of points on a sphere."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from clipnb.errors import EmptyInput, WrongShape
from clipnb.types import unit_rows

__all__ = ["alignment_loss", "relative_distance", "uniformity"]

BLOCK = 2048


def alignment_loss(a: ArrayLike, b: ArrayLike) -> float:
    """Mean squared distance of the two rows of each pair, within [0, 4]; 0: every pair at one place.

    Args:
        a: [pair, dim], of any length.
        b: likewise; row i belongs to row i of ``a``.

    Raises:
        WrongShape: not as many rows, or another width.
        EmptyInput: no pairs.

    Source: Wang and Isola 2020, "Understanding Contrastive Representation Learning through Alignment and Uniformity
    on the Hypersphere", section 4.1, with the exponent 2.
    """
    left, right = unit_rows(a), unit_rows(b)
    if left.shape != right.shape:
        raise WrongShape(f"rows {list(left.shape)} and {list(right.shape)}; expected pairs")
    if not len(left):
        raise EmptyInput("alignment needs at least one pair")
    # |u - v|^2 keeps its digits where 2 - 2 cos would lose them.
    return float(np.mean(np.sum((left.astype(np.float64) - right) ** 2, axis=1)))


def uniformity(rows: ArrayLike, *, t: float = 2.0, sample: int | None = None, seed: int = 0) -> float:
    """Logarithm of the mean of exp(-t |u - v|^2) over all pairs of rows, at most 0; lower is more even.

    0: all rows at one place. -2t, here -4, is the limit for rows spread over a sphere of very many dimensions, whose
    squared distance is 2; in few dimensions it stays above.

    Args:
        rows: [row, dim], of any length.
        t: how far a pair is felt; 2 in the paper.
        sample: look at so many rows at most, drawn at random; None: all.
        seed: which ones.

    Raises:
        EmptyInput: fewer than two rows.

    Source: Wang and Isola 2020, section 4.1.
    """
    unit = unit_rows(rows)
    if len(unit) < 2:
        raise EmptyInput(f"{len(unit)} rows have no distances among themselves; uniformity takes two or more")
    if sample is not None and sample < len(unit):
        unit = unit[np.sort(np.random.default_rng(seed).choice(len(unit), max(2, sample), replace=False))]
    count, total = len(unit), 0.0
    for start in range(0, count, BLOCK):
        part = unit[start : start + BLOCK]
        sim = np.clip(part @ unit[start:].T, -1.0, 1.0)
        # Each pair once: what stands above the diagonal.
        near = np.triu(np.exp(-2 * t * (1 - sim)), k=1)
        total += float(near.sum(dtype=np.float64))
    return float(np.log(total / (count * (count - 1) / 2)))


def relative_distance(a: ArrayLike, b: ArrayLike) -> float:
    """The distance of the two centres, in units of how far rows lie from their own.

    That radius is the root of the mean squared distance of a row to the centre of its set, averaged over both sets.
    Infinite where each set is a single place and the two differ.
    """
    sides = [unit_rows(rows) for rows in (a, b)]
    means = [side.mean(axis=0, dtype=np.float64) for side in sides]
    distance = float(np.linalg.norm(means[0] - means[1]))
    # The squared lengths as they are: rounded to single precision they are not quite one.
    squares = [float(np.einsum("ij,ij->", side, side, dtype=np.float64)) / len(side) for side in sides]
    left = [max(0.0, square - float(mean @ mean)) for square, mean in zip(squares, means, strict=True)]
    radius = float(np.sqrt(np.mean(left)))
    if radius < 1e-6:  # what rounding leaves of none
        return float("inf") if distance > 1e-6 else 0.0
    return distance / radius
