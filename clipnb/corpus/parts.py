"""What a corpus hands out and is made of: pairs of sentences, problems, a choice of pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, overload

import numpy as np
from numpy.typing import NDArray

__all__ = ["Chosen", "Pairs", "Problem"]


class Problem(NamedTuple):
    """Something in the files that is not in the corpus, or not as it should be."""

    where: str
    """A file, a column or a picture."""
    line: int | None
    """From 1; None where no line is meant."""
    what: str


class Pairs(NamedTuple):
    """Sentences of the same pictures in two languages, side by side."""

    texts_a: tuple[str, ...]
    texts_b: tuple[str, ...]
    images: NDArray[np.intp]
    """The picture of each pair, by its index, [pair]."""


class Chosen(Sequence[Any]):
    """Some pictures of a sequence, by index, each fetched when it is asked for."""

    def __init__(self, images: Sequence[Any], rows: Sequence[int]) -> None:
        self._images: Sequence[Any] = images
        self._rows = tuple(rows)
        if isinstance(images, Chosen):  # a choice of a choice is one choice
            self._images, self._rows = images._images, tuple(images._rows[row] for row in rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Chosen: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return Chosen(self._images, self._rows[index])
        return self._images[self._rows[index]]
