"""Lines of text out of files, and pictures out of folders: what can be wrong there is said with file and line."""

from __future__ import annotations

import codecs
import gzip
import os
import re
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path

from clipnb.errors import CorpusError

__all__ = ["Folders", "PathLike", "existing", "read_lines"]

PathLike = str | os.PathLike[str]

_MARKS = ((codecs.BOM_UTF32_LE, "UTF-32"), (codecs.BOM_UTF16_LE, "UTF-16"), (codecs.BOM_UTF16_BE, "UTF-16"))


def existing(folder: PathLike, *names: str, what: str) -> Path:
    """The first of the names that there is in a folder, also with ``.gz``.

    Raises:
        CorpusError: none of them; names the folder and what was expected in it.
    """
    root = Path(folder).expanduser()
    for name in names:
        for path in (root / name, root / f"{name}.gz"):
            if path.is_file():
                return path
    there = "" if root.is_dir() else ", which is no folder"
    raise CorpusError(f"{what}: no {' and no '.join(names)} in {root}{there}")


def read_lines(path: PathLike) -> list[str]:
    r"""The lines of a file in UTF-8, as they are but for their ends; line ``n`` of the file is entry ``n - 1``.

    ``.gz`` is unpacked; a byte order mark and ``\r`` at the end of a line are left out. Only ``\n`` ends a line: some
    captions contain other characters that Python would split at.

    Raises:
        CorpusError: no such file, not UTF-8 (names the line), or a broken ``.gz``.
    """
    path = Path(path).expanduser()
    try:
        data = path.read_bytes()
        if path.suffix == ".gz":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise CorpusError(f"{path}: cannot be read ({error})") from error
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            raise CorpusError(f"{path}: line 1: the file is in {encoding}; save it as UTF-8")
    data = data.removeprefix(codecs.BOM_UTF8)
    lines = data.split(b"\n")
    if lines[-1] == b"":
        lines.pop()
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(line.decode("utf-8").removesuffix("\r"))
        except UnicodeDecodeError as error:
            raise CorpusError(
                f"{path}: line {number}: not UTF-8, byte {error.start} is 0x{line[error.start]:02x}; save it as UTF-8"
            ) from error
    return found


class Folders:
    """Where pictures are looked for: the folders given, and their subfolders of the usual names.

    Args:
        given: a folder or several.
        inside: names of subfolders, as the publishers' archives unpack them.

    Raises:
        CorpusError: a folder is not there.
    """

    def __init__(self, given: PathLike | Sequence[PathLike], inside: Iterable[str] = ()) -> None:
        listed = [given] if isinstance(given, (str, os.PathLike)) else list(given)
        self.given = [Path(folder).expanduser() for folder in listed]
        for folder in self.given:
            if not folder.is_dir():
                raise CorpusError(f"images={os.fspath(folder)!r}: no such folder")
        deeper = [folder / name for folder in self.given for name in inside]
        # Listed once: asking the disk for every picture of a large corpus takes minutes on a network drive.
        self._there: dict[str, str] = {}
        for folder in [*self.given, *deeper]:
            if folder.is_dir():
                for entry in os.scandir(folder):
                    self._there.setdefault(entry.name, entry.path)

    def find(self, name: str) -> str | None:
        """The path of a picture by its name, or by a path below one of the folders given; or None."""
        if not re.search(r"[/\\]", name):
            return self._there.get(name)
        return next((str(folder / name) for folder in self.given if (folder / name).is_file()), None)

    def __str__(self) -> str:
        return ", ".join(map(str, self.given))
