"""Files that are there whole or not at all, and what a disk says, in words."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from clipnb.errors import StoreError

__all__ = ["in_words", "partial_of", "publish", "sha256_of", "sweep", "write_json"]

_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your share of the disk is used up",
    errno.EROFS: "the disk is read-only",
    errno.EACCES: "no permission to write there",
    errno.EPERM: "no permission to write there",
    errno.ENOTDIR: "a part of the path is a file",
    errno.EEXIST: "there is a file of that name",
}


@contextlib.contextmanager
def in_words(folder: Path) -> Iterator[None]:
    """What the system refuses inside is raised as a StoreError that names the folder and says what to do."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        reason = _REASONS.get(error.errno or 0, error.strerror or str(error))
        raise StoreError(
            f"{folder}: {reason}; the shards written before are intact, and the same call goes on from them "
            "once there is room"
        ) from error


def partial_of(path: Path) -> Path:
    """Where a file is written before :func:`publish` gives it its name."""
    return path.with_name(f".{path.name}.partial")


def sweep(folder: Path) -> None:
    """Delete the halves of files that killed runs left."""
    for file in folder.glob(".*.partial"):
        file.unlink(missing_ok=True)


def publish(path: Path) -> None:
    """Give a file its name, once its partial is on the disk; after a crash there is the old one or the new one."""
    partial_of(path).replace(path)
    if os.name == "posix":
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """A small file, whole or not at all."""
    with partial_of(path).open("w", encoding="utf-8") as file:
        json.dump(value, file, ensure_ascii=True, indent=1)
        file.flush()
        os.fsync(file.fileno())
    publish(path)


def sha256_of(path: Path) -> str:
    """The hash of a file, in hexadecimal."""
    found = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            found.update(block)
    return found.hexdigest()
