"""Several models on the same pictures and texts: what each says, and how far they agree."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnknownModel, nearest
from clipnb.types import FloatArray
from clipnb.zeroshot import ZeroShot

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Comparison", "ModelFacts", "spearman_rows"]


@dataclass(frozen=True)
class ModelFacts:
    """What has to be known of a model to read its scores beside another's.

    Attributes:
        name: under which it was loaded.
        dim: columns of its features.
        context_length: tokens per text.
        logit_scale: the factor between a cosine and a logit.
        logit_bias: added to the logits.
        softmax: True: the texts of an image share one probability; False: every pair has its own (a sigmoid).
        cut_texts: the texts that were longer than its context, and were scored by their beginning.
    """

    name: str
    dim: int
    context_length: int
    logit_scale: float
    logit_bias: float
    softmax: bool
    cut_texts: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Comparison:
    """What several models make of the same images and texts.

    ``comparison[model].similarity`` and ``.probabilities`` are the cosines and the probabilities [image, text] of one
    model, the latter by its own scale; ``comparison[model]`` is a :class:`clipnb.ZeroShot`.

    Attributes:
        results: by model, in the order of the call.
        facts: by model.

    Raises:
        EmptyInput: no model.
        InvalidEmbeddings: the results are not of the same images, texts and labels.
    """

    results: Mapping[str, ZeroShot]
    facts: Mapping[str, ModelFacts]

    def __post_init__(self) -> None:
        if not self.results:
            raise EmptyInput("there is nothing to compare: no model")
        if list(self.results) != list(self.facts):
            raise InvalidEmbeddings(f"results of {list(self.results)} and facts of {list(self.facts)}")
        inputs = {(result.image_ids, result.classnames, result.labels) for result in self.results.values()}
        if len(inputs) > 1:
            raise InvalidEmbeddings("the results are not of the same images, texts and labels")

    def __len__(self) -> int:
        return len(self.results)

    def __getitem__(self, model: str) -> ZeroShot:
        if model not in self.results:
            there = ", ".join(map(repr, self.models))
            raise UnknownModel(f"{model!r} was not compared; there are {there}.{nearest(model, self.models)}")
        return self.results[model]

    def __repr__(self) -> str:
        return f"Comparison({', '.join(self.models)}: {len(self.image_ids)} images, {len(self.texts)} texts)"

    @property
    def models(self) -> tuple[str, ...]:
        """What the models are called here."""
        return tuple(self.results)

    @property
    def _first(self) -> ZeroShot:
        return next(iter(self.results.values()))

    @property
    def texts(self) -> tuple[str, ...]:
        """One per column."""
        return self._first.classnames

    @property
    def image_ids(self) -> tuple[str, ...]:
        """One per row."""
        return self._first.image_ids

    @property
    def labels(self) -> tuple[str, ...] | None:
        """The true text of each image, if known."""
        return self._first.labels

    def table(self) -> pd.DataFrame:
        """Everything, tidy: columns model, image, text, cosine, probability, rank (from 1; the best text first)."""
        import pandas as pd

        columns = ["model", "image", "text", "cosine", "probability", "rank"]
        parts = [
            result.top(len(self.texts)).rename(columns={"classname": "text"}).assign(model=model)[columns]
            for model, result in self.results.items()
        ]
        return pd.concat(parts, ignore_index=True)

    def summary(self) -> pd.DataFrame:
        """A row a model.

        Returns:
            A table indexed by model with the columns dim, context_length, logit_scale, scores (``"softmax"``: the
            texts of an image share one probability; ``"sigmoid"``: every pair has its own), cosine_mean and
            cosine_std (over all pairs; models differ in both, so cosines of two models are not comparable),
            cut_texts (how many were longer than the context), and: with labels ``top1``, the share of images whose
            true text comes first; without, ``best_texts``, the best text of each image.
        """
        import pandas as pd

        rows = [self._summary_row(model) for model in self.models]
        return pd.DataFrame(rows, index=pd.Index(self.models, name="model", dtype=object))

    def _summary_row(self, model: str) -> dict[str, Any]:
        result, facts = self.results[model], self.facts[model]
        cosines = result.similarity.astype(np.float64)
        row: dict[str, Any] = {
            "dim": facts.dim,
            "context_length": facts.context_length,
            "logit_scale": facts.logit_scale,
            "scores": "softmax" if facts.softmax else "sigmoid",
            "cosine_mean": float(cosines.mean()),
            "cosine_std": float(cosines.std()),
            "cut_texts": len(facts.cut_texts),
        }
        if self.labels is None:
            return {**row, "best_texts": tuple(result.predictions)}
        return {**row, "top1": result.metrics()["top1"]}

    def agreement(self) -> pd.DataFrame:
        """How far each two models agree, a row a pair.

        Returns:
            Columns model_a, model_b, same_best (share of images with the same best text), spearman (correlation of
            the two rankings of the texts, by image, then the mean over the images; equal cosines share their mean
            rank). An image all of whose cosines are equal in one of the models has no ranking and is left out of the
            mean; ``images_ranked`` counts those that are in it. Without any, as with a single text, spearman is NaN.
        """
        import pandas as pd

        columns = ["model_a", "model_b", "same_best", "spearman", "images_ranked"]
        rows = []
        for a, b in itertools.combinations(self.models, 2):
            one, other = self.results[a], self.results[b]
            rho = spearman_rows(one.similarity, other.similarity)
            ranked = rho[~np.isnan(rho)]
            same = float((one.order[:, 0] == other.order[:, 0]).mean())
            rows.append((a, b, same, float(ranked.mean()) if len(ranked) else float("nan"), len(ranked)))
        return pd.DataFrame(rows, columns=columns)


def spearman_rows(a: FloatArray, b: FloatArray) -> np.ndarray:
    """rho[i], Spearman's rank correlation of a[i] and b[i], float64; NaN where one of them is constant.

    Spearman 1904; ties share their mean rank, and rho is Pearson's correlation of the ranks.
    """
    import pandas as pd

    ranks = [pd.DataFrame(np.asarray(m)).rank(axis=1).to_numpy() for m in (a, b)]
    x, y = (rank - rank.mean(axis=1, keepdims=True) for rank in ranks)
    lengths = np.sqrt((x**2).sum(axis=1) * (y**2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        rho: np.ndarray = np.where(lengths > 0, (x * y).sum(axis=1) / lengths, np.nan)
    return rho
