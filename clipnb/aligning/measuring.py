"""Measuring how a model's languages lie: :func:`alignment`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clipnb.aligning.result import Alignment
from clipnb.aligning.tables import Settings
from clipnb.corpus import Corpus, EncodedCorpus, encode_corpus
from clipnb.errors import CorpusError, EmptyInput, InvalidEmbeddings, WrongType
from clipnb.retrieval import checked_ks
from clipnb.types import ClipModel, is_model

__all__ = ["alignment"]

One = ClipModel | EncodedCorpus


def alignment(
    model: One | Sequence[One] | None,
    corpus: Corpus | EncodedCorpus | None = None,
    *,
    languages: str | Sequence[str] | None = None,
    pivot: str | None = None,
    ks: Iterable[int] = (1, 5, 10),
    bootstrap: int = 1000,
    cross_pictures: int | None = 1000,
    gap_pairs: int | None = 2000,
    ranked_queries: int | None = 500,
    seed: int = 0,
    progress: bool = True,
) -> Alignment:
    """Does a sentence land where its translation does, and both on the picture?

    Args:
        model: see :func:`clipnb.load`; or an :class:`clipnb.EncodedCorpus`, whose rows are there already; or two of
            them, of which the first is measured, and then compared with the second. None with an encoded corpus.
        corpus: pictures with sentences in several languages, see :class:`clipnb.Corpus`; or the same encoded.
        languages: codes; default: all of the corpus.
        pivot: the language that the others are compared with; default: English, or the first where there is none.
        ks: how many of the nearest are looked at.
        bootstrap: resamples for the intervals; 0: no intervals.
        cross_pictures: pictures, drawn at random, whose first texts are looked for among each other in every pair of
            languages; None: all. Recall among a thousand is not that among all of them.
        gap_pairs: at most so many pairs, drawn at random, for the separability; None: all.
        ranked_queries: texts of each language, drawn at random, for which the rankings of two models are compared;
            None: all.
        seed: of every draw.
        progress: show a bar.

    Returns:
        Alignment: tables ``recall``, ``translation``, ``cross``, ``gaps``, ``tokens``; ``summary()``, ``sentence()``,
        ``centred()``; with two models ``ranking_correlation`` and ``other``.

    Raises:
        UnknownLanguage: a language, or the pivot, that the corpus does not have.
        CorpusError: the two encoded corpora are not of the same pictures and texts.
        EmptyInput, UnsupportedOption, WrongType: each names the argument.
    """
    first, second = _two(model, corpus)
    settings = Settings("", checked_ks(ks), bootstrap, cross_pictures, gap_pairs, ranked_queries, seed)
    known = corpus if corpus is not None else first
    assert isinstance(known, (Corpus, EncodedCorpus))
    codes = known.languages if languages is None else [languages] if isinstance(languages, str) else list(languages)
    codes = list(dict.fromkeys(known.code(code) for code in codes))
    if not codes:
        raise EmptyInput("languages is empty; give at least one, or None for all")
    pivot = ("en" if "en" in codes else codes[0]) if pivot is None else known.code(pivot)
    if pivot not in codes:
        codes.append(pivot)
    encoded = _encoded(first, corpus, codes, progress)
    other = None if second is None else _encoded(second, corpus, codes, progress)
    settings = replace(settings, pivot=pivot)
    if other is None:
        return Alignment.of(encoded, settings, progress=progress)
    _same(encoded, other)
    return Alignment.of(encoded, settings, other=Alignment.of(other, settings, progress=progress), progress=progress)


def _two(model: Any, corpus: Any) -> tuple[Any, Any]:
    """The first and the second of what is to be measured, each a model or an encoded corpus."""
    if corpus is not None and not isinstance(corpus, (Corpus, EncodedCorpus)):
        raise WrongType(f"the corpus is a {type(corpus).__name__}; see clipnb.Corpus and clipnb.datasets")
    given = list(model) if isinstance(model, (list, tuple)) else [model]
    if len(given) not in (1, 2):
        raise WrongType(f"{len(given)} models; expected one, or two to compare")
    for i, each in enumerate(given):
        if each is None and len(given) == 1 and isinstance(corpus, EncodedCorpus):
            given[i] = corpus
        elif isinstance(each, EncodedCorpus):
            continue
        elif not is_model(each):
            raise WrongType(f"the model is a {type(each).__name__}; open one first: clipnb.load({each!r})")
        elif corpus is None:
            raise WrongType("there is a model and no corpus; see clipnb.datasets, as in datasets.emoji().corpus()")
        elif isinstance(corpus, EncodedCorpus):
            if len(given) > 1:
                raise WrongType("the corpus is encoded, by one model; for two models give the Corpus itself")
            if corpus.model and corpus.model != each.name:
                raise InvalidEmbeddings(f"the corpus was encoded by {corpus.model!r}, the model is {each.name!r}")
            given[i] = corpus
    if isinstance(corpus, Corpus) and all(isinstance(each, EncodedCorpus) for each in given):
        raise WrongType("the rows are there already, in an encoded corpus; leave the other corpus out")
    return given[0], given[1] if len(given) == 2 else None


def _same(one: EncodedCorpus, two: EncodedCorpus) -> None:
    """Refuse two encoded corpora that are not of the same pictures and texts."""
    if one.image_ids != two.image_ids:
        raise CorpusError(f"the two models' rows are of other pictures: {len(one)} and {len(two)}, or in another order")
    for code in one.languages:
        if not np.array_equal(one.image_of[code], two.image_of[code]):
            raise CorpusError(f"the two models' rows in {code!r} are of other texts, or in another order")


def _encoded(one: Any, corpus: Any, codes: list[str], progress: bool) -> EncodedCorpus:
    if isinstance(one, EncodedCorpus):
        return one.select(codes)
    return encode_corpus(one, corpus, languages=codes, progress=progress)
