"""UMAP (McInnes, Healy and Melville 2018): a fuzzy graph of neighbours, laid out by attraction and repulsion."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.maps.pca import principal_axes
from clipnb.maps.stages import Stages
from clipnb.maps.umap_graph import curve
from clipnb.types import FloatArray

__all__ = ["Layout", "epochs_for", "first_places", "lay_out"]

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
        init: ``"pca"``, after which far groups lie where the data have them (Kobak and Linderman 2021),
            ``"spectral"`` (eigenvectors of the graph's normalised Laplacian) or ``"random"``.
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


class Layout:
    """The points of one graph on their way: what an epoch moves, and what it takes to move them.

    Args:
        graph: of UMAP, CSR [point, point].
        start: float32 [point, component].
        n_epochs: rounds; edges too weak to be used once in so many are left out.
        min_dist: see :func:`clipnb.project`, like the others.
    """

    def __init__(
        self, graph: Any, start: FloatArray, *, n_epochs: int, min_dist: float, spread: float, learning_rate: float,
        repulsion: float, seed: int,
    ) -> None:  # fmt: skip
        count, self.n_components = start.shape
        graph = graph.copy()
        graph.data[graph.data < graph.data.max() / n_epochs] = 0.0
        graph.eliminate_zeros()
        every = (graph.data.max() / graph.data).astype(np.float32)
        self.indptr = graph.indptr.astype(np.int64)
        self._edges: tuple[Any, ...] = self.indptr, graph.indices.astype(np.int32), every, every.copy()
        self._law: tuple[Any, ...] = (*map(np.float32, (*curve(min_dist, spread), repulsion)), NEGATIVES, seed)
        self._rate, self._epochs = learning_rate, n_epochs
        self._old = np.zeros((count, 3), dtype=np.float32)
        self._old[:, : self.n_components] = start
        self._new = self._old.copy()

    @property
    def coords(self) -> FloatArray:
        """Where the points are now, float32 [point, component]: a view, through which they can be moved."""
        return self._old[:, : self.n_components]

    def parts(self, threads: int) -> list[tuple[int, int]]:
        """The points cut into stretches of about as many edges for each thread; few points are not worth a thread."""
        count = len(self._old)
        parts = max(1, min(threads, count // 500))
        cuts = np.searchsorted(self.indptr, np.linspace(0, self.indptr[-1], parts + 1))
        cuts[0], cuts[-1] = 0, count
        return [(int(a), int(b)) for a, b in itertools.pairwise(cuts)]

    def move(self, n: int, part: tuple[int, int]) -> None:
        """Epoch ``n`` for some of the points; they lie elsewhere when :meth:`turn` was called after the last part."""
        from clipnb.maps import kernels

        rate: Any = np.float32(self._rate * (1 - n / self._epochs))
        run: Any = kernels.epoch
        run(self._old, self._new, *part, *self._edges, n, rate, *self._law)

    def turn(self) -> None:
        """End the epoch."""
        self._old, self._new = self._new, self._old


def compiled(stages: Stages) -> None:
    """Have the kernel ready, and say so where that takes time."""
    with stages.stage("numba", "importing the compiler"):
        from clipnb.maps import kernels
    words = "compiled layout" if kernels.is_compiled() else "compiling the layout, once per installation"
    with stages.stage("compiling", words):
        kernels.compile_now()


def lay_out(
    layouts: Sequence[Layout], n_epochs: int, *, threads: int | None, stages: Stages,
    after: Callable[[int], object] = lambda n: None,
) -> list[FloatArray]:  # fmt: skip
    """Run one layout, or several side by side: float32 [point, component] of each.

    The same for a seed, however many threads there are.

    Args:
        layouts: which ones.
        n_epochs: that they were made for.
        threads: at most; None: as many as there are processors.
        stages: what shows the bars.
        after: called after every epoch, with its number; it may move the points.
    """
    compiled(stages)
    threads = threads or _processors()
    jobs = [(layout, part) for layout in layouts for part in layout.parts(threads)]
    words = "layout" if len(layouts) == 1 else f"{len(layouts)} layouts"
    with stages.stage("layout", words, n_epochs, "epoch") as done, ThreadPoolExecutor(min(threads, len(jobs))) as pool:
        for n in range(n_epochs):
            if len(jobs) == 1:
                jobs[0][0].move(n, jobs[0][1])
            else:
                for moved in [pool.submit(layout.move, n, part) for layout, part in jobs]:
                    moved.result()
            for layout in layouts:
                layout.turn()
            after(n)
            done(1)
    return [np.ascontiguousarray(layout.coords) for layout in layouts]


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
