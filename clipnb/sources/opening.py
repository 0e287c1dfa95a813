"""From what the caller gave to a :class:`Source`."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from clipnb.errors import EmptyInput, SourceError, UnsupportedOption, WrongType
from clipnb.sources import files, tables
from clipnb.sources.items import IMAGE_SUFFIXES, Item, Source, readable
from clipnb.sources.web import Url, is_url

__all__ = ["open_source", "read_table"]

Modality = Literal["image", "text"]


def open_source(
    source: Any, *, modality: Modality | None = None, column: str | None = None, id_column: str | None = None
) -> Source:
    """A stream of items; see :func:`clipnb.embed` for what ``source`` may be.

    Raises:
        SourceError, EmptyInput, UnknownColumn, WrongType: each names the source and says what to do.
    """
    if modality not in (None, "image", "text"):
        raise UnsupportedOption(f"modality={modality!r}; expected 'image' or 'text'")
    if isinstance(source, (str, os.PathLike)):
        return _path(os.fspath(source), modality, column, id_column)
    if hasattr(source, "column_names") and hasattr(source, "cast_column"):
        return tables.from_hf(source, column, id_column, modality)
    if type(source).__module__.split(".")[0] in ("pandas", "pyarrow"):
        return _frame(source, modality, column, id_column)
    if isinstance(source, (bytes, dict, Image.Image)) or not isinstance(source, Iterable):
        raise WrongType(f"cannot embed a {type(source).__name__}; give a folder, a list, a table or an iterator")
    if isinstance(source, (Sequence, np.ndarray)):
        return _sequence(source, modality)
    return _iterator(iter(source), modality)


def _path(text: str, modality: Modality | None, column: str | None, id_column: str | None) -> Source:
    path = Path(text).expanduser()
    if path.is_dir():
        for suffix in ("parquet", "tar"):
            inside = sorted(path.glob(f"*.{suffix}"))
            if inside:
                return (
                    tables.from_parquet(inside, column, id_column, modality)
                    if suffix == "parquet"
                    else files.from_tars(inside)
                )
        return files.from_folder(path)
    if not path.exists():
        if any(mark in text for mark in "*?["):
            matched = files.matching(text)
            paths = [Path(p) for p in matched]
            if all(p.suffix == ".parquet" for p in paths):
                return tables.from_parquet(paths, column, id_column, modality)
            if all(".tar" in p.suffixes for p in paths):
                return files.from_tars(paths)
            return files.from_paths([os.fsencode(p) for p in matched], f"files {text}")
        hint = "; a text to embed goes into a list: [text]" if modality != "image" and not path.suffix else ""
        raise SourceError(f"{text}: no such file or folder{hint}")
    suffix = path.suffix.lower()
    if suffix == ".parquet":
        return tables.from_parquet([path], column, id_column, modality)
    if suffix == ".zip":
        return files.from_zip(path)
    if ".tar" in path.suffixes or suffix == ".tgz":
        return files.from_tars([path])
    if suffix in (".csv", ".tsv", ".feather", ".arrow", ".jsonl"):
        return tables.from_arrow(read_table(path), path.name, column, id_column, modality, path.parent)
    if suffix == ".txt":
        return _lines(path)
    if suffix in IMAGE_SUFFIXES:
        return files.from_paths([os.fsencode(path)], f"file {path.name}")
    raise SourceError(f"{text}: a file of a kind that is not known here; expected a folder, a table, a zip or a tar")


def read_table(path: Path) -> Any:
    """A .csv, .tsv, .feather, .arrow or .jsonl file as an Arrow table.

    Raises:
        SourceError: it cannot be read.
    """
    try:
        if path.suffix.lower() in (".feather", ".arrow"):
            from pyarrow import feather

            return feather.read_table(path)
        if path.suffix.lower() == ".jsonl":
            from pyarrow import json

            return json.read_json(path)
        from pyarrow import csv

        return csv.read_csv(
            path, parse_options=csv.ParseOptions(delimiter="\t" if path.suffix.lower() == ".tsv" else ",")
        )
    except Exception as error:
        raise SourceError(f"{path}: cannot be read as a table ({error})") from error


def _lines(path: Path) -> Source:
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as lines of UTF-8 ({error})") from error
    return _sequence(lines, "text")


def _frame(source: Any, modality: Modality | None, column: str | None, id_column: str | None) -> Source:
    import pyarrow as pa

    kind = type(source).__name__
    if isinstance(source, pa.Table):
        return tables.from_arrow(source, kind, column, id_column, modality)
    if isinstance(source, pa.RecordBatchReader):
        raise SourceError("a RecordBatchReader can be read only once; give the table: reader.read_all()")
    if kind == "Series":
        return _sequence(list(source), modality)
    if kind != "DataFrame":
        raise WrongType(f"cannot embed a {kind}; give a DataFrame, an Arrow table, a folder or a list")
    # Cell by cell: a column of pictures has no Arrow type.
    column, id_column, chosen = tables.choose([str(name) for name in source.columns], column, id_column, modality, kind)
    if not len(source):
        raise EmptyInput(f"{kind}: no rows")
    cells = source[column].tolist()
    names = source[id_column].tolist() if id_column else source.index.tolist()

    def items(start: int) -> Iterator[Item]:
        for name, cell in itertools.islice(zip(names, cells, strict=True), start, None):
            yield Item(str(name), tables.value(cell, chosen, None))

    def ids(start: int, stop: int) -> list[str]:
        return [str(name) for name in names[start:stop]]

    return Source(kind, chosen, items, len(source), ids)


def _sequence(values: Any, modality: Modality | None) -> Source:
    if not len(values):
        raise EmptyInput("nothing to embed: the list is empty")
    chosen = modality or _guess(values)

    def items(start: int) -> Iterator[Item]:
        for i in range(start, len(values)):
            yield _item(values[i], i, chosen)

    def names(start: int, stop: int) -> list[str]:
        return [_item(values[i], i, chosen).id for i in range(start, min(stop, len(values)))]

    return Source(type(values).__name__, chosen, items, len(values), names)


def _guess(values: Any) -> Modality:
    """Texts or pictures? Only a list of strings leaves that open."""
    strings = [value for value in values if isinstance(value, str)]
    if len(strings) < len(values):
        return "image"
    like = [is_url(text) or Path(text[-300:]).suffix.lower() in IMAGE_SUFFIXES for text in strings]
    if all(like):
        return "image"
    if not any(like):
        return "text"
    odd = strings[like.index(False)]
    raise SourceError(
        f"some of these strings look like pictures and some do not, {odd!r} for one: say modality='image' or 'text'"
    )


def _item(value: Any, position: int, modality: Modality) -> Item:
    if modality == "text":
        return Item(value if isinstance(value, str) else str(position), value)
    if isinstance(value, str) and is_url(value):
        return Item(value, Url(value))
    if isinstance(value, (str, os.PathLike)):
        return Item(readable(value), value)
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return Item(value[0], value[1])
    return Item(str(position), value)


def _iterator(values: Iterator[Any], modality: Modality | None) -> Source:
    """A stream that runs once. Its first value says whether it is of texts, unless the caller does."""
    try:
        first = next(values)
    except StopIteration:
        raise EmptyInput("nothing to embed: the iterator is empty") from None
    chosen = modality or _guess([first[1] if isinstance(first, tuple) and len(first) == 2 else first])
    stream = enumerate(itertools.chain([first], values))

    def items(start: int) -> Iterator[Item]:
        for position, value in stream:
            if position >= start:
                yield _item(value, position, chosen)

    return Source("iterator", chosen, items)
