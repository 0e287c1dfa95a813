"""The teacher's rows on disk: each sentence is encoded once, whatever the number of runs, epochs and languages."""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, StoreError, TextTooLong, TruncatedText
from clipnb.store.disk import in_words, partial_of, publish, sweep, write_json
from clipnb.store.lock import locked
from clipnb.types import ClipModel, FloatArray

__all__ = ["TeacherCache", "TeacherRows", "text_key"]

SHARD, BLOCK = 8192, 512
"""Texts in a file, and encoded between two steps of the bar."""
PROBES = ("a photo of a cat", "two red umbrellas", "音楽", "")
"""Sentences by whose rows a teacher is told from another of the same name."""


def text_key(text: str) -> str:
    """The hash under which a sentence's row is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


class TeacherRows:
    """Rows in several mapped files, fetched by the number of their sentence.

    ``rows[indices]`` is float32 [index, dim], as the teacher gives them, not scaled to length one.
    """

    def __init__(self, files: Sequence[FloatArray], places: NDArray[np.int64], dim: int) -> None:
        self._files, self._places, self.dim = tuple(files), places, dim

    def __len__(self) -> int:
        return len(self._places)

    def __getitem__(self, indices: ArrayLike) -> FloatArray:
        chosen = self._places[np.asarray(indices, dtype=np.int64)]
        rows = np.empty((len(chosen), self.dim), dtype=np.float32)
        for file in np.unique(chosen[:, 0]):
            inside = chosen[:, 0] == file
            rows[inside] = self._files[file][chosen[inside, 1]]
        return rows


class TeacherCache:
    """A folder with the raw text rows of one teacher, by the hash of the text.

    ```
    cache/
      teacher.json       name, dim, and its rows of a few sentences, by which another teacher is noticed
      rows-000000.npy    float32 [text, dim], read when touched
      rows-000000.json   the hashes of its texts; written last, rows without it are void
    ```

    Args:
        folder: made if need be; several students may share it.
        teacher: any model with ``encode_text``.

    Raises:
        StoreError: the folder holds the rows of another teacher, or cannot be read or written.
    """

    def __init__(self, folder: str | os.PathLike[str], teacher: ClipModel) -> None:
        self.folder, self.teacher = Path(folder), teacher
        probe = np.asarray(teacher.encode_text(PROBES, normalize=False), dtype=np.float32)
        said = {"name": teacher.name, "dim": int(probe.shape[1]), "probe": probe[:, :8].astype(float).tolist()}
        with locked(self.folder), in_words(self.folder):
            sweep(self.folder)
            self._check(said, probe)
        self._files: list[FloatArray] = []
        self._place: dict[str, tuple[int, int]] = {}
        for path in sorted(self.folder.glob("rows-*.json")):
            self._open(path)

    @property
    def dim(self) -> int:
        """Columns of the teacher's rows."""
        return int(self.teacher.dim)

    def __len__(self) -> int:
        """Sentences that are there."""
        return len(self._place)

    def _check(self, said: dict[str, Any], probe: FloatArray) -> None:
        file = self.folder / "teacher.json"
        if not file.exists():
            write_json(file, said)
            return
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
            same = found["dim"] == said["dim"] and np.allclose(found["probe"], said["probe"], rtol=1e-2, atol=1e-3)
        except (ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{file}: cannot be read ({error}); delete the folder to encode again") from error
        if not same:
            raise StoreError(
                f"{self.folder}: it holds the rows of another teacher, {found.get('name')!r}; choose another cache= "
                "or delete it"
            )

    def _open(self, path: Path) -> None:
        """A file of rows, by the path of its hashes."""
        try:
            keys = json.loads(path.read_text(encoding="utf-8"))["texts"]
            rows = np.load(path.with_suffix(".npy"), mmap_mode="r")
        except (OSError, ValueError, KeyError) as error:
            raise StoreError(f"{path}: cannot be read ({error}); delete it to encode its sentences again") from error
        if rows.shape != (len(keys), self.dim) or rows.dtype != np.float32:
            raise StoreError(f"{path}: {len(keys)} hashes beside rows of shape {list(rows.shape)}; delete both")
        self._place.update({key: (len(self._files), row) for row, key in enumerate(keys)})
        self._files.append(rows)

    def rows(self, texts: Sequence[str], *, truncate: bool = False, bar: Any = None) -> TeacherRows:
        """The rows of some sentences; those that are missing are encoded first, a file at a time.

        Args:
            texts: in any order, also several times.
            truncate: cut texts at the teacher's context, with one warning that counts them, instead of raising.
            bar: of tqdm; moves by the sentences that are done.

        Raises:
            TextTooLong: only with ``truncate=False``.
            InvalidEmbeddings: the teacher gave a row that is not finite.
        """
        keys = [text_key(text) for text in texts]
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in self._place}
        if bar is not None:
            bar.update(len(set(keys)) - len(missing))
        names, cut = list(missing), 0
        for start in range(0, len(names), SHARD):
            part = names[start : start + SHARD]
            blocks = []
            for first in range(0, len(part), BLOCK):
                block, over = self._encoded([missing[key] for key in part[first : first + BLOCK]], truncate)
                blocks.append(block)
                cut += over
                if bar is not None:
                    bar.update(len(block))
            self._write(part, np.concatenate(blocks))
        if cut:
            warnings.warn(
                f"{cut} of {len(names)} texts cut at the teacher's {self.teacher.context_length} tokens",
                TruncatedText,
                stacklevel=2,
            )
        places = np.array([self._place[key] for key in keys], dtype=np.int64).reshape(-1, 2)
        return TeacherRows(self._files, places, self.dim)

    def _write(self, keys: Sequence[str], rows: FloatArray) -> None:
        with locked(self.folder), in_words(self.folder):
            number = 1 + max((int(path.stem[5:]) for path in self.folder.glob("rows-*.json")), default=-1)
            path = self.folder / f"rows-{number:06d}.npy"
            with partial_of(path).open("wb") as file:
                np.save(file, np.ascontiguousarray(rows, dtype=np.float32))
                file.flush()
                os.fsync(file.fileno())
            publish(path)
            write_json(path.with_suffix(".json"), {"texts": list(keys)})
        self._open(path.with_suffix(".json"))

    def _encoded(self, texts: list[str], truncate: bool) -> tuple[FloatArray, int]:
        """Rows, and how many texts were cut."""
        over = 0
        try:
            rows = self.teacher.encode_text(texts, normalize=False)
        except TextTooLong:
            if not truncate:
                raise
            found = []
            for text in texts:  # one by one, to count them
                try:
                    found.append(self.teacher.encode_text([text], normalize=False))
                except TextTooLong:
                    over += 1
                    with warnings.catch_warnings():
                        warnings.simplefilter("ignore", TruncatedText)
                        found.append(self.teacher.encode_text([text], normalize=False, truncate=True))
            rows = np.concatenate(found)
        rows = np.asarray(rows, dtype=np.float32)
        bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
        if len(bad):
            raise InvalidEmbeddings(f"the teacher's row of {texts[bad[0]]!r} is not finite; open it in float32")
        return rows, over
