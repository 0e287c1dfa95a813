"""A table of any kind as columns, with the line of the file that each row began on."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from clipnb.corpora.reading import read_lines
from clipnb.errors import CorpusError, WrongType

__all__ = ["Columns", "is_empty", "read_columns"]


class Columns(Mapping[str, Sequence[Any]]):
    """Columns by name, each read when it is first asked for: a table of pictures can be large.

    Args:
        names: of the columns.
        rows: how many.
        fetch: reads one.
    """

    def __init__(self, names: Sequence[str], rows: int, fetch: Callable[[str], Sequence[Any]]) -> None:
        self._names, self.rows, self._fetch = list(names), rows, fetch
        self._read: dict[str, Sequence[Any]] = {}

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._names:
            raise KeyError(name)
        if name not in self._read:
            self._read[name] = self._fetch(name)
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


def read_columns(source: Any, quoted: bool) -> tuple[str, Columns, Sequence[int]]:
    """What messages call the table, its columns, and the line of each row (for tables in memory: its number).

    Raises:
        CorpusError: a file that cannot be read, or no rows.
        WrongType: no table.
    """
    if isinstance(source, (str, os.PathLike)):
        path = Path(source).expanduser()
        suffix = path.suffix.lower()
        if suffix in (".csv", ".tsv"):
            return str(path), *_separated(path, "," if suffix == ".csv" else "\t", quoted)
        if suffix != ".parquet":
            raise CorpusError(
                f"{path}: expected a .csv, .tsv or .parquet file; open others with pandas and pass the frame"
            )
        where, columns = str(path), _parquet(path)
    else:
        where = type(source).__name__
        if hasattr(source, "column_names") and hasattr(source, "to_pylist"):
            columns = Columns(source.column_names, source.num_rows, lambda name: source[name].to_pylist())
        elif isinstance(getattr(source, "column_names", None), list) and _counted(source):
            columns = Columns(source.column_names, len(source), lambda name: _of_hf(source, name))
        elif hasattr(source, "columns") and hasattr(source, "itertuples"):
            own = {str(name): name for name in source.columns}
            columns = Columns(list(own), len(source), lambda name: source[own[name]].tolist())
        else:
            raise WrongType(
                f"cannot read a {where}; give a file, a DataFrame, an Arrow table or one split of a HF dataset"
            )
    if not columns.rows:
        raise CorpusError(f"{where}: no rows")
    return where, columns, range(1, columns.rows + 1)


def _parquet(path: Path) -> Columns:
    import pyarrow.parquet as pq

    try:
        file = pq.read_metadata(path)
        names = pq.read_schema(path).names
    except Exception as error:
        raise CorpusError(f"{path}: not Parquet that can be opened ({error})") from error
    return Columns(names, file.num_rows, lambda name: pq.read_table(path, columns=[name])[name].to_pylist())


def _counted(dataset: Any) -> bool:
    """Whether it has rows that can be asked for: a dictionary of splits and a stream have not."""
    return all(hasattr(dataset, name) for name in ("features", "__len__", "select_columns"))


def _of_hf(dataset: Any, column: str) -> Sequence[Any]:
    """Texts at once; pictures one by one, or all of them would be decoded."""
    if type(dataset.features[column]).__name__ == "Image":
        return Fetched(dataset.select_columns([column]), column)
    return list(dataset.select_columns([column])[:][column])


def _separated(path: Path, separator: str, quoted: bool) -> tuple[Columns, Sequence[int]]:
    """The columns of a file, and the line where each row begins; a field in quotes may hold ends of lines.

    Raises:
        CorpusError: no head, the same column twice, or a row with more or fewer fields than the head.
    """
    text = (line + "\n" for line in read_lines(path))
    quoting: Any = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    reader: Any = csv.reader(text, delimiter=separator, quoting=quoting, strict=True)
    rows: list[list[str]] = []
    lines: list[int] = []
    for begins, fields in _rows(reader, path):
        if not fields:
            continue  # a line without anything, at the end for the most part
        if rows and len(fields) != len(rows[0]):
            raise CorpusError(
                f"{path}: line {begins}: {len(fields)} fields, and the head has {len(rows[0])}: {', '.join(rows[0])}"
                + ("; quoted=False where a quote is just a letter" if quoted and any('"' in f for f in fields) else "")
            )
        rows.append(fields)
        lines.append(begins)
    if len(rows) < 2:
        raise CorpusError(f"{path}: no rows below the head")
    head = [field.strip() for field in rows[0]]
    for column in head:
        if head.count(column) > 1:
            raise CorpusError(f"{path}: line 1: two columns are called {column!r}")
    return Columns(head, len(rows) - 1, lambda name: [row[head.index(name)] for row in rows[1:]]), lines[1:]


def _rows(reader: Any, path: Path) -> Iterator[tuple[int, list[str]]]:
    while True:
        begins = reader.line_num + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise CorpusError(f"{path}: line {begins}: {error}; quoted=False where a quote is just a letter") from error
        yield begins, fields


class Fetched(Sequence[Any]):
    """A column of a HF dataset."""

    def __init__(self, dataset: Any, column: str) -> None:
        self._dataset, self._column = dataset, column

    def __len__(self) -> int:
        return len(self._dataset)

    def __getitem__(self, index: Any) -> Any:
        return self._dataset[int(index)][self._column]


def is_empty(cell: Any) -> bool:
    """Whether a cell holds nothing: None, NaN, or pandas' NA and NaT."""
    return cell is None or (isinstance(cell, float) and cell != cell) or type(cell).__name__ in ("NAType", "NaTType")
