"""What all parts of the explorer's panel stand on: the points, with those that were added, and words about them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import traitlets as T
from numpy.typing import NDArray

from clipnb.errors import UnsupportedOption
from clipnb.plots.palette import isolated, shorten
from clipnb.plots.thumbnails import data_uri
from clipnb.types import FloatArray
from clipnb.widgets.explorer.canvas import Canvas
from clipnb.widgets.explorer.contents import Contents
from clipnb.widgets.explorer.spaces import Space
from clipnb.widgets.explorer.view import ExplorerView
from clipnb.widgets.panel import Panel
from clipnb.widgets.pictures import Entry

__all__ = ["Explored", "Rows", "listed"]


class Rows(T.List):
    """A trait that is a list of whole numbers, and takes whatever numpy has of that kind."""

    def __init__(self, **more: Any) -> None:
        super().__init__(T.Int(), **more)

    def validate(self, obj: Any, value: Any) -> Any:
        """As of any list; an array, a range or numbers of numpy become one first."""
        if not isinstance(value, str):
            array = np.asarray(value)
            if array.ndim == 1 and (array.dtype.kind in "iu" or not len(array)):
                value = array.tolist()
        return super().validate(obj, value)


class Explored(Panel):
    """The points of a map under a canvas. The panel is made of classes on top of this one, one for each deed."""

    view: ExplorerView
    canvas: Canvas
    _spaces: list[Space]
    _contents: Contents
    _new: list[Entry]
    #: Of the map's points with what was searched for.
    _cosines: FloatArray | None = None

    def __len__(self) -> int:
        """Points, with those that were added."""
        return self._contents.count + len(self._new)

    @property
    def in_space(self) -> bool:
        """Whether the map has three dimensions, so that nothing can be lassoed."""
        return self._spaces[0].projection.coords.shape[1] == 3

    def _here(self) -> Space:
        """The space that neighbours, search and words are of."""
        raise NotImplementedError

    def _recolour(self) -> None:
        """After a search, where that is the colour."""
        raise NotImplementedError

    def _write_code(self) -> None:
        """After anything that the lines of Python say."""
        raise NotImplementedError

    def _welcome(self) -> str:
        count = f"{len(self):,} points"
        if self.in_space:
            return f"{count} in space: point at one, or search. A lasso needs a map on a plane, n_components=2."
        return f"{count}. Point at one to see it, click to hold it, draw around several to select them."

    def _name(self, row: int) -> str:
        count = self._contents.count
        return self._contents.labels[row] if row < count else self._new[row - count].name

    def _line(self, row: int, cosine: float | None) -> str:
        name = isolated(shorten(self._name(row), 48))
        return name if cosine is None else f"{cosine:.2f}  {name}"

    def _thumbnail(self, row: int) -> str | None:
        count = self._contents.count
        return self._contents.thumbnail(row) if row < count else data_uri(self._new[row - count].picture, 80)

    def _check(self, rows: Sequence[int] | NDArray[np.intp]) -> None:
        wrong = [row for row in rows if not 0 <= row < len(self)]
        if wrong:
            raise UnsupportedOption(f"There is no point {wrong[0]}: there are {len(self):,}, from 0.")


def listed(names: Sequence[str]) -> str:
    """The first five names between quotes, and how many more."""
    shown = ", ".join(f"“{name}”" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
