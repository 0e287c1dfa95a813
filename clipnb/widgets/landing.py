"""Where sentences land among pictures: the numbers behind the alignment panel, and how it reads its field."""

from __future__ import annotations

import re
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import UnknownLanguage
from clipnb.languages import language
from clipnb.retrieval import retrieval_ranks
from clipnb.similarity import cosine, top_k
from clipnb.types import FloatArray

__all__ = ["Landing", "Sentence", "land", "read_sentences"]

_PREFIX = re.compile(r"([A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*)\s*[:：]\s*(.*)")


class Sentence(NamedTuple):
    """A line of the field."""

    text: str
    code: str | None
    """Its language, where the line says it."""


class Landing(NamedTuple):
    """Where each sentence lands."""

    cosines: FloatArray
    """Of the sentences with each other, [sentence, sentence]."""
    first: NDArray[np.intp]
    """The nearest pictures of each, the nearest first, [sentence, k]."""
    scores: FloatArray
    """Their cosines, [sentence, k]."""
    ranks: NDArray[np.int32]
    """The place of the target for each sentence, from 1, ties counting against it, [sentence]."""
    to_target: FloatArray
    """Cosine of each sentence with the target, [sentence]."""
    overlap: NDArray[np.int64]
    """How many of their first k pictures two sentences have in common, [sentence, sentence]."""


def read_sentences(text: str) -> tuple[list[Sentence], list[str]]:
    """The lines that hold something, "sv: en katt" with its language; and remarks on the other prefixes."""
    found, remarks = [], []
    for line in (line.strip() for line in text.splitlines()):
        match = _PREFIX.fullmatch(line)
        if match is None:
            found += [Sentence(line, None)] if line else []
            continue
        try:
            code = language(match[1]).code
            if match[2]:
                found.append(Sentence(match[2], code))
            else:
                remarks.append(f"The line of “{match[1]}” has no words.")
        except UnknownLanguage:
            found.append(Sentence(line, None))
            remarks.append(f"“{match[1]}” is no language that is known here, so the line is read as it stands.")
    return found, remarks


def land(texts: FloatArray, images: FloatArray, *, k: int = 5, target: int | None = None) -> Landing:
    """Rank all pictures for every sentence.

    Args:
        texts: unit rows of the sentences, [sentence, dim].
        images: unit rows of the pictures, [picture, dim].
        k: how many pictures are looked at.
        target: the picture that the sentences are about; None: the one that the first sentence finds.
    """
    first, scores = top_k(texts, images, k)
    target = int(first[0, 0]) if target is None else target
    ranks = retrieval_ranks(images, texts, np.full(len(texts), target)).text_to_image
    shared = (first[:, None, :, None] == first[None, :, None, :]).any(axis=3).sum(axis=2)
    return Landing(cosine(texts, texts), first, scores, ranks, cosine(texts, images[target][None])[:, 0], shared)
