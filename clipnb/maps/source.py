"""What a map was made from, which is what it takes to add a point to it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

from clipnb.errors import StoreError
from clipnb.stored import open_embeddings
from clipnb.types import Embeddings, FloatArray

if TYPE_CHECKING:
    from clipnb.maps.neighbours import Neighbours
    from clipnb.maps.pca import Axes

__all__ = ["Source"]


@dataclass(frozen=True, eq=False)
class Source:
    """What a map was made from, row for row; it stays as it was when the map's points are changed or added to.

    Attributes:
        rows: the rows; None where a saved map only says in which folder they lie.
        coords: float32 [row, 2 or 3], where they lie on the map.
        neighbours: index and distances [row, k], each row its own first; None where the method has none.
        axes: of PCA.
        folders: where to look for the rows, the likeliest first.
        fingerprint: of the rows in such a folder; "" where it is not known.
    """

    rows: Embeddings | None
    coords: FloatArray
    neighbours: Neighbours | None = None
    axes: Axes | None = None
    folders: tuple[str, ...] = ()
    fingerprint: str = ""

    @functools.cached_property
    def embeddings(self) -> Embeddings:
        """The rows, opened when first asked for.

        Raises:
            StoreError: their folder is gone, or holds others.
        """
        if self.rows is not None:
            return self.rows
        others = ""
        for folder in self.folders:
            try:
                found = open_embeddings(folder)
            except StoreError:
                continue
            if len(found) == len(self.coords) and self.fingerprint in ("", found.fingerprint):
                return found
            others = others or (
                f"{folder} has {len(found)} rows now; this map was made from {len(self.coords)}"
                if len(found) != len(self.coords)
                else f"{folder} has other rows now, or in another order, than those that this map was made from"
            )
        raise StoreError(
            others
            or f"the rows of this map are not at {self.folders[0]} any more; put them back, or save it with rows='copy'"
        )
