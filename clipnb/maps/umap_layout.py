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

    So that several threads can move points, and give what one would: the points are dealt out into parts, and the edges
    into rounds by the sum of the parts of their two ends, modulo the number of parts. Within a round each part then
    meets one other, or itself, and no point is touched from two sides (the schedule of Gemulla et al. 2011).

    Args:
        graph: of UMAP, CSR [point, point].
        start: float32 [point, component].
        n_epochs: how many there will be; edges too weak to be used once in so many are left out.
        min_dist: see :func:`clipnb.project`, like the others.
    """

    def __init__(
        self, graph: Any, start: FloatArray, *, n_epochs: int, min_dist: float, spread: float, learning_rate: float,
        repulsion: float, seed: int,
    ) -> None:  # fmt: skip
        count, self.n_components = start.shape
        edges = graph.tocoo()
        strong = edges.data >= edges.data.max() / n_epochs
        heads, tails, weights = edges.row[strong], edges.col[strong], edges.data[strong]
        parts = parts_of(count)
        part = np.random.default_rng(seed).permutation(count) % parts
        job = (part[heads] + part[tails]) % parts * parts + np.minimum(part[heads], part[tails])
        order = np.argsort(job, kind="stable")
        every = (weights.max() / weights[order]).astype(np.float32)
        self._edges: tuple[Any, ...] = heads[order].astype(np.int32), tails[order].astype(np.int32), every, every.copy()
        cuts = np.searchsorted(job[order], np.arange(parts**2 + 1)).reshape(-1).tolist()
        spans = [(a, b) for a, b in itertools.pairwise(cuts)]
        self.rounds = [[(a, b) for a, b in spans[r * parts : (r + 1) * parts] if a < b] for r in range(parts)]
        """For each round the stretches of edges that may be at work side by side."""
        self._law: tuple[Any, ...] = (*map(np.float32, (*curve(min_dist, spread), repulsion)), NEGATIVES, seed)
        self._rate, self._epochs = learning_rate, n_epochs
        self._places = np.zeros((count, 3), dtype=np.float32)
        self._places[:, : self.n_components] = start
        self._before = self._places.copy()

    @property
    def coords(self) -> FloatArray:
        """Where the points are now, float32 [point, component]: a view, through which they can be moved."""
        return self._places[:, : self.n_components]

    def begin(self) -> None:
        """An epoch: what repels is seen where it is now."""
        self._before[:] = self._places

    def move(self, n: int, edges: tuple[int, int]) -> None:
        """Let a stretch of edges act, in epoch ``n``."""
        from clipnb.maps import kernels

        rate: Any = np.float32(self._rate * (1 - n / self._epochs))
        run: Any = kernels.epoch
        run(self._places, self._before, *self._edges, *edges, n, rate, *self._law)


def parts_of(count: int) -> int:
    """Into how many parts so many points are dealt. With an odd number p a round has (p + 1) / 2 stretches of edges."""
    return 1 if count < 2000 else 9 if count < 20_000 else 17


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
    rounds = [
        [(layout, part) for layout in layouts for part in layout.rounds[r]] for r in range(len(layouts[0].rounds))
    ]
    threads = min(threads or _processors(), max(map(len, rounds)))
    shares = [_shared_out(jobs, threads) for jobs in rounds]
    words = "layout" if len(layouts) == 1 else f"{len(layouts)} layouts"

    def work(n: int, jobs: list[tuple[Layout, tuple[int, int]]]) -> None:
        for layout, part in jobs:
            layout.move(n, part)

    with stages.stage("layout", words, n_epochs, "epoch") as done, ThreadPoolExecutor(max(1, threads - 1)) as pool:
        for n in range(n_epochs):
            for layout in layouts:
                layout.begin()
            for own, *others in shares:
                elsewhere = [pool.submit(work, n, jobs) for jobs in others]
                work(n, own)
                for each in elsewhere:
                    each.result()
            after(n)
            done(1)
    return [np.ascontiguousarray(layout.coords) for layout in layouts]


def _shared_out(jobs: list[tuple[Layout, tuple[int, int]]], threads: int) -> list[list[tuple[Layout, tuple[int, int]]]]:
    """The jobs of a round, the longest first, each to the thread that has least to do."""
    shares: list[list[tuple[Layout, tuple[int, int]]]] = [[] for _ in range(threads)]
    loads = [0] * threads
    for job in sorted(jobs, key=lambda job: job[1][0] - job[1][1]):
        least = loads.index(min(loads))
        shares[least].append(job)
        loads[least] += job[1][1] - job[1][0]
    return [share for share in shares if share] or [[]]


def _processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
