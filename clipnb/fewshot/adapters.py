"""Two classifiers on frozen rows, from a few labelled ones: the linear probe and Tip-Adapter. Arrays in, logits out."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import TooFewExamples
from clipnb.types import FloatArray

__all__ = ["ALPHAS", "BETAS", "DEFAULT_C", "Probe", "TipAdapter", "accuracy_and_loss", "log_softmax", "search_c"]

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

MAX_ITER = 1000
"""Steps of L-BFGS, as in the paper."""
DEFAULT_C = 10.0
"""The probe's C where nothing is left over to choose it by."""
DEFAULT_ALPHA, DEFAULT_BETA = 1.0, 5.5
"""Tip-Adapter's own initial values (its configuration for ImageNet)."""
_WORTH_THREADS = 1_000_000_000
"""Multiplications in one product of matrices from which several threads pay: some 50 ms of one."""
ALPHAS = np.array([0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0])
BETAS = np.array([0.5, 1.0, 2.0, 3.0, 5.5, 8.0, 12.0, 20.0])
"""Where Tip-Adapter's two settings are looked for."""


def log_softmax(logits: Any) -> Floats:
    """Row by row, in double precision."""
    raised = np.asarray(logits, dtype=np.float64)
    raised = raised - raised.max(axis=1, keepdims=True)
    return np.asarray(raised - np.log(np.exp(raised).sum(axis=1, keepdims=True)))


def accuracy_and_loss(logits: Any, labels: Labels) -> tuple[float, float]:
    """The share of rows whose best column is theirs, and the mean negative log probability of the true column."""
    right = np.asarray(logits).argmax(axis=1) == labels
    return float(right.mean()), float(-log_softmax(logits)[np.arange(len(labels)), labels].mean())


@dataclass(frozen=True)
class Probe:
    """A linear probe: multinomial logistic regression on frozen rows.

    Radford et al. 2021, "Learning Transferable Visual Models From Natural Language Supervision", appendix A.3:
    scikit-learn's L-BFGS, at most 1,000 iterations.
    """

    weights: Floats
    """[class, dim]"""
    bias: Floats
    """[class]"""
    converged: bool = True

    @classmethod
    def fit(cls, rows: FloatArray, labels: Labels, classes: int, c: float) -> Probe:
        """Fitted to ``rows`` [row, dim]; every class 0..classes-1 has to occur.

        Minimises ``c * sum of -log p + |weights|^2 / 2``.
        """
        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import LogisticRegression

        found = np.unique(labels)
        if classes < 2 or not np.array_equal(found, np.arange(classes)):
            raise TooFewExamples(f"a linear probe of {classes} classes needs examples of each, and two classes or more")
        # In double precision the result does not hang on the order of the threads' sums.
        with warnings.catch_warnings(), _threads(rows.size * classes):
            warnings.simplefilter("ignore", ConvergenceWarning)  # the result says it
            warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)  # so it is with one shot
            model = LogisticRegression(C=c, max_iter=MAX_ITER).fit(np.asarray(rows, dtype=np.float64), labels)
        weights, bias = model.coef_, model.intercept_
        if classes == 2:  # scikit-learn keeps one row for two classes: the difference of theirs
            weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        return cls(weights, bias, bool(np.max(model.n_iter_) < MAX_ITER))

    def logits(self, rows: FloatArray) -> Floats:
        """[row, class]"""
        return np.asarray(np.asarray(rows, dtype=np.float64) @ self.weights.T + self.bias)


def _threads(products: int) -> AbstractContextManager[Any]:
    """One thread for small products of matrices, at which threads wait for each other longer than they compute.

    On two busy cores a learning curve of 30 runs took 167 s with two threads and 10 s so.
    """
    from threadpoolctl import threadpool_limits

    return nullcontext() if products > _WORTH_THREADS else threadpool_limits(limits=1, user_api="blas")


def search_c(score: Callable[[float], tuple[float, float]]) -> tuple[float, dict[float, tuple[float, float]]]:
    """The C that scores best, by the paper's parametric binary search.

    Radford et al. 2021, A.3: of 96 values from 1e-6 to 1e6, evenly spaced on the logarithmic axis, first those two
    decades apart; then the interval around the peak is halved until the steps are an eighth of a decade: 15 fits.
    (The paper's lambda is the reciprocal of C, and the range its own mirror image.)

    Args:
        score: of a C: accuracy and loss on held-out rows. The higher accuracy wins, then the lower loss, then the
            smaller C, which is the stronger regularisation.

    Returns:
        The best C, and the scores of every C that was tried.
    """
    tried: dict[int, tuple[float, float]] = {}  # by eighths of a decade from 1

    def look(step: int) -> None:
        if -48 <= step <= 48 and step not in tried:
            tried[step] = score(float(10.0 ** (step / 8)))

    def peak() -> int:
        return min(tried, key=lambda step: (-tried[step][0], tried[step][1], step))

    for step in range(-48, 49, 16):
        look(step)
    for half in (8, 4, 2, 1):
        centre = peak()
        look(centre - half)
        look(centre + half)
    return float(10.0 ** (peak() / 8)), {float(10.0 ** (step / 8)): tried[step] for step in sorted(tried)}


@dataclass(frozen=True)
class TipAdapter:
    """A cache of labelled rows beside the zero-shot classifier, without training.

    Zhang et al. 2022, "Tip-Adapter: Training-free Adaption of CLIP for Few-shot Classification" (ECCV,
    arXiv:2111.03930), equations 4 to 6: with unit rows f, keys F [row, dim] and one-hot values L [row, class],

        logits = alpha * exp(-beta * (1 - f F^T)) L + logit_scale * f W^T

    where W are the class directions of the text tower.
    """

    keys: FloatArray
    labels: Labels
    texts: FloatArray
    logit_scale: float
    alpha: float = DEFAULT_ALPHA
    beta: float = DEFAULT_BETA

    def affinities(self, rows: FloatArray) -> Floats:
        """Cosines of the rows with the keys, [row, key]."""
        return np.asarray(rows, dtype=np.float64) @ np.asarray(self.keys, dtype=np.float64).T

    def zero_shot_logits(self, rows: FloatArray) -> Floats:
        """The text tower's part, [row, class]."""
        sim = np.asarray(rows, dtype=np.float64) @ np.asarray(self.texts, dtype=np.float64).T
        return np.asarray(self.logit_scale * sim)

    def cache_logits(self, affinities: Floats, beta: float) -> Floats:
        """exp(-beta (1 - affinity)) L, [row, class]: equation 5 before alpha."""
        near = np.exp(-beta * (1 - affinities))
        values = np.zeros((len(self.labels), len(self.texts)))
        values[np.arange(len(self.labels)), self.labels] = 1.0
        return np.asarray(near @ values)

    def logits(self, rows: FloatArray, block: int = 4096) -> Floats:
        """[row, class], a block of rows at a time."""
        parts = [
            self.alpha * self.cache_logits(self.affinities(part), self.beta) + self.zero_shot_logits(part)
            for part in (rows[start : start + block] for start in range(0, len(rows), block))
        ]
        return np.concatenate([np.empty((0, len(self.texts))), *parts])

    def searched(self, rows: FloatArray, labels: Labels) -> TipAdapter:
        """With the alpha and the beta of the grid that score best on held-out rows.

        The higher accuracy wins, then the lower loss, then the smaller alpha and beta.
        """
        affinities, base = self.affinities(rows), self.zero_shot_logits(rows)
        scores = {}
        for beta in BETAS:
            cached = self.cache_logits(affinities, beta)
            for alpha in ALPHAS:
                accuracy, loss = accuracy_and_loss(alpha * cached + base, labels)
                scores[-accuracy, loss, float(alpha), float(beta)] = (float(alpha), float(beta))
        alpha, beta = scores[min(scores)]
        return TipAdapter(self.keys, self.labels, self.texts, self.logit_scale, alpha, beta)
