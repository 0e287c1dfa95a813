"""How accuracy grows with the number of labelled pictures: :func:`learning_curve`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from clipnb.errors import UnsupportedOption, WrongType
from clipnb.fewshot.classifying import METHODS, Method, check_method, draw_shots, fitted_logits
from clipnb.progress import bar
from clipnb.prompts import Prompts
from clipnb.similarity import cosine
from clipnb.types import ClipModel
from clipnb.zeroshot.labelled import Pictures

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["explain_curve", "learning_curve"]


def learning_curve(
    model: ClipModel,
    train: Any,
    train_labels: Any,
    test: Any,
    test_labels: Any,
    classnames: Prompts | Sequence[str] | str,
    templates: str | Sequence[str] | None = None,
    *,
    shots: Sequence[int] = (0, 1, 2, 4, 8, 16),
    methods: Sequence[Method] = METHODS,
    seeds: Sequence[int] = (0, 1, 2),
    validation: float = 0.25,
    batch_size: int = 64,
    progress: bool = False,
) -> pd.DataFrame:
    """The scores of few-shot methods by the number of labelled pictures a class, beside zero-shot.

    Pictures and texts are encoded once. Every number of shots is drawn anew for every seed; within a seed, more shots
    include the fewer. After figure 6 of Radford et al. 2021.

    Args:
        model: see :func:`clipnb.few_shot`, as for all that is not named here.
        train: labelled pictures to draw from.
        train_labels: the class name of each.
        test: other pictures, on which all are scored.
        test_labels: the class name of each.
        classnames: as for :func:`clipnb.zero_shot`.
        templates: as for :func:`clipnb.zero_shot`.
        shots: pictures a class; 0 is zero-shot, which has no seed.
        methods: of :func:`clipnb.few_shot`.
        seeds: of the draws.
        validation: the share held out to choose settings.
        batch_size: pictures encoded at a time.
        progress: show bars.

    Returns:
        A row a run: method (``zero-shot`` for 0 shots), shots, seed, top1, mean_per_class_recall (shares), and
        settings, in words. ``.attrs["failures"]`` lists pictures that could not be read, as (id, reason).

    Raises:
        TooFewExamples: before any work, names the classes with fewer examples than the most shots.
        As :func:`clipnb.few_shot` otherwise.
    """
    import pandas as pd

    if isinstance(methods, str):
        raise WrongType(f"methods is one text, {methods!r}; expected a list: [{methods!r}]")
    if not len(shots) or not len(seeds) or not len(methods):
        raise UnsupportedOption("shots, seeds and methods each need at least one entry")
    for method in methods:
        for count in shots:
            check_method(model, method, validation, count)
    prompts = Prompts.of(classnames, templates)
    learned = Pictures.of(model, "train", train, train_labels, prompts.classnames, progress)
    known = learned.truth("train_labels")
    draw_shots(known, prompts.classnames, max(shots), 0)
    tested = Pictures.of(model, "test", test, test_labels, prompts.classnames, progress)
    truth = tested.truth("test_labels")
    texts = prompts.encode(model).vectors
    rows = learned.rows(model, None, batch_size, progress).vectors
    asked = tested.rows(model, None, batch_size, progress).vectors

    def row(method: str, count: int, seed: int | None, logits: Any, words: str) -> dict[str, Any]:
        right = logits.argmax(axis=1) == truth
        recall = [right[truth == column].mean() for column in np.unique(truth)]
        return {
            "method": method,
            "shots": count,
            "seed": seed,
            "top1": float(right.mean()),
            "mean_per_class_recall": float(np.mean(recall)),
            "settings": words,
        }

    table = [row("zero-shot", 0, None, cosine(asked, texts), "zero-shot")] if 0 in shots else []
    runs = [(m, n, s) for m in methods for n in sorted(set(shots) - {0}) for s in dict.fromkeys(seeds)]
    for method, count, seed in bar(progress, "runs", "run", runs):
        chosen = draw_shots(known, prompts.classnames, count, seed)
        logits, words = fitted_logits(
            model, method, rows[chosen], known[chosen], texts, asked, validation=validation, seed=seed
        )
        table.append(row(method, count, seed, logits, words))
    frame = pd.DataFrame(table).astype({"seed": "Int64"})
    frame.attrs["failures"] = [(lost.id, lost.reason) for lost in (*learned.failures, *tested.failures)]
    return frame


_NAMES = {"linear_probe": "A linear probe", "tip_adapter": "Tip-Adapter"}


def explain_curve(frame: pd.DataFrame, metric: str = "top1") -> str:
    """What a learning curve shows, in a sentence or two: zero-shot, and from how many shots on a method passes it."""
    if metric not in frame.columns:
        raise UnsupportedOption(f"metric={metric!r}; the table has {', '.join(map(str, frame.columns))}")
    zero = frame.loc[frame["shots"] == 0, metric]
    means = frame[frame["shots"] > 0].groupby(["method", "shots"], sort=True)[metric].mean()
    said = [] if zero.empty else [f"Zero-shot, without any labelled picture, scores {zero.mean():.1%}."]
    for method in dict.fromkeys(means.index.get_level_values("method")):
        curve = means[method]
        last = curve.index[-1]
        words = f"{_NAMES.get(method, method)} reaches {curve[last]:.1%} with {last} a class"
        if not zero.empty:
            # From there on it stays above, not: it once was.
            below = curve.index[(curve <= zero.mean()).to_numpy()]
            above = curve.index[curve.index > below.max()] if len(below) else curve.index
            words += f" and is ahead of it from {above[0]} on" if len(above) else " and never gets ahead"
        said.append(words + ".")
    return " ".join(said)
