"""The models of a panel: each with its memory of labels and, where there is one, its baseline of unrelated pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from clipnb.errors import EmptyInput, UnknownModel, WrongType, nearest
from clipnb.similarity import cosine
from clipnb.types import ClipModel, FloatArray, is_model
from clipnb.widgets.pictures import Entry
from clipnb.widgets.text_cache import TextCache

if TYPE_CHECKING:
    from clipnb.scores import ScoreBaseline

__all__ = ["Judge", "Verdict", "check_baseline", "check_model", "judges_of", "unused"]


class Verdict(NamedTuple):
    """What one model says of one picture, a value a label."""

    probabilities: FloatArray
    cosines: FloatArray

    def lists(self) -> dict[str, list[float]]:
        """The same as plain numbers, as traits hold them."""
        return {"probabilities": self.probabilities.tolist(), "cosines": self.cosines.tolist()}


class Judge:
    """A model under the name by which the panel calls it.

    Args:
        model: any `ClipModel`.
        name: as no other model of the panel.
        number: as no other model of the panel.
        baseline: of this model, for percentiles beside its cosines.
    """

    def __init__(self, model: ClipModel, name: str, number: int, baseline: ScoreBaseline | None = None) -> None:
        self.model, self.name, self.number, self.baseline = model, name, number, baseline
        self._texts = TextCache(model)

    def score(self, entry: Entry, classnames: Sequence[str], templates: Sequence[str]) -> Verdict:
        """The picture against the labels; it is encoded once, and so is each label."""
        texts = self._texts.rows(classnames, templates)
        if self.number not in entry.rows:
            entry.rows[self.number] = self.model.encode_image([entry.picture])
        sim = cosine(entry.rows[self.number], texts)
        return Verdict(np.asarray(self.model.probabilities(sim))[0], sim[0])


def judges_of(models: Any, baseline: Any = None) -> list[Judge]:
    """Of one model or a list of them; the baseline is one for each, by name, or one for the only model.

    Raises:
        EmptyInput: no model.
        WrongType: something else than a model.
        UnknownModel: a baseline of a model that is not here.
    """
    listed: Iterable[Any] = models if isinstance(models, (list, tuple)) else [models]
    judges: list[Judge] = []
    for model in listed:
        check_model(model)
        judges.append(Judge(model, unused(model.name, judges), len(judges)))
    if not judges:
        raise EmptyInput("the list of models is empty: give at least one")
    known = {judge.name: judge for judge in judges}
    if baseline is not None and not isinstance(baseline, Mapping):
        of = getattr(baseline, "model", "")
        baseline = {of if of in known else judges[0].name: baseline}
    for name, of_model in (baseline or {}).items():
        if name not in known:
            raise UnknownModel(f"a baseline is given for {name!r}, which is no model here.{nearest(name, known)}")
        check_baseline(known[name], of_model)
        known[name].baseline = of_model
    return judges


def check_model(model: Any) -> None:
    """Raises WrongType for what is no model, with the call that opens a name."""
    if isinstance(model, str):
        raise WrongType(f"{model!r} is a name; open the model first: clipnb.load({model!r})")
    if not is_model(model):
        raise WrongType(f"expected a model, got a {type(model).__name__}; clipnb.load() opens one")


def check_baseline(judge: Judge, baseline: Any) -> None:
    """Raises WrongType for what is no baseline, UnknownModel for that of another model."""
    if not (hasattr(baseline, "percentile") and hasattr(baseline, "z")):
        raise WrongType(f"expected a ScoreBaseline, got a {type(baseline).__name__}; clipnb.score_baseline makes one")
    if baseline.model and baseline.model != judge.model.name:
        raise UnknownModel(f"the baseline is of {baseline.model!r}, and the model is {judge.model.name!r}")


def unused(name: str, judges: Sequence[Judge]) -> str:
    """The name, with a number behind it where another model of the panel has it already."""
    taken = {judge.name for judge in judges}
    number, chosen = 1, name
    while chosen in taken:
        number += 1
        chosen = f"{name} ({number})"
    return chosen
