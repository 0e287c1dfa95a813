"""Folders, globs, zip files and WebDataset tars."""

from __future__ import annotations

import glob
import os
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from clipnb.errors import EmptyInput, SourceError
from clipnb.sources.items import IMAGE_SUFFIXES, Item, Source, readable

__all__ = ["from_folder", "from_paths", "from_tars", "from_zip", "matching"]

# The first bytes of the common formats, by which a picture with a foreign name is known.
_MAGIC = re.compile(
    rb"\xff\xd8\xff|\x89PNG\r\n|GIF8[79]a|RIFF....WEBP|BM.{4}\0\0\0\0|II\*\0|MM\0\*|....ftypavi", re.DOTALL
)


def from_folder(folder: Path) -> Source:
    """Every picture under a folder, by path; what is no picture by its suffix nor its first bytes is counted."""
    paths, skipped = [], Counter[str]()
    for path in _walk(os.fsencode(folder)):
        suffix = Path(os.fsdecode(path)).suffix.lower()
        if suffix in IMAGE_SUFFIXES or _is_picture(path):
            paths.append(path)
        else:
            skipped[suffix or "(none)"] += 1
    if not paths:
        found = ", ".join(f"{count} {suffix}" for suffix, count in skipped.most_common(5))
        raise EmptyInput(f"{folder}: no pictures in it" + (f", only {found}" if found else ""))
    return from_paths(paths, f"folder {folder.name}", os.fsencode(folder), dict(skipped))


def _walk(folder: bytes) -> Iterator[bytes]:
    """The files below, in an order that does not depend on the disk; hidden ones are passed over."""
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise SourceError(f"{readable(folder)}: {error.strerror}") from error
    for entry in entries:
        if entry.name.startswith(b"."):
            continue
        # A link to a folder may lead round in a circle; a broken link is a file that will have its line.
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(entry.path)
        elif not entry.is_dir():
            yield entry.path


def _is_picture(path: bytes) -> bool:
    try:
        with open(path, "rb") as file:  # noqa: PTH123  # bytes, which Path does not take
            return bool(_MAGIC.match(file.read(16)))
    except OSError:
        return False


def from_paths(
    paths: Sequence[bytes], kind: str, root: bytes | None = None, skipped: dict[str, int] | None = None
) -> Source:
    """Files in their order; ids are paths, relative to ``root`` where there is one."""

    def name(path: bytes) -> str:
        return readable(os.path.relpath(path, root) if root else path)

    def items(start: int) -> Iterator[Item]:
        for path in paths[start:]:
            yield Item(name(path), os.fsdecode(path))

    def names(start: int, stop: int) -> list[str]:
        return [name(path) for path in paths[start:stop]]

    return Source(kind, "image", items, len(paths), names, skipped or {})


def matching(pattern: str) -> list[str]:
    """The files that a pattern matches, ``**`` for any depth, in an order that does not depend on the disk."""
    found = glob.glob(pattern, recursive=True)  # noqa: PTH207  # as they are spelled, which names the rows
    paths = sorted((path for path in found if not Path(path).is_dir()), key=os.fsencode)
    if not paths:
        raise EmptyInput(f"{pattern}: matches no file")
    return paths


def from_zip(path: Path) -> Source:
    """The pictures of a zip file; a member is read when it is embedded."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not Path(m.filename).name.startswith(".")]
    except (OSError, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: not a zip file that can be opened ({error})") from error
    chosen = [m for m in members if Path(m.filename).suffix.lower() in IMAGE_SUFFIXES]
    skipped = Counter(Path(m.filename).suffix.lower() or "(none)" for m in members if m not in set(chosen))
    if not chosen:
        raise EmptyInput(f"{path}: no pictures in it")

    def names(start: int, stop: int) -> list[str]:
        return [m.filename.encode("utf-8", "backslashreplace").decode("utf-8") for m in chosen[start:stop]]

    def items(start: int) -> Iterator[Item]:
        with zipfile.ZipFile(path) as archive:
            for member, name in zip(chosen[start:], names(start, len(chosen)), strict=True):
                try:
                    if member.file_size > 1 << 30:
                        raise SourceError(f"{member.file_size:,} bytes when unpacked")
                    yield Item(name, archive.read(member))
                except Exception as error:  # damaged, encrypted, an unknown compression
                    yield Item(name, SourceError(f"{name}: cannot be unpacked ({error})"))

    return Source(f"zip {path.name}", "image", items, len(chosen), names, dict(skipped))


def from_tars(paths: Sequence[Path]) -> Source:
    """The pictures of WebDataset tars, in their order; ids are ``archive/key``."""
    if not paths:
        raise EmptyInput("no tar files")

    def items(start: int) -> Iterator[Item]:
        position = 0
        for path in paths:
            try:
                with tarfile.open(path, "r:*") as archive:
                    for member in archive:
                        if not member.isfile() or Path(member.name).suffix.lower() not in IMAGE_SUFFIXES:
                            continue
                        position += 1
                        if position <= start:
                            continue
                        name = f"{path.name}/{member.name}".encode("utf-8", "backslashreplace").decode("utf-8")
                        file = archive.extractfile(member)
                        yield Item(name, file.read() if file else SourceError(f"{name}: no file"))
            except (OSError, tarfile.TarError, EOFError) as error:
                # The archive breaks off: what follows in it is lost, and one line says so.
                position += 1
                if position > start:
                    yield Item(f"{path.name}/…", SourceError(f"{path}: cannot be read any further ({error})"))

    return Source(f"{len(paths)} tar files", "image", items)
