"""Pictures that a panel ranks: their rows, their names, and each picture when it is looked at."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image

from clipnb.corpus import Corpus, EncodedCorpus
from clipnb.datasets import EmojiSet, emoji
from clipnb.errors import EmptyInput, InvalidEmbeddings, NoImageTower, WrongShape, WrongType
from clipnb.images import image_id, read_image
from clipnb.plots.thumbnails import data_uri
from clipnb.progress import bar
from clipnb.types import ClipModel, Embeddings, FloatArray

__all__ = ["Scenes", "check_encoded"]

_AT_ONCE, _KEPT = 64, 512


class Scenes:
    """Pictures with rows of one model. Those of a sequence are opened when they are shown, not before.

    Args:
        model: any `ClipModel`.
        images: what `encode_image` takes, an `EmojiSet`, a `Corpus`, or an `EncodedCorpus` of this model; None: the
            animals and the food of a drawing style that the embedded model never saw.
        names: one a picture; default: the first caption, or what the picture is called.
        progress: show a bar while the pictures are encoded.

    Raises:
        EmptyInput, NoImageTower, WrongShape, WrongType, InvalidEmbeddings: what is given cannot be ranked.
    """

    def __init__(self, model: ClipModel, images: Any, names: Sequence[str] | None = None, *, progress: bool = True):
        if images is None:
            images = emoji("fluent")
            kept = [i for i, group in enumerate(images.groups) if group in ("animals & nature", "food & drink")]
            images = images.take(kept)
        if isinstance(images, EmojiSet):
            images = images.corpus()
        rows: Embeddings | None = None
        self.corpus: Corpus | None = None
        if isinstance(images, EncodedCorpus):
            check_encoded(model, images)
            if images.images is None:
                raise NoImageTower("the encoded corpus has no rows of pictures; encode it with its pictures")
            rows, self.corpus = images.images, images.corpus
            pictures: Sequence[Any] = () if images.corpus is None else images.corpus.images
            called = list(images.image_ids) if images.corpus is None else _captions(images.corpus)
        elif isinstance(images, Corpus):
            self.corpus, pictures, called = images, images.images, _captions(images)
        elif isinstance(images, Sequence) and not isinstance(images, (str, bytes)):
            pictures, called = images, [image_id(image, i) for i, image in enumerate(images)]
        else:
            raise WrongType(f"expected pictures, an EmojiSet, a Corpus or an EncodedCorpus, got {_described(images)}")
        if names is not None:
            if len(names) != len(called):
                raise WrongShape(f"names has {len(names)} entries where {len(called)} are needed, one a picture")
            called = [str(name) for name in names]
        if rows is None and not len(pictures):
            raise EmptyInput("there are no pictures to land on")
        self._pictures = pictures
        self._uris: dict[int, str | None] = {}
        self.names = _told_apart(called)
        #: A row a picture.
        self.embeddings = _encoded(model, pictures, progress) if rows is None else rows

    @property
    def rows(self) -> FloatArray:
        """Unit rows, [picture, dim]."""
        return self.embeddings.vectors

    def __len__(self) -> int:
        return len(self.embeddings)

    def picture(self, place: int) -> Image.Image | None:
        """The picture; None where there are rows alone."""
        return read_image(self._pictures[place], place) if len(self._pictures) else None

    def thumbnail(self, place: int) -> str | None:
        """The picture as a ``data:`` address; None where there is none."""
        if place not in self._uris:
            if len(self._uris) >= _KEPT:
                self._uris.clear()
            picture = self.picture(place)
            self._uris[place] = None if picture is None else data_uri(picture, 112)
        return self._uris[place]


def check_encoded(model: ClipModel | None, encoded: EncodedCorpus) -> None:
    """Raises InvalidEmbeddings where the rows are of another model."""
    if model is not None and encoded.model and encoded.model != model.name:
        raise InvalidEmbeddings(f"the corpus was encoded by {encoded.model!r}, and the model is {model.name!r}")


def _described(images: Any) -> str:
    if isinstance(images, (str, os.PathLike)):
        return f"{os.fspath(images)!r}; a list of paths is meant, as in sorted(Path(...).glob('*.jpg'))"
    return f"a {type(images).__name__}"


def _captions(corpus: Corpus) -> list[str]:
    """The first caption of each picture, in English or the first language that has one; else its id."""
    called = list(corpus.image_ids)
    codes = sorted(corpus.languages, key=lambda code: code != "en")
    for code in reversed(codes):
        for place, texts in enumerate(corpus.texts_of(code)):
            if texts:
                called[place] = texts[0]
    return called


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names that a list to choose from needs: no two alike."""
    taken: set[str] = set()
    found = []
    for name in names:
        number, chosen = 1, " ".join(name.split())
        while chosen in taken:
            number += 1
            chosen = f"{' '.join(name.split())} ({number})"
        taken.add(chosen)
        found.append(chosen)
    return found


def _encoded(model: ClipModel, pictures: Sequence[Any], progress: bool) -> Embeddings:
    starts = bar(
        progress and len(pictures) > _AT_ONCE, "encoding the pictures", "block", range(0, len(pictures), _AT_ONCE)
    )
    rows = [
        model.encode_image([pictures[i] for i in range(start, min(start + _AT_ONCE, len(pictures)))])
        for start in starts
    ]
    return Embeddings(np.concatenate(rows), modality="image", model=model.name)
