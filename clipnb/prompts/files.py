"""Class names and templates from files: one a line, or JSON; what is wrong is said with its line."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from clipnb.errors import PromptFileError

__all__ = ["Entry", "is_file", "read_json", "read_names", "read_templates", "write_json"]

SUFFIXES = (".txt", ".json")


class Entry(NamedTuple):
    """A text and where it stands, such as ``labels.txt, line 3``."""

    text: str
    where: str


def is_file(given: object) -> bool:
    """Whether this names a file: a Path, or a text that ends in ``.txt`` or ``.json``."""
    if isinstance(given, os.PathLike):
        return True
    return isinstance(given, str) and given.strip().lower().endswith(SUFFIXES)


def read_json(path: Path) -> Any:
    """What the file holds.

    Raises:
        PromptFileError: the file is missing or is no JSON; names the line.
    """
    try:
        return json.loads(_text(path), object_pairs_hook=lambda pairs: _unique(path, pairs))
    except json.JSONDecodeError as error:
        raise PromptFileError(f"{path}, line {error.lineno}: no JSON, {error.msg}") from error


def read_templates(path: Path) -> list[Entry]:
    """The templates of a ``.txt`` (one a line), or of a ``.json`` (a list, or the key ``templates`` of a mapping)."""
    return _entries(path, "templates")


def read_names(path: Path) -> list[Entry] | dict[str, Any]:
    """Class names of a ``.txt`` (one a line) or of a ``.json``: a list, or a mapping from a class to its names.

    The mapping may also be that of :meth:`clipnb.Prompts.to_file`, with the key ``classnames``.
    """
    if path.suffix.lower() == ".json":
        found = read_json(path)
        if isinstance(found, dict):
            return found
        return _listed(path, found)
    return _entries(path, "classnames")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """The value as JSON, in letters that people read.

    Raises:
        PromptFileError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise PromptFileError(f"{path} cannot be written: {error.strerror or error}") from error


def _entries(path: Path, key: str) -> list[Entry]:
    if path.suffix.lower() == ".json":
        found = read_json(path)
        if isinstance(found, dict):
            if key not in found:
                raise PromptFileError(f"{path} is a mapping without the key {key!r}; it has {', '.join(found)}")
            found = found[key]
        return _listed(path, found)
    lines = enumerate(_text(path).splitlines(), start=1)
    entries = [Entry(line.strip(), f"{path}, line {number}") for number, line in lines if line.strip()]
    if not entries:
        raise PromptFileError(f"{path} is empty; expected one text a line")
    return entries


def _listed(path: Path, found: Any) -> list[Entry]:
    if not isinstance(found, list):
        raise PromptFileError(f"{path} holds a {type(found).__name__}; expected a list of texts")
    for position, text in enumerate(found):
        if not isinstance(text, str):
            raise PromptFileError(f"{path}, entry {position}: {text!r} is a {type(text).__name__}; expected a text")
    if not found:
        raise PromptFileError(f"{path} is an empty list; expected texts")
    return [Entry(text, f"{path}, entry {position}") for position, text in enumerate(found)]


def _unique(path: Path, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object; a key that stands twice would lose what its first place says."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise PromptFileError(f"{path}: the key {key!r} stands twice; keep one")
        found[key] = value
    return found


def _text(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise PromptFileError(f"{path} cannot be read: {error.strerror or error}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise PromptFileError(f"{path}, line {line}: no UTF-8; save the file as UTF-8") from error
