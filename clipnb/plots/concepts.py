"""One picture of an encoded corpus, with its sentence in every language."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipnb.corpus import EncodedCorpus
from clipnb.errors import CorpusError, EmptyInput, nearest
from clipnb.images import read_image

__all__ = ["Concept", "concept_of"]


class Concept(NamedTuple):
    """A picture and its first sentence in every language that has one."""

    name: str
    texts: dict[str, str]
    rows: NDArray[np.float32]
    """Of the texts, [language, dim]."""
    picture: Image.Image | None
    picture_row: NDArray[np.float32] | None


def concept_of(encoded: EncodedCorpus, which: str | int) -> Concept:
    """A picture of the corpus, by id or by place, with the first sentence of every language that has one.

    Raises:
        CorpusError: there is no such picture, or nobody knows the sentences.
        EmptyInput: it has no sentence in any language.
    """
    if encoded.corpus is None:
        raise CorpusError("the rows say nothing of the sentences: make them with clipnb.encode_corpus")
    corpus, ids = encoded.corpus, list(encoded.corpus.image_ids)
    if isinstance(which, str):
        if which not in ids:
            raise CorpusError(f"{corpus.name} has no picture {which!r}.{nearest(which, ids)}")
        place = ids.index(which)
    else:
        place = int(which)
        if not 0 <= place < len(ids):
            raise CorpusError(f"{corpus.name} has no picture {place}: there are {len(ids)}, from 0")
    texts, rows = {}, []
    for code in encoded.languages:
        mine = np.flatnonzero(encoded.image_of[code] == place)
        if len(mine):
            texts[code] = corpus.captions[code][int(mine[0])]
            rows.append(encoded.texts[code].vectors[int(mine[0])])
    if not texts:
        raise EmptyInput(f"{corpus.name}: the picture {ids[place]!r} has no sentence in any of these languages")
    picture = read_image(corpus.images[place], place) if len(corpus.images) else None
    row = None if encoded.images is None else np.asarray(encoded.images.vectors[place])
    return Concept(ids[place], texts, np.stack(rows), picture, row)
