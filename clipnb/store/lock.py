"""One run a folder."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from clipnb.errors import FolderBusy
from clipnb.store.disk import in_words

__all__ = ["locked"]


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder and hold it; a lock that a killed process held is free again.

    Raises:
        FolderBusy: another run writes there.
        StoreError: the folder cannot be made or written.
    """
    from filelock import FileLock, Timeout

    with in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder / ".lock", timeout=0)
        try:
            lock.acquire()
        except Timeout as error:
            raise FolderBusy(f"{folder}: another run is writing there; wait for it, or choose another out=") from error
    try:
        yield
    finally:
        lock.release()
