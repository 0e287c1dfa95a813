"""The numbers behind the translation tester: pairs of sentences, where they stand among shuffled ones, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.aligning import Alignment, TranslationScores, alignment, translation_scores
from clipnb.corpus import Corpus, EncodedCorpus
from clipnb.errors import NoLabels
from clipnb.languages import language
from clipnb.retrieval import first_texts
from clipnb.types import Embeddings

__all__ = ["Measured", "joined", "measure"]

_DRAWS = 300


class Measured(NamedTuple):
    """One language beside another."""

    code: str
    pivot: str
    places: NDArray[np.intp]
    """The pictures that have a sentence in both, rising, [pair]."""
    scores: TranslationScores
    whole: Alignment

    @property
    def true(self) -> NDArray[np.float32]:
        """Cosines of the pairs, [pair]."""
        return self.scores.true

    def rows(self, pictures: Sequence[int], names: Sequence[str]) -> NDArray[np.intp]:
        """The pairs of these pictures, or all where there are none.

        Raises:
            NoLabels: names the pictures without a sentence in both languages.
        """
        if not pictures:
            return np.arange(len(self.places))
        without = [names[i] for i in pictures if i not in self.places]
        if without:
            shown = ", ".join(f"“{name}”" for name in without[:3]) + (", …" if len(without) > 3 else "")
            raise NoLabels(f"{len(without)} of the chosen pictures have no sentence in both languages: {shown}.")
        return np.flatnonzero(np.isin(self.places, pictures))

    def above(self, values: ArrayLike) -> NDArray[np.float64]:
        """The share of shuffled pairs below each value, ties by halves; NaN where there are none."""
        found = np.asarray(values, dtype=np.float32)
        if not len(self.scores.null):
            return np.full(found.shape, np.nan)
        null = np.sort(self.scores.null)
        return np.asarray(
            (np.searchsorted(null, found, "left") + np.searchsorted(null, found, "right")) / (2 * len(null))
        )

    def numbers(self, rows: NDArray[np.intp]) -> dict[str, float | int | None]:
        """What the panel has as a trait; None for NaN, which JSON does not know."""
        mean = float(self.true[rows].mean(dtype=np.float64))
        found = {"cosine": mean, "null": self.scores.null_mean, "auc": self.scores.auc, "pairs": len(rows)}
        if len(rows) < len(self.places):
            found["percentile"] = float(self.above(mean))
        return {name: None if np.isnan(value) else value for name, value in found.items()}

    def verdict(self, rows: NDArray[np.intp]) -> str:
        """In words: of all pairs what the alignment says, of some where they stand among all shuffled ones."""
        if len(rows) == len(self.places):
            return self.whole.sentence(self.code)
        mean = float(self.true[rows].mean(dtype=np.float64))
        names = f"{language(self.code).name} and {language(self.pivot).name}"
        among = f"above {float(self.above(mean)):.1%} of shuffled pairs (their mean is {self.scores.null_mean:.2f})"
        sure = int((self.above(self.true[rows]) >= 0.95).sum())
        if len(rows) == 1:
            where = "so for this model they belong together" if sure else "as others have by chance"
            return f"The sentences in {names} have a cosine of {mean:.2f}, {among}, {where}."
        return (
            f"The {len(rows)} chosen pairs in {names} have a mean cosine of {mean:.2f}, {among}. Each for itself "
            f"above 95% of the shuffled ones: {sure} of {len(rows)}."
        )


def joined(mine: EncodedCorpus, beside: EncodedCorpus, images: Embeddings | None, corpus: Corpus) -> EncodedCorpus:
    """Two languages as one encoded corpus, with the rows of the pictures, where there are any."""
    return EncodedCorpus(
        images,
        {**beside.texts, **mine.texts},
        {**beside.image_of, **mine.image_of},
        {**beside.tokens, **mine.tokens},
        {**beside.truncated, **mine.truncated},
        mine.context_length,
        corpus,
    )


def measure(pair: EncodedCorpus, code: str, pivot: str, seed: int) -> Measured:
    """The first sentences of the pictures that have one in both languages.

    Raises:
        NoLabels: there is none.
    """
    (of_mine, mine), (of_beside, beside) = (first_texts(pair.image_of[each]) for each in (code, pivot))
    places, i, j = np.intersect1d(of_mine, of_beside, assume_unique=True, return_indices=True)
    if not len(places):
        names = f"{language(code).name} and in {language(pivot).name}"
        raise NoLabels(f"No picture has a sentence both in {names}.")
    scores = translation_scores(pair.texts[code].vectors[mine[i]], pair.texts[pivot].vectors[beside[j]], seed=seed)
    whole = alignment(
        None, pair, languages=[code], pivot=pivot, bootstrap=_DRAWS, cross_pictures=1, gap_pairs=100, seed=seed,
        progress=False,
    )  # fmt: skip
    return Measured(code, pivot, places, scores, whole)
