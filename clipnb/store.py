"""Embeddings on disk: shards of Parquet, each committed by a record of its own, under one manifest.

```
out/
  manifest.json         what made the rows: model, preprocessing, versions; written first, totals added at the end
  shard-000000.parquet  id, position (in the source), vector; the rows of one slice of the source
  shard-000000.json     the commit: rows, hash, the errors of the slice; written last, a shard without it is void
```
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import FolderBusy, StoreError
from clipnb.types import FloatArray

__all__ = ["Shard", "Store", "digest"]

FORMAT = "clipnb-embeddings/1"
MANIFEST = "manifest.json"
_COMMIT = re.compile(r"shard-(\d+)\.json")


@dataclass(frozen=True)
class Shard:
    """What a commit says: one slice of the source, embedded.

    Attributes:
        index: which slice, from 0.
        first: position of its first item in the source.
        items: how many items of the source it covers.
        rows: how many of them have a row; the others have a line in ``errors``.
        sha256: of the Parquet file, "" where no item has a row and there is no file.
        ids: digest of the ids of all its items, by which a changed source is noticed.
        offset: where in the file the block of vectors begins, -1 where it is not one plain block.
        errors: ``(id, position, reason)`` of each item without a row.
    """

    index: int
    first: int
    items: int
    rows: int
    sha256: str
    ids: str
    offset: int
    errors: tuple[tuple[str, int, str], ...] = ()

    @property
    def file(self) -> str:
        """The name of the Parquet file."""
        return f"shard-{self.index:06d}.parquet"


def digest(ids: Sequence[str]) -> str:
    """A fingerprint of a list of ids, in their order."""
    return hashlib.sha256("\0".join(ids).encode("utf-8", "surrogatepass")).hexdigest()[:32]


class Store:
    """A folder of shards. Writing is atomic, one shard at a time; reading needs nothing but the folder.

    Args:
        folder: the folder; made by :meth:`start`.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)

    # --- writing ---------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder; a lock that a killed process held is free again.

        Raises:
            FolderBusy: another run writes there.
            StoreError: the folder cannot be made or written.
        """
        from filelock import FileLock, Timeout

        with self._in_words():
            self.folder.mkdir(parents=True, exist_ok=True)
            lock = FileLock(self.folder / ".lock", timeout=0)
            try:
                lock.acquire()
            except Timeout as error:
                raise FolderBusy(
                    f"{self.folder}: another run is writing there; wait for it, or choose another out="
                ) from error
        try:
            yield
        finally:
            lock.release()

    def start(self, manifest: Mapping[str, Any]) -> None:
        """Write the manifest of a new run. The folder must be locked."""
        with self._in_words():
            _write_json(self.folder / MANIFEST, {"format": FORMAT, **manifest, "complete": False})

    def reopen(self, void: Sequence[Shard]) -> None:
        """Take back the commits of some shards; the run is incomplete then."""
        if not void:
            return
        with self._in_words():
            manifest = self.manifest()
            if manifest.pop("shards", None) is not None:
                _write_json(self.folder / MANIFEST, {**manifest, "complete": False})
            for shard in void:
                (self.folder / f"shard-{shard.index:06d}.json").unlink(missing_ok=True)

    def clear(self) -> None:
        """Delete what an earlier run left; other files in the folder stay."""
        with self._in_words():
            for file in [
                self.folder / MANIFEST,
                *self.folder.glob("shard-*.json"),
                *self.folder.glob("shard-*.parquet"),
            ]:
                file.unlink(missing_ok=True)
            self._sweep()

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
        with self._in_words():
            if ids:
                path = self.folder / shard.file
                partial = path.with_name(f".{path.name}.partial")
                offset = _write_parquet(partial, ids, positions, vectors)
                shard = Shard(**{**asdict(shard), "sha256": _sha256(partial), "offset": offset, "errors": shard.errors})
                _publish(partial, path)
            _write_json(self.folder / f"shard-{index:06d}.json", asdict(shard))
        return shard

    def finish(self, shards: Sequence[Shard], totals: Mapping[str, Any]) -> None:
        """Mark the run complete: the manifest gets the totals and the list of its shards."""
        with self._in_words():
            listed = [asdict(shard) for shard in shards]
            _write_json(self.folder / MANIFEST, {**self.manifest(), **totals, "complete": True, "shards": listed})
            self._sweep()

    def _sweep(self) -> None:
        for file in self.folder.glob(".*.partial"):
            file.unlink(missing_ok=True)

    @contextlib.contextmanager
    def _in_words(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if isinstance(error, (StoreError, FolderBusy)):
                raise
            reasons = {
                errno.ENOSPC: "the disk is full",
                errno.EDQUOT: "your share of the disk is used up",
                errno.EROFS: "the disk is read-only",
                errno.EACCES: "no permission to write there",
                errno.EPERM: "no permission to write there",
                errno.ENOTDIR: "a part of the path is a file",
                errno.EEXIST: "there is a file of that name",
            }
            reason = reasons.get(error.errno or 0, error.strerror or str(error))
            raise StoreError(
                f"{self.folder}: {reason}; the shards written before are intact, and the same call goes on from them "
                "once there is room"
            ) from error

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
            return [_shard(entry) for entry in manifest["shards"]]
        found = []
        for file in self.folder.iterdir():
            if _COMMIT.fullmatch(file.name):
                try:
                    found.append(_shard(json.loads(file.read_text(encoding="utf-8"))))
                except (OSError, ValueError, TypeError, KeyError) as error:
                    raise StoreError(f"{file}: cannot be read ({error}); delete it to embed its rows again") from error
        return sorted(found, key=lambda shard: shard.index)

    def sound(self, shard: Shard) -> bool:
        """Whether the file of a shard is there, whole and unchanged."""
        if not shard.rows:
            return True
        path = self.folder / shard.file
        return path.is_file() and _sha256(path) == shard.sha256

    def vectors(self, shard: Shard, dim: int) -> FloatArray:
        """The unit rows of a shard, float32 [row, dim]: mapped from the file, read when touched."""
        if not shard.rows:
            return np.empty((0, dim), dtype=np.float32)
        path = self.folder / shard.file
        try:
            if shard.offset >= 0 and path.stat().st_size >= shard.offset + shard.rows * dim * 4:
                return np.memmap(path, dtype="<f4", mode="r", offset=shard.offset, shape=(shard.rows, dim))
            import pyarrow.parquet as pq

            column = pq.read_table(path, columns=["vector"])["vector"].combine_chunks()
            rows: FloatArray = column.flatten().to_numpy().reshape(-1, dim)
        except Exception as error:
            raise StoreError(f"{path}: cannot be read ({error})") from error
        if len(rows) != shard.rows:
            raise StoreError(f"{path}: {len(rows)} rows, its commit says {shard.rows}")
        return rows

    def column(self, shard: Shard, name: str) -> Any:
        """The column ``id`` or ``position`` of a shard, as an Arrow array."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        if not shard.rows:
            return pa.array([], type=pa.string() if name == "id" else pa.int64())
        try:
            return pq.read_table(self.folder / shard.file, columns=[name])[name].combine_chunks()
        except Exception as error:
            raise StoreError(f"{self.folder / shard.file}: cannot be read ({error})") from error


def _shard(entry: Mapping[str, Any]) -> Shard:
    return Shard(**{**entry, "errors": tuple((str(i), int(p), str(r)) for i, p, r in entry["errors"])})


def _write_parquet(path: Path, ids: Sequence[str], positions: Sequence[int], vectors: FloatArray) -> int:
    """The rows as Parquet; returns where the block of vectors begins, -1 if it is not in one piece.

    Without compression, dictionary and page limits the values of a float column lie in the file as they lie in memory,
    at the end of its only page: that block can be mapped.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    block: NDArray[np.float32] = np.ascontiguousarray(vectors, dtype="<f4")
    dim = block.shape[1]
    item = pa.field("element", pa.float32(), nullable=False)
    kind = pa.list_(item, dim)
    schema = pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("position", pa.int64(), nullable=False),
            pa.field("vector", kind, nullable=False),
        ]
    )
    column = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel(), type=pa.float32()), type=kind)
    table = pa.Table.from_arrays([pa.array(ids, pa.string()), pa.array(positions, pa.int64()), column], schema=schema)
    pq.write_table(
        table,
        path,
        row_group_size=len(block),
        compression={"id": "zstd", "position": "zstd", "vector.list.element": "none"},
        use_dictionary=False,
        write_statistics=["id", "position"],
        data_page_size=2**31 - 1,
        max_rows_per_page=max(len(block), 1),
    )
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(2)
    offset = int(chunk.data_page_offset + chunk.total_compressed_size - block.nbytes)
    with path.open("rb") as file:
        file.seek(offset)
        whole = file.read(block.nbytes) == block.tobytes()
        os.fsync(file.fileno())
    return offset if whole else -1


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, indent=1)
        file.flush()
        os.fsync(file.fileno())
    _publish(partial, path)


def _publish(partial: Path, path: Path) -> None:
    """Give a finished file its name; after a crash there is the old one or the new one, never half of one."""
    partial.replace(path)
    if os.name == "posix":
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _hash(file)


def _hash(file: Any) -> str:
    found = hashlib.sha256()
    while block := file.read(1 << 20):
        found.update(block)
    return found.hexdigest()
