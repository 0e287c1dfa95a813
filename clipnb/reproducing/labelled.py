"""A test set on disk: pictures that are read when they are needed, and their true classes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import SourceError, UnknownLabel, nearest

__all__ = ["Labelled", "Names", "from_files"]


class Names:
    """Classes as files spell them: by the name, by the key (a WordNet id), with underscores for spaces."""

    def __init__(self, names: Sequence[str], keys: Sequence[str] | None = None) -> None:
        self.names = tuple(names)
        # Keys last: where a key of one class is spelt like the name of another, files mean the key.
        self._index = {_folded(name): i for i, name in enumerate(self.names)}
        self._index.update({_folded(key): i for i, key in enumerate(keys or ())})

    def __len__(self) -> int:
        return len(self.names)

    def find(self, text: str) -> int | None:
        """The class that a text means, or None."""
        return self._index.get(_folded(text))

    def index(self, text: str, where: str) -> int:
        """The class that a text means.

        Raises:
            UnknownLabel: none; names the place.
        """
        found = self.find(text)
        if found is None:
            raise UnknownLabel(f"{where}: no class {text!r} among the {len(self)}.{nearest(text, self.names)}")
        return found

    def checked(self, number: int, where: str) -> int:
        """A position among the classes, from 0.

        Raises:
            UnknownLabel: outside; -1 stands for "not told" in test splits whose labels are kept secret.
        """
        if not 0 <= number < len(self):
            secret = "; this split comes without its labels, take the validation split" if number == -1 else ""
            raise UnknownLabel(f"{where}: class {number} of {len(self)}, counted from 0{secret}")
        return number


def _folded(text: str) -> str:
    return " ".join(str(text).replace("_", " ").replace("-", " ").casefold().split())


@dataclass(frozen=True)
class Labelled:
    """Pictures and their classes.

    Attributes:
        layout: how they lie on disk, in words.
        truth: the class of each picture, int64 [picture].
        read: the pictures at some positions, in rising order, as pairs of an id and a path, bytes or pixels.
    """

    layout: str
    truth: NDArray[np.int64]
    read: Callable[[NDArray[np.int64]], Iterable[tuple[str, Any]]]

    def __len__(self) -> int:
        return len(self.truth)


def from_files(layout: str, root: Path, files: Sequence[tuple[Path, int]]) -> Labelled:
    """Picture files and their classes; ids are paths below ``root``.

    Raises:
        SourceError: there are none.
    """
    if not files:
        raise SourceError(f"{root}: no pictures in it")

    def read(positions: NDArray[np.int64]) -> Iterable[tuple[str, Any]]:
        return [(files[i][0].relative_to(root).as_posix(), files[i][0]) for i in positions]

    return Labelled(layout, np.array([index for _, index in files], dtype=np.int64), read)
