"""Running several models over the same pictures and texts: :func:`compare`."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from clipnb.comparison import Comparison, ModelFacts
from clipnb.errors import (
    ClipnbError,
    DuplicateLabels,
    EmptyInput,
    TextTooLong,
    TruncatedText,
    UnreadableImage,
    UnsupportedOption,
    WrongType,
    quote,
)
from clipnb.images import check_images
from clipnb.progress import bar
from clipnb.prompts import Prompts
from clipnb.types import ClipModel, Embeddings, FloatArray
from clipnb.zeroshot import ZeroShot
from clipnb.zeroshot.classifying import check_labels, classify, encode_images

__all__ = ["compare", "default_load", "labelled", "naming"]

Model = ClipModel | str | os.PathLike[str]


def compare(
    models: Sequence[Model] | Mapping[str, Model],
    images: Sequence[Any],
    texts: Sequence[str],
    *,
    labels: Sequence[str] | None = None,
    image_ids: Sequence[str] | None = None,
    batch_size: int = 64,
    truncate: bool = True,
    progress: bool = False,
    load: Callable[[str], ClipModel] | None = None,
) -> Comparison:
    """Score the same images against the same texts with several models.

    Args:
        models: opened models, or names and paths as :func:`clipnb.load` takes them, mixed as you like; or a dict of
            either, whose keys then are what tables and figures call them. A name is opened when its turn comes and let
            go before the next one, so that memory holds one of them at a time.
        images: paths, PIL images, height x width x 3 uint8 arrays, or bytes of files. They are read once a model.
        texts: what to compare the images with, each once, in any language of the models.
        labels: the true text of each image, one of ``texts``; ``summary()`` then says how often it comes first.
        image_ids: what tables call the images; default: the path, or ``image`` and its position.
        batch_size: images encoded at a time; the result does not depend on it.
        truncate: contexts differ between models: cut a text at the context of a model that cannot read all of it, with
            a warning that names the model and the texts, which ``facts[model].cut_texts`` keeps. False: raise instead.
        progress: show a bar over the models, and one over the images of each.
        load: what opens a name; default :func:`clipnb.load`. For options that hold for all of them, pass
            ``functools.partial(clipnb.load, device="cuda", dtype="bfloat16")``.

    Returns:
        Comparison: cosines and probabilities [image, text] by model, ``table()``, ``summary()``, ``agreement()``;
        :func:`clipnb.plots.comparison_heatmaps` draws it.

    Raises:
        EmptyInput, EmptyLabels, DuplicateLabels, UnknownLabel, UnsupportedOption, WrongType: the arguments, before
            any model is opened.
        UnreadableImage: names the image.
        What ``load`` raises, and TextTooLong with ``truncate=False``: name the model.
    """
    if isinstance(texts, (str, bytes)):
        raise WrongType(f"texts is a single text, {quote(str(texts))}; expected a list of them")
    prompts = Prompts.of(texts)
    images = check_images(images)
    truth = check_labels(labels, prompts.classnames, len(images))
    if batch_size < 1:
        raise UnsupportedOption(f"batch_size={batch_size}; expected one or more")
    if image_ids is not None and len(image_ids) != len(images):
        raise UnsupportedOption(f"{len(image_ids)} image_ids for {len(images)} images; expected one each")
    asked = labelled(models)
    open_model = load or default_load()
    results: dict[str, ZeroShot] = {}
    facts: dict[str, ModelFacts] = {}
    for label in bar(progress, "models", "model", list(asked)):
        with naming(label):
            given = asked[label]
            model = open_model(os.fspath(given)) if isinstance(given, (str, os.PathLike)) else given
            rows, cut = _text_rows(model, prompts.classnames, truncate)
            facts[label] = _facts(model, tuple(prompts.classnames[i] for i in cut))
            _warn_of_cuts(label, facts[label], len(prompts))
            encoded = Embeddings(rows, prompts.classnames, "text", model.name)
            pictures = encode_images(model, images, image_ids, batch_size=batch_size, progress=progress)
            results[label] = classify(model, pictures, prompts, truth, texts=encoded)
        if model is not given:
            del model
            gc.collect()  # modules hold each other in circles, which would keep the weights until some later time
    return Comparison(results, facts)


def default_load() -> Callable[[str], ClipModel]:
    """:func:`clipnb.load`, imported when it is needed."""
    from clipnb.models import load

    return load


def labelled(models: Sequence[Model] | Mapping[str, Model]) -> dict[str, Model]:
    """The models by what they are called, checked before the first of them is opened."""
    hint = "expected a list of models or names, or a dict of them by label"
    if isinstance(models, (str, os.PathLike, ClipModel)):
        raise WrongType(f"models is a single one, {models!r}; put it into a list")
    if isinstance(models, Mapping):
        pairs: list[tuple[Any, Any]] = list(models.items())
    elif isinstance(models, Iterable):
        pairs = [(None, model) for model in models]
    else:
        raise WrongType(f"models is a {type(models).__name__}; {hint}")
    if not pairs:
        raise EmptyInput("the list of models is empty; give at least one")
    found: dict[str, Model] = {}
    for position, (label, model) in enumerate(pairs):
        if not isinstance(model, (str, os.PathLike, ClipModel)):
            raise WrongType(f"model {position} is {model!r}, a {type(model).__name__}; {hint}")
        if label is None:
            label = os.fspath(model) if isinstance(model, (str, os.PathLike)) else model.name
        if not isinstance(label, str):
            raise WrongType(f"the label {label!r} of model {position} is a {type(label).__name__}; expected a text")
        if label in found:
            raise DuplicateLabels(
                f"two of the models are called {label!r}; tell them apart with a dict: {{'one': ..., 'other': ...}}"
            )
        found[label] = model
    return found


@contextmanager
def naming(label: str) -> Iterator[None]:
    """Errors of the package that are about a model name it, by the label that the caller knows."""
    try:
        yield
    except (UnreadableImage, WrongType):
        raise
    except ClipnbError as error:
        if label in str(error):
            raise
        raise type(error)(f"{label}: {error}") from error


def _text_rows(model: ClipModel, texts: Sequence[str], truncate: bool) -> tuple[FloatArray, list[int]]:
    """Unit rows [text, dim], and the positions of the texts that were cut.

    A model says that a text is too long, and not of every text whether it is: halves are tried until it is known.
    """
    try:
        return model.encode_text(texts), []
    except TextTooLong:
        if not truncate:
            raise
    if len(texts) == 1:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TruncatedText)  # said once for all of them, with the name of the model
            return model.encode_text(texts, truncate=True), [0]
    half = len(texts) // 2
    first, cut = _text_rows(model, texts[:half], truncate)
    second, more = _text_rows(model, texts[half:], truncate)
    return np.concatenate([first, second]), [*cut, *(half + i for i in more)]


def _warn_of_cuts(label: str, facts: ModelFacts, texts: int) -> None:
    if facts.cut_texts:
        shown = ", ".join(quote(text) for text in facts.cut_texts[:3]) + (", ..." if len(facts.cut_texts) > 3 else "")
        words = f"{label}: {len(facts.cut_texts)} of {texts} texts cut at {facts.context_length} tokens: {shown}"
        warnings.warn(words, TruncatedText, stacklevel=3)


def _facts(model: ClipModel, cut: tuple[str, ...]) -> ModelFacts:
    # Alone with itself a text gets everything from a softmax, however far from the picture; from a sigmoid it does not.
    alone = float(np.asarray(model.probabilities([[-1.0]]))[0, 0])
    return ModelFacts(
        model.name, model.dim, model.context_length, model.logit_scale, model.logit_bias, alone == 1.0, cut
    )
