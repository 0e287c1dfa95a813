"""One run of :func:`clipnb.embed`: slices of the source become rows in memory, or shards in a folder."""

from __future__ import annotations

import importlib.metadata
import itertools
import platform
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from clipnb.errors import ClipnbError, InvalidEmbeddings, StoreError
from clipnb.pipeline import Outcome, cores, images, preparer_of, texts
from clipnb.progress import bar
from clipnb.sources import Item, Source
from clipnb.store import Shard, Store, digest
from clipnb.stored import StoredEmbeddings
from clipnb.types import ClipModel, Embeddings, Failure

__all__ = ["Run"]

Fill = Callable[["Run", Store, int, dict[int, Shard], Any], None]


class Run:
    """One call of :func:`clipnb.embed`: a model, a source, and how to go about it."""

    def __init__(
        self,
        model: ClipModel,
        source: Source,
        batch_size: int | str,
        workers: int | str,
        on_error: str,
        progress: bool,
        strict: bool,
        truncate: bool,
    ) -> None:
        self.model, self.source, self.strict, self.truncate = model, source, strict, truncate
        self.batch_size = None if batch_size == "auto" else int(batch_size)
        self.workers = cores() if workers == "auto" else int(workers)
        self.on_error, self.progress = on_error, progress

    def in_memory(self) -> Embeddings:
        """All rows of the source."""
        rows, ids, failures = [], [], []
        with self._bar() as bar:
            for position, (item, outcome) in enumerate(self._outcomes(self.source.items(0))):
                if outcome.row is None:
                    failures.append(Failure(item.id, position, self._reason(item, outcome)))
                    bar.set_postfix(errors=len(failures), refresh=False)
                else:
                    rows.append(outcome.row)
                    ids.append(item.id)
                bar.update()
        if not rows:
            raise _nothing(failures)
        return Embeddings(np.stack(rows), tuple(ids), self.source.modality, self.model.name, tuple(failures))

    def to_folder(self, store: Store, shard_rows: int, resume: bool, fill: Fill | None = None) -> StoredEmbeddings:
        """Every slice of the source that is not committed yet becomes a shard.

        Args:
            store: where.
            shard_rows: items of the source in a slice.
            resume: keep what an earlier run committed.
            fill: does the slices; default: this process, one after the other.
        """
        with store.locked():
            done = self._begin(store, shard_rows, resume)
            with self._bar() as bar:
                bar.update(sum(shard.items for shard in done.values()))
                (fill or Run.fill)(self, store, shard_rows, done, bar)
            shards = store.shards()
            failures = [Failure(*error) for shard in shards for error in shard.errors]
            rows = sum(shard.rows for shard in shards)
            store.finish(shards, {"rows": rows, "errors": len(failures), "items": rows + len(failures)})
        if not rows:
            raise _nothing(failures)
        return StoredEmbeddings(store.folder)

    def fill(self, store: Store, shard_rows: int, done: dict[int, Shard], bar: Any) -> None:
        """Embed the slices that are not done, decoding on from one into the next."""
        errors = sum(len(shard.errors) for shard in done.values())
        for start, stop in _gaps(done, shard_rows):
            count = None if stop is None else (stop - start) * shard_rows
            stream = self._outcomes(itertools.islice(self.source.items(start * shard_rows), count))
            for index in itertools.count(start):
                slice_ = []
                for item, outcome in itertools.islice(stream, shard_rows):
                    slice_.append((item.id, outcome))
                    if outcome.row is None:
                        self._reason(item, outcome)
                        errors += 1
                        bar.set_postfix(errors=errors, refresh=False)
                    bar.update()
                if slice_:
                    self._commit(store, index, index * shard_rows, slice_)
                if len(slice_) < shard_rows:
                    break

    def slice(self, store: Store, shard_rows: int, index: int) -> Shard:
        """Embed and commit one slice of the source, by itself."""
        items = itertools.islice(self.source.items(index * shard_rows), shard_rows)
        found = []
        for item, outcome in self._outcomes(items):
            if outcome.row is None:
                self._reason(item, outcome)
            found.append((item.id, outcome))
        return self._commit(store, index, index * shard_rows, found)

    def _commit(self, store: Store, index: int, first: int, slice_: list[tuple[str, Outcome]]) -> Shard:
        found = [(name, first + i, outcome) for i, (name, outcome) in enumerate(slice_)]
        good = [(name, position, outcome.row) for name, position, outcome in found if outcome.row is not None]
        bad = [(name, position, _words(outcome)) for name, position, outcome in found if outcome.row is None]
        return store.write(
            index,
            first,
            [name for name, _, _ in good],
            [position for _, position, _ in good],
            np.stack([row for _, _, row in good]) if good else np.empty((0, self.model.dim), dtype=np.float32),
            bad,
            digest([name for name, _ in slice_]),
        )

    def _begin(self, store: Store, shard_rows: int, resume: bool) -> dict[int, Shard]:
        """Start or take up the run in a folder; the shards that are done, by index."""
        about = self._about(shard_rows)
        if store.exists() and not resume:
            store.clear()
        if not store.exists():
            store.start(about)
            return {}
        before = store.manifest()
        for key in ("model", "dim", "modality", "preprocessing", "shard_rows", "source"):
            if before.get(key) != about[key]:
                raise StoreError(
                    f"{store.folder}: made with {key} {before.get(key)!r}, and now it is {about[key]!r}; choose "
                    "another out=, or pass resume=False to delete what is there"
                )
        committed = store.shards()
        done = {
            shard.index: shard for shard in committed if store.sound(shard) and not self._cut_short(shard, shard_rows)
        }
        store.reopen([shard for shard in committed if shard.index not in done])
        for shard in done.values():
            names = self.source.names(shard.first, shard.first + shard.items) if self.source.names else None
            if names is not None and digest(names) != shard.ids:
                raise StoreError(
                    f"{store.folder}: the source has changed since, between items {shard.first} and "
                    f"{shard.first + shard.items - 1}; choose another out=, or pass resume=False to begin again"
                )
        return done

    def _cut_short(self, shard: Shard, shard_rows: int) -> bool:
        """Whether the slice ended where the source ended then, and the source may go on by now."""
        end = shard.first + shard.items
        return shard.items < shard_rows and (self.source.length is None or self.source.length > end)

    def _about(self, shard_rows: int) -> dict[str, Any]:
        packages = ("clipnb", "torch", "transformers", "numpy", "Pillow", "pyarrow")
        return {
            "model": self.model.name,
            "revision": getattr(self.model, "revision", None),
            "dim": self.model.dim,
            "modality": self.source.modality,
            "preprocessing": "strict" if self.strict else "quick",
            "shard_rows": shard_rows,
            "source": self.source.kind,
            "skipped": self.source.skipped,
            "versions": {name: _version(name) for name in packages} | {"python": platform.python_version()},
        }

    def _outcomes(self, items: Iterator[Item]) -> Iterator[tuple[Item, Outcome]]:
        names: list[Item] = []

        def noted() -> Iterator[Item]:
            for item in items:
                names.append(Item(item.id, None))
                yield item

        if self.source.modality == "text":
            outcomes = texts(noted(), self.model, truncate=self.truncate)
        else:
            preparer = preparer_of(self.model, self.strict)
            outcomes = images(noted(), preparer, batch_size=self.batch_size, workers=self.workers)
        for outcome in outcomes:
            yield names.pop(0), outcome

    def _reason(self, item: Item, outcome: Outcome) -> str:
        if self.on_error == "raise" and outcome.error is not None:
            if isinstance(outcome.error, ClipnbError):
                raise outcome.error
            raise InvalidEmbeddings(f"{item.id}: {outcome.error}") from outcome.error
        return _words(outcome)

    def _bar(self) -> Any:
        unit = "text" if self.source.modality == "text" else "image"
        return bar(self.progress, self.source.kind, unit, total=self.source.length)


def _gaps(done: dict[int, Shard], shard_rows: int) -> Iterator[tuple[int, int | None]]:
    """Stretches of slices that are not done, from one to before another; the last one is open."""
    start = 0
    for index in sorted(done):
        if index > start:
            yield start, index
        start = index + 1
    if not done or done[max(done)].items == shard_rows:  # only the last slice of a source is shorter
        yield start, None


def _words(outcome: Outcome) -> str:
    return str(outcome.error) or type(outcome.error).__name__


def _nothing(failures: list[Failure]) -> InvalidEmbeddings:
    return InvalidEmbeddings(f"none of the {len(failures)} items could be embedded; the first: {failures[0].reason}")


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
