"""An item of a source, and how its bytes are had."""

from __future__ import annotations

import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from clipnb.errors import UnreadableImage

__all__ = ["IMAGE_SUFFIXES", "Item", "Source", "Url", "is_url", "readable"]

_SUFFIXES = "apng avif bmp dib gif ico j2k jfif jp2 jpe jpeg jpg jpx pbm pcx pgm png pnm ppm tga tif tiff webp"
IMAGE_SUFFIXES = frozenset("." + name for name in _SUFFIXES.split(" "))


class Item(NamedTuple):
    """One thing to embed.

    ``value`` is a text, or a picture: a path, bytes, a PIL image, a height x width x 3 uint8 array, a :class:`Url`, or
    an exception that already says why there is none.
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


@dataclass(frozen=True)
class Url:
    """A picture at a web address, fetched when it is read."""

    address: str
    timeout: float = 20.0
    attempts: int = 2
    limit: int = 100_000_000

    def read(self) -> bytes:
        """Its bytes.

        Raises:
            UnreadableImage: not reachable, too slow, too large, or not found.
        """
        request = urllib.request.Request(self.address, headers={"User-Agent": "clipnb"})
        for attempt in range(self.attempts):
            try:
                return self._fetch(request)
            except urllib.error.HTTPError as error:
                if error.code < 500 or attempt + 1 == self.attempts:
                    raise UnreadableImage(f"{self.address}: HTTP {error.code} {error.reason}") from error
            except (OSError, ValueError) as error:
                if attempt + 1 == self.attempts:
                    reason = getattr(error, "reason", error)
                    raise UnreadableImage(f"{self.address}: {type(error).__name__}: {reason}") from error
            time.sleep(0.5 * 2**attempt)
        raise AssertionError("unreachable")

    def _fetch(self, request: urllib.request.Request) -> bytes:
        end = time.monotonic() + self.timeout
        parts, size = [], 0
        with urllib.request.urlopen(request, timeout=self.timeout) as answer:
            while part := answer.read(1 << 16):
                parts.append(part)
                size += len(part)
                if size > self.limit:
                    raise UnreadableImage(f"{self.address}: over {self.limit:,} bytes")
                if time.monotonic() > end:  # a server that sends a byte now and then never times out by itself
                    raise TimeoutError(f"not finished after {self.timeout:g} s")
        return b"".join(parts)


def is_url(text: str) -> bool:
    """Whether it is an address of the web."""
    return text.startswith(("http://", "https://"))


def readable(path: str | bytes | os.PathLike[str]) -> str:
    r"""A path as a text of Unicode; bytes that are not UTF-8 show as ``\xNN``."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")
