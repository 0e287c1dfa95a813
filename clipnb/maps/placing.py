"""New points on a map that is there already, each by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipnb.maps.neighbours import nearest
from clipnb.maps.umap_graph import curve, memberships
from clipnb.types import FloatArray

if TYPE_CHECKING:
    from clipnb.maps.source import Source

__all__ = ["place"]

EPOCHS = 100
NEGATIVES = 32
"""Random points that repel in an epoch: the same ones for every row, weighted as five an attraction would be."""

BLOCK = 2048


def place(vectors: FloatArray, source: Source, method: str, params: Mapping[str, Any], seed: int) -> FloatArray:
    """Coordinates float32 [row, component] of unit rows; each as if it stood alone."""
    if method == "pca" and source.axes is not None:
        return source.axes.place(vectors)
    rows = source.embeddings.vectors
    k = int(params.get("n_neighbors", 15))
    places = np.empty((len(vectors), source.coords.shape[1]), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        index, distances = nearest(vectors[start : start + BLOCK], rows, k)
        there = source.coords[index].astype(np.float64)
        if method == "umap":
            found = _relax(distances, there, source.coords, params, seed)
        else:
            found = _between(distances, there)
        places[start : start + BLOCK] = found
    return places


def _between(distances: FloatArray, there: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inverse distance weighting (Shepard 1968); a row that is on the map already comes out at its own place."""
    scale = np.maximum(distances.astype(np.float64).mean(axis=1, keepdims=True), 1e-12)
    weights = 1 / (distances / scale + 1e-6) ** 2
    return np.asarray((weights[:, :, None] * there).sum(axis=1) / weights.sum(axis=1)[:, None])


def _relax(
    distances: FloatArray, there: NDArray[np.float64], coords: FloatArray, params: Mapping[str, Any], seed: int
) -> NDArray[np.float64]:
    weights = memberships(distances, nearest_is_certain=False)
    here = (weights[:, :, None] * there).sum(axis=1) / weights.sum(axis=1)[:, None]
    a, b = curve(params.get("min_dist", 0.1), params.get("spread", 1.0))
    rate = params.get("learning_rate", 0.5) / 5
    repel = params.get("repulsion_strength", 1.0) * 5 * weights.sum(axis=1) / NEGATIVES
    rng = np.random.default_rng(seed)
    for epoch in range(EPOCHS):
        others = coords[rng.integers(len(coords), size=NEGATIVES)].astype(np.float64)
        pull = _forces(here, there, lambda d2: -2 * a * b * d2 ** (b - 1) / (1 + a * d2**b))
        push = _forces(here, others[None], lambda d2: 2 * b / ((0.001 + d2) * (1 + a * d2**b)))
        step = (pull * weights[:, :, None]).sum(axis=1) + push.sum(axis=1) * repel[:, None]
        here = here + rate * (1 - epoch / EPOCHS) * step
    return here


def _forces(here: NDArray[np.float64], others: NDArray[np.float64], law: Any) -> NDArray[np.float64]:
    """[row, other, component], within [-4, 4]; none between points at the same place."""
    apart = here[:, None, :] - others
    d2 = (apart**2).sum(axis=2)
    strength = np.where(d2 > 0, law(np.where(d2 > 0, d2, 1.0)), 0.0)
    return np.asarray(np.clip(strength[:, :, None] * apart, -4.0, 4.0))
