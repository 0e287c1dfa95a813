"""Which way to search: exactly, or by an index; and the index of some rows, made or found."""

from __future__ import annotations

import warnings
import weakref
from dataclasses import replace

import numpy as np

from clipnb.errors import InvalidEmbeddings, MissingExtra, StoreError, UnsupportedOption, UnusedIndex
from clipnb.searching import kept
from clipnb.searching.index import SearchIndex, build, processors
from clipnb.stored import StoredEmbeddings
from clipnb.types import Embeddings

__all__ = ["LARGE", "build_index", "chosen"]

LARGE = 1_000_000
"""Rows above which an index that lies beside them is used without being asked for."""
MANY = 1000
"""Nearest rows above which a graph is no help."""

_known: weakref.WeakKeyDictionary[Embeddings, SearchIndex] = weakref.WeakKeyDictionary()
"""Indices that were opened or made, without their rows, which would never be let go otherwise."""


def build_index(
    embeddings: Embeddings,
    *,
    queries: Embeddings | None = None,
    recall: float = 0.95,
    k: int = 10,
    seed: int = 0,
    threads: int | None = None,
    save: bool = True,
    progress: bool = True,
) -> SearchIndex:
    """An index for approximate search, with the share of the true nearest rows that it finds.

    Rows on disk get it as a file beside their shards, which :func:`clipnb.search` maps into memory. It is good for
    these rows only: when they change, it is refused, as is a damaged one. One that was made to do harm is not
    recognized: in a folder from people you do not trust, delete ``search-index.json``.

    Args:
        embeddings: where to search.
        queries: what you will ask, some hundreds of it, such as texts for an index of pictures: for these it is tuned
            and measured. Default: 256 of the rows themselves, asked before they are put in; texts among pictures are
            harder.
        recall: the share to reach. Of seven efforts the least that does is kept; where none does, the greatest.
        k: of how many nearest rows.
        seed: draws the sample.
        threads: default: all processors. The graph depends on the order in which they finish, so two builds differ a
            little; with one thread they do not.
        save: False keeps it in memory; pass it on as ``search(..., index=it)``.
        progress: show a bar.

    Returns:
        The index; ``.recall`` says what was measured.

    Raises:
        MissingExtra: usearch is not installed.
        StoreError: it cannot be written beside the rows; ``save=False`` does without.
        EmptyInput: fewer rows than an index needs, or ``queries`` has none.
        WrongType, InvalidEmbeddings: ``queries`` cannot be compared with the rows.
        UnsupportedOption: recall, k, seed or threads is out of its range.
    """
    if save and isinstance(embeddings, StoredEmbeddings):
        kept.check(embeddings)  # before minutes of work
    found = build(embeddings, queries, recall, k, seed, threads or processors(), progress)
    if save and isinstance(embeddings, StoredEmbeddings):
        found = kept.save(found)
    return _remembered(embeddings, found)


def chosen(embeddings: Embeddings, k: int, index: str | SearchIndex) -> SearchIndex | None:
    """The index to search with; None: exactly."""
    if isinstance(index, SearchIndex):
        if index.rows is not embeddings and not _same(index.rows, embeddings):
            raise InvalidEmbeddings("index= is of other rows than those to search in; make one with build_index")
        return index if _helps(embeddings, k) else None
    if index not in ("auto", "exact", "approximate"):
        raise UnsupportedOption(
            f"index={index!r}; expected 'auto', 'exact', 'approximate', or what build_index returns"
        )
    if index == "exact" or not _helps(embeddings, k) or (index == "auto" and len(embeddings) <= LARGE):
        return None
    if embeddings in _known:
        return replace(_known[embeddings], rows=embeddings)
    if not isinstance(embeddings, StoredEmbeddings) or not kept.is_there(embeddings):
        return build_index(embeddings) if index == "approximate" else None
    try:
        return _remembered(embeddings, kept.kept_index(embeddings))
    except (StoreError, MissingExtra) as error:
        if index == "approximate":
            raise
        # An exact search needs no index.
        warnings.warn(f"searching all {len(embeddings):,} rows: {error}", UnusedIndex, stacklevel=3)
        return None


def _remembered(embeddings: Embeddings, found: SearchIndex) -> SearchIndex:
    _known[embeddings] = replace(found, rows=Embeddings(np.empty((0, embeddings.dim), dtype=np.float32)))
    return found


def _helps(embeddings: Embeddings, k: int) -> bool:
    return k <= MANY and k * 20 <= len(embeddings)


def _same(one: Embeddings, other: Embeddings) -> bool:
    if isinstance(one, StoredEmbeddings) and isinstance(other, StoredEmbeddings):
        return one.fingerprint == other.fingerprint
    return False
