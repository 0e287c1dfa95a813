"""What lies near a point in the model's space, and what of it the map tore away."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.similarity import nearest_rows
from clipnb.types import Embeddings, FloatArray, unit_rows

__all__ = ["Near", "cosines_with", "nearby"]


class Near(NamedTuple):
    """The rows nearest to a vector."""

    rows: NDArray[np.intp]
    """The nearest first, equal cosines in the order of the rows."""
    cosines: FloatArray
    torn: NDArray[np.bool_]
    """Whether the map shows the row elsewhere: not among the nearest points of the place; all False without one."""


def nearby(
    vector: ArrayLike,
    rows: Embeddings,
    k: int,
    *,
    leave_out: int = -1,
    coords: ArrayLike | None = None,
    place: ArrayLike | None = None,
) -> Near:
    """The k rows nearest to a vector, exactly, and which of them lie elsewhere on the map.

    The rows are looked at in blocks, so those of a folder are not brought into memory.

    Args:
        vector: [dim], of any length.
        rows: where to look.
        k: how many; all where there are fewer.
        leave_out: the vector's own row, if it has one.
        coords: of the rows on the map, [row, 2 or 3].
        place: where the map shows the vector itself. A row is torn away if it is not among the 3 k points nearest to
            this place, the measure of :meth:`clipnb.Projection.torn`.

    Raises:
        UnsupportedOption: k is less than one.
        InvalidEmbeddings: another width, or a vector without a direction.
    """
    if k < 1:
        raise UnsupportedOption(f"k={k}; expected one or more")
    asked = _direction(vector, rows)
    own = 0 <= leave_out < len(rows)
    found = nearest_rows(asked[None], rows.blocks(), min(k + own, len(rows)))
    others = np.flatnonzero(found.rows[0] != leave_out)[:k]
    best, cosines = found.rows[0][others], found.cosine[0][others]
    torn = np.zeros(len(best), dtype=bool)
    if coords is not None and place is not None and len(best):
        places = np.asarray(coords, dtype=np.float32)
        apart = ((places - np.asarray(place, dtype=np.float32)) ** 2).sum(axis=1)
        torn = ~np.isin(best, _largest(-apart, 3 * k, leave_out))
    return Near(best, cosines, torn)


def cosines_with(vector: ArrayLike, rows: Embeddings) -> FloatArray:
    """Of each row with one vector, float32 [row], within [-1, 1].

    Raises:
        InvalidEmbeddings: another width, or a vector without a direction.
    """
    asked = _direction(vector, rows)
    parts = [block @ asked for _, block in rows.blocks()]
    return np.clip(np.concatenate([np.empty(0, dtype=np.float32), *parts]), -1, 1)


def _direction(vector: ArrayLike, rows: Embeddings) -> FloatArray:
    asked: FloatArray = unit_rows(np.atleast_2d(np.asarray(vector)))[0]
    if len(asked) != rows.dim:
        raise InvalidEmbeddings(
            f"the vector has {len(asked)} columns, the map's rows {rows.dim}: two different models?"
        )
    return asked


def _largest(values: NDArray[np.floating], k: int, leave_out: int) -> NDArray[np.intp]:
    """Places of the k largest, the largest first, equal ones in their order."""
    values = values.copy()
    if 0 <= leave_out < len(values):
        values[leave_out] = -np.inf
    k = min(k, len(values) - (0 <= leave_out < len(values)))
    if k <= 0:
        return np.empty(0, dtype=np.intp)
    bar = np.partition(values, len(values) - k)[len(values) - k]
    candidates = np.flatnonzero(values >= bar)
    return candidates[np.argsort(-values[candidates], kind="stable")[:k]]
