"""Cosines and nearest rows: pure functions on numpy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongType
from clipnb.types import Embeddings, FloatArray, unit_rows

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cosine", "search", "top_k"]

BLOCK = 4096
"""Rows compared at a time: a block of cosines against 100,000 rows takes 1.6 GB at most."""


def _matching(a: ArrayLike, b: ArrayLike) -> tuple[FloatArray, FloatArray]:
    left, right = unit_rows(a), unit_rows(b)
    if left.shape[1] != right.shape[1]:
        raise InvalidEmbeddings(f"cannot compare {left.shape[1]} columns with {right.shape[1]}: two different models?")
    return left, right


def cosine(a: ArrayLike, b: ArrayLike) -> FloatArray:
    """Cosines of all pairs of rows.

    Args:
        a: [row, dim], of any length.
        b: [column, dim], of any length.

    Returns:
        sim float32 [row, column]: sim[i, j] is the cosine of a[i] and b[j], within [-1, 1].

    Raises:
        InvalidEmbeddings: rows that are zero or not finite, or different widths.
    """
    left, right = _matching(a, b)
    return np.clip(left @ right.T, -1.0, 1.0)


def _best(sim: FloatArray, k: int) -> NDArray[np.intp]:
    """Columns of the k largest of each row, best first; equal values by column."""
    if k >= sim.shape[1]:
        return np.argsort(-sim, axis=1, kind="stable")
    # The k-th largest value of the row is the bar; those above it, then the first ones equal to it, are taken.
    bar = -np.partition(-sim, k - 1, axis=1)[:, k - 1]
    best = np.empty((len(sim), k), dtype=np.intp)
    for i, row in enumerate(sim):
        candidates = np.flatnonzero(row >= bar[i])
        best[i] = candidates[np.argsort(-row[candidates], kind="stable")[:k]]
    return best


def top_k(queries: ArrayLike, items: ArrayLike, k: int, *, block: int = BLOCK) -> tuple[NDArray[np.intp], FloatArray]:
    """The k nearest items of each query, exactly, a block of queries at a time.

    Args:
        queries: [query, dim].
        items: [item, dim].
        k: how many; all of the items where there are fewer.
        block: queries compared at a time, which bounds the memory at block x items x 4 bytes.

    Returns:
        index [query, k], best first, equal cosines in the order of the items; and their cosines, float32 [query, k].

    Raises:
        UnsupportedOption: k is less than one.
        EmptyInput: no items.
        InvalidEmbeddings: see :func:`cosine`.
    """
    if k < 1:
        raise UnsupportedOption(f"k={k}; expected one or more")
    left, right = _matching(queries, items)
    if not len(right):
        raise EmptyInput("there is nothing to search in: no items")
    k = min(k, len(right))
    index = np.empty((len(left), k), dtype=np.intp)
    scores = np.empty((len(left), k), dtype=np.float32)
    for start in range(0, len(left), block):
        sim = np.clip(left[start : start + block] @ right.T, -1.0, 1.0)
        index[start : start + block] = best = _best(sim, k)
        scores[start : start + block] = np.take_along_axis(sim, best, axis=1)
    return index, scores


def search(embeddings: Embeddings, query: ArrayLike | Embeddings, k: int = 10) -> pd.DataFrame:
    """The k rows nearest to each query.

    Args:
        embeddings: where to search.
        query: a vector [dim], vectors [query, dim], or Embeddings, whose ids then name the queries.
        k: how many rows; all of them where there are fewer.

    Returns:
        A table with the columns query, rank (from 1), id, cosine; the best row first.

    Raises:
        WrongType: ``embeddings`` is something else, or the query is a text (encode it first).
        InvalidEmbeddings: another width, or from another model.
    """
    import pandas as pd

    if not isinstance(embeddings, Embeddings):
        raise WrongType(f"expected Embeddings to search in, got a {type(embeddings).__name__}")
    if isinstance(query, str):
        raise WrongType(
            f"the query is a text, {query!r}; encode it first: search(embeddings, model.encode_text([...]))"
        )
    if isinstance(query, Embeddings):
        if query.model and embeddings.model and query.model != embeddings.model:
            raise InvalidEmbeddings(f"the query is from {query.model!r}, the embeddings from {embeddings.model!r}")
        asked = query
    else:
        asked = Embeddings(np.atleast_2d(np.asarray(query)))
    index, scores = top_k(asked.vectors, embeddings.vectors, k)
    return pd.DataFrame(
        {
            "query": np.repeat(np.array(asked.ids, dtype=object), index.shape[1]),
            "rank": np.tile(np.arange(1, index.shape[1] + 1), len(asked)),
            "id": [embeddings.ids[i] for i in index.ravel()],
            "cosine": scores.ravel(),
        }
    )
