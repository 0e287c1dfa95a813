"""A folder of shards: begun, filled shard by shard, finished, read."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from clipnb.errors import StoreError
from clipnb.store.commits import COMMIT, Shard, shard_of
from clipnb.store.disk import in_words, partial_of, publish, sha256_of, sweep, write_json
from clipnb.store.lock import locked
from clipnb.store.parquet import read_column, read_vectors, write_rows
from clipnb.types import FloatArray

__all__ = ["Store"]

FORMAT = "clipnb-embeddings/1"
MANIFEST = "manifest.json"


class Store:
    """A folder of shards. Writing is atomic, one shard at a time; reading needs nothing but the folder.

    Args:
        folder: the folder; made by :meth:`locked`.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    # --- writing ---------------------------------------------------------------------------------------------------

    def locked(self) -> AbstractContextManager[None]:
        """Hold the folder, which is made; see :func:`clipnb.store.lock.locked`."""
        return locked(self.folder)

    def start(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest of a new run. The folder must be locked."""
        with in_words(self.folder):
            write_json(self.folder / MANIFEST, {"format": FORMAT, **manifest, "complete": False})

    def reopen(self, void: Sequence[Shard]) -> None:
        """Take back the commits of some shards; the run is incomplete then."""
        if not void:
            return
        with in_words(self.folder):
            manifest = self.manifest()
            if manifest.pop("shards", None) is not None:
                write_json(self.folder / MANIFEST, {**manifest, "complete": False})
            for shard in void:
                (self.folder / shard.commit).unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete what an earlier run left; other files in the folder stay."""
        with in_words(self.folder):
            shards = [*self.folder.glob("shard-*.json"), *self.folder.glob("shard-*.parquet")]
            for file in [self.folder / MANIFEST, *shards]:
                file.unlink(missing_ok=True)
            sweep(self.folder)

    def write(
        self,
        index: int,
        first: int,
        ids: Sequence[str],
        positions: Sequence[int],
        vectors: FloatArray,
        errors: Sequence[tuple[str, int, str]],
        all_ids: str,
    ) -> Shard:
        """Commit one slice of the source.

        Args:
            index: which slice.
            first: position of its first item.
            ids: of the rows.
            positions: of the rows, in the source.
            vectors: unit rows float32 [row, dim].
            errors: ``(id, position, reason)`` of the items without a row.
            all_ids: :func:`digest` of the ids of all items of the slice.

        Raises:
            StoreError: the disk is full, or the folder cannot be written; what was committed before is intact.
        """
        shard = Shard(index, first, len(ids) + len(errors), len(ids), "", all_ids, -1, tuple(errors))
        with in_words(self.folder):
            if ids:
                path = self.folder / shard.file
                offset = write_rows(partial_of(path), ids, positions, vectors)
                shard = replace(shard, sha256=sha256_of(partial_of(path)), offset=offset)
                publish(path)
            write_json(self.folder / shard.commit, asdict(shard))
        return shard

    def finish(self, shards: Sequence[Shard], totals: Mapping[str, Any]) -> None:
        """Mark the run complete: the manifest gets the totals and the list of its shards."""
        with in_words(self.folder):
            listed = [asdict(shard) for shard in shards]
            write_json(self.folder / MANIFEST, {**self.manifest(), **totals, "complete": True, "shards": listed})
            sweep(self.folder)

    # --- reading ---------------------------------------------------------------------------------------------------

    def manifest(self) -> dict[str, Any]:
        """What made the rows.

        Raises:
            StoreError: no manifest, or not one of ours.
        """
        path = self.folder / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise StoreError(f"{self.folder}: no {MANIFEST} in it; it holds no embeddings of clipnb") from error
        except (OSError, ValueError) as error:
            raise StoreError(f"{path}: cannot be read ({error})") from error
        if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
            found = manifest.get("format") if isinstance(manifest, dict) else type(manifest).__name__
            raise StoreError(f"{path}: its format is {found!r}, expected {FORMAT!r}")
        return manifest

    def exists(self) -> bool:
        """Whether a run has begun here."""
        return (self.folder / MANIFEST).is_file()

    def shards(self) -> list[Shard]:
        """The committed shards, by index.

        Raises:
            StoreError: a commit that cannot be read.
        """
        manifest = self.manifest()
        if manifest["complete"]:
            return [shard_of(entry) for entry in manifest["shards"]]
        found = []
        for file in self.folder.iterdir():
            if COMMIT.fullmatch(file.name):
                try:
                    found.append(shard_of(json.loads(file.read_text(encoding="utf-8"))))
                except (OSError, ValueError, TypeError, KeyError) as error:
                    raise StoreError(f"{file}: cannot be read ({error}); delete it to embed its rows again") from error
        return sorted(found, key=lambda shard: shard.index)

    def sound(self, shard: Shard) -> bool:
        """Whether the file of a shard is there, whole and unchanged."""
        if not shard.rows:
            return True
        path = self.folder / shard.file
        return path.is_file() and sha256_of(path) == shard.sha256

    def vectors(self, shard: Shard, dim: int) -> FloatArray:
        """The unit rows of a shard, float32 [row, dim]: mapped from the file, read when touched."""
        if not shard.rows:
            return np.empty((0, dim), dtype=np.float32)
        return read_vectors(self.folder / shard.file, shard.rows, dim, shard.offset)

    def column(self, shard: Shard, name: str) -> Any:
        """The column ``id`` or ``position`` of a shard, as an Arrow array."""
        if not shard.rows:
            import pyarrow as pa

            return pa.array([], type=pa.string() if name == "id" else pa.int64())
        return read_column(self.folder / shard.file, name)
