"""The tables of an alignment, from rows that are there already."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipnb.aligning.gaps import centre_distance, centred_rows, separability
from clipnb.aligning.translations import text_to_text, translation_scores
from clipnb.comparison import spearman_rows
from clipnb.corpus import EncodedCorpus
from clipnb.errors import ClipnbError, UnsupportedOption
from clipnb.retrieval import Ranks, Resampling, first_texts, recall_rows, retrieval_ranks
from clipnb.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Rows",
    "Settings",
    "cross_tables",
    "gap_table",
    "ranking_table",
    "recall_table",
    "token_table",
    "translation_table",
]

RANKED_AT_ONCE = 128
"""Texts whose rankings of all pictures are held at a time."""


@dataclass(frozen=True)
class Settings:
    """What an alignment was computed with; see :func:`clipnb.alignment`."""

    pivot: str
    ks: tuple[int, ...] = (1, 5, 10)
    bootstrap: int = 1000
    cross_pictures: int | None = 1000
    gap_pairs: int | None = 2000
    ranked_queries: int | None = 500
    seed: int = 0

    def __post_init__(self) -> None:
        _ = self.resampling  # refuses what is no number of resamples, or no seed
        for name in ("cross_pictures", "gap_pairs", "ranked_queries"):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1):
                raise UnsupportedOption(f"{name}={value!r}; expected a whole number from 1, or None for all")

    @property
    def resampling(self) -> Resampling:
        """The bootstrap."""
        return Resampling(self.bootstrap, self.seed)


class Rows:
    """The rows of an encoded corpus, as they are or with the mean of each language, and of the pictures, taken away."""

    def __init__(self, encoded: EncodedCorpus, *, centre: bool = False) -> None:
        self.encoded, self.centre = encoded, centre
        self._images: FloatArray | None = None
        self._last: tuple[str, FloatArray] | None = None  # a table asks for one language several times in a row

    @property
    def images(self) -> FloatArray | None:
        """Unit rows [picture, dim]; None where there are no pictures."""
        if self._images is None and self.encoded.images is not None:
            self._images = self._centred(self.encoded.images.vectors, "the pictures")
        return self._images

    def texts(self, code: str) -> FloatArray:
        """Unit rows [text, dim] of one language."""
        if self._last is None or self._last[0] != code:
            self._last = (code, self._centred(self.encoded.texts[code].vectors, code))
        return self._last[1]

    def first(self, code: str) -> tuple[NDArray[np.intp], FloatArray]:
        """The pictures that have a text in a language, rising, and the row of the first text of each."""
        pictures, places = first_texts(self.encoded.image_of[code])
        return pictures, self.texts(code)[places]

    def pairs(self, a: str, b: str) -> tuple[NDArray[np.intp], FloatArray, FloatArray]:
        """The pictures that have a text in both languages, and the rows of the first text of each."""
        (of_a, rows_a), (of_b, rows_b) = self.first(a), self.first(b)
        common, mine, theirs = np.intersect1d(of_a, of_b, assume_unique=True, return_indices=True)
        return common, rows_a[mine], rows_b[theirs]

    def _centred(self, vectors: FloatArray, what: str) -> FloatArray:
        if not self.centre:
            return vectors
        try:
            return centred_rows(vectors)
        except ClipnbError as error:
            raise type(error)(f"{what}: {error}") from error


def recall_table(rows: Rows, settings: Settings, bar: Any = None) -> tuple[pd.DataFrame, dict[str, Ranks]]:
    """Recall in both directions by language and k, and the ranks it comes from; both empty without pictures."""
    import pandas as pd

    columns = ["language", "direction", "k", "recall", "low", "high", "chance", "queries", "items"]
    ranks: dict[str, Ranks] = {}
    table: list[tuple[Any, ...]] = []
    resampling = settings.resampling
    for code in rows.encoded.languages:
        if rows.images is not None:
            ranks[code] = retrieval_ranks(rows.images, rows.texts(code), rows.encoded.image_of[code])
            found = recall_rows(ranks[code], len(rows.images), settings.ks, resampling)
            table += [(code, *row) for row in found]
        _tick(bar)
    return pd.DataFrame(table, columns=columns), ranks


def translation_table(rows: Rows, settings: Settings, bar: Any = None) -> pd.DataFrame:
    """How near the first texts of each language are to the pivot's of the same pictures, beside shuffled pairs."""
    import pandas as pd

    columns = ["language", "pivot", "pairs", "cosine", "low", "high", "null", "null_std", "auc", "percentile"]
    table: list[tuple[Any, ...]] = []
    resampling, nan = settings.resampling, float("nan")
    for code in rows.encoded.languages:
        if code != settings.pivot:
            pictures, mine, theirs = rows.pairs(code, settings.pivot)
            if len(pictures):
                scores = translation_scores(mine, theirs, seed=settings.seed)
                cosine = float(scores.true.mean(dtype=np.float64))
                low, high = resampling.interval(scores.true, pictures)
                spread = float(scores.null.std(dtype=np.float64)) if len(scores.null) else nan
                below = float((scores.null < cosine).mean()) if len(scores.null) else nan
                found = (cosine, float(low[0]), float(high[0]), scores.null_mean, spread, scores.auc, 100 * below)
            else:
                found = (nan,) * 7
            table.append((code, settings.pivot, len(pictures), *found))
        _tick(bar)
    return pd.DataFrame(table, columns=columns)


def cross_tables(rows: Rows, settings: Settings, bar: Any = None) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Recall@1 of texts among texts, the row's language asking the column's, and of how many texts."""
    import pandas as pd

    chosen = np.arange(len(rows.encoded))
    if settings.cross_pictures is not None and settings.cross_pictures < len(chosen):
        chosen = np.sort(np.random.default_rng(settings.seed).permutation(chosen)[: settings.cross_pictures])
    texts: dict[str, FloatArray] = {}
    pictures: dict[str, NDArray[np.intp]] = {}
    for code in rows.encoded.languages:
        places, found = rows.first(code)
        kept = np.isin(places, chosen)
        texts[code], pictures[code] = found[kept], places[kept]
    recall, counts = text_to_text(texts, pictures, tick=lambda: _tick(bar))
    names = pd.Index(rows.encoded.languages, name="language", dtype=object)
    among = names.rename("among")
    return pd.DataFrame(recall, names, among), pd.DataFrame(counts, names, among)


def gap_table(rows: Rows, settings: Settings, bar: Any = None) -> pd.DataFrame:
    """The distance between the centres of each language and the pivot's, or the pictures', before and after centring.

    ``rows`` are as the model gave them.
    """
    import pandas as pd

    columns = ["language", "centred", "pairs", "to_pivot", "to_images", "separability", "rows"]
    table: list[tuple[Any, ...]] = []
    for code in rows.encoded.languages:
        own, first = rows.first(code)
        pictures, mine, theirs = rows.pairs(code, settings.pivot)
        drawn = np.random.default_rng(settings.seed).permutation(len(pictures))[: settings.gap_pairs]
        for centred in (False, True):
            apart = 0.0 if code == settings.pivot else _distance(mine, theirs, centred)
            seen = None if rows.images is None else rows.images[own]
            plane = float("nan")
            if code != settings.pivot:
                plane = separability(mine[drawn], theirs[drawn], centre=centred, seed=settings.seed)
            asked = 0 if np.isnan(plane) else len(drawn)
            table.append((code, centred, len(pictures), apart, _distance(first, seen, centred), plane, asked))
        _tick(bar)
    return pd.DataFrame(table, columns=columns)


def _distance(a: FloatArray, b: FloatArray | None, centred: bool) -> float:
    """NaN where there are no rows, or too few to take their mean away."""
    if b is None or len(a) < 1 + centred:
        return float("nan")
    if not centred:
        return centre_distance(a, b)
    try:
        return centre_distance(centred_rows(a), centred_rows(b))
    except ClipnbError:
        return float("nan")


def token_table(encoded: EncodedCorpus) -> pd.DataFrame:
    """Tokens per text, and how many texts were cut; a row per language whose tokens were counted."""
    import pandas as pd

    columns = ["language", "texts", "mean", "median", "max", "truncated", "context_length"]
    table = [
        (
            code,
            len(counts),
            float(counts.mean()),
            float(np.median(counts)),
            int(counts.max()),
            encoded.truncated.get(code, 0),
            encoded.context_length,
        )
        for code, counts in ((code, encoded.tokens[code]) for code in encoded.languages if code in encoded.tokens)
    ]
    return pd.DataFrame(table, columns=columns)


def ranking_table(one: Rows, two: Rows, settings: Settings, bar: Any = None) -> pd.DataFrame:
    """How far two models rank the pictures alike, by language: Spearman's correlation, text by text."""
    import pandas as pd

    columns = ["language", "spearman", "low", "high", "queries", "undefined"]
    table: list[tuple[Any, ...]] = []
    for code in one.encoded.languages:
        if one.images is not None and two.images is not None:
            asked = np.random.default_rng(settings.seed).permutation(len(one.encoded.texts[code]))
            asked = np.sort(asked[: settings.ranked_queries])
            rho = _rankings(one, two, code, asked)
            known = ~np.isnan(rho)
            mean, low, high = float("nan"), float("nan"), float("nan")
            if known.any():
                ends = settings.resampling.interval(rho[known], one.encoded.image_of[code][asked[known]])
                mean, low, high = float(rho[known].mean()), float(ends[0][0]), float(ends[1][0])
            table.append((code, mean, low, high, int(known.sum()), int((~known).sum())))
        _tick(bar)
    return pd.DataFrame(table, columns=columns)


def _rankings(one: Rows, two: Rows, code: str, asked: NDArray[np.intp]) -> NDArray[np.float64]:
    parts = []
    for start in range(0, len(asked), RANKED_AT_ONCE):
        part = asked[start : start + RANKED_AT_ONCE]
        sims: Sequence[FloatArray] = [each.texts(code)[part] @ each.images.T for each in (one, two)]  # type: ignore[union-attr]
        parts.append(spearman_rows(*sims))
    return np.concatenate(parts)


def _tick(bar: Any) -> None:
    if bar is not None:
        bar.update(1)
