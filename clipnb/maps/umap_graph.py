"""UMAP's fuzzy graph: how strongly each point holds each of its neighbours."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.types import FloatArray

__all__ = ["curve", "graph", "memberships", "pieces"]

TOLERANCE = 1e-5
STEPS = 64
LEAST_SCALE = 1e-3


def memberships(distances: FloatArray, *, nearest_is_certain: bool) -> NDArray[np.float64]:
    """Weights within [0, 1] of the neighbours of each point: exp(-(d - rho) / sigma).

    After McInnes, Healy and Melville 2018, algorithms 2 and 3, with the details of their implementation. The scale
    sigma of a point is such that its weights add up to log2 of the number of neighbours.

    Args:
        distances: [point, k], nearest first. Where ``nearest_is_certain``, the first column is the point itself.
        nearest_is_certain: rho is the distance of the nearest other point, whose weight is then 1 (a map that is
            made); else 0 (a point that is added, which may be where another one is).
    """
    d = np.asarray(distances, dtype=np.float64)
    rho = np.zeros(len(d))
    if nearest_is_certain:
        rho = np.where(d > 0, d, np.inf).min(axis=1)
        rho[~np.isfinite(rho)] = 0.0
    beyond = np.maximum(d - rho[:, None], 0.0)
    counted = beyond[:, 1:] if nearest_is_certain else beyond
    target = np.log2(d.shape[1])
    low, high, sigma = np.zeros(len(d)), np.full(len(d), np.inf), np.ones(len(d))
    for _ in range(STEPS):
        total = np.exp(-counted / sigma[:, None]).sum(axis=1)
        if (np.abs(total - target) < TOLERANCE).all():
            break
        wide, narrow = total > target + TOLERANCE, total < target - TOLERANCE
        high, low = np.where(wide, sigma, high), np.where(narrow, sigma, low)
        middle = np.where(np.isinf(high), sigma * 2, (low + np.where(np.isinf(high), 0, high)) / 2)
        sigma = np.where(wide | narrow, middle, sigma)
    least = LEAST_SCALE * np.where((rho > 0) | (not nearest_is_certain), d.mean(axis=1), d.mean())
    sigma = np.maximum(np.maximum(sigma, least), np.finfo(np.float64).tiny)
    return np.asarray(np.exp(-beyond / sigma[:, None]))


def graph(index: NDArray[np.int32], distances: FloatArray) -> Any:
    """The symmetric graph of all points, a scipy CSR matrix [point, point]: w + w' - w w' (probabilistic or)."""
    from scipy.sparse import csr_matrix

    weights = memberships(distances, nearest_is_certain=True)
    weights[:, 0] = 0.0  # itself
    count, k = index.shape
    # Copied, because the matrix works in the arrays that it is given.
    one_way = csr_matrix((weights.ravel(), index.flatten(), np.arange(0, count * k + 1, k)), shape=(count, count))
    one_way.eliminate_zeros()
    other_way = one_way.T.tocsr()
    both = (one_way + other_way - one_way.multiply(other_way)).tocsr()
    both.sort_indices()
    return both


def pieces(both: Any) -> int:
    """How many parts of a graph have no edge between them."""
    from scipy.sparse.csgraph import connected_components

    return int(connected_components(both, directed=False, return_labels=False))


@functools.lru_cache(maxsize=64)
def curve(min_dist: float, spread: float = 1.0) -> tuple[float, float]:
    """The a and b of 1 / (1 + a d^2b), which is nearly 1 up to ``min_dist`` and falls e-fold with each ``spread``."""
    from scipy.optimize import curve_fit

    # In units of the spread, where the fit finds its way from any start; a is then brought back into those of d.
    d, near = np.linspace(0, 3, 300), min_dist / spread
    wanted = np.where(d < near, 1.0, np.exp(near - d))
    (a, b), _ = curve_fit(lambda x, a, b: 1.0 / (1.0 + a * x ** (2 * b)), d, wanted)
    return float(a / spread ** (2 * b)), float(b)
