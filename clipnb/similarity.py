"""Cosines and nearest rows: pure functions on numpy arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption
from clipnb.types import Embeddings, FloatArray, unit_rows

__all__ = ["Nearest", "checked_k", "cosine", "nearest_among", "nearest_rows", "top_k"]

BLOCK = 4096
"""Queries compared at a time."""
ROWS = 65_536
"""Rows compared at a time."""
CELLS = 4_000_000
"""Cosines held at a time, 16 MB."""
TIE = 1e-6
"""How far two cosines of the same pair may lie apart in two products of matrices."""


def _matching(a: ArrayLike | Embeddings, b: ArrayLike | Embeddings) -> tuple[FloatArray, FloatArray]:
    left, right = (rows.vectors if isinstance(rows, Embeddings) else unit_rows(rows) for rows in (a, b))
    if left.shape[1] != right.shape[1]:
        raise InvalidEmbeddings(f"cannot compare {left.shape[1]} columns with {right.shape[1]}: two different models?")
    return left, right


def cosine(a: ArrayLike | Embeddings, b: ArrayLike | Embeddings) -> FloatArray:
    """Cosines of all pairs of rows.

    Args:
        a: [row, dim], of any length; or Embeddings.
        b: [column, dim], likewise.

    Returns:
        sim float32 [row, column]: sim[i, j] is the cosine of a[i] and b[j], within [-1, 1].

    Raises:
        InvalidEmbeddings: rows that are zero or not finite, or different widths.
    """
    left, right = _matching(a, b)
    return np.clip(left @ right.T, -1.0, 1.0)


class Nearest(NamedTuple):
    """The nearest rows of each query."""

    rows: NDArray[np.intp]
    """Their indices, [query, k], best first, equal cosines in the order of the rows."""
    cosine: FloatArray
    """[query, k]"""


def nearest_rows(
    queries: FloatArray, blocks: Iterable[tuple[int, FloatArray]], k: int, *, block: int = BLOCK
) -> Nearest:
    """The k nearest rows of each query, exactly, in one pass over blocks of rows.

    A row's cosine is summed in double precision and rounded once, so that what is returned does not depend on how the
    rows are cut into blocks or on which queries stand beside each other.

    Args:
        queries: unit rows [query, dim].
        blocks: slices of unit rows [row, dim] in rising order, each with the index of its first row.
        k: how many, at most the number of rows.
        block: queries compared at a time.
    """
    if not len(queries):
        return Nearest(np.empty((0, k), dtype=np.intp), np.empty((0, k), dtype=np.float32))
    best = np.empty((len(queries), 0), dtype=np.intp)
    scores = np.empty((len(queries), 0), dtype=np.float32)
    for first, rows in blocks:
        step = max(1, min(block, CELLS // max(len(rows), 1)))
        parts = []
        for start in range(0, len(queries), step):
            part = slice(start, start + step)
            parts.append(_merge(queries[part], rows, first, k, best[part], scores[part]))
        best, scores = (np.concatenate(side) for side in zip(*parts, strict=True))
    return Nearest(best, scores)


def _merge(
    queries: FloatArray, rows: FloatArray, first: int, k: int, best: NDArray[np.intp], scores: FloatArray
) -> tuple[NDArray[np.intp], FloatArray]:
    """The k best of those found before, ``best`` with ``scores``, and of some more rows."""
    sim = queries @ rows.T
    # The bar is the k-th best cosine so far. A product of matrices gives equal rows cosines that differ by some 1e-7
    # where they stand at other places, so whatever comes close to the bar is computed again.
    bar = scores[:, k - 1] if scores.shape[1] >= k else np.full(len(queries), -2, dtype=np.float32)
    near = sim >= (bar - TIE)[:, None]
    if sim.shape[1] > k:
        crowded = np.flatnonzero(np.count_nonzero(near, axis=1) > k)
        own = np.partition(sim[crowded], sim.shape[1] - k, axis=1)[:, sim.shape[1] - k]
        near[crowded] &= sim[crowded] >= (own - TIE)[:, None]
    query, column = np.nonzero(near)
    cosines = _cosines(queries, rows, query, column)
    width = scores.shape[1]
    query = np.concatenate([np.repeat(np.arange(len(queries)), width), query])
    index = np.concatenate([best.ravel(), first + column])
    cosines = np.concatenate([scores.ravel(), cosines])
    order = np.lexsort((index, -cosines, query))
    counts = np.bincount(query, minlength=len(queries))
    starts = np.cumsum(counts) - counts
    chosen = order[starts[:, None] + np.arange(min(k, width + len(rows)))]
    return index[chosen], cosines[chosen]


def nearest_among(
    queries: FloatArray, proposed: NDArray[np.intp], take: Callable[[NDArray[np.intp]], FloatArray], k: int
) -> Nearest:
    """The k nearest of the rows proposed for each query, in the order and with the cosines of an exact search.

    Args:
        queries: unit rows [query, dim].
        proposed: rows [query, proposed], at least k, none twice for a query.
        take: the unit rows of given indices.
        k: how many.
    """
    wanted, place = np.unique(proposed, return_inverse=True)
    query = np.repeat(np.arange(len(queries)), proposed.shape[1])
    cosines = _cosines(queries, take(wanted), query, place.ravel()).reshape(proposed.shape)
    best = np.lexsort((proposed, -cosines), axis=1)[:, :k]
    return Nearest(np.take_along_axis(proposed, best, axis=1), np.take_along_axis(cosines, best, axis=1))


def _cosines(queries: FloatArray, rows: FloatArray, query: NDArray[np.intp], row: NDArray[np.intp]) -> FloatArray:
    """Of pairs, [pair]."""
    found = np.empty(len(query), dtype=np.float32)
    step = max(1, CELLS // max(queries.shape[1], 1))
    for start in range(0, len(query), step):
        part = slice(start, start + step)
        found[part] = np.einsum("ij,ij->i", queries[query[part]], rows[row[part]], dtype=np.float64, casting="safe")
    return np.clip(found, -1, 1)


def top_k(queries: ArrayLike | Embeddings, items: ArrayLike | Embeddings, k: int, *, block: int = BLOCK) -> Nearest:
    """The k nearest items of each query, exactly, a block of queries at a time.

    Args:
        queries: [query, dim], or Embeddings; no rows get no neighbours.
        items: [item, dim], or Embeddings.
        k: how many; all of the items where there are fewer.
        block: queries compared at a time; fewer where 16 MB of cosines would not hold them.

    Returns:
        index [query, k], best first, equal cosines in the order of the items; and their cosines, float32 [query, k].

    Raises:
        UnsupportedOption: k is less than one.
        EmptyInput: no items.
        InvalidEmbeddings: see :func:`cosine`.
    """
    left, right = _matching(queries, items)
    k = checked_k(k, len(right))
    slices = ((start, right[start : start + ROWS]) for start in range(0, len(right), ROWS))
    return nearest_rows(left, slices, k, block=block)


def checked_k(k: int, rows: int) -> int:
    """``k``, or the number of rows where it is less.

    Raises:
        UnsupportedOption: k is less than one, or no whole number.
        EmptyInput: no rows.
    """
    if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
        raise UnsupportedOption(f"k={k!r}; expected a whole number, one or more")
    if not rows:
        raise EmptyInput("there is nothing to search in: no items")
    return min(int(k), rows)
