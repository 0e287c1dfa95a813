"""t-SNE (van der Maaten and Hinton 2008) by scikit-learn, from a PCA."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from clipnb.maps.listening import rounds_heard
from clipnb.maps.pca import principal_axes
from clipnb.types import FloatArray

__all__ = ["lay_out"]


def lay_out(
    vectors: FloatArray, n_components: int, *, seed: int, done: Callable[[int], object] = lambda n: None, **options: Any
) -> FloatArray:
    """float32 [point, component]; ``done`` is told of the rounds that have passed.

    It starts from a PCA whose first axis has a standard deviation of 1e-4 (Kobak and Berens 2019), so that far groups
    lie where the data have them, and not where chance put them.
    """
    from sklearn.manifold import TSNE

    places = principal_axes(vectors, n_components).place(vectors)
    jitter = np.random.default_rng(seed).normal(scale=1e-6, size=places.shape)  # parts duplicates
    start = places / max(float(places[:, 0].std()), 1e-12) * 1e-4 + jitter
    with warnings.catch_warnings(), rounds_heard(done):
        warnings.simplefilter("ignore")  # remarks on the rank of few points
        layout = TSNE(
            n_components, metric="cosine", init=start.astype(np.float32), random_state=seed, verbose=2, **options
        )
        return np.asarray(layout.fit_transform(vectors), dtype=np.float32)
