"""The space behind a map: its rows, the model that made them, and how texts and pictures get there."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import InvalidEmbeddings, StoreError, UnsupportedOption, WrongShape, WrongType
from clipnb.exploring import Near, nearby
from clipnb.maps import Projection
from clipnb.modality import Joint
from clipnb.types import ClipModel, Embeddings, FloatArray, is_model
from clipnb.widgets.explorer.map_names import map_names

__all__ = ["Space", "spaces_of"]


class Space:
    """One map, and what is behind it.

    Args:
        projection: the map.
        model: that made its rows; None: nothing new can be looked for.
        joint: that the map was made from, if it was.
        name: what messages call the map.
    """

    def __init__(self, projection: Projection, model: ClipModel | None, joint: Joint | None, name: str) -> None:
        self.projection, self.model, self.joint, self.name = projection, model, joint, name
        self.added: FloatArray = np.empty((0, 0), dtype=np.float32)
        """Rows of the points that were put on the map, in the form of its own."""
        self.places: FloatArray = np.asarray(projection.coords)
        """Of the map's points, then of those that were added."""

    @property
    def rows(self) -> Embeddings:
        """The rows that the map was made from, one a point.

        Raises:
            UnsupportedOption: the map does not know them.
            StoreError: their folder is not there any more.
        """
        source = self.projection.source
        if source is None or len(source.coords) != len(self.projection):
            raise UnsupportedOption(
                f"{self.name} does not know the rows that it was made from, so there are no neighbours, no search and "
                "no words; make it with clipnb.project"
            )
        return source.embeddings

    @property
    def knows_rows(self) -> bool:
        """Whether :attr:`rows` can be had."""
        try:
            return self.rows is not None
        except (UnsupportedOption, StoreError):
            return False

    @functools.cached_property
    def total(self) -> NDArray[np.float64]:
        """The sum of the map's own rows, [dim]."""
        total = np.zeros(self.rows.dim)
        for _, block in self.rows.blocks():
            total += block.sum(axis=0, dtype=np.float64)
        return total

    def vector(self, row: int) -> FloatArray:
        """Of a point of the map, or of one that was added: [dim]."""
        rows = self.rows
        return rows[row].vectors[0] if row < len(rows) else self.added[row - len(rows)]

    def vectors(self, chosen: Sequence[int]) -> FloatArray:
        """Of several points, [point, dim]."""
        rows, index = self.rows, np.asarray(chosen, dtype=np.intp)
        own = rows[index[index < len(rows)]].vectors
        return np.concatenate([own, self.added[index[index >= len(rows)] - len(rows)]]) if len(self.added) else own

    def near_point(self, row: int, k: int) -> Near:
        """The points nearest to a point, and which of them the map shows elsewhere."""
        rows = self.rows
        own = row if row < len(rows) else -1
        return nearby(self.vector(row), rows, k, leave_out=own, coords=self.projection.coords, place=self.places[row])

    def text(self, text: str) -> FloatArray:
        """A text as a row of the map, [dim]: on a map of centred rows it is centred as the texts were."""
        return self._like(self._model().encode_text([text]), "text")[0]

    def images(self, pictures: Sequence[Any]) -> FloatArray:
        """Pictures as rows of the map, [picture, dim]: on a map of centred rows centred as the pictures were."""
        return self._like(self._model().encode_image(list(pictures)), "image")

    def put(self, vectors: FloatArray) -> FloatArray:
        """Place new rows on the map and keep them: their places, [new, 2 or 3]."""
        coords = self.projection.transform(Embeddings(vectors, model=self.rows.model))
        self.added = np.concatenate([self.added, vectors]) if len(self.added) else vectors
        self.places = np.concatenate([self.places, coords])
        return coords

    def texts(self, rows: Embeddings) -> Embeddings:
        """Rows of texts in the form of the map's own."""
        return rows if self.joint is None else self.joint.like(rows, "text")

    def _like(self, vectors: FloatArray, modality: Literal["image", "text"]) -> FloatArray:
        rows = Embeddings(vectors, modality=modality)
        return (rows if self.joint is None else self.joint.like(rows, modality)).vectors

    def _model(self) -> ClipModel:
        if self.model is None:
            raise UnsupportedOption(f"{self.name} has no model: give the panel the one that made its rows, model=…")
        return self.model


def spaces_of(
    maps: Sequence[Projection], model: ClipModel | Sequence[ClipModel | None] | None, joint: Joint | None
) -> list[Space]:
    """A space a map. A single model goes with every map whose rows it can have made.

    Raises:
        WrongType: something that is no model, or no joint.
        WrongShape: a list of models that is not one a map.
        InvalidEmbeddings: a model of another width or name than the rows of its map.
    """
    if joint is not None and not isinstance(joint, Joint):
        raise WrongType(f"joint is a {type(joint).__name__}; expected what clipnb.joint gives")
    names = map_names(maps) if len(maps) > 1 else ["the map"]
    given: list[Any]
    if model is None or is_model(model):
        given = [model if model is not None and _fits(model, each) is None else None for each in maps]
        if model is not None and not any(each is not None for each in given):
            raise InvalidEmbeddings(_fits(model, maps[0]) or "")
    else:
        if not isinstance(model, Sequence) or isinstance(model, str):
            raise WrongType(f"model is a {type(model).__name__}; expected a model as clipnb.load gives it, or a list")
        if len(model) != len(maps):
            raise WrongShape(f"{len(model)} models for {len(maps)} maps; give one a map, None where there is none")
        given = list(model)
        for each, one in zip(maps, given, strict=True):
            if one is not None and not is_model(one):
                raise WrongType(f"model has a {type(one).__name__} in it; expected models as clipnb.load gives them")
            if one is not None and (problem := _fits(one, each)):
                raise InvalidEmbeddings(problem)
    return [Space(each, one, joint, name) for each, one, name in zip(maps, given, names, strict=True)]


def _fits(model: Any, projection: Projection) -> str | None:
    """What speaks against the model having made the rows of the map."""
    try:
        rows = projection.source.embeddings if projection.source is not None else None
    except StoreError:
        rows = None
    if rows is None:
        return None
    if model.dim != rows.dim:
        return f"the model {model.name!r} has {model.dim} columns, the rows of the map {rows.dim}: another model?"
    if rows.model and model.name != rows.model:
        return f"the map is of {rows.model!r}, and the model is {model.name!r}; their spaces have nothing in common"
    return None
