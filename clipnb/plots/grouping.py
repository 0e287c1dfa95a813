"""Groups as numbers, the largest first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipnb.plots.palette import OTHER, colours

__all__ = ["Groups", "grouped"]


class Groups(NamedTuple):
    """Which group each point is in.

    Attributes:
        names: the largest first, equals by name.
        codes: [point], the place of its group among the names.
        palette: the colour of each group that has one of its own.
    """

    names: tuple[str, ...]
    codes: NDArray[np.intp]
    palette: dict[str, str]

    def colour(self, code: int) -> str:
        """Of that group, or the grey that it shares."""
        return self.palette.get(self.names[code], OTHER)


def grouped(groups: Sequence[Any] | None, count: int, mode: str = "light") -> Groups:
    """The groups of ``count`` points; without any, all are in one without a name."""
    if groups is None:
        return Groups(("",), np.zeros(count, dtype=np.intp), colours([""], mode))
    given: Iterable[Any] = groups.tolist() if hasattr(groups, "tolist") else groups
    # A dictionary, not np.unique: it sorts the names, not the points, of which there may be a million.
    places: dict[Any, int] = {}
    first = np.fromiter((places.setdefault(g, len(places)) for g in given), dtype=np.intp, count=count)
    merged: dict[str, int] = {}
    same = np.array([merged.setdefault(str(name), len(merged)) for name in places], dtype=np.intp)
    codes, names = same[first], np.array(list(merged))
    sizes = np.bincount(codes, minlength=len(names))
    order = np.lexsort((names, -sizes))
    place = np.empty(len(order), dtype=np.intp)
    place[order] = np.arange(len(order))
    ranked = tuple(str(name) for name in names[order])
    own = {name: colour for name, colour in colours(ranked, mode).items() if colour != OTHER}
    return Groups(ranked, place[codes], own)
