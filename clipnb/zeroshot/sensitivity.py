"""How much hangs on the sentence: the same pictures and classes under every template by itself."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import NoLabels, UnsupportedOption
from clipnb.progress import bar
from clipnb.prompts import Prompts
from clipnb.types import ClipModel, Embeddings, FloatArray, unit_rows
from clipnb.zeroshot.labelled import Pictures
from clipnb.zeroshot.ranking import rank_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ENSEMBLE", "prompt_sensitivity"]

ENSEMBLE = "all templates together"
"""What the row of the ensemble is called in the column ``template``."""
_CELLS = 4_000_000


def prompt_sensitivity(
    model: ClipModel,
    images: Any,
    labels: Any,
    classnames: Prompts | Sequence[str] | str,
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
        images: as :func:`clipnb.zero_shot` takes them: a list, a folder or other source, or Embeddings by this model.
        labels: the true class name of each image, in any of the forms of :func:`clipnb.zero_shot`. None: there is no
            accuracy, and ``by_class`` must be true; each class is then scored on all the images.
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
        ``.attrs["failures"]`` lists pictures that could not be read, as (id, reason).

    Raises:
        NoLabels: neither labels nor ``by_class``.
        InvalidEmbeddings: Embeddings of another model or width, or of texts.
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
    pictures = Pictures.of(model, "images", images, labels, prompts.classnames, progress)
    columns = None if labels is None else pictures.truth("labels")
    rows = pictures.rows(model, None, batch_size, progress)

    found: list[dict[str, Any]] = []
    for template, texts in _classifiers(model, prompts, truncate, progress):
        scores = _scored(model, rows, texts, columns)
        for row in _summaries(scores, prompts.classnames, columns, by_class):
            found.append({"template": template or ENSEMBLE, "kind": "single" if template else "ensemble", **row})
    frame = pd.DataFrame(found)
    frame.attrs["failures"] = [(lost.id, lost.reason) for lost in pictures.failures]
    return frame


def _classifiers(
    model: ClipModel, prompts: Prompts, truncate: bool, progress: bool
) -> Iterator[tuple[str | None, FloatArray]]:
    """Pairs of a template and its directions [class, dim]; the last, of the ensemble, has no template."""
    total: NDArray[np.float64] | None = None
    for template in bar(progress, "templates", "template", prompts.templates):
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
        self.rank = np.zeros(images, dtype=np.int64)  # from 1
        size = images if labelled else classes
        self.probability, self.cosine = np.zeros(size), np.zeros(size)


def _scored(model: ClipModel, rows: Embeddings, texts: FloatArray, columns: NDArray[np.int64] | None) -> _Scores:
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
        scores.rank[part] = rank_of(sim, mine)
        scores.cosine[part], scores.probability[part] = sim[each, mine], shares[each, mine]
    return scores


def _summaries(
    scores: _Scores, classnames: Sequence[str], columns: NDArray[np.int64] | None, by_class: bool
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
        "top1": np.nan if rank is None else float((rank <= 1).mean()),
        "top5": np.nan if rank is None else float((rank <= 5).mean()),
        "probability": float(probability),
        "cosine": float(cosine),
    }
