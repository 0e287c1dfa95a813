"""An index of rows: a graph of near neighbours in 8 bits, whose answers are put in order by the rows themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, MissingExtra, UnsupportedOption, WrongType
from clipnb.progress import bar
from clipnb.similarity import Nearest, checked_k, nearest_among, nearest_rows
from clipnb.types import Embeddings, FloatArray

__all__ = ["EFFORTS", "Recall", "SearchIndex", "build", "comparable", "processors", "usearch"]

CONNECTIVITY = 16
"""Neighbours of a row in the graph."""
EFFORT_ADDING = 64
"""Rows looked at closely where a new one is put into the graph."""
EFFORTS = (32, 64, 128, 256, 512, 1024, 2048)
"""Rows looked at closely in a search: the least of these that finds enough."""
SAMPLE = 256
"""Rows that are asked before they are put into the graph, to say what it finds: those in it find their way too well."""
SAME = 1e-6
"""A row this close to the last of the true ones counts as found; of equal rows none is more right than another."""


def usearch() -> Any:
    """The library of the graph.

    Raises:
        MissingExtra: it is not installed.
    """
    try:
        import usearch.index as library
    except ImportError:
        raise MissingExtra(
            "usearch, which keeps the index of an approximate search, is missing: pip install 'clipnb[index]'; "
            "index='exact' needs nothing"
        ) from None
    return library


@dataclass(frozen=True)
class Recall:
    """Which share of the true nearest rows a search found.

    Attributes:
        value: the share, 0 to 1.
        at: of how many nearest rows.
        queries: on how many queries it was measured.
        own: whether these were rows of the index itself, before they were put into it; otherwise they were given.
        modality: of the queries.
    """

    value: float
    at: int
    queries: int
    own: bool
    modality: str

    def __str__(self) -> str:
        kind = {"image": "pictures", "text": "texts"}.get(self.modality, "rows")
        whose = f"{self.queries:,} of its own {kind}" if self.own else f"{self.queries:,} {kind} that were asked"
        return f"recall@{self.at} {self.value:.3f}, measured on {whose}"


@dataclass(eq=False)
class SearchIndex:
    """A graph over the rows of some embeddings, after Malkov and Yashunin (HNSW, arXiv:1603.09320), kept by usearch.

    It holds each row in 8 bits. What it proposes is compared again with the rows themselves, so that the cosines of a
    search are exact; what it does not propose is missed.

    Attributes:
        rows: the embeddings it is of.
        graph: usearch's index.
        effort: how many rows are looked at closely for a query.
        recall: what it finds with that effort.
        seconds: what building it took.
        path: the file it lies in; "" where it is in memory alone.
    """

    rows: Embeddings
    graph: Any = field(repr=False)
    effort: int
    recall: Recall
    seconds: float
    path: str = ""

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self):,} x {self.rows.dim}, {self.recall})"

    def nearest(self, queries: FloatArray, k: int) -> Nearest:
        """The k rows nearest to each query, among those that the graph proposes.

        Args:
            queries: unit rows [query, dim].
            k: at most the number of rows.
        """
        rows = np.empty((len(queries), k), dtype=np.intp)
        cosines = np.empty((len(queries), k), dtype=np.float32)
        for part, proposed in self._proposed(queries, min(max(2 * k, k + 16), len(self.graph))):
            found = nearest_among(queries[part], proposed, self.rows.take, k)
            rows[part], cosines[part] = found
        return Nearest(rows, cosines)

    def _proposed(self, queries: FloatArray, count: int) -> Iterator[tuple[slice, NDArray[np.intp]]]:
        """Slices of the queries, each with the rows [query, count] that the graph proposes."""
        self.graph.expansion_search = max(self.effort, count)
        step = max(1, 4_000_000 // (count * self.rows.dim))
        for start in range(0, len(queries), step):
            part = slice(start, min(start + step, len(queries)))
            several = part.stop - part.start > 1
            found = self.graph.search(queries[part], count, threads=processors() if several else 1)
            proposed = np.atleast_2d(found.keys).astype(np.intp)
            complete = np.ravel(found.counts) == count if several else np.array([len(found) == count])
            if not complete.all():  # a graph that fell into pieces, which heaps of equal rows can do
                whole = np.empty((part.stop - part.start, count), dtype=np.intp)
                whole[complete] = proposed[complete] if several else proposed[:0]
                left = np.flatnonzero(~complete)
                whole[left] = nearest_rows(queries[part][left], self.rows.blocks(), count).rows
                proposed = whole
            yield part, proposed

    def measure(self, queries: Embeddings, k: int) -> Recall:
        """Hold the index against an exact search, which takes one pass over all rows.

        Args:
            queries: what to ask.
            k: of how many nearest rows.

        Raises:
            WrongType, EmptyInput, InvalidEmbeddings, UnsupportedOption: see :func:`clipnb.search`.
        """
        comparable(queries, self.rows)
        k = checked_k(k, len(self))
        return self._held_against(nearest_rows(queries.vectors, self.rows.blocks(), k), queries, own=False)

    def _held_against(self, true: Nearest, queries: Embeddings, own: bool) -> Recall:
        k = true.rows.shape[1]
        hits = self.nearest(queries.vectors, k).cosine >= true.cosine[:, -1:] - SAME
        return Recall(float(hits.mean()), k, len(queries), own, queries.modality)


def comparable(queries: Embeddings, rows: Embeddings) -> Embeddings:
    """The queries, if they can be held against the rows.

    Raises:
        WrongType: they are no Embeddings.
        EmptyInput: there is none.
        InvalidEmbeddings: another width, or from another model.
    """
    if not isinstance(queries, Embeddings):
        raise WrongType(f"expected the queries as Embeddings, got a {type(queries).__name__}")
    if not len(queries):
        raise EmptyInput("there is no query; give at least one")
    if queries.dim != rows.dim:
        raise InvalidEmbeddings(f"cannot compare {queries.dim} columns with {rows.dim}: the query is of another model")
    if queries.model and rows.model and queries.model != rows.model:
        raise InvalidEmbeddings(f"the query is from {queries.model!r}, the embeddings from {rows.model!r}")
    return queries


def processors() -> int:
    """How many this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _others(blocks: Iterable[tuple[int, FloatArray]], left_out: NDArray[np.intp]) -> Iterator[tuple[int, FloatArray]]:
    """The same blocks without some rows, whose numbers are in order: cut where these lay."""
    for first, rows in blocks:
        inside = left_out[(left_out >= first) & (left_out < first + len(rows))] - first
        starts, ends = [0, *(inside + 1).tolist()], [*inside.tolist(), len(rows)]
        yield from ((first + start, rows[start:end]) for start, end in zip(starts, ends, strict=True) if start < end)


def build(
    embeddings: Embeddings, queries: Embeddings | None, recall: float, k: int, seed: int, threads: int, progress: bool
) -> SearchIndex:
    """The index in memory; see :func:`clipnb.build_index`."""
    if not isinstance(embeddings, Embeddings):
        raise WrongType(f"expected Embeddings to make an index of, got a {type(embeddings).__name__}")
    if not isinstance(recall, (int, float)) or not 0 < recall <= 1:
        raise UnsupportedOption(f"recall={recall!r}; expected a share, over 0 and up to 1")
    for name, number in (("threads", threads), ("seed", seed)):
        if not isinstance(number, (int, np.integer)) or number < 0:
            raise UnsupportedOption(f"{name}={number!r}; expected a whole number, 0 or more")
    if len(embeddings) <= checked_k(k, len(embeddings)):
        raise EmptyInput(f"{len(embeddings)} rows; an index that looks for the {k} nearest needs more")
    k = int(k)
    if queries is not None:
        comparable(queries, embeddings)
    start = time.perf_counter()
    graph = usearch().Index(
        ndim=embeddings.dim, metric="ip", dtype="i8", connectivity=CONNECTIVITY, expansion_add=EFFORT_ADDING
    )
    own, asks_itself = np.empty(0, dtype=np.intp), queries is None
    if queries is None:
        count = min(SAMPLE, max(1, (len(embeddings) - k) // 4))
        own = np.sort(np.random.default_rng(seed).choice(len(embeddings), count, replace=False))
        queries = Embeddings(embeddings.take(own), modality=embeddings.modality)

    def add(numbers: NDArray[np.intp], rows: FloatArray) -> None:
        # Where the block of a file begins at an odd place, usearch does not take the numbers as they lie.
        graph.add(numbers.astype(np.uint64), np.require(rows, np.float32, ["C", "A"]), threads=threads)

    with bar(progress, "index", "row", total=len(embeddings) - len(own)) as shown:
        for first, rows in _others(embeddings.blocks(8192), own):
            add(np.arange(first, first + len(rows)), rows)
            shown.update(len(rows))
    found = SearchIndex(embeddings, graph, EFFORTS[0], Recall(0.0, k, 0, asks_itself, queries.modality), 0.0)
    true = nearest_rows(queries.vectors, _others(embeddings.blocks(), own), k)
    for effort in bar(progress, "recall", "effort", EFFORTS):
        found.effort = effort
        found.recall = found._held_against(true, queries, own=asks_itself)
        if found.recall.value >= recall:
            break
    if asks_itself:
        add(own, queries.vectors)
    found.seconds = time.perf_counter() - start
    return found
