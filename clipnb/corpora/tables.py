"""Tables with a column for each language: files, DataFrames, Arrow tables, HF datasets."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from clipnb.corpora.columns import is_empty, read_columns
from clipnb.corpora.gathering import Gathering, Missing, codes_of
from clipnb.corpora.reading import Folders, PathLike
from clipnb.corpus import Corpus
from clipnb.errors import CorpusError, UnknownColumn, UnknownLanguage, nearest
from clipnb.languages import language

__all__ = ["parallel_table"]


def parallel_table(
    source: Any,
    languages: Mapping[str, str] | Sequence[str] | None = None,
    *,
    image_column: str | None = None,
    id_column: str | None = None,
    images: PathLike | Sequence[PathLike] | None = None,
    name: str | None = None,
    quoted: bool = True,
    missing: Missing = "raise",
) -> Corpus:
    """A corpus from any table with a column for each language.

    A cell holds a caption or a list of captions; an empty one is a missing caption. Rows with the same id are the same
    picture, with several captions.

    Args:
        source: a ``.csv``, ``.tsv`` or ``.parquet`` file, a DataFrame, an Arrow table or a HF dataset (one split).
        languages: the columns by code, ``{"en": "caption_en", "sv": "caption_sv"}``, or columns that are called by
            their codes. Default: every column whose name is a code.
        image_column: pictures: paths, bytes, PIL images, or what HF's ``Image`` feature holds. Default: no pictures.
        id_column: what the pictures are called. Default: the paths in ``image_column``, else the number of the row.
        images: the folder that paths are relative to. Default: that of the file; elsewhere the current one.
        name: of the corpus. Default: that of the file.
        quoted: whether a field of a ``.csv`` or ``.tsv`` may stand in ``"quotes"``; False: a quote is a letter.
        missing: pictures that are not there raise, or are left out with a line each in ``.problems``.

    Raises:
        UnknownColumn: a column that is not there.
        UnknownLanguage: a code that is none, or no column is called by one.
        CorpusError: names the file and line: a row with more or fewer fields than the head, not UTF-8, a cell that is
            no text, or a picture that is not there.
    """
    where, columns, lines = read_columns(source, quoted)
    by_code = _languages(languages, list(columns), where)
    for column in (image_column, id_column):
        if column is not None and column not in columns:
            raise UnknownColumn(
                f"{where}: no column {column!r}.{nearest(column, columns)} It has {', '.join(columns)}."
            )
    found = Gathering(name or Path(where).stem, where)
    found.languages(list(by_code))
    pictures = columns[image_column] if image_column is not None else None
    paths = pictures is not None and isinstance(_first(pictures), (str, os.PathLike))
    ids = columns[id_column] if id_column is not None else pictures if paths else None
    first_row: list[int] = []
    for row, line in enumerate(lines):
        if paths and pictures is not None and not isinstance(pictures[row], (str, os.PathLike)):
            raise CorpusError(
                f"{where}: line {line}: {image_column!r} holds {pictures[row]!r}; expected a path, as above"
            )
        called = row if ids is None else ids[row]
        if ids is not None and (is_empty(called) or not str(called).strip()):
            raise CorpusError(f"{where}: line {line}: the cell in {id_column or image_column!r} is empty")
        place = found.picture(str(called), where, line)
        if place == len(first_row):
            first_row.append(row)
        elif paths and id_column is not None and pictures is not None and pictures[row] != pictures[first_row[place]]:
            raise CorpusError(
                f"{where}: line {line}: {called!r} is {pictures[row]!r} here, and {pictures[first_row[place]]!r} on "
                f"line {lines[first_row[place]]}; an id stands for one picture"
            )
        for code, column in by_code.items():
            for text in _texts(columns[column][row], f"{where}: line {line}: {column!r}"):
                found.caption(code, place, text, f"{where}: {column}", line)
    if pictures is None:
        return found.corpus()
    if not paths:
        return found.corpus(Pictures(pictures, first_row, where, lines))
    _paths(found, [pictures[row] for row in first_row], images, where, missing)
    return found.corpus()


class Pictures(Sequence[Any]):
    """Pictures of a column, fetched one by one: a HF dataset decodes them then."""

    def __init__(self, column: Sequence[Any], rows: Sequence[int], where: str, lines: Sequence[int]) -> None:
        self._column, self._rows, self._where, self._lines = column, rows, where, lines

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Pictures: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Pictures(self._column, self._rows[index], self._where, self._lines)
        row = self._rows[index]
        picture = self._column[row]
        if isinstance(picture, Mapping):  # HF's Image feature, undecoded
            picture = picture.get("bytes") or picture.get("path")
        if is_empty(picture):
            raise CorpusError(f"{self._where}: line {self._lines[row]}: the cell of the picture is empty")
        return picture


def _languages(wanted: Mapping[str, str] | Sequence[str] | None, columns: Sequence[str], where: str) -> dict[str, str]:
    """The column of each language.

    Raises:
        UnknownLanguage, UnknownColumn: a code or a column that does not exist.
    """
    if wanted is None:
        named = [column for column in columns if _is_code(column)]
        if not named:
            raise UnknownLanguage(
                f"{where}: no column is called by the code of a language; say which are, languages={{'en': "
                f"'caption_en'}}. It has {', '.join(columns)}."
            )
        return codes_of(named, where)
    given = dict(wanted) if isinstance(wanted, Mapping) else {code: code for code in _list(wanted)}
    if not given:
        raise UnknownLanguage(f"{where}: languages= is empty; give a column for each, {{'en': 'caption_en'}}")
    for column in given.values():
        if column not in columns:
            raise UnknownColumn(
                f"{where}: no column {column!r}.{nearest(column, columns)} It has {', '.join(columns)}."
            )
    return {code: given[own] for code, own in codes_of(list(given), where).items()}


def _list(wanted: Sequence[str]) -> list[str]:
    return [wanted] if isinstance(wanted, str) else list(wanted)


def _is_code(column: str) -> bool:
    """Whether a column is called by a code; ``id``, which is also Indonesian's, is rather one of ids."""
    try:
        return column != "id" and bool(language(column))
    except UnknownLanguage:
        return False


def _first(values: Sequence[Any]) -> Any:
    """The first that is there; of pictures that have to be decoded no more than that."""
    return next((values[i] for i in range(len(values)) if not is_empty(values[i])), None)


def _texts(cell: Any, where: str) -> list[str]:
    """The captions of a cell; none of an empty one."""
    if is_empty(cell):
        return []
    if isinstance(cell, str):
        return [cell]
    if hasattr(cell, "tolist"):
        cell = cell.tolist()
    if not isinstance(cell, (list, tuple)) or not all(isinstance(text, str) for text in cell):
        raise CorpusError(f"{where}: the cell holds {cell!r}; expected a text or a list of texts")
    return list(cell)


def _paths(found: Gathering, cells: list[Any], images: Any, where: str, missing: Missing) -> None:
    """Paths of a column, absolute or relative to a folder, looked for there."""
    root = [Path(where).parent if Path(where).is_file() else Path()] if images is None else images
    folders = Folders(root)
    values = dict(zip(found.names, map(os.fspath, cells), strict=True))
    addresses = [value for value in values.values() if value.startswith(("http://", "https://"))]
    if addresses:
        raise CorpusError(
            f"{where}: {addresses[0]!r} is an address; download the pictures and give their folder, images="
        )
    found.locate(folders, values.__getitem__, missing)
