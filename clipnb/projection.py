"""Maps: points of a model's space laid out in two or three dimensions."""

from __future__ import annotations

import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.similarity import top_k
from clipnb.types import Embeddings, FloatArray, Projection

__all__ = ["project"]


def project(
    embeddings: Embeddings | ArrayLike,
    *,
    method: Literal["umap", "pca"] = "umap",
    n_components: int = 2,
    metric: Literal["cosine"] = "cosine",
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
) -> Projection:
    """Lay the rows out on a map.

    UMAP (McInnes, Healy and Melville 2018) keeps neighbourhoods: near means alike, and distances between far groups
    mean little. It starts from exact neighbours, computed here as a matrix product. PCA keeps the directions of
    largest variance: linear, the same on every machine, and with signs fixed so that the largest loading is positive.

    Args:
        embeddings: Embeddings, or an array [point, dim] that is made into some.
        method: ``"umap"`` or ``"pca"``.
        n_components: 2 or 3.
        metric: ``"cosine"``, by which unit rows are compared.
        seed: of UMAP's random numbers; PCA has none.
        n_neighbors: how many neighbours UMAP looks at, each point counting as its own first; cut down to the
            number of points where there are fewer, which ``params`` then says.
        min_dist: how closely UMAP may pack the points.

    Returns:
        Projection: coords float32 [point, n_components], and the settings used.

    Raises:
        InvalidEmbeddings: rows that are zero or not finite; fewer points than components + 1 (PCA) or than
            components + 3 (UMAP).
        UnsupportedOption: another method, metric or number of components.
    """
    if method not in ("umap", "pca"):
        raise UnsupportedOption(f"method={method!r}; expected 'umap' or 'pca'")
    if metric != "cosine":
        raise UnsupportedOption(f"metric={metric!r}; expected 'cosine'")
    if n_components not in (2, 3):
        raise UnsupportedOption(f"n_components={n_components!r}; expected 2 or 3")
    if n_neighbors < 2:
        raise UnsupportedOption(f"n_neighbors={n_neighbors}; expected two or more")
    points = embeddings if isinstance(embeddings, Embeddings) else Embeddings(np.asarray(embeddings))
    fewest = n_components + (1 if method == "pca" else 3)
    if len(points) < fewest:
        raise InvalidEmbeddings(f"{len(points)} points; {method} in {n_components} dimensions needs {fewest} or more")
    params: dict[str, Any] = {"n_components": n_components, "metric": metric}
    if method == "pca":
        return Projection(_pca(points.vectors, n_components), points.ids, method, params, None)
    params |= {"n_neighbors": min(n_neighbors, len(points)), "min_dist": min_dist}
    return Projection(_umap(points.vectors, seed=seed, **params), points.ids, method, params, seed)


def _pca(vectors: FloatArray, n_components: int) -> FloatArray:
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:n_components]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    return np.asarray(centred @ (axes * np.sign(largest)).T, dtype=np.float32)


def _neighbors(vectors: FloatArray, k: int) -> tuple[NDArray[np.int32], FloatArray]:
    """The k nearest of each point and their cosine distances; each point its own first neighbour, as UMAP expects."""
    index, scores = top_k(vectors, vectors, k)
    own = np.arange(len(vectors))
    # A duplicate may stand before the point itself, or push it out of the k.
    for i in np.flatnonzero(index[:, 0] != own):
        others = index[i][index[i] != i][: k - 1]
        keep = scores[i][index[i] != i][: k - 1]
        index[i], scores[i] = np.r_[i, others], np.r_[1.0, keep]
    distances = np.maximum(1.0 - scores, 0.0).astype(np.float32)
    distances[:, 0] = 0.0
    return index.astype(np.int32), distances


def _umap(vectors: FloatArray, *, seed: int, **params: Any) -> FloatArray:
    import umap

    knn = _neighbors(vectors, params["n_neighbors"])
    with warnings.catch_warnings():
        # umap-learn remarks that a seed means one thread and that a neighbour list alone cannot place new points;
        # scikit-learn and scipy that few points make their eigenvectors approximate. None of it concerns the caller.
        warnings.simplefilter("ignore")
        layout = umap.UMAP(
            **params, random_state=seed, n_jobs=1, precomputed_knn=knn, init="spectral" if len(vectors) > 50 else "pca"
        )
        return np.asarray(layout.fit_transform(vectors.copy()), dtype=np.float32)
