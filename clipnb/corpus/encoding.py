"""A corpus through a model: :func:`encode_corpus`."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clipnb.corpus.encoded import EncodedCorpus
from clipnb.corpus.parallel import Corpus
from clipnb.errors import ClipnbError, CorpusError, TextTooLong, TruncatedText, WrongType
from clipnb.progress import bar as bar_of
from clipnb.types import ClipModel, Embeddings, is_model

__all__ = ["encode_corpus"]

TEXTS, IMAGES = 512, 64
"""Encoded between two steps of the bar; a row does not depend on the others."""


def encode_corpus(
    model: ClipModel,
    corpus: Corpus,
    *,
    languages: str | Sequence[str] | None = None,
    images: Embeddings | Literal[False] | None = None,
    truncate: bool = True,
    progress: bool = True,
) -> EncodedCorpus:
    """Encode the pictures of a corpus and its texts in every language.

    Args:
        model: any model of the family, see :func:`clipnb.load`.
        corpus: see :class:`clipnb.Corpus`.
        languages: codes; default: all of the corpus.
        images: rows of its pictures that are there already, for one from :func:`clipnb.embed` or from another text
            tower of the same space; False: leave the pictures out.
        truncate: cut texts at the model's context, with one warning that counts them by language, instead of raising.
        progress: show a bar.

    Returns:
        EncodedCorpus: with the tokens of every text before the cut, and how many were cut.

    Raises:
        UnknownLanguage: a language that the corpus does not have.
        TextTooLong: only with ``truncate=False``; names the language and the text.
        UnreadableImage: names the picture.
        CorpusError: ``images`` has not one row for each picture.
    """
    if not is_model(model):
        raise WrongType(f"the model is a {type(model).__name__}; open one first: clipnb.load({model!r})")
    if not isinstance(corpus, Corpus):
        raise WrongType(f"the corpus is a {type(corpus).__name__}; see clipnb.Corpus and clipnb.datasets")
    if languages is not None:
        corpus = corpus.select(languages=languages)
    if not (images is None or images is False or isinstance(images, Embeddings)):
        raise WrongType(f"images is a {type(images).__name__}; expected clipnb.Embeddings, False or None")
    if isinstance(images, Embeddings) and len(images) != len(corpus):
        raise CorpusError(f"{len(images)} rows for the {len(corpus)} pictures of {corpus.name}; expected one each")
    to_see = len(corpus.images) if images is None else 0
    total = to_see + sum(map(len, corpus.captions.values()))
    with bar_of(progress, f"encoding {corpus.name}", "row", total=total) as bar:
        tokens = {code: _token_counts(model, texts) for code, texts in corpus.captions.items()}
        over = {code: np.flatnonzero(counts > model.context_length) for code, counts in tokens.items()}
        if not truncate:
            _refuse(corpus, tokens, over, model.context_length)
        texts = {code: _texts(model, corpus, code, truncate, bar) for code in corpus.languages}
        seen = _images(model, corpus, bar) if to_see else images or None
    truncated = {code: len(places) for code, places in over.items()}
    if any(truncated.values()):
        cut = ", ".join(f"{code} {count} of {len(texts[code])}" for code, count in truncated.items() if count)
        warnings.warn(
            f"{corpus.name}: {sum(truncated.values())} of {sum(map(len, texts.values()))} texts cut at "
            f"{model.context_length} tokens: {cut}",
            TruncatedText,
            stacklevel=2,
        )
    image_of = {code: np.array(places, dtype=np.intp) for code, places in corpus.image_of.items()}
    return EncodedCorpus(seen, texts, image_of, tokens, truncated, model.context_length, corpus)


def _texts(model: ClipModel, corpus: Corpus, code: str, truncate: bool, bar: Any) -> Embeddings:
    """The rows of one language; ids are those of the pictures, with the number of the caption."""
    captions, blocks = corpus.captions[code], []
    for start in range(0, len(captions), TEXTS):
        block = captions[start : start + TEXTS]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncatedText)  # said once, for all languages
            try:
                blocks.append(model.encode_text(block, truncate=truncate))
            except ClipnbError as error:
                raise type(error)(f"{corpus.name}, {code}, texts from {start}: {error}") from error
        bar.update(len(block))
    numbers: dict[int, int] = {}
    ids = []
    for place in corpus.image_of[code]:
        ids.append(f"{corpus.image_ids[place]}#{numbers.setdefault(place, 0)}")
        numbers[place] += 1
    return Embeddings(np.concatenate(blocks), tuple(ids), "text", model.name)


def _images(model: ClipModel, corpus: Corpus, bar: Any) -> Embeddings:
    blocks = []
    for start in range(0, len(corpus), IMAGES):
        block = corpus.images[start : start + IMAGES]
        try:
            blocks.append(model.encode_image(block))
        except ClipnbError as error:
            raise type(error)(f"{corpus.name}, pictures from {start}: {error}") from error
        bar.update(len(block))
    return Embeddings(np.concatenate(blocks), corpus.image_ids, "image", model.name)


def _token_counts(model: ClipModel, texts: Sequence[str]) -> NDArray[np.int64]:
    """Tokens of every text as it stands, before any cut, int64 [text].

    ``tokenize`` refuses a text over the context, so a tower that gives its ids unpadded is asked first.
    """
    rows = getattr(getattr(model, "text_tower", None), "rows", None)
    counts: list[int] = []
    for start in range(0, len(texts), TEXTS):
        block = list(texts[start : start + TEXTS])
        if rows is not None:
            counts += [len(row) for row in rows(block)]
        else:
            counts += np.asarray(model.tokenize(block)["attention_mask"]).sum(axis=1).tolist()
    return np.array(counts, dtype=np.int64)


def _refuse(corpus: Corpus, tokens: dict[str, Any], over: dict[str, NDArray[np.intp]], limit: int) -> None:
    """Raise at the first text over the context, before anything is encoded."""
    long = sum(map(len, over.values()))
    for code, places in over.items():
        if len(places):
            first = int(places[0])
            more = f" (and {long - 1} more)" if long > 1 else ""
            raise TextTooLong(
                f"{corpus.name}, {code}, text {first}, {corpus.captions[code][first][:40]!r}{more}: "
                f"{tokens[code][first]} tokens > {limit}; shorten it, or pass truncate=True"
            )
