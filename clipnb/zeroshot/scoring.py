"""Rows against classes in blocks: all cosines where they fit, the leading ones of each row where they do not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.progress import bar
from clipnb.prompts import Prompts
from clipnb.types import ClipModel, Embeddings, FloatArray
from clipnb.zeroshot.predictions import ZeroShot
from clipnb.zeroshot.ranking import Leading

__all__ = ["DENSE", "KEEP", "score"]

DENSE = 20_000_000
"""Images times classes up to which a result holds both matrices: 160 MB."""

KEEP = 10
"""Leading classes that are kept of each image in a larger one."""

BLOCK = 2_000_000
"""Cosines computed at a time; with the model's probabilities in double precision a block takes about 80 MB."""


def score(
    model: ClipModel,
    images: Embeddings,
    texts: Embeddings,
    labels: Sequence[str] | None = None,
    *,
    prompts: Prompts | None = None,
    keep: int | None = None,
    dense: bool | None = None,
    remarks: Sequence[str] = (),
    progress: bool = False,
) -> ZeroShot:
    """Every row against every class.

    Args:
        model: whose scale and bias make the probabilities.
        images: rows [image, dim]; of :func:`clipnb.open_embeddings` read through their map, block by block.
        texts: one row a class, its ids the class names.
        labels: the true class name of each row.
        prompts: what the texts were made with; without it the texts' ids are the class names.
        keep: leading classes kept of each image, unless the result is dense.
        dense: hold all cosines and probabilities; default: up to :data:`DENSE` of them, unless ``keep`` is given.
        remarks: sentences for the result's notes.
        progress: show a bar over the rows.

    Raises:
        InvalidEmbeddings: rows and texts of different widths.
        UnsupportedOption: ``keep`` below one.
    """
    if images.dim != texts.dim:
        raise InvalidEmbeddings(
            f"the images have {images.dim} columns and the texts of {model.name!r} {texts.dim}: two different models?"
        )
    if keep is not None and keep < 1:
        raise UnsupportedOption(f"keep={keep}; expected one or more")
    rows, classes = len(images), len(texts)
    whole = dense if dense is not None else keep is None and rows * classes <= DENSE
    position = {name: j for j, name in enumerate(texts.ids)}
    truth = None if labels is None else np.array([position[label] for label in labels], dtype=np.int64)
    facts: dict[str, Any] = {
        "classnames": texts.ids if prompts is None else prompts.classnames,
        "image_ids": images.ids,
        "labels": labels,
        "templates": ("{}",) if prompts is None else prompts.templates,
        "model": model.name,
        "failures": images.failures,
        "remarks": remarks,
    }
    blocks = _blocks(model, images, texts.vectors, progress)
    if whole:
        similarity = np.empty((rows, classes), dtype=np.float32)
        probabilities = np.empty((rows, classes), dtype=np.float32)
        for start, sim, share in blocks:
            similarity[start : start + len(sim)], probabilities[start : start + len(sim)] = sim, share
        return ZeroShot(similarity, probabilities, **facts)
    leading = Leading.room(rows, min(KEEP if keep is None else keep, classes), truth is not None)
    for start, sim, share in blocks:
        leading.put(start, sim, share, None if truth is None else truth[start : start + len(sim)])
    return ZeroShot(None, None, leading=leading, **facts)


def _blocks(
    model: ClipModel, images: Embeddings, classes: FloatArray, progress: bool
) -> Iterator[tuple[int, FloatArray, NDArray[np.float32]]]:
    """First row, cosines [row, class] and probabilities [row, class] of each block."""
    transposed = np.ascontiguousarray(classes.T)
    with bar(progress, "scores", "image", total=len(images)) as shown:
        for start, vectors in images.blocks(max(1, BLOCK // max(1, len(classes)))):
            sim = vectors @ transposed
            np.clip(sim, -1.0, 1.0, out=sim)
            yield start, sim, np.asarray(model.probabilities(sim), dtype=np.float32)
            shown.update(len(sim))
