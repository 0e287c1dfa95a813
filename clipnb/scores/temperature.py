"""The softmax temperature in the open: the same cosines as probabilities, at one scale and another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import UnsupportedOption, WrongShape

__all__ = ["explain_scale", "softmax_at"]


def softmax_at(cosines: ArrayLike, scales: ArrayLike) -> NDArray[np.float64]:
    """p[s, j] = exp(scales[s] * cosines[j]) / sum over the classes: one picture's probabilities at several scales.

    Args:
        cosines: [class], of one picture.
        scales: [scale], above 0: the inverse of the softmax's temperature (CLIP's logit_scale; 1 is a plain softmax).

    Raises:
        WrongShape: not one row of finite cosines.
        UnsupportedOption: a scale that is not a number above 0.
    """
    row, factors = np.asarray(cosines, dtype=float), np.atleast_1d(np.asarray(scales, dtype=float))
    if row.ndim != 1 or not len(row) or not np.isfinite(row).all():
        raise WrongShape(f"expected the cosines of one picture, [class], all finite; got shape {list(row.shape)}")
    if factors.ndim != 1 or not (np.isfinite(factors) & (factors > 0)).all():
        raise UnsupportedOption(f"scales={scales!r}; expected finite numbers above 0")
    odds = np.exp(factors[:, None] * (row - row.max()))
    return np.asarray(odds / odds.sum(axis=1, keepdims=True))


def explain_scale(cosines: ArrayLike, classnames: Sequence[str], logit_scale: float) -> str:
    """What the scale makes of one picture's cosines, in two sentences; for models with a softmax.

    Args:
        cosines: [class], of one picture.
        classnames: one per cosine.
        logit_scale: the model's own.
    """
    row = np.asarray(cosines, dtype=float)
    if len(classnames) != len(row):
        raise WrongShape(f"{len(classnames)} classnames for {len(row)} cosines; expected one each")
    plain, own = softmax_at(row, [1.0, float(logit_scale)])
    order = np.argsort(-row, kind="stable")
    first = order[0]
    if len(row) == 1:
        return (
            f"{classnames[first]!r} is the only class, with a cosine of {row[first]:.3f}: a softmax over one class is "
            "100% at every scale, whatever the picture shows."
        )
    second = order[1]
    return (
        f"The cosines of {classnames[first]!r} ({row[first]:.3f}) and {classnames[second]!r} ({row[second]:.3f}) are "
        f"{row[first] - row[second]:.3f} apart: a plain softmax, at a scale of 1, makes {_share(plain[first])} and "
        f"{_share(plain[second])} of them, the model's scale of {logit_scale:.4g} {_share(own[first])} and "
        f"{_share(own[second])}. The order never changes; how sure it looks is the scale's doing."
    )


def _share(probability: float) -> str:
    percent = 100 * float(probability)
    if percent < 0.1:
        return "less than 0.1%"
    return "more than 99.9%" if percent > 99.9 else f"{percent:.1f}%"
