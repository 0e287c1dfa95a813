"""Tables with a column of paths, addresses, bytes, pictures or texts."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

from clipnb.errors import EmptyInput, SourceError, UnknownColumn
from clipnb.sources.items import Item, Source
from clipnb.sources.web import Url, is_url

__all__ = ["from_arrow", "from_hf", "from_parquet"]

_IMAGE_COLUMNS = "image img image_path path file file_name filename filepath image_bytes bytes url image_url jpg png"
IMAGE_COLUMNS = tuple(_IMAGE_COLUMNS.split(" "))
TEXT_COLUMNS = ("text", "caption", "sentence", "prompt", "title")
ID_COLUMNS = ("id", "image_id", "key", "uid", "__key__")

Modality = Literal["image", "text"]
BATCH = 1024


def choose(
    names: Sequence[str], column: str | None, id_column: str | None, modality: Modality | None, kind: str
) -> tuple[str, str | None, Modality]:
    """The column to embed, the column of ids, and what the former holds.

    Raises:
        UnknownColumn: the named one is not there, or none is named and none can be guessed.
    """
    for name in (column, id_column):
        if name is not None and name not in names:
            raise UnknownColumn(f"{kind}: no column {name!r}; it has {', '.join(map(repr, names))}")
    if column is None:
        wanted = {"image": IMAGE_COLUMNS, "text": TEXT_COLUMNS, None: IMAGE_COLUMNS + TEXT_COLUMNS}[modality]
        found = [name for guess in wanted for name in names if name.lower() == guess]
        if not found:
            raise UnknownColumn(f"{kind}: name the column to embed, column=; it has {', '.join(map(repr, names))}")
        column = found[0]
    if id_column is None:
        id_column = next((name for guess in ID_COLUMNS for name in names if name.lower() == guess), None)
    if modality is None:
        modality = "text" if column.lower() in TEXT_COLUMNS else "image"
    return column, None if id_column == column else id_column, modality


def value(cell: Any, modality: Modality, root: Path | None) -> Any:
    """What a cell holds, as an item's value; an exception where it holds nothing."""
    if cell is None or (isinstance(cell, float) and cell != cell):
        return SourceError("the cell is empty")
    if modality == "text":
        return cell if isinstance(cell, str) else SourceError(f"the cell holds a {type(cell).__name__}, not a text")
    if isinstance(cell, dict):  # the image column of a HF dataset, undecoded
        return cell["bytes"] if cell.get("bytes") else value(cell.get("path"), modality, root)
    if isinstance(cell, str):
        if is_url(cell):
            return Url(cell)
        return os.fspath(root / cell) if root is not None else cell
    return cell


def from_arrow(
    table: Any,
    kind: str,
    column: str | None,
    id_column: str | None,
    modality: Modality | None,
    root: Path | None = None,
) -> Source:
    """The rows of an Arrow table; ids are those of the id column, else the row's number or its text cell."""
    column, id_column, chosen = choose(table.column_names, column, id_column, modality, kind)
    if not len(table):
        raise EmptyInput(f"{kind}: no rows")

    def items(start: int) -> Iterator[Item]:
        yield from _rows(table.select(_used(column, id_column)).slice(start).to_batches(BATCH), start)

    def _rows(batches: Any, start: int) -> Iterator[Item]:
        yield from rows(batches, start, column, id_column, chosen, root)

    return Source(kind, chosen, items, len(table))


def from_parquet(paths: Sequence[Path], column: str | None, id_column: str | None, modality: Modality | None) -> Source:
    """The rows of Parquet files, in the order of the files; paths in them are relative to the file."""
    import pyarrow.parquet as pq

    try:
        schemas = [pq.read_schema(path) for path in paths[:1]]
        counts = [pq.read_metadata(path).num_rows for path in paths]
    except Exception as error:
        raise SourceError(f"{paths[0]}: not Parquet that can be opened ({error})") from error
    kind = paths[0].name if len(paths) == 1 else f"{len(paths)} Parquet files"
    column, id_column, chosen = choose(schemas[0].names, column, id_column, modality, kind)
    if not sum(counts):
        raise EmptyInput(f"{kind}: no rows")

    def items(start: int) -> Iterator[Item]:
        before = 0
        for path, count in zip(paths, counts, strict=True):
            if before + count > start:  # opened here, so that the source travels to other processes
                yield from _file(path, pq.ParquetFile(path), before, start)
            before += count

    def _file(path: Path, file: Any, before: int, start: int) -> Iterator[Item]:
        for group in range(file.metadata.num_row_groups):
            size = file.metadata.row_group(group).num_rows
            skip = max(start - before, 0)
            if skip < size:
                batches = file.iter_batches(BATCH, row_groups=[group], columns=_used(column, id_column))
                for position, item in enumerate(rows(batches, before, column, id_column, chosen, path.parent)):
                    if position >= skip:
                        yield item
            before += size

    return Source(kind, chosen, items, sum(counts))


def from_hf(dataset: Any, column: str | None, id_column: str | None, modality: Modality | None) -> Source:
    """A ``datasets.Dataset``; its pictures are decoded here, so that a bad one is one line in the ledger."""
    kind = "HF dataset"
    column, id_column, chosen = choose(dataset.column_names, column, id_column, modality, kind)
    dataset = dataset.select_columns(_used(column, id_column))  # the others would be decoded for every row
    feature = dataset.features[column]
    if type(feature).__name__ == "Image":
        dataset = dataset.cast_column(column, type(feature)(decode=False))

    def items(start: int) -> Iterator[Item]:
        for i in range(start, len(dataset)):
            row = dataset[i]
            yield Item(_id(row, id_column, column, i, chosen), value(row[column], chosen, None))

    return Source(kind, chosen, items, len(dataset))


def _used(column: str, id_column: str | None) -> list[str]:
    return [column] if id_column is None else [column, id_column]


def rows(
    batches: Any, first: int, column: str, id_column: str | None, modality: Modality, root: Path | None
) -> Iterator[Item]:
    """The items of Arrow batches."""
    position = first
    for batch in batches:
        for row in batch.to_pylist():
            yield Item(_id(row, id_column, column, position, modality), value(row[column], modality, root))
            position += 1


def _id(row: dict[str, Any], id_column: str | None, column: str, position: int, modality: Modality) -> str:
    if id_column is not None:
        return str(row[id_column])
    cell = row[column]
    if isinstance(cell, dict):
        cell = cell.get("path")
    return cell if isinstance(cell, str) and (modality == "text" or cell) else str(position)
