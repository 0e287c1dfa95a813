"""``modality_gap``: every measure, of the rows as they are and centred."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.aligning import centre_distance, centred_rows, separability
from clipnb.maps.options import seed_number, whole
from clipnb.modality.geometry import alignment_loss, relative_distance, uniformity
from clipnb.modality.result import GapMeasures, ModalityGap
from clipnb.modality.sides import pairs_of, two_sides
from clipnb.types import Embeddings, FloatArray

__all__ = ["modality_gap"]


def modality_gap(
    images: Embeddings | ArrayLike,
    texts: Embeddings | ArrayLike | None = None,
    *,
    modality: Sequence[str] | None = None,
    pairs: Any = "auto",
    folds: int = 5,
    sample: int | None = 5000,
    seed: int = 0,
) -> ModalityGap:
    """How far apart a model puts pictures and texts, before and after each side's mean was taken away.

    Contrastive models leave the two in cones of their own (Liang et al. 2022): a text is often nearer to any other
    text than to the picture that it is about. Retrieval ranks one side only and hardly notices; a map of both shows
    two islands, and so does every measure here.

    Args:
        images: rows of pictures [image, dim]; or of both, with ``modality``.
        texts: rows of texts [text, dim], of the same model.
        modality: "image" or "text" for each row, if ``images`` holds both.
        pairs: which text is about which picture: "rows" (row i about row i), indices [pair, 2], None (unknown: no
            alignment), or "auto": row by row if both have the same ids.
        folds: of the separability.
        sample: rows a side, and pairs, that separability and uniformity look at; drawn at random; None: all.
        seed: of the draw and of the folds.

    Raises:
        WrongType, WrongShape, InvalidEmbeddings, EmptyInput: the two sides cannot be told apart or compared.
        UnsupportedOption: fewer than two folds or rows in the sample, or pairs of rows that are not there.
    """
    folds, seed = whole("folds", folds, 2), seed_number(seed)
    sample = None if sample is None else whole("sample", sample, 2)
    pictures, words = two_sides(images, texts, modality)
    matched = pairs_of(pictures, words, pairs)
    chosen = _chosen(len(pictures), len(words), matched, sample, seed)
    count = 0 if matched is None else len(matched)

    def measures(a: FloatArray, b: FloatArray, centre: bool) -> GapMeasures:
        kept = sample if sample is None else 2 * sample
        return GapMeasures(
            distance=centre_distance(a, b),
            relative=relative_distance(a, b),
            # Centred anew from the rows that the plane is fitted to, hence from the rows as they were.
            separability=separability(
                pictures.vectors[chosen[0]], words.vectors[chosen[1]], folds=folds, centre=centre,
                paired=_one_to_one(matched), seed=seed,
            ),
            alignment=float("nan") if matched is None else alignment_loss(a[matched[:, 0]], b[matched[:, 1]]),
            uniformity_images=_uniformity(a, sample, seed),
            uniformity_texts=_uniformity(b, sample, seed),
            uniformity=_uniformity(np.concatenate([a, b]), kept, seed),
        )  # fmt: skip

    raw = measures(pictures.vectors, words.vectors, centre=False)
    centred = None
    if min(len(pictures), len(words)) > 1 and not any(_is_one_place(side.vectors) for side in (pictures, words)):
        centred = measures(centred_rows(pictures.vectors), centred_rows(words.vectors), centre=True)
    return ModalityGap(pictures, words, raw, centred, matched, count, seed)


def _one_to_one(pairs: NDArray[np.intp] | None) -> bool:
    """Whether no row stands in two pairs; else the folds cannot keep pairs together."""
    return pairs is not None and all(len(set(column.tolist())) == len(pairs) for column in pairs.T)


def _chosen(
    images: int, texts: int, pairs: NDArray[np.intp] | None, sample: int | None, seed: int
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The rows of either side that the plane is asked about: pairs where these are one to one."""
    rng = np.random.default_rng(seed)

    def drawn(count: int) -> NDArray[np.intp]:
        if sample is None or sample >= count:
            return np.arange(count)
        return np.sort(rng.choice(count, sample, replace=False))

    if pairs is not None and _one_to_one(pairs):
        kept = pairs[drawn(len(pairs))]
        return kept[:, 0], kept[:, 1]
    return drawn(images), drawn(texts)


def _uniformity(rows: FloatArray, sample: int | None, seed: int) -> float:
    return uniformity(rows, sample=sample, seed=seed) if len(rows) > 1 else float("nan")


def _is_one_place(rows: FloatArray) -> bool:
    """Whether a row is the mean itself, so that centring leaves nothing of it."""
    left = rows - rows.mean(axis=0, dtype=np.float64).astype(np.float32)
    return bool((np.einsum("ij,ij->i", left, left) <= 1e-12).any())
