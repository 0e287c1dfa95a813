"""How far a share of few pictures can be trusted."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["wilson"]

_Z95 = 1.959963984540054


def wilson(right: ArrayLike, total: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The ends of the 95% interval of a share, after Wilson (1927), "Probable inference", equation 3.

    It stays between 0 and 1 and is right for few pictures too, where the usual plus or minus is not.

    Args:
        right: how many of them, one number a share.
        total: of how many; where it is 0 both ends are NaN.
    """
    k, n = np.asarray(right, dtype=float), np.asarray(total, dtype=float)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = k / n
        centre = (share + _Z95**2 / (2 * n)) / (1 + _Z95**2 / n)
        half = _Z95 / (1 + _Z95**2 / n) * np.sqrt(share * (1 - share) / n + _Z95**2 / (4 * n**2))
    return np.clip(centre - half, 0, 1), np.clip(centre + half, 0, 1)
