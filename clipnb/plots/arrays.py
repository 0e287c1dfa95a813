"""Checks that every figure makes of its arrays, so that a wrong shape is named, not drawn."""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import numpy as np

from clipnb.errors import EmptyInput, WrongShape, WrongType


def as_matrix(name: str, values: Any) -> np.ndarray:
    """`values` as a float array [row, column] with at least one of each; one row may come flat."""
    try:
        matrix = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise WrongType(f"{name} must be an array of numbers, not {type(values).__name__}") from None
    matrix = matrix[None] if matrix.ndim == 1 else matrix
    if matrix.ndim != 2:
        raise WrongShape(f"{name} must have two axes, not {matrix.ndim}")
    if 0 in matrix.shape:
        raise EmptyInput(f"{name} is empty: its shape is {matrix.shape}")
    return matrix


def same_length(name: str, values: Sized | None, length: int) -> None:
    """Raises `WrongShape` unless `values` is None or has that length."""
    if values is not None and len(values) != length:
        raise WrongShape(f"{name} has {len(values)} entries where {length} are needed")
