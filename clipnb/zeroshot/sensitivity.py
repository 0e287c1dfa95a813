"""How much hangs on the sentence: the same pictures and classes under every template by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import InvalidEmbeddings, NoLabels, UnsupportedOption
from clipnb.prompts import Prompts
from clipnb.types import ClipModel, Embeddings, FloatArray, unit_rows
from clipnb.zeroshot.classifying import check_labels, encode_images

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ENSEMBLE", "prompt_sensitivity"]

ENSEMBLE = "all templates together"
"""What the row of the ensemble is called in the column ``template``."""
_CELLS = 4_000_000


def prompt_sensitivity(
    model: ClipModel,
    images: Sequence[Any] | Embeddings,
    labels: Sequence[str] | None,
    classnames: Prompts | Sequence[str],
    templates: str | Sequence[str] | None = None,
    *,
    by_class: bool = False,
    batch_size: int = 64,
    truncate: bool = False,
    progress: bool = False,
) -> pd.DataFrame:
    """Zero-shot classification with each template alone, and with all of them together.

    Pictures are encoded once, and every sentence once.

    Args:
        model: any model of the family.
        images: a list as :func:`clipnb.zero_shot` takes it, or Embeddings by this model, such as :func:`clipnb.embed`
            makes of a folder.
        labels: the true class name of each image. None: there is no accuracy, and ``by_class`` must be true; each
            class is then scored on all the images.
        classnames: what to tell apart, or Prompts.
        templates: sentences with one ``{}`` each, or the name of a set.
        by_class: rows for every class as well.
        batch_size: images encoded at a time.
        truncate: cut texts at the model's context, with a warning, instead of raising.
        progress: show a bar over the images and one over the templates.

    Returns:
        A row a template, and one for the ensemble (``kind`` is ``"single"`` or ``"ensemble"``); with ``by_class`` a
        row for each of them and class. Columns:

        ``template``; ``kind``; ``classname`` (None: all classes); ``images``, how many it speaks of;
        ``top1``, ``top5``, the share of them that is right, of a class its recall; ``probability`` and ``cosine``,
        the mean of the true class's, without labels of the class's. NaN where there is no image or no label.

    Raises:
        NoLabels: neither labels nor ``by_class``.
        InvalidEmbeddings: Embeddings of another model or width.
        UnknownLabel, EmptyInput, EmptyLabels, BadTemplate, TextTooLong, UnreadableImage: each names the input.

    The ensemble: Radford et al. 2021, section 3.1.4. That single templates differ as much as they do: the same, and
    Zhou et al. 2022, "Learning to Prompt for Vision-Language Models", figure 1.
    """
    import pandas as pd

    prompts = Prompts.of(classnames, templates)
    if labels is None and not by_class:
        raise NoLabels("without labels there is no accuracy: pass the true class names, or by_class=True for scores")
    if batch_size < 1:
        raise UnsupportedOption(f"batch_size={batch_size}; expected one or more")
    truth = check_labels(labels, prompts.classnames, len(images))
    rows = _encoded(model, images, batch_size, progress)
    place = {name: j for j, name in enumerate(prompts.classnames)}
    columns = None if truth is None else np.array([place[name] for name in truth], dtype=np.intp)

    found: list[dict[str, Any]] = []
    for template, texts in _classifiers(model, prompts, truncate, progress):
        scores = _scored(model, rows, texts, columns)
        for row in _summaries(scores, prompts.classnames, columns, by_class):
            found.append({"template": template or ENSEMBLE, "kind": "single" if template else "ensemble", **row})
    return pd.DataFrame(found)


def _encoded(model: ClipModel, images: Any, batch_size: int, progress: bool) -> Embeddings:
    if not hasattr(images, "blocks"):
        return encode_images(model, images, batch_size=batch_size, progress=progress)
    if images.model and images.model != model.name:
        raise InvalidEmbeddings(f"the images are rows of {images.model!r}, not of the model given, {model.name!r}")
    if images.dim != model.dim:
        raise InvalidEmbeddings(f"the images have {images.dim} columns, the model {model.name!r} {model.dim}")
    return images


def _classifiers(model: ClipModel, prompts: Prompts, truncate: bool, progress: bool) -> Any:
    """Pairs of a template and its directions [class, dim]; the last, of the ensemble, has no template."""
    templates: Any = prompts.templates
    if progress:
        from tqdm.auto import tqdm

        templates = tqdm(templates, desc="templates", unit="template", leave=False)
    total: NDArray[np.float64] | None = None
    for template in templates:
        rows = Prompts.of(prompts, [template]).encode(model, truncate=truncate).vectors
        total = rows.astype(np.float64) if total is None else total + rows
        yield template, rows
    if any(len(names) > 1 for names in prompts.words):  # the mean over names and templates is no mean of means
        yield None, prompts.encode(model, truncate=truncate).vectors
    elif total is not None:
        yield None, unit_rows(total)


class _Scores:
    """What one set of prompts says, summed up image by image or, without labels, class by class."""

    def __init__(self, images: int, classes: int, labelled: bool) -> None:
        self.rank = np.zeros(images, dtype=np.int64)
        size = images if labelled else classes
        self.probability, self.cosine = np.zeros(size), np.zeros(size)


def _scored(model: ClipModel, rows: Embeddings, texts: FloatArray, columns: NDArray[np.intp] | None) -> _Scores:
    scores = _Scores(len(rows), len(texts), columns is not None)
    for start, block in rows.blocks(max(1, _CELLS // len(texts))):
        sim = np.asarray(block @ texts.T)
        shares = np.asarray(model.probabilities(sim))
        if columns is None:
            scores.cosine += sim.sum(axis=0, dtype=np.float64)
            scores.probability += shares.sum(axis=0, dtype=np.float64)
            continue
        part = slice(start, start + len(block))
        mine, each = columns[part], np.arange(len(block))
        true = sim[each, mine]
        # Equal cosines keep the order of the classes, as in ZeroShot.
        earlier = (sim == true[:, None]) & (np.arange(len(texts)) < mine[:, None])
        scores.rank[part] = (sim > true[:, None]).sum(axis=1) + earlier.sum(axis=1)
        scores.cosine[part], scores.probability[part] = true, shares[each, mine]
    return scores


def _summaries(
    scores: _Scores, classnames: Sequence[str], columns: NDArray[np.intp] | None, by_class: bool
) -> list[dict[str, Any]]:
    images = len(scores.rank)
    if columns is None:
        return [
            _row(name, images, None, scores.probability[j] / images, scores.cosine[j] / images)
            for j, name in enumerate(classnames)
        ]
    groups: list[tuple[str | None, NDArray[np.bool_]]] = [(None, np.ones(images, dtype=bool))]
    if by_class:
        groups += [(name, columns == j) for j, name in enumerate(classnames)]
    rows = []
    for name, mine in groups:
        some = bool(mine.any())
        probability = float(scores.probability[mine].mean()) if some else np.nan
        cosine = float(scores.cosine[mine].mean()) if some else np.nan
        rows.append(_row(name, int(mine.sum()), scores.rank[mine] if some else None, probability, cosine))
    return rows


def _row(
    name: str | None, images: int, rank: NDArray[np.int64] | None, probability: float, cosine: float
) -> dict[str, Any]:
    return {
        "classname": name,
        "images": images,
        "top1": np.nan if rank is None else float((rank < 1).mean()),
        "top5": np.nan if rank is None else float((rank < 5).mean()),
        "probability": float(probability),
        "cosine": float(cosine),
    }
