"""Classification without training: which class name lies nearest to a picture?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from clipnb.errors import UnknownLabel, UnsupportedOption, WrongType
from clipnb.images import check_images, image_id, open_image
from clipnb.predictions import ZeroShot
from clipnb.prompts import Prompts
from clipnb.similarity import cosine
from clipnb.types import ClipModel, Embeddings, FloatArray, is_model

__all__ = ["check_labels", "classify", "encode_images", "zero_shot"]


def zero_shot(
    model: ClipModel,
    images: Sequence[Any],
    classnames: Prompts | Sequence[str],
    templates: str | Sequence[str] | None = None,
    labels: Sequence[str] | None = None,
    *,
    image_ids: Sequence[str] | None = None,
    batch_size: int = 64,
    truncate: bool = False,
    progress: bool = False,
) -> ZeroShot:
    """Compare every image with every class name.

    Args:
        model: any model of the family, see :func:`clipnb.load`.
        images: paths, PIL images, height x width x 3 uint8 arrays, or bytes of files; mixed as you like.
        classnames: what to tell apart, in any language of the model; or :class:`clipnb.Prompts`.
        templates: sentences with one ``{}`` each, or the name of a set (``"plain"``, ``"photo"``, ``"emoji"``). The
            directions of a class's sentences are averaged. Default: the bare class name.
        labels: the true class name of each image, which ``metrics()`` and ``confusion()`` need.
        image_ids: what tables call the images; default: the path, or ``image`` and its position.
        batch_size: images encoded at a time; the result does not depend on it.
        truncate: cut texts at the model's context, with a warning that counts them, instead of raising.
        progress: show a bar over the images.

    Returns:
        ZeroShot: the cosines and the probabilities [image, class], by the model's own scale and bias.

    Raises:
        EmptyInput, EmptyLabels, DuplicateLabels, UnknownLabel, BadTemplate, TextTooLong, UnreadableImage, WrongType:
        each names the input.

    Method: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", section 3.1.
    """
    if not is_model(model):
        raise WrongType(f"the model is a {type(model).__name__}; open one first: clipnb.load({model!r})")
    if batch_size < 1:
        raise UnsupportedOption(f"batch_size={batch_size}; expected one or more")
    prompts = Prompts.of(classnames, templates)
    images = check_images(images)
    if image_ids is not None and len(image_ids) != len(images):
        raise UnsupportedOption(f"{len(image_ids)} image_ids for {len(images)} images; expected one each")
    truth = check_labels(labels, prompts.classnames, len(images))
    texts = prompts.encode(model, truncate=truncate)
    embeddings = encode_images(model, images, image_ids, batch_size=batch_size, progress=progress)
    return classify(model, embeddings, prompts, truth, texts=texts)


def encode_images(
    model: ClipModel,
    images: Sequence[Any],
    image_ids: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
    progress: bool = False,
) -> Embeddings:
    """One row an image, read and encoded a batch at a time; ids as :func:`zero_shot` says."""
    starts: Iterable[int] = range(0, len(images), batch_size)
    if progress:
        from tqdm.auto import tqdm

        starts = tqdm(starts, desc="images", unit="batch", leave=False)
    ids: list[str] = list(image_ids or ())
    rows: list[FloatArray] = []
    for start in starts:
        batch = [images[i] for i in range(start, min(start + batch_size, len(images)))]
        if image_ids is None:
            ids += [image_id(image, start + offset) for offset, image in enumerate(batch)]
        rows.append(model.encode_image([open_image(image, start + i) for i, image in enumerate(batch)]))
    return Embeddings(np.concatenate(rows), tuple(ids), "image", model.name)


def classify(
    model: ClipModel,
    embeddings: Embeddings,
    prompts: Prompts,
    labels: Sequence[str] | None = None,
    *,
    texts: Embeddings | None = None,
) -> ZeroShot:
    """:func:`zero_shot` for pictures that are encoded already, one row each; ``texts`` may be encoded too."""
    sim = cosine(embeddings.vectors, (prompts.encode(model) if texts is None else texts).vectors)
    return ZeroShot(
        similarity=sim,
        probabilities=np.asarray(model.probabilities(sim), dtype=np.float32),
        classnames=prompts.classnames,
        image_ids=embeddings.ids,
        labels=check_labels(labels, prompts.classnames, len(embeddings)),
        templates=prompts.templates,
        model=model.name,
    )


def check_labels(labels: Sequence[str] | None, classnames: tuple[str, ...], images: int) -> tuple[str, ...] | None:
    """The true class names, checked before any work is done."""
    if labels is None:
        return None
    given = tuple(labels)
    if len(given) != images:
        raise UnknownLabel(f"{len(given)} labels for {images} images; expected one each")
    for position, label in enumerate(given):
        if label not in classnames:
            raise UnknownLabel(f"the label of image {position}, {label!r}, is not among the class names")
    return given
