"""An item of a source, and the stream of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

__all__ = ["IMAGE_SUFFIXES", "Item", "Source", "readable"]

_SUFFIXES = "apng avif bmp dib gif ico j2k jfif jp2 jpe jpeg jpg jpx pbm pcx pgm png pnm ppm tga tif tiff webp"
IMAGE_SUFFIXES = frozenset("." + name for name in _SUFFIXES.split(" "))


class Item(NamedTuple):
    """One thing to embed.

    ``value`` is a text, or a picture: a path, bytes, a PIL image, a height x width x 3 uint8 array, an address
    (:class:`clipnb.sources.web.Url`), or an exception that already says why there is none.
    """

    id: str
    value: Any


@dataclass(frozen=True)
class Source:
    """A stream of items that can be started again.

    Attributes:
        kind: what it is, for the manifest and for messages: ``"folder photos"``.
        modality: ``"image"`` or ``"text"``.
        items: starts the stream at an item, from 0; items before it are not opened.
        length: how many there are, if that is known.
        names: the ids from one position to another, where they are had without opening anything.
        skipped: files that are no pictures, counted by suffix.
    """

    kind: str
    modality: Literal["image", "text"]
    items: Callable[[int], Iterator[Item]]
    length: int | None = None
    names: Callable[[int, int], list[str]] | None = None
    skipped: dict[str, int] = field(default_factory=dict)


def readable(path: str | bytes | os.PathLike[str]) -> str:
    r"""A path as a text of Unicode; bytes that are not UTF-8 show as ``\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
