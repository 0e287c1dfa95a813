"""The noun of this room: a map."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.types import Embeddings, FloatArray, as_embeddings

if TYPE_CHECKING:
    from clipnb.maps.quality import MapQuality
    from clipnb.maps.source import Source

__all__ = ["Projection"]


@dataclass(frozen=True, eq=False)
class Projection:
    """A map: points in two or three dimensions.

    Attributes:
        coords: float32 [point, 2 or 3], without unit.
        ids: one name per point.
        method: ``"umap"``, ``"pca"``, ``"tsne"`` or ``"pacmap"``.
        params: the settings that were used, after every fallback.
        seed: of the random numbers; the same seed gives the same map on the same machine. None where there are none.
        source: the rows it was made from; None for a map that was put together by hand.
        seconds: elapsed, by stage.
    """

    coords: FloatArray
    ids: tuple[str, ...]
    method: str
    params: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    source: Source | None = field(default=None, repr=False)
    seconds: Mapping[str, float] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.coords)

    def __repr__(self) -> str:
        count, dimensions = self.coords.shape
        return f"Projection({count} points in {dimensions} dimensions by {self.method}, seed={self.seed})"

    def transform(self, new: Embeddings | ArrayLike) -> FloatArray:
        """Where new rows lie on this map, which itself stays as it is.

        Each row is placed by itself: its place does not depend on what else is asked for, nor on the order.

        - PCA: exactly.
        - UMAP: among its nearest rows of the map, by their weights in the fuzzy graph, then moved by the layout's own
          forces with everything else held still (100 rounds).
        - t-SNE and PaCMAP have no such rule: the mean of the places of the nearest rows, each weighted by the inverse
          of its squared distance. A row unlike all others still lands among them.

        Args:
            new: Embeddings of the same model, or an array [row, dim].

        Returns:
            coords float32 [row, 2 or 3].

        Raises:
            InvalidEmbeddings: another width or another model; rows that are zero or not finite.
            UnsupportedOption: the map does not know its rows.
            StoreError: its rows lie in a folder that is not there any more.
        """
        from clipnb.maps.frames import framed
        from clipnb.maps.placing import place

        source = self._source("transform")
        rows = as_embeddings(new)
        if rows.dim != source.embeddings.dim:
            raise InvalidEmbeddings(
                f"the new rows have {rows.dim} columns, those of the map {source.embeddings.dim}: two different models?"
            )
        made = source.embeddings.model
        if rows.model and made and rows.model != made:
            raise InvalidEmbeddings(f"the new rows are from {rows.model!r}, the map is of {made!r}")
        return framed(place(rows.vectors, source, self.method, self.params, self.seed or 0), self.params)

    def save(self, folder: str | os.PathLike[str], *, rows: str = "auto") -> None:
        """Write the map to a folder: ``projection.json``, ``points.parquet`` and npz files, nothing pickled.

        Args:
            folder: made if it is not there; a map that was saved there before is replaced.
            rows: ``"copy"`` puts the rows that the map was made from into the folder, ``"reference"`` only says in
                which folder of :func:`clipnb.embed` they lie, ``"none"`` leaves them out (then nothing can be added
                to the map). ``"auto"``: a reference where there is such a folder, else a copy.

        Raises:
            StoreError: the folder has other things in it, or cannot be written.
            UnsupportedOption: another value of ``rows``, or a reference to rows that lie in no folder.
        """
        from clipnb.maps.saving import save

        save(self, folder, rows)

    @classmethod
    def load(cls, folder: str | os.PathLike[str]) -> Projection:
        """Open a map that was saved. Neither numba nor umap-learn is needed, so their versions do not matter.

        Raises:
            StoreError: no map is there, or a file of it is missing or damaged.
        """
        from clipnb.maps.loading import load

        return load(folder)

    def quality(self, k: int = 15, *, sample: int = 2000, seed: int = 0, seeds: int = 0) -> MapQuality:
        """How far the map can be trusted: measures with their cautions, to be printed.

        Args:
            k: size of a neighbourhood; below half of the points.
            sample: points that are looked at (all of them where there are fewer), among all points.
            seed: which ones.
            seeds: how many other seeds to lay the map out with, to see what is chance; 0: none.

        Raises:
            UnsupportedOption: k is out of range, or the map does not know its rows.
        """
        from clipnb.maps.quality import measure

        return measure(self, k, sample=sample, seed=seed, seeds=seeds)

    def torn(self, k: int = 15, *, within: int | None = None) -> NDArray[np.float64]:
        """For each point the share of its true neighbours that the map tore away from it.

        Args:
            k: how many nearest rows count as true neighbours.
            within: a neighbour is torn away if it is not among this many nearest points on the map; default: 3 k.

        Returns:
            float64 [point], within [0, 1]; about 1 where the map shows a point beside strangers.

        Raises:
            UnsupportedOption: k or ``within`` is out of range, or the map does not know its rows.
        """
        from clipnb.maps.quality import torn

        return torn(self, k, within)

    def _source(self, what: str) -> Source:
        if self.source is None:
            raise UnsupportedOption(f"{what} needs the rows that the map was made from; make it with clipnb.project")
        return self.source
