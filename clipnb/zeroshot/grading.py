"""A classification against the truth: the part of :class:`clipnb.ZeroShot` that needs labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb import metrics
from clipnb.errors import NoLabels, UnsupportedOption
from clipnb.metrics import Abstention, Calibration
from clipnb.zeroshot.ranking import Leading

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Graded"]

SQUARE = 5_000
"""Classes up to which confusion() draws up its square table."""


class Graded:
    """Scores of predictions whose truth may be known; :class:`clipnb.ZeroShot` says what was predicted."""

    classnames: tuple[str, ...]
    _columns: NDArray[np.int64] | None
    """The true column of each image."""

    @property
    def _summary(self) -> Leading:
        """What the scores need of each image: the first class, and the true one."""
        raise NotImplementedError

    @property
    def predicted(self) -> NDArray[np.int32]:
        """The column of the best class of each image, int32 [image]."""
        return self._summary.index[:, 0]

    @property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of that class, float32 [image]."""
        return self._summary.probability[:, 0]

    @property
    def truth(self) -> NDArray[np.int64]:
        """The true column of each image, int64 [image].

        Raises:
            NoLabels: the true classes were not given.
        """
        if self._columns is None:
            raise NoLabels("scores need the true classes: zero_shot(..., labels=[one class name per image])")
        return self._columns

    @property
    def correct(self) -> NDArray[np.bool_]:
        """Whether the best class is the true one, bool [image]."""
        return np.asarray(self.predicted == self.truth)

    @property
    def classes_without_example(self) -> tuple[str, ...]:
        """Classes that no label names; empty without labels. Means over classes leave them out."""
        if self._columns is None:
            return ()
        seen = np.bincount(self._columns, minlength=len(self.classnames)) > 0
        return tuple(name for name, there in zip(self.classnames, seen, strict=True) if not there)

    def metrics(self) -> dict[str, float]:
        """The usual scores, see :mod:`clipnb.metrics`.

        Returns:
            ``top1``, ``top5``: share of images; ``mean_per_class_recall``, ``macro_f1``: over the classes that occur,
            see :attr:`classes_without_example`; ``ece``: expected calibration error with 15 bins; ``nll``: mean
            negative log of the true class's probability; ``brier``: squared error of the probabilities.

        Of a model with a sigmoid (SigLIP) every probability stands by itself: they do not sum to one, and the last
        three compare with those of its kind only.

        Raises:
            NoLabels: the true classes were not given.
            EmptyInput: there is no image.
        """
        truth, classes, summary = self.truth, len(self.classnames), self._summary
        share = metrics.accuracy_at_k(cast("ArrayLike", summary.truth_rank), (1, 5))
        of_truth = cast("ArrayLike", summary.truth_probability)
        return {
            "top1": share[1],
            "top5": share[5],
            "mean_per_class_recall": metrics.mean_per_class_recall(truth, self.predicted, classes),
            "macro_f1": metrics.macro_f1(truth, self.predicted, classes),
            "ece": self.calibration().ece,
            "nll": metrics.nll(of_truth),
            "brier": metrics.brier(of_truth, summary.squares),
        }

    def per_class(self) -> pd.DataFrame:
        """Indexed by class name: precision, recall, f1, support (its images), predicted (images taken for it).

        Raises:
            NoLabels: the true classes were not given.
        """
        import pandas as pd

        found = metrics.per_class(self.truth, self.predicted, len(self.classnames))
        return pd.DataFrame(found._asdict(), index=pd.Index(self.classnames, name="classname", dtype=object))

    def confusion(self) -> pd.DataFrame:
        """Counts of images: a row per true class, a column per predicted class.

        Raises:
            NoLabels: the true classes were not given.
            UnsupportedOption: over 5,000 classes, whose square would not be readable either; see :meth:`confused`.
        """
        import pandas as pd

        if len(self.classnames) > SQUARE:
            raise UnsupportedOption(
                f"a square table of {len(self.classnames):,} classes; .confused() lists the pairs that are confused"
            )
        counts = metrics.confusion_counts(self.truth, self.predicted, len(self.classnames))
        names = list(self.classnames)
        return pd.DataFrame(counts, index=pd.Index(names, name="true"), columns=pd.Index(names, name="predicted"))

    def confused(self, k: int = 20) -> pd.DataFrame:
        """The ``k`` pairs of classes confused most often: columns true, predicted, count, share (of the true class).

        Raises:
            NoLabels: the true classes were not given.
        """
        import pandas as pd

        truth, guess, classes = self.truth, self.predicted.astype(np.int64), len(self.classnames)
        pairs, counts = np.unique((truth * classes + guess)[truth != guess], return_counts=True)
        first = np.argsort(-counts, kind="stable")[:k]
        true, predicted = pairs[first] // classes, pairs[first] % classes
        names = np.array(self.classnames, dtype=object)
        share = counts[first] / np.bincount(truth, minlength=classes)[true]
        return pd.DataFrame(
            {"true": names[true], "predicted": names[predicted], "count": counts[first], "share": share}
        )

    def calibration(self, bins: int = 15, spacing: Literal["width", "mass"] = "width") -> Calibration:
        """Whether the probabilities can be believed: bins of confidence, ``.ece``, ``.table()``.

        See :func:`clipnb.metrics.calibration`. Raises NoLabels where the true classes were not given.
        """
        return metrics.calibration(self.confidence, self.correct, bins, spacing)

    def abstention(self) -> Abstention:
        """What accuracy becomes when the least confident images are left out: ``.table()``, ``.area``.

        See :func:`clipnb.metrics.abstention`. Raises NoLabels where the true classes were not given.
        """
        return metrics.abstention(self.confidence, self.correct)
