"""Pictures by their sentences and sentences by their picture: ranks in blocks, recall, and how sure it is."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.types import unit_rows

__all__ = ["TIE", "Ranks", "Resampling", "chance", "checked_ks", "first_texts", "recall_rows", "retrieval_ranks"]

TIE = 1e-6
"""Cosines this close count as equal. The same row at two places of a matrix product can differ by some 1e-7."""
BLOCK_CELLS = 4_000_000
"""Cosines held at a time, 16 MB."""
CACHED_CELLS = 16_000_000
"""Draws of the bootstrap that are kept for the next question of the same size, 64 MB."""


class Ranks(NamedTuple):
    """The place of the first right answer of each query, from 1.

    Items as similar as the right one (to :data:`TIE`) count as before it: a tie is never a hit.
    """

    text_to_image: NDArray[np.int32]
    """The place of a text's own picture among all pictures, [text]."""
    image_to_text: NDArray[np.int32]
    """The place of a picture's best own text among all texts, [captioned picture]."""
    image_of: NDArray[np.intp]
    """The picture of each text, [text]."""
    pictures: NDArray[np.intp]
    """The pictures that have a text, rising: those that ``image_to_text`` is about."""


def retrieval_ranks(images: ArrayLike, texts: ArrayLike, image_of: ArrayLike, *, block: int | None = None) -> Ranks:
    """Ranks in both directions, from one pass over the cosines, a block of texts at a time.

    Args:
        images: rows of the pictures, [picture, dim], of any length.
        texts: rows of the texts of one language, [text, dim].
        image_of: the picture of each text, int [text]; a picture may have none, one or several.
        block: texts compared at a time; default: as many as make 16 MB of cosines.

    Returns:
        Ranks. A picture is looked for among all pictures, a text among all texts, those of a picture with several
        being right alike.

    Raises:
        EmptyInput: no texts or no pictures.
        WrongShape, InvalidEmbeddings: the parts do not fit together.
    """
    pictures, sentences, places = unit_rows(images), unit_rows(texts), np.asarray(image_of, dtype=np.intp)
    if not len(pictures) or not len(sentences):
        raise EmptyInput(f"{len(pictures)} pictures and {len(sentences)} texts; retrieval needs both")
    if pictures.shape[1] != sentences.shape[1]:
        raise InvalidEmbeddings(
            f"pictures have {pictures.shape[1]} columns, texts {sentences.shape[1]}: two different models?"
        )
    if places.shape != (len(sentences),):
        raise WrongShape(f"image_of has shape {list(places.shape)}; expected one picture for each of {len(sentences)}")
    if places.min() < 0 or places.max() >= len(pictures):
        raise WrongShape(f"image_of runs from {places.min()} to {places.max()}; there are {len(pictures)} pictures")
    right = np.einsum("ij,ij->i", sentences, pictures[places])
    best = np.full(len(pictures), np.inf, dtype=np.float32)  # a picture without a text has nothing to be found
    captioned = np.unique(places)
    best[captioned] = -np.inf
    np.maximum.at(best, places, right)
    ahead_of_image = np.empty(len(sentences), dtype=np.int32)
    ahead_of_text = np.zeros(len(pictures), dtype=np.int64)
    step = block or max(1, BLOCK_CELLS // len(pictures))
    for start in range(0, len(sentences), step):
        part = slice(start, start + step)
        sim = sentences[part] @ pictures.T
        sim[np.arange(len(sim)), places[part]] = -np.inf  # what is right is not ahead of itself
        ahead_of_image[part] = np.count_nonzero(sim >= (right[part] - TIE)[:, None], axis=1)
        ahead_of_text += np.count_nonzero(sim >= best - TIE, axis=0)
    return Ranks(ahead_of_image + 1, (ahead_of_text[captioned] + 1).astype(np.int32), places, captioned)


def first_texts(image_of: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """The pictures that have a text, rising, and the first text of each, both int [captioned picture]."""
    pictures, first = np.unique(image_of, return_index=True)
    return pictures, first


def checked_ks(ks: Iterable[int]) -> tuple[int, ...]:
    """The values of k, each once, rising.

    Raises:
        WrongType, EmptyInput, UnsupportedOption: no list, none, or one that is no whole number from 1.
    """
    if isinstance(ks, (str, int)) or not isinstance(ks, Iterable):
        raise WrongType(f"ks={ks!r}; expected several values, as in ks=(1, 5, 10)")
    found = list(ks)
    if not found:
        raise EmptyInput("ks is empty; recall needs at least one k, as in ks=(1, 5, 10)")
    for k in found:
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or k < 1:
            raise UnsupportedOption(f"k={k!r}; expected whole numbers from 1")
    return tuple(sorted({int(k) for k in found}))


def chance(k: int, items: int, right: ArrayLike) -> float:
    """The recall of guessing: mean over the queries of the chance that k items drawn of all hold a right one.

    Args:
        k: how many are drawn.
        items: how many there are.
        right: how many of them are right, int [query].

    The hypergeometric distribution: 1 - C(items - right, k) / C(items, k).
    """
    counts, inverse = np.unique(np.asarray(right), return_inverse=True)
    drawn = np.arange(min(k, items))
    missed = np.array([np.prod(np.clip((items - c - drawn) / (items - drawn), 0.0, 1.0)) for c in counts])
    return float((1.0 - missed)[inverse].mean())


@dataclass(frozen=True)
class Resampling:
    """Percentile intervals by the bootstrap over pictures: texts of one picture stay together.

    The draws depend on the seed and on the number of pictures alone, so that two languages with the same pictures are
    drawn alike. Source: Efron and Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13; for clusters:
    Davison and Hinkley 1997, section 3.8.

    Attributes:
        draws: how many resamples; 0: no intervals, NaN in their place.
        seed: of the draws.
        level: share of the resamples within the interval.
    """

    draws: int = 1000
    seed: int = 0
    level: float = 0.95

    def __post_init__(self) -> None:
        if isinstance(self.draws, bool) or not isinstance(self.draws, (int, np.integer)) or self.draws < 0:
            raise UnsupportedOption(f"bootstrap={self.draws!r}; expected a whole number of resamples, or 0 for none")
        if isinstance(self.seed, bool) or not isinstance(self.seed, (int, np.integer)) or self.seed < 0:
            raise UnsupportedOption(f"seed={self.seed!r}; expected a whole number from 0")
        object.__setattr__(self, "_kept", {})

    def resampled(self, values: ArrayLike, groups: ArrayLike) -> NDArray[np.float64]:
        """means[draw, column], the means of the values over each resample, in double precision.

        Args:
            values: a row a query, [query] or [query, column].
            groups: the picture of each query, int [query].
        """
        table = np.asarray(values, dtype=np.float64)
        table = table.reshape(len(table), -1)
        _, group = np.unique(np.asarray(groups), return_inverse=True)
        size = int(group.max()) + 1
        counts = np.bincount(group, minlength=size)
        sums = np.stack([np.bincount(group, column, size) for column in table.T] + [counts], axis=1)
        totals = np.concatenate([weights @ sums for weights in self._weights(size)])
        return np.asarray(totals[:, :-1] / totals[:, -1:])

    def interval(self, values: ArrayLike, groups: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper end of the interval of the mean of each column, both [column]; NaN without draws."""
        width = np.asarray(values).reshape(len(np.asarray(values)), -1).shape[1]
        if not self.draws:
            return np.full(width, np.nan), np.full(width, np.nan)
        tail = (1.0 - self.level) / 2
        low, high = np.quantile(self.resampled(values, groups), [tail, 1.0 - tail], axis=0)
        return low, high

    def _weights(self, size: int) -> Iterable[NDArray[np.float32]]:
        """How often each picture is drawn, [draw, picture], in pieces."""
        kept: dict[int, list[NDArray[np.float32]]] = self._kept  # type: ignore[attr-defined]
        if size in kept:
            return kept[size]
        if size * self.draws > CACHED_CELLS:
            return self._drawn(size)
        if sum(part.size for parts in kept.values() for part in parts) + size * self.draws > CACHED_CELLS:
            kept.clear()
        kept[size] = list(self._drawn(size))
        return kept[size]

    def _drawn(self, size: int) -> Iterable[NDArray[np.float32]]:
        rng = np.random.default_rng([self.seed, size])
        step = max(1, BLOCK_CELLS // size)
        for start in range(0, self.draws, step):
            rows = min(step, self.draws - start)
            picked = rng.integers(0, size, (rows, size)) + size * np.arange(rows)[:, None]
            yield np.bincount(picked.ravel(), minlength=rows * size).reshape(rows, size).astype(np.float32)


def recall_rows(
    ranks: Ranks, images: int, ks: tuple[int, ...], resampling: Resampling
) -> list[tuple[str, int, float, float, float, float, int, int]]:
    """Recall in both directions, a row each of direction, k, recall, low, high, chance, queries, items.

    Args:
        ranks: of one language.
        images: how many pictures there are.
        ks: rising.
        resampling: for the interval.
    """
    texts = len(ranks.text_to_image)
    own = np.bincount(ranks.image_of, minlength=images)[ranks.pictures]
    found = []
    for direction, places, groups, items, right in (
        ("text_to_image", ranks.text_to_image, ranks.image_of, images, np.ones(texts, dtype=np.int64)),
        ("image_to_text", ranks.image_to_text, ranks.pictures, texts, own),
    ):
        hits = places[:, None] <= np.array(ks)
        low, high = resampling.interval(hits, groups)
        for column, k in enumerate(ks):
            recall = float(hits[:, column].mean())
            guess = chance(k, items, right)
            found.append((direction, k, recall, float(low[column]), float(high[column]), guess, len(places), items))
    return found
