"""Sentences and their translations: how near they are, beside sentences that have nothing to do with each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, WrongShape
from clipnb.retrieval import BLOCK_CELLS, TIE
from clipnb.types import FloatArray, unit_rows

__all__ = ["TranslationScores", "text_to_text", "translation_scores"]

NULL_PAIRS = 200_000
"""Shuffled pairs that stand for all of them where there are more."""


class TranslationScores(NamedTuple):
    """Cosines of sentences with their translations, and with other sentences."""

    true: NDArray[np.float32]
    """Cosine of each sentence with its translation, [pair]."""
    null: NDArray[np.float32]
    """Cosines of shuffled pairs, [shuffled pair]: all there are up to 200,000, else about so many of them."""
    null_mean: float
    """The mean over all shuffled pairs, exactly; NaN with a single pair."""
    auc: float
    """The chance that a true pair has the larger cosine of a true and a shuffled one, ties by halves; 0.5: no better
    than chance. Over the pairs in ``null``; NaN with a single pair."""


def translation_scores(left: ArrayLike, right: ArrayLike, *, seed: int = 0) -> TranslationScores:
    """Compare pairs of rows with shuffled pairs of the same rows.

    Args:
        left: sentences, [pair, dim], of any length.
        right: their translations, [pair, dim].
        seed: of the shuffled pairs, where there are too many for all of them.

    Returns:
        TranslationScores. The mean of the shuffled pairs comes from sums, (sum a . sum b - sum a.b) / n (n - 1); the
        AUC is the Mann-Whitney statistic (Mann and Whitney 1947) over its largest value.

    Raises:
        EmptyInput: no pairs.
        WrongShape: not one translation for each sentence.
    """
    a, b = unit_rows(left), unit_rows(right)
    if a.shape != b.shape:
        raise WrongShape(f"sentences {list(a.shape)} and translations {list(b.shape)}; expected one row each")
    n = len(a)
    if not n:
        raise EmptyInput("no pairs of sentences; nothing can be said of their distance")
    true = np.clip(np.einsum("ij,ij->i", a, b), -1.0, 1.0)
    if n == 1:
        return TranslationScores(true, np.empty(0, dtype=np.float32), float("nan"), float("nan"))
    total = a.sum(axis=0, dtype=np.float64) @ b.sum(axis=0, dtype=np.float64)
    null_mean = float((total - true.sum(dtype=np.float64)) / (n * (n - 1)))
    rng = np.random.default_rng([seed, n])
    shifts, order = np.arange(1, n), rng.permutation(n)
    if n * (n - 1) > NULL_PAIRS:
        shifts = rng.choice(shifts, max(1, NULL_PAIRS // n), replace=False)
    one = a[order]
    # Turning the list by one to n - 1 places gives every wrong pair once, and never a right one.
    null = np.concatenate([np.einsum("ij,ij->i", one, b[np.roll(order, -shift)]) for shift in shifts])
    null = np.clip(null, -1.0, 1.0)
    return TranslationScores(true, null, null_mean, _auc(true, null))


def _auc(true: NDArray[np.float32], null: NDArray[np.float32]) -> float:
    ordered = np.sort(null.astype(np.float64))
    below = np.searchsorted(ordered, true - TIE, side="left")
    up_to = np.searchsorted(ordered, true + TIE, side="right")
    return float((below + up_to).mean() / (2 * len(ordered)))


def text_to_text(
    rows: Mapping[str, FloatArray],
    pictures: Mapping[str, NDArray[np.intp]],
    *,
    tick: Callable[[], object] | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How often a sentence's nearest sentence in another language is the one about the same picture.

    Args:
        rows: unit rows by language, [text, dim], one text a picture.
        pictures: the picture of each, rising, int [text], by the same codes.
        tick: called when a language is through.

    Returns:
        recall[i, j]: recall@1 of the texts of language i among all texts of language j, over the pictures that both
        have; NaN where there is none. Ties (to :data:`clipnb.retrieval.TIE`) count as misses: the diagonal is the
        share of the texts that no other text of the language equals. And counts[i, j], how many were asked.
    """
    codes = list(rows)
    recall = np.full((len(codes), len(codes)), np.nan)
    counts = np.zeros((len(codes), len(codes)), dtype=np.int64)
    for i, a in enumerate(codes):
        for j in range(i, len(codes)):
            b = codes[j]
            _, mine, theirs = np.intersect1d(pictures[a], pictures[b], assume_unique=True, return_indices=True)
            counts[i, j] = counts[j, i] = len(mine)
            if len(mine):
                recall[i, j], recall[j, i] = _both_ways(rows[a], rows[b], mine, theirs)
        if tick is not None:
            tick()
    return recall, counts


def _both_ways(a: FloatArray, b: FloatArray, mine: NDArray[np.intp], theirs: NDArray[np.intp]) -> tuple[float, float]:
    """recall@1 from a to b and back: row ``mine[i]`` of one and row ``theirs[i]`` of the other belong together."""
    right = np.einsum("ij,ij->i", a[mine], b[theirs])
    partner = np.full(len(a), -1, dtype=np.intp)
    partner[mine] = theirs
    in_row = np.full(len(a), -np.inf, dtype=np.float32)
    in_column = np.full(len(b), -np.inf, dtype=np.float32)
    step = max(1, BLOCK_CELLS // len(b))
    for start in range(0, len(a), step):
        sim = a[start : start + step] @ b.T
        held = np.flatnonzero(partner[start : start + step] >= 0)
        sim[held, partner[start + held]] = -np.inf  # what is left are the wrong ones
        in_row[start : start + step] = sim.max(axis=1)
        np.maximum(in_column, sim.max(axis=0), out=in_column)
    return float((in_row[mine] < right - TIE).mean()), float((in_column[theirs] < right - TIE).mean())
