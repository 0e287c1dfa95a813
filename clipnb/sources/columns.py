"""One column of a table that is a source: the labels beside the pictures, in the order of the items."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from clipnb.errors import SourceError, UnknownColumn, nearest
from clipnb.sources.opening import read_table

__all__ = ["has_columns", "read_column"]


def has_columns(source: Any) -> bool:
    """Whether this is a table, by its type or its name: only these have columns."""
    if isinstance(source, (str, os.PathLike)):
        path = Path(os.fspath(source)).expanduser()
        if path.is_dir():
            return any(path.glob("*.parquet"))
        return path.suffix.lower() in (".parquet", ".csv", ".tsv", ".feather", ".arrow", ".jsonl")
    return _is_hf(source) or type(source).__name__ in ("DataFrame", "Table")


def read_column(source: Any, column: str) -> list[Any]:
    """The values of a column; whole numbers that stand for names (HF's ClassLabel) as these names, -1 as None.

    Raises:
        UnknownColumn: the table has no such column.
        SourceError: the source is no table, or cannot be read.
    """
    if not has_columns(source):
        raise SourceError(f"a column {column!r} was asked for, and {_said(source)} is no table: it has no columns")
    if _is_hf(source):
        _check(source.column_names, column, "HF dataset")
        names = getattr(source.features[column], "names", None)
        return _named(list(source[column]), names)
    if isinstance(source, (str, os.PathLike)):
        return _from_files(Path(os.fspath(source)).expanduser(), column)
    if hasattr(source, "column_names"):
        _check(source.column_names, column, "Table")
        return _named(source.column(column).to_pylist(), _class_names(source.schema, column))
    _check([str(name) for name in source.columns], column, "DataFrame")
    return list(source[column])


def _from_files(path: Path, column: str) -> list[Any]:
    import glob

    import pyarrow.parquet as pq

    if path.suffix.lower() not in (".parquet", "") and path.exists():
        table = read_table(path)
        _check(table.column_names, column, path.name)
        return _named(table.column(column).to_pylist(), _class_names(table.schema, column))
    # In the order in which the pictures are read.
    found = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    if not path.exists():
        found = sorted((Path(name) for name in glob.glob(str(path), recursive=True)), key=os.fsencode)  # noqa: PTH207
    values: list[Any] = []
    for file in found:
        try:
            schema = pq.read_schema(file)
            _check(schema.names, column, file.name)
            values += _named(pq.read_table(file, columns=[column])[column].to_pylist(), _class_names(schema, column))
        except (OSError, ValueError) as error:
            if isinstance(error, UnknownColumn):
                raise
            raise SourceError(f"{file}: not Parquet that can be opened ({error})") from error
    return values


def _check(names: list[str], column: str, kind: str) -> None:
    if column not in names:
        raise UnknownColumn(
            f"{kind}: no column {column!r}; it has {', '.join(map(repr, names))}.{nearest(column, names)}"
        )


def _class_names(schema: Any, column: str) -> list[str] | None:
    """The names behind whole numbers, where HF's library wrote the file and left them in its metadata."""
    try:
        facts = json.loads((schema.metadata or {})[b"huggingface"])["info"]["features"][column]
        return list(facts["names"]) if facts.get("_type") == "ClassLabel" else None
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _named(values: list[Any], names: list[str] | None) -> list[Any]:
    if names is None:
        return values
    return [None if value is None or value == -1 else names[value] for value in values]


def _is_hf(source: Any) -> bool:
    return hasattr(source, "column_names") and hasattr(source, "cast_column")


def _said(source: Any) -> str:
    return os.fspath(source) if isinstance(source, (str, os.PathLike)) else f"a {type(source).__name__}"
