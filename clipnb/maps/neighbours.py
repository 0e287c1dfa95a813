"""Nearest neighbours by the cosine: exact ones by a matrix product in blocks, approximate ones by descent."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from clipnb.types import FloatArray

__all__ = ["EXACT_UP_TO", "Neighbours", "among_themselves", "approximate", "nearest", "on_the_map"]

EXACT_UP_TO = 50_000
"""Rows up to which every pair is compared; beyond, neighbours are searched by descent."""

SPARE = 8
"""Candidates beyond the k: the product's rounding depends on the block, and must not decide who is the k-th."""

BLOCK_BYTES = 64e6

Neighbours = tuple[NDArray[np.int32], FloatArray]
"""index int32 [row, k], nearest first; cosine distances 1 - cos, float32 [row, k]."""


def nearest(
    queries: FloatArray, rows: FloatArray, k: int, *, done: Callable[[int], object] = lambda n: None
) -> Neighbours:
    """The k rows nearest to each query, exactly; the same whatever other queries stand beside it.

    Args:
        queries: unit rows float32 [query, dim].
        rows: unit rows float32 [row, dim].
        k: how many; all where there are fewer.
        done: told the number of queries after each block.

    Returns:
        index [query, k] and distances [query, k], nearest first, equal ones in the order of the rows.
    """
    k = min(k, len(rows))
    kept = min(k + SPARE, len(rows))
    block = max(16, int(BLOCK_BYTES / 4 / max(1, len(rows))))
    index = np.empty((len(queries), k), dtype=np.int32)
    distances = np.empty((len(queries), k), dtype=np.float32)
    for start in range(0, len(queries), block):
        part = queries[start : start + block]
        sim = part @ rows.T
        if kept < len(rows):
            candidates = np.sort(np.argpartition(sim, len(rows) - kept, axis=1)[:, -kept:], axis=1)
        else:
            candidates = np.broadcast_to(np.arange(len(rows)), sim.shape)
        # (u - v)^2 / 2 = 1 - cos for unit rows, and keeps its digits where 1 - cos would lose them.
        apart = np.empty(candidates.shape, dtype=np.float32)
        for at in range(0, len(part), 256):
            here = slice(at, at + 256)
            difference = rows[candidates[here]] - part[here, None, :]
            apart[here] = np.einsum("qkd,qkd->qk", difference, difference) / 2
        order = np.argsort(apart, axis=1, kind="stable")[:, :k]
        index[start : start + block] = np.take_along_axis(candidates, order, axis=1)
        distances[start : start + block] = np.take_along_axis(apart, order, axis=1)
        done(len(part))
    return index, distances


def among_themselves(vectors: FloatArray, k: int, *, done: Callable[[int], object] = lambda n: None) -> Neighbours:
    """The k nearest of each row among all rows, each its own first one, also where it has duplicates."""
    return own_first(*nearest(vectors, vectors, k, done=done))


def approximate(vectors: FloatArray, k: int, seed: int) -> Neighbours:
    """The same by nearest-neighbour descent (Dong, Moses and Li 2011; pynndescent): most of them, not all."""
    import pynndescent

    search = pynndescent.NNDescent(np.asarray(vectors), metric="cosine", n_neighbors=k, random_state=seed)
    index, distances = search.neighbor_graph
    return own_first(index.astype(np.int32), np.maximum(distances, 0).astype(np.float32))


def own_first(index: NDArray[np.int32], distances: FloatArray) -> Neighbours:
    """Put each row in front of its neighbours; duplicates may stand before it, or have pushed it out."""
    own = np.arange(len(index))
    for i in np.flatnonzero(index[:, 0] != own):
        others = index[i] != i
        index[i] = np.r_[i, index[i][others][: index.shape[1] - 1]]
        distances[i] = np.r_[0.0, distances[i][others][: index.shape[1] - 1]]
    distances[:, 0] = 0.0
    return index, distances


def on_the_map(coords: FloatArray, k: int, rows: NDArray[np.intp] | None = None) -> NDArray[np.intp]:
    """The k other points nearest on the map, int [row, k]; of all points, or of the chosen ones."""
    from scipy.spatial import cKDTree

    rows = np.arange(len(coords)) if rows is None else rows
    k = min(k, len(coords) - 1)
    _, found = cKDTree(coords).query(coords[rows], k + 1)
    found = np.atleast_2d(found)
    # A point that lies on others may not be its own first; where it is missing, the farthest goes in its place.
    is_own = found == rows[:, None]
    is_own[~is_own.any(axis=1), -1] = True
    return np.asarray(found[~is_own].reshape(len(rows), k))
