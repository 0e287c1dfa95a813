"""Principal components: linear, exact, the same everywhere."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipnb.types import FloatArray

__all__ = ["Axes", "principal_axes"]


class Axes(NamedTuple):
    """An orthogonal frame: ``(row - mean) @ directions.T`` is where a row lies."""

    mean: NDArray[np.float64]
    """[dim]."""
    directions: NDArray[np.float64]
    """[component, dim]; a row of zeros where the data have no further dimension."""
    variances: NDArray[np.float64]
    """[component]."""
    total: float
    """Variance of the data in all directions."""

    def place(self, vectors: FloatArray) -> FloatArray:
        """Coordinates float32 [row, component]; each row by itself, whatever stands beside it."""
        out = np.empty((len(vectors), len(self.directions)), dtype=np.float32)
        for start in range(0, len(vectors), 4096):
            block = vectors[start : start + 4096].astype(np.float64) - self.mean
            # einsum adds up in an order of its own for each row; a matrix product would choose it by the batch.
            out[start : start + 4096] = np.einsum("rd,cd->rc", block, self.directions)
        return out


def principal_axes(vectors: FloatArray, n_components: int) -> Axes:
    """The directions of largest variance, in double precision.

    They come from the covariance matrix, which takes one pass and dim x dim numbers however many rows there are.
    The largest loading of each is positive, so that a map does not come out mirrored on another machine.
    """
    from scipy.linalg import eigh

    count, dim = vectors.shape
    mean = vectors.mean(axis=0, dtype=np.float64)
    if count < dim:
        centred = vectors.astype(np.float64) - mean
        _, lengths, axes = np.linalg.svd(centred, full_matrices=False)
        variances = lengths**2
        total = float(variances.sum())
    else:
        covariance = np.zeros((dim, dim))
        for start in range(0, count, 8192):
            block = vectors[start : start + 8192].astype(np.float64) - mean
            covariance += block.T @ block
        total = float(np.trace(covariance))
        kept = min(n_components, dim)
        variances, columns = eigh(covariance, subset_by_index=[dim - kept, dim - 1])
        variances, axes = np.maximum(variances[::-1], 0), columns.T[::-1]
    axes = axes[:n_components].copy()
    variances = variances[:n_components]
    axes[variances <= 1e-12 * max(total, 1e-300)] = 0.0
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    axes *= np.where(largest < 0, -1.0, 1.0)
    missing = n_components - len(axes)
    axes = np.concatenate([axes, np.zeros((missing, dim))])
    freedom = max(1, count - 1)
    return Axes(mean, axes, np.concatenate([variances, np.zeros(missing)]) / freedom, total / freedom)
