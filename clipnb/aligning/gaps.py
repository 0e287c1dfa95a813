"""The gap between two clouds of rows: how far apart their centres are, and whether a plane can tell them apart."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from threadpoolctl import threadpool_limits

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape
from clipnb.types import FloatArray, unit_rows

__all__ = ["centre_distance", "centred_rows", "separability"]

SHRINKAGE = 0.1
"""How much of the covariance is replaced by a multiple of the identity; without it, fewer rows than columns tell any
two clouds apart."""


def centred_rows(rows: ArrayLike, centre: ArrayLike | None = None) -> FloatArray:
    """Rows without what they have in common: the mean of the unit rows taken away, the length one again.

    Args:
        rows: [row, dim], of any length.
        centre: what to take away, [dim]; default: the mean of the rows.

    Raises:
        EmptyInput: fewer than two rows, and no centre.
        InvalidEmbeddings: a row is the centre itself, so that nothing is left of it.
    """
    unit = unit_rows(rows)
    if centre is None:
        if len(unit) < 2:
            raise EmptyInput(f"{len(unit)} rows have no centre apart from themselves; centring takes two or more")
        centre = unit.mean(axis=0, dtype=np.float64)
    left = unit - np.asarray(centre, dtype=np.float64).astype(np.float32)
    if not (np.einsum("ij,ij->i", left, left) > 1e-12).all():
        raise InvalidEmbeddings("a row is the centre itself, and has no direction without it: are all rows the same?")
    return unit_rows(left)


def centre_distance(a: ArrayLike, b: ArrayLike) -> float:
    """The Euclidean distance of the means of two sets of unit rows, within [0, 2].

    Source: the modality gap of Liang et al. 2022, "Mind the Gap", section 3, there between pictures and texts.
    """
    left, right = (unit_rows(rows).mean(axis=0, dtype=np.float64) for rows in (a, b))
    return float(np.linalg.norm(left - right))


def separability(
    a: ArrayLike, b: ArrayLike, *, folds: int = 5, centre: bool = False, paired: bool = True,
    shrinkage: float = SHRINKAGE, seed: int = 0,
) -> float:  # fmt: skip
    """How well a plane tells two sets of rows apart: cross-validated accuracy of Fisher's discriminant.

    0.5: not at all; 1.0: always. Row i of both is about the same thing, and both are in the same fold, so that the
    plane is tested on things it has not seen. Both sets count the same, so that guessing gives 0.5.

    Args:
        a: rows of one set, such as a language, [row, dim].
        b: rows of the other, [row, dim].
        folds: parts, each of which is tested on the plane of the others.
        centre: take the mean of each set away first, as :func:`centred_rows` does. It is the mean of the rows that
            the plane is fitted to; with that of all rows, those held out would always lie on the wrong side.
        paired: row i of both is about the same thing; else each set is dealt to the folds by itself, and they may
            differ in length.
        shrinkage: of the covariance, within [0, 1].
        seed: of the order in which the rows are dealt to the folds.

    Returns:
        Share of the rows on the right side; a row on the plane itself counts half. NaN with fewer rows of
        either set than two a fold.

    Source: Fisher 1936; the covariance shrunk towards a sphere: Friedman 1989, "Regularized Discriminant Analysis",
    equation 18. The plane lies midway between the two means.
    """
    left, right = unit_rows(a), unit_rows(b)
    if left.shape[1] != right.shape[1] or (paired and len(left) != len(right)):
        raise WrongShape(f"rows {list(left.shape)} and {list(right.shape)}; expected pairs about the same things")
    if folds < 2 or not 0 <= shrinkage <= 1:
        raise UnsupportedOption(f"folds={folds}, shrinkage={shrinkage}; expected two or more, and within [0, 1]")
    if min(len(left), len(right)) < 2 * folds:
        return float("nan")
    rng = np.random.default_rng(seed)
    fold = rng.permutation(len(left)) % folds
    dealt = (fold, fold if paired else rng.permutation(len(right)) % folds)
    # On small products threads wait for each other longer than they compute: on two cores that other processes wanted
    # too, 36 languages took 160 s with two threads and 21 s with one.
    with threadpool_limits(limits=1, user_api="blas"):
        counts = np.zeros(2)
        for held in range(folds):
            sets = [(rows[fold != held], rows[fold == held]) for rows, fold in zip((left, right), dealt, strict=True)]
            counts += _right(sets, centre, shrinkage)
    return float((counts / (len(left), len(right))).mean())


def _right(sets: list[tuple[FloatArray, FloatArray]], centre: bool, shrinkage: float) -> tuple[float, float]:
    """How many of the tested rows of either set are on its side of the plane of the others.

    Args:
        sets: of both, the rows to fit and those to test.
        centre: see :func:`separability`.
        shrinkage: likewise.
    """
    if centre:
        centres = [fitted.mean(axis=0, dtype=np.float64) for fitted, _ in sets]
        sets = [(centred_rows(f, c), centred_rows(t, c)) for (f, t), c in zip(sets, centres, strict=True)]
    (fit_a, test_a), (fit_b, test_b) = sets
    normal, offset = _plane(fit_a, fit_b, shrinkage)
    return _points(test_a @ normal - offset), _points(offset - test_b @ normal)


def _plane(a: FloatArray, b: FloatArray, shrinkage: float) -> tuple[NDArray[np.float64], float]:
    """The normal, towards a, and the offset of the discriminant's plane."""
    means = [rows.mean(axis=0, dtype=np.float64) for rows in (a, b)]
    scatter = np.zeros((a.shape[1], a.shape[1]))
    for rows, mean in zip((a, b), means, strict=True):
        apart = rows - mean.astype(np.float32)
        scatter += (apart.T @ apart) / (2 * len(rows))
    size = max(float(np.trace(scatter)) / len(scatter), 1e-30)
    scatter *= 1.0 - shrinkage
    scatter[np.diag_indices_from(scatter)] += max(shrinkage, 1e-9) * size
    normal = np.linalg.solve(scatter, means[0] - means[1])
    return normal, float(normal @ (means[0] + means[1]) / 2)


def _points(side: NDArray[np.float64]) -> float:
    return float(np.count_nonzero(side > 0) + 0.5 * np.count_nonzero(side == 0))
