"""Classification from a few labelled pictures: :func:`few_shot`, the neighbours of zero-shot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import (
    TooFewExamples,
    UnsupportedOption,
    WrongType,
    nearest,
    quote,
)
from clipnb.fewshot.adapters import DEFAULT_C, Labels, Probe, TipAdapter, accuracy_and_loss, log_softmax, search_c
from clipnb.prompts import Prompts
from clipnb.similarity import cosine
from clipnb.types import ClipModel, FloatArray, is_model
from clipnb.zeroshot import ZeroShot
from clipnb.zeroshot.labelled import Pictures

__all__ = ["METHODS", "Method", "draw_shots", "few_shot"]

Method = Literal["linear_probe", "tip_adapter"]
METHODS: tuple[Method, ...] = ("linear_probe", "tip_adapter")


def few_shot(
    model: ClipModel,
    train: Any,
    train_labels: Any,
    test: Any,
    classnames: Prompts | Sequence[str] | str,
    templates: str | Sequence[str] | None = None,
    *,
    method: Method = "linear_probe",
    shots: int | None = None,
    validation: float = 0.25,
    test_labels: Any = None,
    batch_size: int = 64,
    progress: bool = False,
    seed: int = 0,
) -> ZeroShot:
    """Classify pictures by a few labelled ones, on the model's frozen rows.

    ``"linear_probe"``: logistic regression with the sweep of Radford et al. 2021 (appendix A.3), over rows of the joint
    space (the paper takes those before the projection). It knows nothing of the class names' meaning.
    ``"tip_adapter"``: the zero-shot classifier plus a cache of the labelled rows, without training; Zhang et al. 2022,
    arXiv:2111.03930. Both have settings (C; alpha and beta), which are chosen by a part of the labelled pictures that
    is held out meanwhile; then all of them are used. With a single picture a class nothing can be held out, and the
    settings are the fixed ones of :mod:`clipnb.fewshot.adapters`.

    Args:
        model: any model of the family; it encodes the class names, and what is not encoded yet.
        train: labelled pictures, as :func:`clipnb.zero_shot` takes them: a list, a folder or other source, or
            Embeddings. Of a list only the drawn ones are encoded.
        train_labels: the class name of each, in any of the forms of :func:`clipnb.zero_shot`, such as ``"folder"``.
        test: pictures to classify, likewise.
        classnames: as for :func:`clipnb.zero_shot`.
        templates: as for :func:`clipnb.zero_shot`; the linear probe only shows the cosines with them.
        method: ``"linear_probe"`` or ``"tip_adapter"``.
        shots: labelled pictures a class, drawn at random; with the same seed, more shots include the fewer. Default:
            all there are. 0: plain zero-shot.
        validation: the share of each class that is held out to choose the settings, above 0 and below 1.
        test_labels: the true class names of ``test``, likewise, for metrics.
        batch_size: pictures encoded at a time.
        progress: show a bar over the pictures.
        seed: of both draws.

    Returns:
        ZeroShot: probabilities, order and metrics are the method's; ``similarity`` stays the raw cosines with the class
        names. ``.method`` says in words what was done.

    Raises:
        TooFewExamples: names the classes with fewer pictures than ``shots``, or with none; or a single class.
        UnknownLabel, NoLabels: labels that are missing, or not among the class names.
        InvalidEmbeddings: of another model or width, or not finite.
    """
    check_method(model, method, validation, shots)
    prompts = Prompts.of(classnames, templates)
    known = Pictures.of(model, "train", train, train_labels, prompts.classnames, progress)
    asked = Pictures.of(model, "test", test, test_labels, prompts.classnames, progress)
    chosen = draw_shots(known.truth("train_labels"), prompts.classnames, shots, seed)
    texts = prompts.encode(model)
    test_rows = asked.rows(model, None, batch_size, progress)
    logits, words = fitted_logits(
        model,
        method,
        known.rows(model, chosen, batch_size, progress).vectors if len(chosen) else texts.vectors[:0],
        known.truth("train_labels")[chosen],
        texts.vectors,
        test_rows.vectors,
        validation=validation,
        seed=seed,
    )
    if known.failures:
        words += f"; {len(known.failures)} training pictures could not be read, the first is {known.failures[0].id!r}"
    sim = cosine(test_rows.vectors, texts.vectors)
    return ZeroShot(
        similarity=sim,
        probabilities=model.probabilities(sim) if logits is None else np.exp(log_softmax(logits)).astype(np.float32),
        classnames=prompts.classnames,
        image_ids=test_rows.ids,
        labels=asked.labels,
        templates=prompts.templates,
        model=model.name,
        method=words,
        scores=None if logits is None else logits.astype(np.float32),
        failures=asked.failures,
    )


def check_method(model: ClipModel, method: str, validation: float, shots: int | None) -> None:
    """The arguments that need no data."""
    if not is_model(model):
        raise WrongType(f"the model is a {type(model).__name__}; open one first: clipnb.load({model!r})")
    if method not in METHODS:
        raise UnsupportedOption(
            f"method={method!r}; known: {', '.join(map(repr, METHODS))}.{nearest(method, list(METHODS))}"
        )
    if not 0 < validation < 1:
        raise UnsupportedOption(f"validation={validation!r}; expected a share above 0 and below 1")
    if shots is not None and (isinstance(shots, bool) or not isinstance(shots, (int, np.integer)) or shots < 0):
        raise UnsupportedOption(f"shots={shots!r}; expected a whole number, 0 or more, or None for all")


def draw_shots(labels: Labels, classnames: Sequence[str], shots: int | None, seed: int) -> NDArray[np.intp]:
    """Rows of ``shots`` examples of every class, drawn at random; with one seed, more shots include the fewer.

    Raises:
        TooFewExamples: names the classes that have fewer, or (``shots=None``) none.
    """
    if shots == 0:
        return np.empty(0, dtype=np.intp)
    counts = np.bincount(labels, minlength=len(classnames))
    short = np.flatnonzero(counts < (1 if shots is None else shots))
    if len(short):
        named = ", ".join(f"{quote(classnames[j])} ({counts[j]})" for j in short[:10]) + (
            ", ..." if len(short) > 10 else ""
        )
        wanted = "without any example" if shots is None else f"with fewer than {shots} examples"
        way = "" if shots is None else f"; ask for {counts.min()} shots, or"
        raise TooFewExamples(
            f"{len(short)} of {len(classnames)} classes {wanted}: {named}{way or ';'} leave them out of classnames"
        )
    if len(classnames) < 2:
        raise TooFewExamples(f"{quote(classnames[0])} is the only class; there is nothing to tell it from")
    if shots is None:
        return np.arange(len(labels))
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.concatenate([order[labels[order] == j][:shots] for j in range(len(classnames))])


def fitted_logits(
    model: ClipModel,
    method: Method,
    rows: FloatArray,
    labels: Labels,
    texts: FloatArray,
    asked: FloatArray,
    *,
    validation: float,
    seed: int,
) -> tuple[NDArray[np.float64] | None, str]:
    """The method's logits of the rows ``asked``, [row, class], and in words how they came about; None for zero-shot."""
    if not len(rows):
        return None, "zero-shot"
    fit, held = _split(labels, validation, seed)
    counts = np.bincount(labels, minlength=len(texts))
    said = f"{counts.min()}" if counts.min() == counts.max() else f"{counts.min()} to {counts.max()}"
    said += " shot" if counts.max() == 1 else " shots"
    source = (
        f"chosen by {len(held)} held-out pictures" if len(held) else "by default: one picture a class, none to hold out"
    )
    if method == "linear_probe":
        c = DEFAULT_C
        if len(held):

            def score(c: float) -> tuple[float, float]:
                probe = Probe.fit(rows[fit], labels[fit], len(texts), c)
                return accuracy_and_loss(probe.logits(rows[held]), labels[held])

            c, _ = search_c(score)
        probe = Probe.fit(rows, labels, len(texts), c)
        unfinished = "" if probe.converged else ", L-BFGS stopped at its limit"
        return probe.logits(asked), f"linear_probe, {said}, C={c:.3g} ({source}){unfinished}"
    adapter = TipAdapter(rows, labels, texts, float(model.logit_scale))
    if len(held):
        part = TipAdapter(rows[fit], labels[fit], texts, float(model.logit_scale)).searched(rows[held], labels[held])
        adapter = TipAdapter(rows, labels, texts, float(model.logit_scale), part.alpha, part.beta)
    return adapter.logits(asked), f"tip_adapter, {said}, alpha={adapter.alpha:g}, beta={adapter.beta:g} ({source})"


def _split(labels: Labels, share: float, seed: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows to fit and rows to hold out: that share of each class, at least one, and at least one is left to fit."""
    order = np.random.default_rng([seed, 1]).permutation(len(labels))
    fit: list[int] = []
    held: list[int] = []
    for column in np.unique(labels):
        mine = order[labels[order] == column]
        take = min(max(1, round(share * len(mine))), len(mine) - 1)
        held += mine[:take].tolist()
        fit += mine[take:].tolist()
    return np.sort(np.array(fit, dtype=np.intp)), np.sort(np.array(held, dtype=np.intp))
