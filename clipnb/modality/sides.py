"""The two sides of a comparison, pictures and texts, however they were handed over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.types import Embeddings, as_embeddings

__all__ = ["pairs_of", "two_sides"]


def two_sides(
    images: Embeddings | ArrayLike, texts: Embeddings | ArrayLike | None, modality: Sequence[str] | None
) -> tuple[Embeddings, Embeddings]:
    """Pictures and texts of one space.

    Args:
        images: the pictures; or, without ``texts``, rows of both.
        texts: the texts.
        modality: "image" or "text" for each row, where both are in the first argument.

    Raises:
        WrongType, WrongShape: both ways of telling the two apart, or neither.
        InvalidEmbeddings: two models or widths, or embeddings of the other modality.
        EmptyInput: one side has no rows.
    """
    first = as_embeddings(images, "image")
    if texts is not None:
        if modality is not None:
            raise WrongType("both texts and modality were given; modality is for rows of both in the first argument")
        pictures, words = first, as_embeddings(texts, "text")
        for name, side, other in (("images", pictures, "text"), ("texts", words, "image")):
            if side.modality == other:
                raise InvalidEmbeddings(f"{name} are embeddings of modality {other!r}; were the two exchanged?")
    elif modality is None:
        raise WrongType("texts are missing; give them, or say of each row what it is: modality=['image', 'text', ...]")
    else:
        if isinstance(modality, str):
            raise WrongType(f"modality is one word, {modality!r}; expected one for each row")
        kind = np.asarray(modality, dtype=object)
        if kind.shape != (len(first),):
            raise WrongShape(f"{kind.size} modalities for {len(first)} rows")
        unknown = sorted({str(each) for each in kind} - {"image", "text"})
        if unknown:
            raise InvalidEmbeddings(f"modality {unknown[0]!r}; expected 'image' or 'text' for each row")
        pictures, words = first[kind == "image"], first[kind == "text"]
    if pictures.dim != words.dim:
        raise InvalidEmbeddings(f"images have {pictures.dim} columns, texts {words.dim}: two different models?")
    if pictures.model and words.model and pictures.model != words.model:
        raise InvalidEmbeddings(f"images are of {pictures.model!r}, texts of {words.model!r}: no common space")
    for name, side in (("images", pictures), ("texts", words)):
        if not len(side):
            raise EmptyInput(f"there are no {name}")
    return pictures, words


def pairs_of(images: Embeddings, texts: Embeddings, pairs: Any) -> NDArray[np.intp] | None:
    """Which picture belongs to which text: int [pair, 2], or None where nobody says.

    Args:
        images: the pictures.
        texts: the texts.
        pairs: "auto": row by row if the ids are the same; "rows": row by row; None: no pairs; or [pair, 2] indices.

    Raises:
        WrongShape: "rows" with unequal numbers, or indices that are not of shape [pair, 2].
        UnsupportedOption: another word, or an index that no row has.
    """
    if pairs is None:
        return None
    if isinstance(pairs, str):
        if pairs not in ("auto", "rows"):
            raise UnsupportedOption(f"pairs={pairs!r}; expected 'auto', 'rows', None or indices [pair, 2]")
        if pairs == "auto" and images.ids != texts.ids:
            return None
        if len(images) != len(texts):
            raise WrongShape(f"pairs='rows', but there are {len(images)} images and {len(texts)} texts")
        return np.repeat(np.arange(len(images)), 2).reshape(-1, 2)
    index = np.asarray(pairs)
    if index.ndim != 2 or index.shape[1] != 2 or index.dtype.kind not in "iu":
        raise WrongShape(f"pairs are {index.dtype} of shape {list(index.shape)}; expected whole numbers [pair, 2]")
    if not len(index):
        return None
    if (index < 0).any() or (index >= (len(images), len(texts))).any():
        raise UnsupportedOption(f"pairs name rows outside of {len(images)} images and {len(texts)} texts")
    return index.astype(np.intp)
