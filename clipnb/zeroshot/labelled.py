"""Pictures with their true classes, whatever form both come in: what few-shot methods learn from and are scored on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.datasets import EmojiSet
from clipnb.embedding import embed
from clipnb.errors import NoLabels
from clipnb.images import check_images, image_id
from clipnb.types import ClipModel, Embeddings, Failure
from clipnb.zeroshot.classifying import check_rows, encode_images, is_source, truth_of_rows
from clipnb.zeroshot.labelling import FOLDER, Labels, emoji_names

__all__ = ["Pictures"]


@dataclass(frozen=True)
class Pictures:
    """Pictures, encoded or not yet, and their labels.

    Attributes:
        images: Embeddings, or a list of pictures.
        labels: the class name of each; None where they are not known.
        classnames: the classes.
        failures: what could not be read, of a folder or another source.
    """

    images: Embeddings | Sequence[Any]
    labels: tuple[str, ...] | None
    classnames: Sequence[str]
    failures: tuple[Failure, ...] = ()

    @classmethod
    def of(
        cls, model: ClipModel, name: str, images: Any, labels: Any, classnames: Sequence[str], progress: bool = False
    ) -> Pictures:
        """Pictures in any form that :func:`clipnb.zero_shot` takes; a source is embedded, a list is left as it is.

        Args:
            model: that embeds, or of which the Embeddings are.
            name: what messages call the pictures.
            images: a list, a folder or other source of :func:`clipnb.embed`, Embeddings or an emoji set.
            labels: as for :func:`clipnb.zero_shot`.
            classnames: the classes.
            progress: show a bar over a source.

        Raises:
            UnknownLabel, EmptyInput, SourceError, WrongType: each names the label or the input.
            InvalidEmbeddings: of another model or width, or of texts.
        """
        if isinstance(images, EmojiSet) and isinstance(labels, str) and labels != FOLDER:
            labels = emoji_names(images, labels)
        told = Labels(labels, classnames, getattr(classnames, "keys", None))
        told.read(images)
        if isinstance(images, EmojiSet):
            images = images.images
        if is_source(images):
            images = embed(model, images, modality="image", progress=progress)
        if not isinstance(images, Embeddings):
            listed = check_images(images)
            ids = [image_id(image, i) for i, image in enumerate(listed)] if told.need_ids else None
            return cls(listed, told.of(ids, len(listed)), classnames)
        check_rows(model, images, name)
        return cls(images, truth_of_rows(told, images), classnames, images.failures)

    def truth(self, name: str) -> NDArray[np.int64]:
        """The column of each picture's class, int64 [picture].

        Raises:
            NoLabels: they are not known; ``name`` is the argument that should say them.
        """
        if self.labels is None:
            raise NoLabels(f"{name} is missing; expected the class name of each of {len(self.images)} pictures")
        column = {label: j for j, label in enumerate(self.classnames)}
        return np.array([column[label] for label in self.labels], dtype=np.int64)

    def rows(
        self, model: ClipModel, chosen: NDArray[np.intp] | None, batch_size: int = 64, progress: bool = False
    ) -> Embeddings:
        """Rows of the chosen pictures, or of all; of a list only these are encoded."""
        if isinstance(self.images, Embeddings):
            return self.images if chosen is None else self.images[chosen]
        index = range(len(self.images)) if chosen is None else [int(i) for i in chosen]
        ids = [image_id(self.images[i], i) for i in index]
        return encode_images(model, [self.images[i] for i in index], ids, batch_size=batch_size, progress=progress)
