"""CIFAR's binary version: one byte or two of class, then 3 x 32 x 32 bytes of red, green and blue."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import SourceError
from clipnb.reproducing.labelled import Labelled, Names

__all__ = ["binary"]

PIXELS = 3 * 32 * 32
# file, bytes of class before the pixels (CIFAR-100: first the superclass, then the class), classes, list of names
FORMS = (("test_batch.bin", 1, 10, "batches.meta.txt"), ("test.bin", 2, 100, "fine_label_names.txt"))
FOLDERS = ("", "cifar-10-batches-bin", "cifar-100-binary")


def binary(data: Path, names: Names) -> Labelled | None:
    """The test pictures, as their makers describe the files: https://www.cs.toronto.edu/~kriz/cifar.html.

    Raises:
        SourceError: the file is cut short, or only the version for Python is there, which is a pickle.
    """
    for folder in FOLDERS:
        for file, before, classes, listed in FORMS:
            path = data / folder / file
            if path.is_file() and len(names) == classes:
                return _records(path, before, _order(path.with_name(listed), names))
    pickled = [data / name for name in ("test_batch", "test", "cifar-10-batches-py", "cifar-100-python")]
    for path in pickled:
        if path.exists() and not any(inside.suffix for inside in _inside(path)):
            raise SourceError(f"{path}: the version for Python, pickles that would run code; take the binary version")
    return None


def _inside(path: Path) -> list[Path]:
    """Splits of a set are folders too; a pickle has no suffix."""
    return [] if path.is_file() else [file for file in path.rglob("*.*") if file.suffix in (".png", ".jpg", ".parquet")]


def _order(listed: Path, names: Names) -> list[int]:
    """The class of each number in the files; the list of names beside them may be missing."""
    if not listed.is_file():
        return list(range(len(names)))
    lines = [line.strip() for line in listed.read_text(encoding="utf-8").splitlines() if line.strip()]
    if len(lines) != len(names):
        raise SourceError(f"{listed}: {len(lines)} names for {len(names)} classes")
    return [names.index(line, f"{listed}, line {number}") for number, line in enumerate(lines, start=1)]


def _records(path: Path, before: int, order: list[int]) -> Labelled:
    raw = np.fromfile(path, dtype=np.uint8)
    if not len(raw) or len(raw) % (before + PIXELS):
        raise SourceError(
            f"{path}: {len(raw):,} bytes are no whole number of records of {before + PIXELS:,}; cut short?"
        )
    records = raw.reshape(-1, before + PIXELS)
    numbers = records[:, before - 1]
    if numbers.max() >= len(order):
        raise SourceError(f"{path}: record {int(numbers.argmax())} has class {numbers.max()} of {len(order)}")
    pixels = records[:, before:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)

    def read(positions: NDArray[np.int64]) -> Iterable[tuple[str, Any]]:
        return ((f"{path.name}/{i}", np.ascontiguousarray(pixels[i])) for i in positions)

    return Labelled("CIFAR binary", np.array(order, dtype=np.int64)[numbers], read)
