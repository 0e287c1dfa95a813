"""The texts of classes as one direction a class, encoded in pieces and remembered."""

from __future__ import annotations

import hashlib
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import TextTooLong
from clipnb.progress import bar
from clipnb.types import ClipModel, FloatArray, unit_rows

__all__ = ["class_directions", "forget"]

KEPT_BYTES = 64 * 2**20
"""Of classifiers kept for one model; the one that was used longest ago goes first."""

_CACHES: weakref.WeakKeyDictionary[Any, OrderedDict[bytes, FloatArray]] = weakref.WeakKeyDictionary()
_LOCK = threading.Lock()


def class_directions(
    model: ClipModel,
    texts: Sequence[Sequence[str]],
    *,
    truncate: bool = False,
    progress: bool = False,
    batch_size: int = 2048,
    cache: bool = True,
) -> FloatArray:
    """rows[i], the mean of the unit vectors of ``texts[i]``, made a unit vector again; float32 [class, dim].

    Equal texts are encoded once. Beyond the sums [class, dim] no more than ``batch_size`` vectors are held at a time.
    A classifier that was made with the same object, the model, is taken from memory; texts that were cut are not kept,
    so that their warning comes every time.

    Raises:
        TextTooLong: a text exceeds the model's context, and ``truncate`` is False.
        InvalidEmbeddings: the texts of a class cancel out.
    """
    key = _key(texts)
    if cache and (kept := _recall(model, key)) is not None:
        return kept
    rows, cut = _encode(model, texts, truncate, progress, batch_size)
    rows.setflags(write=False)
    if cache and not cut:
        _keep(model, key, rows)
    return rows


def forget(model: ClipModel | None = None) -> None:
    """Drop the text classifiers that are remembered for a model, or for all.

    Needed after a change of the weights of a model that is in use; nobody else notices such a change.
    """
    with _LOCK:
        if model is None:
            _CACHES.clear()
        else:
            _CACHES.pop(model, None)


def _encode(
    model: ClipModel, texts: Sequence[Sequence[str]], truncate: bool, progress: bool, batch_size: int
) -> tuple[FloatArray, bool]:
    """The directions, and whether a text was cut."""
    place: dict[str, int] = {}
    text_of = np.array([place.setdefault(text, len(place)) for group in texts for text in group], dtype=np.intp)
    counts = np.array([len(group) for group in texts])
    order = np.argsort(text_of, kind="stable")
    text_of, class_of = text_of[order], np.repeat(np.arange(len(counts)), counts)[order]
    unique = list(place)
    sums: NDArray[np.float64] | None = None
    anything_cut = False
    for start in _turns(len(unique), batch_size, progress):
        stop = min(start + batch_size, len(unique))
        vectors, cut = _vectors(model, unique[start:stop], start, len(unique), truncate)
        anything_cut |= cut
        if sums is None:
            sums = np.zeros((len(counts), vectors.shape[1]))
        first, last = np.searchsorted(text_of, [start, stop])
        _add(sums, class_of[first:last], vectors, text_of[first:last] - start)
    assert sums is not None
    return unit_rows((sums / counts[:, None]).astype(np.float32)), anything_cut


def _add(sums: NDArray[np.float64], classes: NDArray[np.intp], vectors: FloatArray, rows: NDArray[np.intp]) -> None:
    """``sums[classes] += vectors[rows]`` for classes that may repeat, in double precision."""
    order = np.argsort(classes, kind="stable")
    which, starts = np.unique(classes[order], return_index=True)
    sums[which] += np.add.reduceat(vectors[rows[order]], starts, axis=0, dtype=np.float64)


def _vectors(model: ClipModel, texts: list[str], start: int, of: int, truncate: bool) -> tuple[FloatArray, bool]:
    """Unit rows of a piece, and whether one of its texts was cut."""
    try:
        return unit_rows(model.encode_text(texts)), False
    except TextTooLong as error:
        if truncate:
            return unit_rows(model.encode_text(texts, truncate=True)), True
        if len(texts) == of:
            raise
        raise TextTooLong(f"{error} (counted from sentence {start} of {of} different ones)") from error


def _turns(texts: int, batch_size: int, progress: bool) -> Iterator[int]:
    with bar(progress, "texts", "text", total=texts) as shown:
        for start in range(0, texts, batch_size):
            yield start
            shown.update(min(batch_size, texts - start))


def _key(texts: Sequence[Sequence[str]]) -> bytes:
    """A digest of the texts and of which class each belongs to."""
    digest = hashlib.blake2b(digest_size=16)
    for group in texts:
        digest.update(b"%d:" % len(group))
        for text in group:
            raw = text.encode("utf-8", "surrogatepass")
            digest.update(b"%d:" % len(raw) + raw)
    return digest.digest()


def _recall(model: ClipModel, key: bytes) -> FloatArray | None:
    with _LOCK:
        try:
            kept = _CACHES.get(model)
        except TypeError:  # an object that cannot be referred to weakly: nothing is kept for it
            return None
        if kept is None or key not in kept:
            return None
        kept.move_to_end(key)
        return kept[key]


def _keep(model: ClipModel, key: bytes, rows: FloatArray) -> None:
    if rows.nbytes > KEPT_BYTES:
        return
    with _LOCK:
        try:
            kept = _CACHES.setdefault(model, OrderedDict())
        except TypeError:
            return
        kept[key] = rows
        while sum(each.nbytes for each in kept.values()) > KEPT_BYTES:
            kept.popitem(last=False)
