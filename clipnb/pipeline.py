"""Items in, rows out: decoding in threads beside the model, in order, with one line for everything that fails."""

from __future__ import annotations

import collections
import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

from clipnb.errors import ClipnbError, InvalidEmbeddings, WrongType
from clipnb.images import open_image
from clipnb.sources import Item
from clipnb.sources.web import Url
from clipnb.types import ClipModel, FloatArray, unit_rows

__all__ = ["Outcome", "Preparer", "cores", "images", "preparer_of", "texts"]


class Outcome(NamedTuple):
    """What became of an item: a unit row, or the reason why not."""

    row: FloatArray | None
    error: Exception | None


class Preparer(Protocol):
    """A picture in two steps: what threads do by themselves, and what the model takes."""

    def batch_size(self) -> int:
        """How many go into one pass of the model, unless the caller says so."""

    def prepare(self, value: Any, name: str) -> Any:
        """The picture ready to be put into a batch; called from several threads."""

    def encode(self, prepared: Sequence[Any]) -> FloatArray:
        """Raw features [image, dim] of a batch."""


class _Plain:
    """For a model that offers nothing faster: read here, encode there."""

    def __init__(self, model: ClipModel) -> None:
        self.model = model

    def batch_size(self) -> int:
        return 32

    def prepare(self, value: Any, name: str) -> Any:
        return open_image(value, name=name)

    def encode(self, prepared: Sequence[Any]) -> FloatArray:
        return self.model.encode_image(prepared, normalize=False)


def preparer_of(model: ClipModel, strict: bool) -> Preparer:
    """The model's own quick path, if it has one and it is wanted."""
    quick = getattr(model, "preparer", None)
    found: Preparer | None = None if quick is None else quick(strict=strict)
    return _Plain(model) if found is None else found


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def images(items: Iterator[Item], preparer: Preparer, *, batch_size: int | None, workers: int) -> Iterator[Outcome]:
    """One outcome per picture, in order.

    At most four batches are in memory; threads read and resize them while the model computes.
    """
    batch_size = batch_size or preparer.batch_size()
    with ThreadPoolExecutor(workers, thread_name_prefix="clipnb-decode") as pool:
        waiting: collections.deque[Future[Any]] = collections.deque()
        try:
            for item in itertools.islice(items, 4 * batch_size):
                waiting.append(pool.submit(_prepare, preparer, item))
            while waiting:
                done = [waiting.popleft() for _ in range(min(batch_size, len(waiting)))]
                prepared = [future.result() for future in done]
                for item in itertools.islice(items, len(done)):
                    waiting.append(pool.submit(_prepare, preparer, item))
                yield from _encode(prepared, preparer.encode)
        finally:
            pool.shutdown(wait=True, cancel_futures=True)


def _prepare(preparer: Preparer, item: Item) -> Any:
    """The prepared picture, or the exception: a thread must not raise, or the others' pictures were lost."""
    value = item.value
    try:
        if isinstance(value, Exception):
            return value
        if isinstance(value, Url):
            value = value.read()
        return preparer.prepare(value, item.id)
    except (ClipnbError, OSError, MemoryError) as error:
        return error


def texts(items: Iterator[Item], model: ClipModel, *, truncate: bool, chunk: int = 4096) -> Iterator[Outcome]:
    """One outcome per text, in order; a chunk at a time, which the model sorts by length."""

    def encode(good: list[Any]) -> FloatArray:
        return model.encode_text(good, normalize=False, truncate=truncate)

    while block := list(itertools.islice(items, chunk)):
        values = [_text(item) for item in block]
        try:
            outcomes = list(_encode(values, encode))
        except ClipnbError:  # a text that the model refuses: find it, the others go on together
            outcomes = list(_encode([_refused(encode, value) or value for value in values], encode))
        yield from outcomes


def _text(item: Item) -> Any:
    if isinstance(item.value, (str, Exception)):
        return item.value
    return WrongType(f"{item.value!r} is a {type(item.value).__name__}, not a text")


def _refused(encode: Callable[[list[Any]], FloatArray], value: Any) -> Exception | None:
    try:
        if not isinstance(value, Exception):
            encode([value])
    except ClipnbError as error:
        return type(error)(str(error).removeprefix("text 0, "))
    return None


def _encode(prepared: Sequence[Any], encode: Callable[[list[Any]], FloatArray]) -> Iterator[Outcome]:
    """Rows for those that are no exception, exceptions for those that are."""
    good = [value for value in prepared if not isinstance(value, Exception)]
    rows = _units(encode(good)) if good else iter(())
    for value in prepared:
        yield Outcome(None, value) if isinstance(value, Exception) else next(rows)


def _units(features: FloatArray) -> Iterator[Outcome]:
    """All rows at once, one by one only where some are bad: beside a GPU this thread has little time for each."""
    try:
        return (Outcome(row, None) for row in unit_rows(features))
    except InvalidEmbeddings:
        return (_unit(row) for row in features)


def _unit(row: FloatArray) -> Outcome:
    try:
        return Outcome(unit_rows(row[None])[0], None)
    except InvalidEmbeddings:
        return Outcome(None, InvalidEmbeddings("the model's features are zero or not finite"))
