"""Embeddings that stay on disk: opened at once, read when touched."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import StoreError
from clipnb.store import Shard, Store, digest
from clipnb.types import Embeddings, Failure, FloatArray

__all__ = ["StoredEmbeddings", "open_embeddings"]


class StoredEmbeddings(Embeddings):
    """The rows of a folder that :func:`clipnb.embed` wrote; an :class:`Embeddings` wherever one is asked for.

    ``blocks()`` and ``[rows]`` read what they need through a memory map. ``vectors`` and ``ids`` bring everything
    into memory when first asked for, unless there is one shard, whose map ``vectors`` then is.

    Attributes:
        folder: where they lie.
        manifest: model, preprocessing and versions that made them.
        complete: whether the run that wrote them reached its end.
    """

    _store: Store
    _shards: list[Shard]
    _ends: NDArray[np.int64]
    _dim: int
    manifest: dict[str, Any]

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        store = Store(folder)
        manifest = store.manifest()
        object.__setattr__(self, "_store", store)
        object.__setattr__(self, "_shards", store.shards())
        object.__setattr__(self, "manifest", manifest)
        for name in ("modality", "model"):
            object.__setattr__(self, name, manifest[name])
        object.__setattr__(self, "_dim", int(manifest["dim"]))
        object.__setattr__(self, "_ends", np.cumsum([shard.rows for shard in self._shards], dtype=np.int64))

    def __repr__(self) -> str:
        left = "" if self.complete else ", incomplete"
        return f"{type(self).__name__}({os.fspath(self._store.folder)!r}, {len(self)} x {self.dim}{left})"

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def folder(self) -> str:
        """Where the rows lie."""
        return os.fspath(self._store.folder)

    @functools.cached_property
    def fingerprint(self) -> str:
        """Of the rows and their order; another one where any of them has changed."""
        return digest([str(self.dim), *(f"{shard.rows} {shard.sha256}" for shard in self._shards)])

    @property
    def complete(self) -> bool:
        """Whether the run that wrote them reached its end."""
        return bool(self.manifest["complete"])

    @property
    def dim(self) -> int:
        """Columns of ``vectors``."""
        return int(self._dim)

    @functools.cached_property
    def failures(self) -> tuple[Failure, ...]:
        """What should have a row and has none."""
        return tuple(Failure(*error) for shard in self._shards for error in shard.errors)

    @functools.cached_property
    def vectors(self) -> FloatArray:
        """float32 [row, dim], unit rows; in memory from the first use on."""
        parts = [self._map(i) for i in range(len(self._shards))]
        if len(parts) == 1:
            return parts[0]
        whole = np.concatenate([np.empty((0, self.dim), dtype=np.float32), *parts])
        whole.setflags(write=False)
        return whole

    @functools.cached_property
    def ids(self) -> tuple[str, ...]:
        """One name per row."""
        return tuple(name for shard in self._shards for name in self._store.column(shard, "id").to_pylist())

    @functools.cached_property
    def positions(self) -> NDArray[np.int64]:
        """The place of each row in the source, int64 [row]."""
        parts = [self._store.column(shard, "position").to_numpy() for shard in self._shards]
        return np.concatenate([np.empty(0, dtype=np.int64), *parts])

    def _map(self, index: int) -> FloatArray:
        return self._store.vectors(self._shards[index], self.dim)

    def _at(self, rows: NDArray[np.intp]) -> Iterator[tuple[int, NDArray[np.bool_], NDArray[np.intp]]]:
        """Of each shard that holds some of the rows: which one, which of the rows, and their places in it."""
        where = np.searchsorted(self._ends, rows, side="right")
        for shard in np.unique(where):
            chosen = where == shard
            yield int(shard), chosen, rows[chosen] - (self._ends[shard] - self._shards[shard].rows)

    @functools.cached_property
    def _maps(self) -> dict[int, FloatArray]:
        """The shards that single rows were taken from, mapped; opening a map takes longer than reading a row."""
        return {}

    def take(self, rows: ArrayLike) -> FloatArray:
        """The vectors of the chosen rows, float32 [row, dim], read from disk; their ids are not."""
        index = np.atleast_1d(np.asarray(rows, dtype=np.intp))
        vectors = np.empty((len(index), self.dim), dtype=np.float32)
        for shard, chosen, local in self._at(index):
            if shard not in self._maps:
                self._maps[shard] = self._map(shard)
            vectors[chosen] = self._maps[shard][local]
        return vectors

    def __getitem__(self, rows: int | slice | Sequence[int] | NDArray[Any]) -> Embeddings:
        """The chosen rows (a slice, indices or a boolean mask), in memory."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        names = np.empty(len(index), dtype=object)
        for shard, chosen, local in self._at(index):
            names[chosen] = self._store.column(self._shards[shard], "id").take(local).to_pylist()
        return Embeddings(self.take(index), tuple(names), self.modality, self.model)

    def blocks(self, rows: int = 65_536) -> Iterator[tuple[int, FloatArray]]:
        """Slices of the vectors in order, each with the index of its first row; no slice spans two shards."""
        first = 0
        for i, shard in enumerate(self._shards):
            part = self._map(i)
            for start in range(0, shard.rows, rows):
                slice_ = part[start : start + rows]
                # Numbers that begin at an odd place of the file are copied one by one wherever they are computed with.
                yield first + start, np.asarray(slice_) if slice_.flags.aligned else self._read(i, start, len(slice_))
            first += shard.rows

    def _read(self, index: int, start: int, rows: int) -> FloatArray:
        """Some rows of a shard, read at one go."""
        shard = self._shards[index]
        found = np.fromfile(
            self._store.folder / shard.file, "<f4", rows * self.dim, offset=shard.offset + start * self.dim * 4
        )
        return found.reshape(rows, self.dim)

    def check(self) -> None:
        """Read everything and compare it with the hashes of its commits.

        Raises:
            StoreError: names the shards that are missing or changed.
        """
        bad = [shard.file for shard in self._shards if not self._store.sound(shard)]
        if bad:
            raise StoreError(f"{self.folder}: {len(bad)} shards are missing or changed: {', '.join(bad[:5])}")


def open_embeddings(folder: str | os.PathLike[str]) -> StoredEmbeddings:
    """The rows of a folder that :func:`clipnb.embed` wrote, read when touched; of a run cut short, what is there.

    Raises:
        StoreError: the folder holds no embeddings, or they cannot be read.
    """
    return StoredEmbeddings(folder)
