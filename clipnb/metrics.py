"""Scores of a classification: pure functions on numpy arrays.

Classes are columns, from 0. ``truth`` and ``predicted`` are int [image]; ``confidence`` is the probability of the
predicted class, within [0, 1], and ``correct`` whether the prediction is right, bool [image].
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, UnknownLabel, UnsupportedOption, WrongShape

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Abstention",
    "Calibration",
    "PerClass",
    "abstention",
    "accuracy_at_k",
    "brier",
    "calibration",
    "confusion_counts",
    "macro_f1",
    "mean_per_class_recall",
    "nll",
    "per_class",
]

Floats = NDArray[np.float64]
TINY = float(np.finfo(np.float32).eps)
"""Probabilities below it count as this much in a logarithm: 1.2e-7, the precision of float32."""


def accuracy_at_k(ranks: ArrayLike, ks: Iterable[int] = (1, 5)) -> dict[int, float]:
    """accuracy[k], the share of images whose true class is among the k best.

    Args:
        ranks: the place of each image's true class, from 1, int [image]; see :func:`clipnb.zeroshot.ranking.rank_of`.
        ks: the values of k.

    Raises:
        EmptyInput: no images.
        UnsupportedOption: a k below one.
    """
    places = _filled("ranks", np.asarray(ranks))
    found = {}
    for k in ks:
        if k < 1:
            raise UnsupportedOption(f"k={k}; expected one or more")
        found[int(k)] = float((places <= k).mean())
    return found


def confusion_counts(truth: ArrayLike, predicted: ArrayLike, classes: int) -> NDArray[np.int64]:
    """counts[i, j], how many images of class i were taken for class j, int64 [class, class]."""
    true, guess = _pairs(truth, predicted, classes)
    return np.bincount(true * classes + guess, minlength=classes * classes).reshape(classes, classes)


class PerClass(NamedTuple):
    """One value a class, [class]. NaN where nothing can be said: no example, or (precision) never predicted."""

    precision: Floats
    recall: Floats
    f1: Floats
    support: NDArray[np.int64]
    """Images of the class."""
    predicted: NDArray[np.int64]
    """Images taken for the class."""


def per_class(truth: ArrayLike, predicted: ArrayLike, classes: int) -> PerClass:
    """Precision, recall and F1 of every class; memory grows with the classes, not with their square.

    F1 is 2 x right / (images of the class + images taken for it), van Rijsbergen 1979, chapter 7; NaN without an
    example.

    Raises:
        EmptyInput: no images.
        WrongShape: not one prediction an image.
        UnknownLabel: a class that is not among ``classes``.
    """
    true, guess = _pairs(truth, predicted, classes)
    support = np.bincount(true, minlength=classes)
    taken = np.bincount(guess, minlength=classes)
    right = np.bincount(true[true == guess], minlength=classes).astype(np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        precision = np.where(taken > 0, right / taken, np.nan)
        recall = np.where(support > 0, right / support, np.nan)
        f1 = np.where(support > 0, 2 * right / (support + taken), np.nan)
    return PerClass(precision, recall, f1, support, taken)


def mean_per_class_recall(truth: ArrayLike, predicted: ArrayLike, classes: int) -> float:
    """The mean of the recalls of the classes that occur; every class counts alike, however few its images.

    Also called balanced accuracy; Radford et al. 2021, table 9, reports it for Flowers, Pets, Aircraft and Caltech.
    """
    return float(np.nanmean(per_class(truth, predicted, classes).recall))


def macro_f1(truth: ArrayLike, predicted: ArrayLike, classes: int) -> float:
    """The mean of the F1 scores of the classes that occur among the true ones."""
    return float(np.nanmean(per_class(truth, predicted, classes).f1))


@dataclass(frozen=True, eq=False)
class Calibration:
    """How far confidence and accuracy agree, by bins of confidence.

    Attributes:
        lower: the bin holds confidences above this (the first one from this on), [bin].
        upper: up to and with this, [bin].
        count: images in it, int64 [bin].
        confidence: their mean confidence, NaN in an empty bin, [bin].
        accuracy: the share of them that is right, NaN in an empty bin, [bin].
        ece: expected calibration error, the mean of abs(accuracy - confidence) over all images.
        mce: maximum calibration error, the largest such gap of a bin that is not empty.
    """

    lower: Floats
    upper: Floats
    count: NDArray[np.int64]
    confidence: Floats
    accuracy: Floats
    ece: float
    mce: float

    def table(self) -> pd.DataFrame:
        """A row a bin: lower, upper, count, confidence, accuracy."""
        import pandas as pd

        columns = ("lower", "upper", "count", "confidence", "accuracy")
        return pd.DataFrame({name: getattr(self, name) for name in columns})


def calibration(
    confidence: ArrayLike, correct: ArrayLike, bins: int = 15, spacing: Literal["width", "mass"] = "width"
) -> Calibration:
    """Reliability by bins of confidence, and the expected calibration error.

    Args:
        confidence: probability of the predicted class, [image].
        correct: whether it is right, [image].
        bins: how many; 15 as in Guo et al.
        spacing: ``"width"``: bins as wide as each other; ``"mass"``: with as many images as each other, cut at the
            quantiles (equal confidences stay together, so that there may be fewer bins).

    Raises:
        EmptyInput, WrongShape: as the others.
        UnsupportedOption: a confidence outside [0, 1], no bin, or another spacing.

    Sources: Naeini, Cooper and Hauskrecht 2015, "Obtaining Well Calibrated Probabilities Using Bayesian Binning",
    equation 5; Guo et al. 2017, "On Calibration of Modern Neural Networks", equation 3; bins of equal mass: Nixon et
    al. 2019, "Measuring Calibration in Deep Learning".
    """
    sure, right = _graded(confidence, correct)
    if bins < 1:
        raise UnsupportedOption(f"bins={bins}; expected one or more")
    if spacing == "width":
        edges = np.linspace(0.0, 1.0, bins + 1)
    elif spacing == "mass":
        edges = np.unique(np.quantile(sure, np.linspace(0.0, 1.0, bins + 1)))
        edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    else:
        raise UnsupportedOption(f"spacing={spacing!r}; expected 'width' or 'mass'")
    where = np.searchsorted(edges[1:-1], sure, side="left")
    count = np.bincount(where, minlength=len(edges) - 1)
    with np.errstate(invalid="ignore"):
        mean = np.bincount(where, sure, len(count)) / count
        share = np.bincount(where, right, len(count)) / count
    gaps = np.abs(share - mean)
    used = count > 0
    ece = float((gaps[used] * count[used]).sum() / len(sure))
    return Calibration(edges[:-1], edges[1:], count, mean, share, ece, float(gaps[used].max()))


@dataclass(frozen=True, eq=False)
class Abstention:
    """What accuracy becomes when the least confident images are left unanswered; a point a distinct confidence.

    Attributes:
        threshold: images at least this confident are answered, falling, [point].
        coverage: the share of the images that is answered, rising to 1, [point].
        accuracy: the share of those that is right, [point].
        area: the area under accuracy over coverage, within [0, 1]: the mean accuracy over all coverages. One minus it
            is the area under the risk-coverage curve (AURC).
    """

    threshold: Floats
    coverage: Floats
    accuracy: Floats
    area: float

    def table(self, points: int | None = None) -> pd.DataFrame:
        """A row a point: coverage, accuracy, threshold; at most ``points`` of them, evenly taken, with both ends."""
        import pandas as pd

        chosen = np.arange(len(self.coverage))
        if points is not None and points < len(chosen):
            chosen = np.unique(np.linspace(0, len(chosen) - 1, max(points, 2)).round().astype(int))
        columns = ("coverage", "accuracy", "threshold")
        return pd.DataFrame({name: getattr(self, name)[chosen] for name in columns})


def abstention(confidence: ArrayLike, correct: ArrayLike) -> Abstention:
    """Accuracy over coverage, by falling confidence; equally confident images are answered together.

    Source: Geifman and El-Yaniv 2017, "Selective Classification for Deep Neural Networks"; the area: Geifman, Uziel
    and El-Yaniv 2019, "Bias-Reduced Uncertainty Estimation for Deep Neural Classifiers".
    """
    sure, right = _graded(confidence, correct)
    order = np.argsort(-sure, kind="stable")
    sure, answered = sure[order], np.arange(1, len(sure) + 1)
    last = np.r_[sure[1:] != sure[:-1], True]
    coverage = answered[last] / len(sure)
    accuracy = np.cumsum(right[order])[last] / answered[last]
    return Abstention(sure[last], coverage, accuracy, float((np.diff(coverage, prepend=0.0) * accuracy).sum()))


def nll(truth_probability: ArrayLike) -> float:
    """Mean of -log of the true class's probability, in nats; also called log loss or cross-entropy.

    Probabilities below the precision of float32 count as :data:`TINY`.
    """
    p = _filled("truth_probability", np.asarray(truth_probability, dtype=np.float64))
    return float(np.log(1 / np.clip(p, TINY, 1.0)).mean())


def brier(truth_probability: ArrayLike, squares: ArrayLike) -> float:
    """Mean over the images of the squared distance between the probabilities and the truth, within [0, 2].

    Args:
        truth_probability: of the true class, [image].
        squares: the sum of the squares of all the image's probabilities, [image].

    Source: Brier 1950, "Verification of forecasts expressed in terms of probability", equation 2:
    sum_j (p_j - y_j)^2 = sum_j p_j^2 - 2 p_true + 1.
    """
    p = _filled("truth_probability", np.asarray(truth_probability, dtype=np.float64))
    total = np.asarray(squares, dtype=np.float64)
    if total.shape != p.shape:
        raise WrongShape(f"{len(p)} probabilities and squares of shape {list(total.shape)}; expected one each")
    return float((total - 2 * p + 1).mean())


def _filled(name: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim != 1:
        raise WrongShape(f"{name} has shape {list(values.shape)}; expected one value an image")
    if not len(values):
        raise EmptyInput(f"{name} is empty: a score needs at least one image")
    return values


def _pairs(truth: ArrayLike, predicted: ArrayLike, classes: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Both as whole numbers, checked."""
    checked = []
    for name, given in (("truth", truth), ("predicted", predicted)):
        values = _filled(name, np.asarray(given))
        if values.dtype.kind not in "iu":
            raise WrongShape(f"{name} is of {values.dtype}; expected whole numbers, the columns of the classes")
        outside = np.flatnonzero((values < 0) | (values >= classes))
        if len(outside):
            raise UnknownLabel(
                f"{name}[{outside[0]}] is {values[outside[0]]}; expected a class from 0 to {classes - 1}"
            )
        checked.append(values.astype(np.int64))
    if len(checked[0]) != len(checked[1]):
        raise WrongShape(f"{len(checked[0])} true classes and {len(checked[1])} predictions; expected one each")
    return checked[0], checked[1]


def _graded(confidence: ArrayLike, correct: ArrayLike) -> tuple[Floats, Floats]:
    sure = _filled("confidence", np.asarray(confidence, dtype=np.float64))
    right = _filled("correct", np.asarray(correct)).astype(np.float64)
    if len(sure) != len(right):
        raise WrongShape(f"{len(sure)} confidences and {len(right)} answers; expected one each")
    bad = np.flatnonzero(~((sure >= 0) & (sure <= 1 + 1e-6)))  # a softmax in float32 may end a hair above one
    if len(bad):
        raise UnsupportedOption(f"confidence[{bad[0]}] is {sure[bad[0]]:g}; expected probabilities from 0 to 1")
    return np.minimum(sure, 1.0), right
