"""True classes of pictures, however they are written down: a list, folders, a column, a table of names, numbers."""

from __future__ import annotations

import csv
import io
import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from clipnb import datasets
from clipnb.datasets import EmojiSet
from clipnb.errors import SourceError, UnknownLabel, UnsupportedOption, WrongType, nearest, quote
from clipnb.sources.columns import has_columns, read_column
from clipnb.types import Embeddings

__all__ = ["FOLDER", "Labels", "as_classes", "emoji_names", "folder_of", "labels_of_file"]

FOLDER = "folder"
"""The word for: the label of a picture is the name of the folder that it lies in."""

FILES = (".csv", ".tsv", ".txt")
"""Endings of files of labels."""

_IDS = "id image img image_id picture file file_name filename filepath path key name"
ID_HEADS = frozenset(_IDS.split(" "))
LABEL_HEADS = frozenset(["label", "labels", "class", "classname", "class_name", "category", "truth", "target"])


class Labels:
    """What the caller said about the truth, before it is known which pictures there are.

    Args:
        labels: one class name an image, in the order of the source; ``"folder"``; the name of a column of the source;
            a mapping from an image's id to its class name; or a file, see :func:`labels_of_file`.
        classnames: the classes.
        keys: another name for each class, in the same order, such as WordNet ids; or None.
        names: what else labels may say, by mapping it to class names.

    Whole numbers are positions among the class names.
    """

    def __init__(
        self,
        labels: Any,
        classnames: Sequence[str],
        keys: Sequence[str] | None = None,
        names: Mapping[Any, str] | None = None,
    ) -> None:
        keep = labels is None or isinstance(labels, (str, bytes, Mapping)) or not isinstance(labels, Iterable)
        self.given: Any = labels if keep else list(labels)
        self.classnames = tuple(classnames)
        self._by_folder = isinstance(labels, str) and labels == FOLDER
        self._known = _names(self.classnames, keys, names)

    def read(self, source: Any) -> None:
        """Bring in labels that are a column of the source, or a file of their own."""
        if isinstance(self.given, os.PathLike) or str(self.given).lower().endswith(FILES):
            self.given = labels_of_file(Path(self.given))
        if not isinstance(self.given, str):
            return
        if has_columns(source) and not (self._by_folder and FOLDER not in _columns(source)):
            self.given, self._by_folder = read_column(source, self.given), False
        elif not self._by_folder:
            raise UnsupportedOption(
                f"labels={self.given!r}: the pictures come from no table, so that there is no such column; expected "
                "a list of class names, 'folder', a mapping from ids to class names, or a file of them"
            )

    @property
    def need_ids(self) -> bool:
        """Whether labels are found by the image's id: by its folder, or in a mapping."""
        return self._by_folder or isinstance(self.given, Mapping)

    def of(self, ids: Sequence[str] | None, count: int | None) -> tuple[str, ...] | None:
        """The class name of every image, or None without labels.

        Args:
            ids: of the images; may be missing if :attr:`need_ids` is False.
            count: how many images there are; None: not known yet, and not checked.

        Raises:
            UnknownLabel: not one label an image, an image without one, or labels that are no class names; names the
                first ones, and counts them all.
            WrongType: a single text, or something that is no list.
        """
        if self.given is None:
            return None
        if self._by_folder:
            return as_classes([folder_of(name) for name in ids or ()], self._known, ids, folders=True)
        if isinstance(self.given, Mapping):
            return as_classes(_looked_up(self.given, ids or ()), self._known, ids)
        if not isinstance(self.given, list):
            raise WrongType(f"labels is {self.given!r}; expected one class name an image, in a list")
        if count is not None and len(self.given) != count:
            raise UnknownLabel(f"{len(self.given)} labels for {count} images; expected one each")
        return as_classes(self.given, self._known, ids)

    def without_image(self, rows: Embeddings) -> tuple[str, ...]:
        """A sentence about labels of a mapping that are of none of these images, unreadable ones included; or none."""
        if not isinstance(self.given, Mapping):
            return ()
        here = {*rows.ids, *(failure.id for failure in rows.failures)}
        extra = [str(name) for name in self.given if name not in here]
        if not extra:
            return ()
        shown = ", ".join(map(quote, extra[:3])) + (", ..." if len(extra) > 3 else "")
        return (f"labels of images that are not here: {len(extra)} of {len(self.given)} ({shown})",)


def emoji_names(emoji: EmojiSet, language: str) -> list[Any]:
    """The name of each emoji in a language; NaN where CLDR has none.

    Raises:
        UnknownLanguage: there are no names in it.
    """
    datasets.emoji(emoji.style, languages=(language,))  # says which languages there are
    return list(replace(emoji, languages=(language,)).names[language])


def folder_of(name: str) -> str | None:
    """The folder that a path lies in, by its last name; None where the path has no folder."""
    parts = name.replace(os.sep, "/").rstrip("/").split("/")
    return parts[-2] if len(parts) > 1 and parts[-2] else None


def labels_of_file(path: Path) -> dict[str, str] | list[str]:
    """Labels from a text file: ``.csv`` or ``.tsv``, ids and labels by two columns; ``.txt``, one label a line.

    A first line such as ``id,label`` or ``image,class`` is taken for the names of the columns; with names, there may
    be further columns.

    Raises:
        SourceError: the file cannot be read, has not two columns, or says two things of one id; names the line.
    """
    path = path.expanduser()
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: labels cannot be read from it ({error})") from error
    ending = path.suffix.lower()
    if ending == ".txt":
        return [line.strip() for line in text.rstrip().splitlines()]
    if ending not in FILES:
        raise SourceError(f"{path}: labels are read from {', '.join(FILES)}")
    rows = csv.reader(io.StringIO(text), delimiter="\t" if ending == ".tsv" else ",")
    found: dict[str, str] = {}
    id_at, label_at, width = 0, 1, 2
    for cells in rows:
        if not cells:
            continue
        heads = [cell.strip().lower() for cell in cells]
        if rows.line_num == 1 and set(heads) & ID_HEADS and set(heads) & LABEL_HEADS:
            id_at = next(i for i, head in enumerate(heads) if head in ID_HEADS)
            label_at, width = next(i for i, head in enumerate(heads) if head in LABEL_HEADS), len(cells)
            continue
        if len(cells) != width:
            raise SourceError(
                f"{path}, line {rows.line_num}: {len(cells)} columns, expected {width}: an id and a label, or a first "
                "line that names the columns (id, label)"
            )
        name, label = cells[id_at], cells[label_at].strip()
        if found.setdefault(name, label) != label:
            raise SourceError(f"{path}, line {rows.line_num}: {name!r} is {label!r} here and {found[name]!r} above")
    return found


class _Known:
    """Everything that stands for a class."""

    def __init__(self, classnames: tuple[str, ...], names: dict[Any, str]) -> None:
        self.classnames, self.names = classnames, names
        folded = Counter(_fold(name) for name in classnames)
        self.folded = {_fold(name): name for name in classnames if folded[_fold(name)] == 1}

    def find(self, label: Any, folders: bool) -> str | None:
        if isinstance(label, (int, np.integer)) and not isinstance(label, bool) and label not in self.names:
            return self.classnames[label] if 0 <= label < len(self.classnames) else None
        try:
            found = self.names.get(label)
        except TypeError:  # a list, a dict: no label
            return None
        # A folder cannot be called "AC/DC", and rarely is "golden retriever".
        return self.folded.get(_fold(label)) if found is None and folders and isinstance(label, str) else found


def _fold(name: str) -> str:
    return " ".join(name.replace("_", " ").replace("-", " ").casefold().split())


def _names(classnames: tuple[str, ...], keys: Sequence[str] | None, names: Mapping[Any, str] | None) -> _Known:
    found: dict[Any, str] = {}
    if keys is not None:
        found.update(zip(keys, classnames, strict=True))
    found.update({name: name for name in classnames})
    for said, name in (names or {}).items():
        if name not in found:
            raise UnknownLabel(
                f"label_names maps {said!r} to {name!r}, which is not among the {len(classnames)} class names."
                f"{nearest(str(name), classnames)}"
            )
        found[said] = found[name]
    return _Known(classnames, found)


def _looked_up(labels: Mapping[str, Any], ids: Sequence[str]) -> list[Any]:
    missing = [name for name in ids if name not in labels]
    if missing:
        shown = ", ".join(quote(name) for name in missing[:3]) + (", ..." if len(missing) > 3 else "")
        keys = [str(key) for key in list(labels)[:2000]]
        raise UnknownLabel(
            f"{len(missing)} of {len(ids)} images are not among the {len(labels)} keys of labels: {shown}."
            f"{nearest(missing[0], keys)}"
        )
    return [labels[name] for name in ids]


def as_classes(
    labels: Sequence[Any], known: Sequence[str] | _Known, ids: Sequence[str] | None = None, *, folders: bool = False
) -> tuple[str, ...]:
    """The class name that each label means.

    Args:
        labels: one an image.
        known: the class names.
        ids: what messages call the images; default ``image`` and the position.
        folders: labels are names of folders, in which case, ``_`` and ``-`` make no difference.

    Raises:
        UnknownLabel: names the first that is no class, and counts the others.
    """
    table = known if isinstance(known, _Known) else _names(tuple(known), None, None)
    found = [table.find(label, folders) for label in labels]
    bad = [position for position, name in enumerate(found) if name is None]
    if not bad:
        return tuple(str(name) for name in found)
    first = labels[bad[0]]
    image = f"image {bad[0]}" if ids is None else ids[bad[0]]
    if _blank(first):
        where = "lies in no folder" if folders else "has no label"
        said = f"{image} {where}."
    else:
        what = "the folder" if folders else "the label"
        said = (
            f"{what} of {image}, {_short(first)}, is not among the {len(table.classnames)} class names."
            f"{nearest(str(first), map(str, table.names))}"
        )
    others = Counter(_short(labels[position]) for position in bad)
    if len(bad) > 1:
        kinds = ", ".join(f"{label} ({count})" for label, count in others.most_common(5))
        said += f" In all {len(bad)} of {len(labels)} labels do not match: {kinds}{', ...' if len(others) > 5 else ''}."
    raise UnknownLabel(said)


def _blank(label: Any) -> bool:
    return label is None or type(label).__name__ == "NAType" or (isinstance(label, float) and label != label)


def _short(label: Any) -> str:
    return quote(label) if isinstance(label, str) else repr(label)


def _columns(source: Any) -> list[str]:
    """The names of the columns where they are had without opening a file."""
    return [str(name) for name in getattr(source, "column_names", getattr(source, "columns", ()))]
