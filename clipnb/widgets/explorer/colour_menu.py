"""What the points of a map can be coloured by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from clipnb.errors import UnsupportedOption
from clipnb.maps import neighbourhood_overlap
from clipnb.types import FloatArray
from clipnb.widgets.explorer.contents import Contents
from clipnb.widgets.explorer.spaces import Space

__all__ = ["ALIKE", "MODALITY", "OVERLAP", "SEARCH", "TORN", "ColourMenu"]

MODALITY, TORN, OVERLAP = "picture or text", "neighbours torn away", "neighbours the maps share"
SEARCH, ALIKE = "cosine with the search", "nothing"
_K = 14
"""Neighbours that are counted: those that UMAP has found already, each point its own first of fifteen."""

_QUICK_UP_TO = 5_000


class ColourMenu:
    """Names of colourings, and each as the arguments of `Canvas.colour`; what takes a while is computed when chosen.

    Args:
        contents: groups and numbers of the points.
        spaces: one a map.
        can_search: there can be a search to colour by.
    """

    def __init__(self, contents: Contents, spaces: Sequence[Space], can_search: bool) -> None:
        self._contents, self._spaces = contents, spaces
        self.names = [*contents.groups, *(name for name in contents.values if name not in contents.groups)]
        if contents.modality is not None and len(set(contents.modality)) > 1:
            self.names.append(MODALITY)
        self.names.append(ALIKE)
        if contents.count > 2 and all(space.knows_rows for space in spaces):
            self.names += [TORN] if len(spaces) == 1 else [OVERLAP, *(f"{TORN}: {space.name}" for space in spaces)]
        if can_search:
            self.names.append(SEARCH)
        self._known: dict[str, dict[str, Any]] = {}

    def of(self, name: str, cosines: FloatArray | None) -> dict[str, Any]:
        """The arguments of `Canvas.colour`.

        Args:
            name: of the menu.
            cosines: of the map's points with what was searched for, if anything was.

        Raises:
            UnsupportedOption: another name, or a search that has not been made.
        """
        if name not in self.names:
            raise UnsupportedOption(f"colour_by={name!r}; expected one of {', '.join(map(repr, self.names))}")
        if name == SEARCH:
            if cosines is None:
                raise UnsupportedOption("There is nothing to compare with yet: search for something first.")
            return {"values": cosines, "value_name": "cosine"}
        if name not in self._known:
            self._known[name] = self._make(name)
        return self._known[name]

    def is_slow(self, name: str) -> bool:
        """Whether it has to be computed, and that takes seconds."""
        return name not in self._known and name.startswith((TORN, OVERLAP)) and self._contents.count > _QUICK_UP_TO

    def _make(self, name: str) -> dict[str, Any]:
        contents = self._contents
        k = min(_K, contents.count - 1)
        if name in contents.groups:
            return {"groups": contents.groups[name]}
        if name in contents.values:
            return {"values": contents.values[name], "value_name": name}
        if name == MODALITY:
            return {"groups": ["picture" if kind == "image" else "text" for kind in contents.modality or ()]}
        if name == OVERLAP:
            found = [neighbourhood_overlap(self._spaces[0].rows, space.rows, k=k) for space in self._spaces[1:]]
            return {"values": np.mean(found, axis=0), "value_name": "shared"}
        if name.startswith(TORN):
            space = next((each for each in self._spaces if name.endswith(f": {each.name}")), self._spaces[0])
            return {"values": space.projection.torn(k), "value_name": "torn away"}
        return {}
