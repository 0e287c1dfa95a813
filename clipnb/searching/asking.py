"""search(): a question in any form, a table of the rows that are nearest."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from clipnb.errors import ApproximateSearch, EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongType, quote
from clipnb.searching.choosing import chosen
from clipnb.searching.index import SearchIndex, comparable
from clipnb.similarity import checked_k, nearest_rows
from clipnb.types import ClipModel, Embeddings, is_model

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["asked_rows", "search"]


def search(
    embeddings: Embeddings,
    query: ArrayLike | Embeddings | str | Sequence[Any],
    k: int = 10,
    *,
    model: ClipModel | None = None,
    index: Literal["auto", "exact", "approximate"] | SearchIndex = "auto",
    check: int = 0,
) -> pd.DataFrame:
    """The k rows nearest to each query.

    Args:
        embeddings: where to search. Rows on disk are read block by block and stay there.
        query: a vector [dim], vectors [query, dim], or Embeddings, whose ids then name the queries. With ``model`` also
            a text or a list of them, in any language the model reads, or a picture or a list of pictures.
        k: how many rows; all of them where there are fewer.
        model: encodes the query; the one that made the embeddings.
        index: ``"exact"`` compares with every row. ``"approximate"`` uses the index of these rows, and makes one first
            where there is none (a bar says how long). ``"auto"`` is exact, unless there are over a million rows and an
            index of them is there, made by :func:`clipnb.build_index`; one that cannot be used is named in a warning.
            Or what that returned. Where k is over 1,000 or over a twentieth of the rows, every search is exact.
        check: of an approximate search, how many of the queries are answered exactly too, in one pass over all rows, to
            say what share of the nearest was found.

    Returns:
        A table with the columns query, rank (from 1), id, cosine; the best row first, equal cosines in the order of the
        rows. ``.attrs["index"]`` says ``"exact"`` or ``"approximate"``, and ``.attrs["recall"]`` then what share of the
        nearest rows the index finds, ``.attrs["recall_of"]`` where that was measured. The cosines are exact either way.

    Warns:
        ApproximateSearch: an index was used, and says what it finds.
        UnusedIndex: an index lies beside over a million rows, and cannot be used; the search was exact, and slow.

    Raises:
        WrongType: ``embeddings`` is something else, or the query is a text and there is no model.
        InvalidEmbeddings: another width, or from another model.
        EmptyInput: no rows, or no query.
        UnsupportedOption: k is less than one, check less than none, or the index is called something else.
        MissingExtra, StoreError: the index that was asked for cannot be had.
    """
    import pandas as pd

    if not isinstance(embeddings, Embeddings):
        raise WrongType(f"expected Embeddings to search in, got a {type(embeddings).__name__}")
    asked = asked_rows(query, model, embeddings)
    k = checked_k(k, len(embeddings))
    if not isinstance(check, (int, np.integer)) or check < 0:
        raise UnsupportedOption(f"check={check!r}; expected how many of the queries, 0 or more")
    by = chosen(embeddings, k, index)
    rows, cosines = by.nearest(asked.vectors, k) if by else nearest_rows(asked.vectors, embeddings.blocks(), k)
    places, back = np.unique(rows, return_inverse=True)
    names = np.array(embeddings[places].ids, dtype=object)
    table = pd.DataFrame(
        {
            "query": np.repeat(np.array(asked.ids, dtype=object), k),
            "rank": np.tile(np.arange(1, k + 1), len(asked)),
            "id": names[back.ravel()],
            "cosine": cosines.ravel(),
        }
    )
    table.attrs["index"] = "approximate" if by else "exact"
    if by:
        _say(table, by, asked, k, check)
    return table


def _say(table: pd.DataFrame, by: SearchIndex, asked: Embeddings, k: int, check: int) -> None:
    """What an approximate search finds, in the table's attributes and in a warning."""
    recall = by.measure(asked[:check], k) if check > 0 else by.recall
    table.attrs |= {"recall": recall.value, "recall_of": str(recall)}
    unlike = "" if check > 0 or recall.modality == asked.modality else "; check=20 measures it on your own queries"
    warnings.warn(
        f"approximate search in {len(by):,} rows: {recall}{unlike}. index='exact' compares with every row",
        ApproximateSearch,
        stacklevel=3,
    )


def asked_rows(query: Any, model: ClipModel | None, embeddings: Embeddings) -> Embeddings:
    """The query as rows that can be compared with those of ``embeddings``."""
    if isinstance(query, Embeddings):
        return comparable(query, embeddings)
    if hasattr(query, "to_list") or (isinstance(query, np.ndarray) and query.dtype.kind in "OU"):
        query = query.tolist()  # a column of a table
    if isinstance(query, (list, tuple)) and not len(query):
        raise EmptyInput("there is no query; give at least one")
    if model is not None:
        return comparable(_encoded(query, model), embeddings)
    first = query[0] if isinstance(query, (list, tuple)) else query
    if isinstance(first, str):
        raise WrongType(f"the query is a text, {quote(first)}; say who reads it: search(..., model=model)")
    if not isinstance(first, (int, float, np.number, np.ndarray, Sequence)) or isinstance(first, bytes):
        raise WrongType(
            f"the query is a {type(first).__name__}; expected vectors, or texts or pictures together with who reads "
            "them: search(..., model=model)"
        )
    return comparable(_vectors(query), embeddings)


def _vectors(query: Any) -> Embeddings:
    try:
        rows = np.atleast_2d(np.asarray(query))
    except ValueError as error:
        raise InvalidEmbeddings(f"the queries are rows of different lengths: {error}") from error
    return Embeddings(rows)


def _encoded(query: Any, model: ClipModel) -> Embeddings:
    """Texts, pictures or vectors, by what they are; texts are named by themselves."""
    if not is_model(model):
        raise WrongType(f"model= is a {type(model).__name__}; expected what clipnb.load() returns")
    several: Any = (
        [query] if isinstance(query, (str, bytes)) or not isinstance(query, (Sequence, np.ndarray)) else query
    )
    texts = sum(isinstance(each, str) for each in several)
    if 0 < texts < len(several):
        raise WrongType("the queries are texts and other things; ask with the one, then with the other")
    if texts:
        return Embeddings(model.encode_text(list(several)), tuple(several), "text", model.name)
    if isinstance(several, np.ndarray) and several.ndim == 3:
        several = several[None]
    if isinstance(several[0], (int, float, np.number)) or np.ndim(np.asarray(several[0], dtype=object)) == 1:
        return _vectors(several)
    return Embeddings(model.encode_image(list(several)), (), "image", model.name)
