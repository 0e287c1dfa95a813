"""UMAP (McInnes, Healy and Melville 2018): a fuzzy graph of neighbours, laid out by attraction and repulsion."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.maps.pca import principal_axes
from clipnb.maps.stages import Stages
from clipnb.maps.umap_graph import curve
from clipnb.types import FloatArray

__all__ = ["epochs_for", "first_places", "lay_out"]

NEGATIVES = 5
SIDE = 10.0
"""Of the square in which the points start."""


def epochs_for(count: int) -> int:
    """Rounds of the layout by default: as in umap-learn, 500 up to 10,000 points, 200 beyond."""
    return 500 if count <= 10_000 else 200


def first_places(vectors: FloatArray, graph: Any, n_components: int, init: str, seed: int) -> FloatArray:
    """Where the points start: float32 [point, component] within a square of side 10.

    Args:
        vectors: unit rows.
        graph: of UMAP.
        n_components: 2 or 3.
        init: ``"pca"``, ``"spectral"`` (eigenvectors of the graph's normalised Laplacian) or ``"random"``.
        seed: of the jitter that parts duplicates, and of "random".
    """
    rng = np.random.default_rng(seed)
    if init == "random":
        places = rng.uniform(size=(len(vectors), n_components))
    elif init == "spectral":
        places = _spectral(graph, n_components, rng)
    else:
        places = principal_axes(vectors, n_components).place(vectors).astype(np.float64)
    places = places - places.min(axis=0)
    places = places * (SIDE / max(float(places.max()), 1e-12))
    return np.asarray(places + rng.normal(scale=1e-4 * SIDE, size=places.shape), dtype=np.float32)


def _spectral(graph: Any, n_components: int, rng: np.random.Generator) -> NDArray[np.float64]:
    from scipy.sparse import diags
    from scipy.sparse.linalg import eigsh

    degree = np.maximum(np.asarray(graph.sum(axis=1)).ravel(), 1e-12)
    half = diags(1 / np.sqrt(degree))
    # The smallest of I - A are the largest of A; the first one is trivial.
    _, vectors = eigsh(half @ graph @ half, k=n_components + 1, which="LA", v0=rng.uniform(size=len(degree)), tol=1e-4)
    return np.asarray(vectors[:, ::-1][:, 1:])


def lay_out(
    graph: Any, start: FloatArray, *, min_dist: float, spread: float, n_epochs: int, learning_rate: float,
    repulsion: float, seed: int, threads: int | None, stages: Stages,
) -> FloatArray:  # fmt: skip
    """Run the layout: float32 [point, component]; the same for a seed, however many threads there are."""
    with stages.stage("numba", "importing the compiler"):
        from clipnb.maps import kernels
    words = "compiled layout" if kernels.is_compiled() else "compiling the layout, once per installation"
    with stages.stage("compiling", words):
        kernels.compile_now()
    count, n_components = start.shape
    graph = graph.copy()
    graph.data[graph.data < graph.data.max() / n_epochs] = 0.0
    graph.eliminate_zeros()
    every = (graph.data.max() / graph.data).astype(np.float32)
    due = every.copy()
    indptr, indices = graph.indptr.astype(np.int64), graph.indices.astype(np.int32)
    law = (*map(np.float32, (*curve(min_dist, spread), repulsion)), NEGATIVES)
    old = np.zeros((count, 3), dtype=np.float32)
    old[:, :n_components] = start
    new = old.copy()
    threads = threads or _processors()
    # As many edges for each thread; a few points are not worth a thread.
    parts = max(1, min(threads, count // 500))
    cuts = np.searchsorted(indptr, np.linspace(0, indptr[-1], parts + 1))
    cuts[0], cuts[-1] = 0, count
    with stages.stage("layout", "layout", n_epochs, "epoch") as done, ThreadPoolExecutor(parts) as pool:
        for n in range(n_epochs):
            fixed = (indptr, indices, every, due, n, np.float32(learning_rate * (1 - n / n_epochs)), *law, seed)
            if parts == 1:
                kernels.epoch(old, new, 0, count, *fixed)
            else:
                moved = [pool.submit(kernels.epoch, old, new, *cuts[p : p + 2], *fixed) for p in range(parts)]
                for part in moved:
                    part.result()
            old, new = new, old
            done(1)
    return np.ascontiguousarray(old[:, :n_components])


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
