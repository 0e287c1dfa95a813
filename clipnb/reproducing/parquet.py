"""Test sets as the Hub serves them: Parquet with a column of pictures and a column of classes."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import SourceError, UnknownColumn
from clipnb.reproducing.labelled import Labelled, Names

__all__ = ["from_hub"]

IMAGES = ("image", "img", "jpg", "png")
LABELS = ("label", "fine_label", "labels", "cls")
BATCH = 256


def from_hub(data: Path, names: Names, splits: tuple[str, ...]) -> Labelled | None:
    """The rows of the test split's files, in the order of the files.

    Numbers are positions in the list of names that the file carries (a HF ``ClassLabel``). Where those are spelt
    otherwise than ours, ImageNet's for instance, and are as many, the order is taken to be the same.

    Raises:
        UnknownColumn, SourceError, UnknownLabel: each names the file.
    """
    import pyarrow.parquet as pq

    paths = _files(data, splits)
    if not paths:
        return None
    truth, counts = [], []
    for path in paths:
        try:
            schema = pq.read_schema(path)
            image, label = _column(path, schema.names, IMAGES), _column(path, schema.names, LABELS)
            cells = pq.read_table(path, columns=[label])[label].to_pylist()
        except UnknownColumn:
            raise
        except Exception as error:
            raise SourceError(f"{path}: not Parquet that can be opened ({error})") from error
        order = _order(path, schema, label, names)
        truth += [_index(cell, order, names, f"{path}, row {row}") for row, cell in enumerate(cells)]
        counts.append(len(cells))

    def read(positions: NDArray[np.int64]) -> Iterable[tuple[str, Any]]:
        wanted, first = set(positions.tolist()), 0
        for path, count in zip(paths, counts, strict=True):
            if any(first <= position < first + count for position in wanted):
                row = first
                for batch in pq.ParquetFile(path).iter_batches(BATCH, columns=[image]):
                    for offset, cell in enumerate(batch.column(0)):
                        if row + offset in wanted:
                            yield f"{path.name}/{row + offset - first}", _picture(cell.as_py(), path)
                    row += len(batch)
            first += count

    return Labelled("Parquet", np.array(truth, dtype=np.int64), read)


def _files(data: Path, splits: tuple[str, ...]) -> list[Path]:
    if data.is_file():
        return [data] if data.suffix == ".parquet" else []
    for folder in (data, data / "data", *sorted(path for path in data.iterdir() if path.is_dir())):
        files = sorted(folder.glob("*.parquet"))
        of_split = [file for file in files if file.name.startswith(splits)]
        only = files if not any(file.name.startswith("train") for file in files) else []
        if of_split or only:
            return of_split or only
    return []


def _column(path: Path, columns: list[str], known: tuple[str, ...]) -> str:
    for name in known:
        if name in columns:
            return name
    raise UnknownColumn(
        f"{path}: no column {' or '.join(map(repr, known[:2]))}; it has {', '.join(map(repr, columns))}"
    )


def _order(path: Path, schema: Any, label: str, names: Names) -> list[int]:
    """What the file's numbers mean, by the names of the ``ClassLabel`` in its metadata."""
    own = list(range(len(names)))
    try:
        feature = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][label]
        listed = feature["names"]
    except (KeyError, TypeError, ValueError):
        return own
    found = [names.find(name) for name in listed]
    known = [index for index in found if index is not None]
    if len(known) == len(listed) and len(set(known)) == len(known):
        return known
    if len(listed) != len(names):
        raise SourceError(f"{path}: {len(listed)} classes, expected {len(names)}")
    return own


def _index(cell: Any, order: list[int], names: Names, where: str) -> int:
    if isinstance(cell, str):
        return names.index(cell, where)
    if not isinstance(cell, int):
        raise SourceError(f"{where}: the class is {cell!r}")
    return order[names.checked(cell, where)] if cell < len(order) else names.checked(cell, where)


def _picture(cell: Any, path: Path) -> Any:
    """The bytes, or the path beside the file; an empty cell becomes a line among the failures."""
    if isinstance(cell, dict):
        return cell.get("bytes") or (path.parent / cell["path"] if cell.get("path") else b"")
    return path.parent / cell if isinstance(cell, str) else cell or b""
