"""Rows of pictures and texts for one map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from clipnb.aligning import centred_rows
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption
from clipnb.modality.sides import two_sides
from clipnb.types import Embeddings, FloatArray, as_embeddings, unit_rows

__all__ = ["Joint", "joint"]


@dataclass(frozen=True, eq=False)
class Joint:
    """Rows of pictures and texts that belong on one map. Made by :func:`clipnb.joint`.

    Attributes:
        embeddings: the rows, pictures first: ``clipnb.project(joint.embeddings)``.
        modality: "image" or "text" for each row, as ``plots.scatter(modality=)`` takes it.
        rows: for each its place among the pictures or among the texts.
        mode: ``"raw"``, ``"centred"`` or ``"text"``.
        centres: what was taken away from each side, float32 [dim], with ``"centred"``.
    """

    embeddings: Embeddings
    modality: tuple[str, ...]
    rows: tuple[int, ...]
    mode: str
    centres: dict[str, FloatArray] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.embeddings)

    def __repr__(self) -> str:
        texts = self.modality.count("text")
        return f"Joint({len(self) - texts} images, {texts} texts, mode={self.mode!r})"

    def like(self, new: Embeddings | ArrayLike, modality: Literal["image", "text"]) -> Embeddings:
        """New rows in the form of these, to be placed on their map: ``projection.transform(joint.like(new, "image"))``.

        Raises:
            UnsupportedOption: another modality.
            InvalidEmbeddings: another width, model or modality, or a row that is the centre itself.
        """
        if modality not in ("image", "text"):
            raise UnsupportedOption(f"modality={modality!r}; expected 'image' or 'text'")
        given = as_embeddings(new, modality)
        if given.dim != self.embeddings.dim:
            raise InvalidEmbeddings(f"the new rows have {given.dim} columns, these {self.embeddings.dim}")
        if given.model and self.embeddings.model and given.model != self.embeddings.model:
            raise InvalidEmbeddings(f"the new rows are from {given.model!r}, these of {self.embeddings.model!r}")
        if given.modality not in (modality, "mixed"):
            raise InvalidEmbeddings(f"the new rows are embeddings of modality {given.modality!r}, not {modality!r}")
        if self.mode != "centred":
            return given
        vectors = centred_rows(given.vectors, self.centres[modality])
        return Embeddings(vectors, given.ids, given.modality, given.model)


def joint(
    images: Embeddings | ArrayLike,
    texts: Embeddings | ArrayLike | None = None,
    *,
    mode: Literal["raw", "centred", "text"] = "raw",
    modality: Sequence[str] | None = None,
) -> Joint:
    """Pictures and texts as rows of one map.

    Args:
        images: rows of pictures; or of both, with ``modality``.
        texts: rows of texts, of the same model.
        mode: ``"raw"``: as the model gives them, which for most models shows two islands (see
            :func:`clipnb.modality_gap`). ``"centred"``: each side without its mean, so that pictures and texts about
            one thing can lie together; what a centred map shows is no longer the model's own distances between the
            two. ``"text"``: the texts alone; pictures can be placed among them with ``projection.transform``.
        modality: "image" or "text" for each row, if ``images`` holds both.

    Raises:
        UnsupportedOption: another mode.
        EmptyInput, InvalidEmbeddings: centring needs two rows or more a side, none of which is their mean.
        WrongType, WrongShape: see :func:`clipnb.modality_gap`.
    """
    if mode not in ("raw", "centred", "text"):
        raise UnsupportedOption(f"mode={mode!r}; expected 'raw', 'centred' or 'text'")
    pictures, words = two_sides(images, texts, modality)
    if mode == "text":
        return Joint(words, ("text",) * len(words), tuple(range(len(words))), mode)
    sides, centres = [pictures.vectors, words.vectors], {}
    if mode == "centred":
        for name, side in (("images", pictures), ("texts", words)):
            if len(side) < 2:
                raise EmptyInput(f"mode='centred' takes two {name} or more; a single one is its own mean")
        means = [unit_rows(side).mean(axis=0, dtype=np.float64).astype(np.float32) for side in sides]
        centres = dict(zip(("image", "text"), means, strict=True))
        sides = [centred_rows(side, mean) for side, mean in zip(sides, means, strict=True)]
    ids = pictures.ids + words.ids
    if set(pictures.ids) & set(words.ids):
        # One id would name two points of the map.
        ids = tuple(f"image {i}" for i in pictures.ids) + tuple(f"text {i}" for i in words.ids)
    rows = Embeddings(np.concatenate(sides), ids, "mixed", pictures.model or words.model)
    kinds = ("image",) * len(pictures) + ("text",) * len(words)
    return Joint(rows, kinds, (*range(len(pictures)), *range(len(words))), mode, centres)
