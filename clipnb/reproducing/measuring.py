"""Measuring a published number again: :func:`reproduce`."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clipnb import datasets
from clipnb.catalog import EMBEDDED
from clipnb.errors import MissingExtra, ModelUnavailable, SourceError, UnsupportedOption, WrongType
from clipnb.prompts import Prompts
from clipnb.prompts.sets import classnames, templates
from clipnb.reproducing.labelled import Labelled, Names
from clipnb.reproducing.layouts import open_labelled
from clipnb.reproducing.outcome import Check, Reproduction
from clipnb.reproducing.published import Number, TestSet, find_number, find_set
from clipnb.running import Run
from clipnb.sources import Item, Source
from clipnb.types import ClipModel, is_model
from clipnb.zeroshot import classify

__all__ = ["reproduce"]

SURE = 2.576
"""Standard errors on either side of 99 % of all draws."""


def reproduce(
    name: str,
    model: ClipModel | str | os.PathLike[str] | None = None,
    data: str | os.PathLike[str] | None = None,
    *,
    truth: str | os.PathLike[str] | None = None,
    published_as: str | None = None,
    limit: int | None = None,
    partial: bool = False,
    seed: int = 0,
    device: str | None = None,
    local_files_only: bool | None = None,
    batch_size: int | Literal["auto"] = "auto",
    workers: int | Literal["auto"] = "auto",
    strict: bool = False,
    progress: bool = False,
) -> Reproduction:
    """Classify a whole test set without training, and hold the result against what has been published.

    The class names and the templates are those of the publication. A picture that cannot be read counts as wrong.

    Args:
        name: a test set, such as ``"imagenet"`` or ``"emoji-fluent"``; all are in :func:`clipnb.reproductions`.
        model: a model, or the name of one, which is opened once the data are found. Default, for the emoji: the
            embedded one.
        data: the folder (or the Parquet file) with the pictures. The emoji need none.
        truth: the file that says what the pictures show, where it does not lie beside them.
        published_as: the name under which the number stands, for a model under another name, a folder for instance.
        limit: only so many pictures, drawn at random; the tolerance then grows by what chance adds in 99 draws of 100.
        partial: let there be fewer pictures than the whole set has, as if they had been drawn at random.
        seed: of the draw.
        device: where a model given by name computes.
        local_files_only: of a model given by name: True: do not ask the network.
        batch_size: pictures in one pass of the model.
        workers: threads that read and resize pictures.
        strict: the reference processor's own pixels, bit for bit; slower. The quick ones differ by one grey level.
        progress: show a bar.

    Returns:
        Reproduction: ``.passed``, or ``.skipped`` with a ``.reason`` where the data or the weights are not there.

    Raises:
        UnsupportedOption: no such test set, no published number of this model, or a limit below 1.
        SourceError, UnknownLabel, UnknownColumn: the data are there and not as expected; each names the file.
    """
    test = find_set(name)
    if model is None:
        if test.emoji is None:
            raise UnsupportedOption(f"{test.name}: which model? clipnb.reproductions() lists those with a number")
        model = EMBEDDED
    if not isinstance(model, (str, os.PathLike)) and not is_model(model):
        raise WrongType(f"the model is a {type(model).__name__}; expected a name or what clipnb.load returns")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, (int, np.integer)) or limit < 1):
        raise UnsupportedOption(f"limit={limit!r}; expected a number of pictures, one or more")
    called = os.fspath(model) if isinstance(model, (str, os.PathLike)) else model.name
    number = find_number(test, published_as or called)
    skipped = Reproduction(test.name, test.title, called, source=number.source, also=number.also, total=test.images)

    if test.emoji is None and (data is None or not Path(data).expanduser().exists()):
        where = "No data were given" if data is None else f"{os.fspath(data)} does not exist"
        return replace(skipped, reason=f"{where}: pass data=, a folder with the pictures. From: {test.get}")
    prompts, pictures = _emoji(test) if test.emoji else _on_disk(test, Path(data or "").expanduser(), truth)
    chosen = _chosen(test, pictures, limit, partial, seed)
    if isinstance(model, (str, os.PathLike)):
        try:
            model = _load(model, device, local_files_only)
        except (ModelUnavailable, MissingExtra) as error:
            return replace(skipped, reason=str(error))

    start = time.perf_counter()
    texts = prompts.encode(model, progress=progress)
    rows = Run(
        model, _source(test, pictures, chosen), batch_size, workers, "record", progress, strict, False
    ).in_memory()
    unread = {failure.position for failure in rows.failures}
    truth_read = [prompts.classnames[pictures.truth[row]] for i, row in enumerate(chosen) if i not in unread]
    result = classify(model, rows, prompts, truth_read, texts=texts)
    scores = result.metrics()
    readable = len(rows) / len(chosen)
    checks = [
        Check(metric, 100 * scores[metric] * readable, value, _allowed(number, value, len(chosen), test.images))
        for metric, value in number.values.items()
    ]
    return replace(
        skipped,
        checks=tuple(checks),
        images=len(chosen),
        classes=len(prompts.classnames),
        templates=len(prompts.templates),
        failures=rows.failures,
        seconds=time.perf_counter() - start,
        result=result,
    )


def _load(name: str | os.PathLike[str], device: str | None, local_files_only: bool | None) -> ClipModel:
    from clipnb.models import load

    return load(name, device=device, local_files_only=local_files_only)


def _emoji(test: TestSet) -> tuple[Prompts, Labelled]:
    about = test.emoji or {}
    pictures = datasets.emoji(about["style"], held_out=about.get("held_out"))
    shown = list(pictures.names["en"])
    if about["classes"] == "groups":
        shown = list(pictures.groups)
        names = sorted(set(shown))
    elif about["classes"] == "shown":
        names = shown
    else:  # every concept, whether this style has drawn it or not; one style has drawn them all
        names = list(datasets.emoji("twemoji").names["en"])
    place = {name: i for i, name in enumerate(names)}

    def read(positions: np.ndarray[Any, Any]) -> Iterator[tuple[str, Any]]:
        return ((pictures.codes[i], pictures.images[i]) for i in positions)

    return Prompts.of(names, test.templates), Labelled("emoji", np.array([place[name] for name in shown]), read)


def _on_disk(test: TestSet, data: Path, truth: str | os.PathLike[str] | None) -> tuple[Prompts, Labelled]:
    classes = classnames(test.classnames)
    prompts = Prompts.of(classes, templates(test.templates))
    return prompts, open_labelled(test, Names(classes, classes.keys), data, truth)


def _chosen(
    test: TestSet, pictures: Labelled, limit: int | None, partial: bool, seed: int
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """The positions of the pictures to classify, in rising order."""
    there = len(pictures)
    if there > test.images:
        raise SourceError(f"{there:,} pictures, and {test.title} has {test.images:,}: is another split among them?")
    if there < test.images and not partial:
        raise SourceError(
            f"{there:,} pictures, and {test.title} has {test.images:,}; a part says little about the whole. "
            "If the part was drawn at random: partial=True (--partial), and the tolerance grows"
        )
    if limit is None or limit >= there:
        return np.arange(there)
    return np.sort(np.random.default_rng(seed).choice(there, limit, replace=False))


def _allowed(number: Number, value: float, images: int, total: int) -> float:
    """The tolerance in points, with the error of a draw without replacement (Cochran 1977, equation 3.8) for a part."""
    share = min(max(value / 100, 0.01), 0.99)
    chance = math.sqrt(share * (1 - share) / images * (total - images) / max(total - 1, 1))
    return number.tolerance + 100 * SURE * chance


def _source(test: TestSet, pictures: Labelled, chosen: np.ndarray[Any, np.dtype[np.int64]]) -> Source:
    def items(start: int) -> Iterator[Item]:
        return (Item(name, picture) for name, picture in pictures.read(chosen[start:]))

    return Source(test.name, "image", items, len(chosen))
