"""Classification without training: which class name lies nearest to a picture?"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

import numpy as np

from clipnb.datasets import EmojiSet
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongType
from clipnb.images import check_images, image_id, open_image
from clipnb.progress import bar
from clipnb.prompts import Prompts
from clipnb.running import Run
from clipnb.sources import Source, open_source
from clipnb.types import ClipModel, Embeddings, FloatArray, is_model
from clipnb.zeroshot.labelling import FOLDER, Labels, emoji_names
from clipnb.zeroshot.predictions import ZeroShot
from clipnb.zeroshot.scoring import score

__all__ = ["check_labels", "check_rows", "classify", "encode_images", "is_source", "truth_of_rows", "zero_shot"]


def zero_shot(
    model: ClipModel,
    images: Any,
    classnames: Prompts | Sequence[str] | str,
    templates: str | Sequence[str] | None = None,
    labels: Any = None,
    *,
    label_names: Mapping[Any, str] | None = None,
    image_ids: Sequence[str] | None = None,
    column: str | None = None,
    id_column: str | None = None,
    on_error: Literal["record", "raise"] | None = None,
    keep: int | None = None,
    dense: bool | None = None,
    batch_size: int | Literal["auto"] = "auto",
    workers: int | Literal["auto"] = "auto",
    strict: bool = False,
    truncate: bool = False,
    progress: bool = False,
) -> ZeroShot:
    """Compare every image with every class name.

    Args:
        model: any model of the family, see :func:`clipnb.load`.
        images: a list of paths, PIL images, height x width x 3 uint8 arrays, or bytes of files, mixed as you like; or
            a folder, a glob, a zip or tar, a table or a HF dataset, as :func:`clipnb.embed` takes them; or rows that
            exist already, :class:`clipnb.Embeddings`, of this model; or an emoji set of :mod:`clipnb.datasets`.
        classnames: what to tell apart, in any language of the model; or :class:`clipnb.Prompts`; or the name of a set.
        templates: sentences with one ``{}`` each, or the name of a set (``"plain"``, ``"photo"``, ``"emoji"``). The
            directions of a class's sentences are averaged. Default: the bare class name.
        labels: the truth, which ``metrics()`` and ``confusion()`` need: one class name an image, in the order of the
            source; ``"folder"``, the name of the folder that an image lies in; the name of a column of the table (HF's
            ClassLabel numbers become names); a mapping from an image's id to its class name; a .csv of ids and labels,
            or a .txt of labels; of an emoji set, a language code. Whole numbers are positions among the
            class names.
        label_names: what labels say, mapped to class names: ``{"n01440764": "tench"}``. The keys of a named set of
            classes, such as WordNet ids, are known without it.
        image_ids: of a list, what tables call the images; default: the path, or ``image`` and its position.
        column: of a table, the one with the pictures.
        id_column: of a table, the one that names the rows.
        on_error: ``"record"`` an unreadable image in ``.errors`` and go on, or ``"raise"``. Default: raise for a list,
            record for everything else.
        keep: keep this many leading classes of each image instead of all scores; default: all of them up to 20
            million, 10 an image beyond that, in bounded memory.
        dense: True: hold all scores, whatever their number; False: never.
        batch_size: images encoded at a time; the result does not depend on it.
        workers: threads that read pictures, of a folder or a table.
        strict: of a folder or a table, the reference processor's own pixels instead of the quick ones, which may
            differ by one grey level. Pictures of a list always are the reference's.
        truncate: cut texts at the model's context, with a warning that counts them, instead of raising.
        progress: show bars.

    Returns:
        ZeroShot: the cosines and the probabilities [image, class], by the model's own scale and bias.

    Raises:
        EmptyInput, EmptyLabels, DuplicateLabels, UnknownLabel, BadTemplate, TextTooLong, UnreadableImage, WrongType,
        SourceError, UnknownColumn: each names the input.
        InvalidEmbeddings: rows of another model, or none of the images could be read.

    Method: Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", section 3.1.
    """
    if not is_model(model):
        raise WrongType(f"the model is a {type(model).__name__}; open one first: clipnb.load({model!r})")
    for option, value in {"batch_size": batch_size, "workers": workers, "keep": keep}.items():
        if value not in ("auto", None) and (not isinstance(value, (int, np.integer)) or value < 1):
            raise UnsupportedOption(f"{option}={value!r}; expected a whole number, one or more")
    if on_error not in (None, "record", "raise"):
        raise UnsupportedOption(f"on_error={on_error!r}; expected 'record' or 'raise'")
    prompts = Prompts.of(classnames, templates)
    if isinstance(images, EmojiSet):
        if isinstance(labels, str) and labels != FOLDER:
            labels = emoji_names(images, labels)
        images, image_ids = images.images, images.emojis if image_ids is None else image_ids
    told = Labels(labels, prompts.classnames, getattr(prompts.classnames, "keys", None), label_names)
    told.read(images)

    if isinstance(images, Embeddings):
        _refuse(image_ids=image_ids, column=column, id_column=id_column)
        check_rows(model, images, "images")
        truth = truth_of_rows(told, images)
        rows = images
        texts = prompts.encode(model, truncate=truncate, progress=progress)
    elif is_source(images) or on_error == "record":
        source = _opened(images, image_ids, column, id_column)
        ids = source.names(0, source.length) if source.names is not None and source.length is not None else None
        early = not told.need_ids or ids is not None
        said = told.of(ids, source.length) if early else None
        texts = prompts.encode(model, truncate=truncate, progress=progress)
        exact = strict or not is_source(images)
        rows = Run(model, source, batch_size, workers, on_error or "record", progress, exact, truncate).in_memory()
        truth = _without(said, rows) if early else truth_of_rows(told, rows)
    else:
        _refuse(column=column, id_column=id_column)
        images = check_images(images)
        if image_ids is not None and len(image_ids) != len(images):
            raise UnsupportedOption(f"{len(image_ids)} image_ids for {len(images)} images; expected one each")
        names = [image_id(image, i) for i, image in enumerate(images)] if told.need_ids else None
        truth = told.of(image_ids if image_ids is not None else names, len(images))
        texts = prompts.encode(model, truncate=truncate, progress=progress)
        size = 64 if batch_size == "auto" else int(batch_size)
        rows = encode_images(model, images, image_ids, batch_size=size, progress=progress)
    remarks = told.without_image(rows)
    return score(model, rows, texts, truth, prompts=prompts, keep=keep, dense=dense, remarks=remarks, progress=progress)


def encode_images(
    model: ClipModel,
    images: Sequence[Any],
    image_ids: Sequence[str] | None = None,
    *,
    batch_size: int = 64,
    progress: bool = False,
) -> Embeddings:
    """One row an image, read and encoded a batch at a time; ids as :func:`zero_shot` says."""
    starts: Iterable[int] = bar(progress, "images", "batch", range(0, len(images), batch_size))
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
    keep: int | None = None,
    dense: bool | None = None,
) -> ZeroShot:
    """:func:`zero_shot` for pictures that are encoded already, one row each; ``texts`` may be encoded too."""
    truth = check_labels(labels, prompts.classnames, len(embeddings))
    encoded = prompts.encode(model) if texts is None else texts
    return score(model, embeddings, encoded, truth, prompts=prompts, keep=keep, dense=dense)


def check_labels(labels: Sequence[str] | None, classnames: tuple[str, ...], images: int) -> tuple[str, ...] | None:
    """The true class names, checked before any work is done."""
    return Labels(labels, classnames).of(None, images)


def is_source(images: Any) -> bool:
    """Whether it is read by the sources of :func:`clipnb.embed`, rather than being a list of pictures."""
    if isinstance(images, (str, os.PathLike)) or (hasattr(images, "column_names") and hasattr(images, "cast_column")):
        return True
    return type(images).__module__.split(".")[0] in ("pandas", "pyarrow")


def _opened(images: Any, image_ids: Sequence[str] | None, column: str | None, id_column: str | None) -> Source:
    if is_source(images):
        _refuse(image_ids=image_ids)
        source = open_source(images, modality="image", column=column, id_column=id_column)
    else:
        _refuse(column=column, id_column=id_column)
        listed = check_images(images)
        if image_ids is not None and len(image_ids) != len(listed):
            raise UnsupportedOption(f"{len(image_ids)} image_ids for {len(listed)} images; expected one each")
        names = image_ids or [image_id(image, i) for i, image in enumerate(listed)]
        source = open_source(list(zip(names, listed, strict=True)), modality="image")
    if source.modality != "image":
        raise WrongType(f"{source.kind} holds texts; expected pictures")
    return source


def check_rows(model: ClipModel, rows: Embeddings, name: str) -> None:
    """Rows can be compared with this model's texts; ``name`` is what messages call them.

    Raises:
        InvalidEmbeddings: of another model or width, or of texts.
        EmptyInput: there is none.
    """
    if rows.model and rows.model != model.name:
        raise InvalidEmbeddings(
            f"{name}: rows of the model {rows.model!r}, and the texts would be of {model.name!r}, two spaces that have "
            "nothing in common"
        )
    if rows.dim != model.dim:
        raise InvalidEmbeddings(f"{name}: {rows.dim} columns; those of {model.name!r} have {model.dim}")
    if rows.modality == "text":
        raise InvalidEmbeddings(f"{name}: rows of texts; expected rows of images")
    if not len(rows):
        raise EmptyInput(f"{name}: none; give pictures, or Embeddings of them")


def truth_of_rows(told: Labels, rows: Embeddings) -> tuple[str, ...] | None:
    """The truth of rows that exist; a list may name what has no row too, and these labels then are left out."""
    listed = len(told.given) if isinstance(told.given, list) else None
    if rows.failures and listed == len(rows) + len(rows.failures):
        return _without(told.of(None, listed), rows)
    return told.of(rows.ids, len(rows))


def _without(labels: tuple[str, ...] | None, rows: Embeddings) -> tuple[str, ...] | None:
    """Labels of the source's items, less those of items that have no row."""
    if labels is None or not rows.failures:
        return labels
    lost = {failure.position for failure in rows.failures}
    return tuple(label for position, label in enumerate(labels) if position not in lost)


def _refuse(**options: Any) -> None:
    for name, value in options.items():
        if value is not None:
            raise UnsupportedOption(f"{name}={value!r} does not go with these images: it belongs to another kind")
