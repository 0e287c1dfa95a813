"""Turning one map onto another: rotation or mirroring, one scale, a shift; no shape changes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import UnsupportedOption, WrongShape
from clipnb.types import FloatArray

__all__ = ["Frame", "framed", "onto"]


class Frame(NamedTuple):
    """``scale * coords @ rotation + shift`` is where a point of the turned map lies."""

    scale: float
    rotation: NDArray[np.float64]
    """[component, component], orthogonal; its determinant is -1 where the map is mirrored."""
    shift: NDArray[np.float64]
    """[component]."""
    disparity: float
    """Share of the points' squared distances from the centre that is left between the maps, within [0, 1]."""

    def place(self, coords: ArrayLike) -> FloatArray:
        """Coordinates float32 [row, component] in the frame of the other map."""
        # einsum, and not a matrix product, whose rounding depends on the rows beside.
        turned = np.einsum("rc,cd->rd", np.asarray(coords, dtype=np.float64), self.rotation)
        return np.asarray(self.scale * turned + self.shift, dtype=np.float32)

    def as_params(self) -> dict[str, Any]:
        """In the form that a saved map keeps."""
        return {
            "scale": self.scale, "rotation": self.rotation.tolist(), "shift": self.shift.tolist(),
            "disparity": self.disparity,
        }  # fmt: skip


def onto(target: ArrayLike, coords: ArrayLike) -> Frame:
    """The frame that brings ``coords`` as near to ``target`` as turning and mirroring can, around one centre.

    Both maps are then of one size (the same squared distance from the centre). The scale of least squares would shrink
    a map the more, the less the two have in common, and show less of it.

    Args:
        target: [point, component].
        coords: the same points on the map that is to be turned.

    Raises:
        WrongShape: another number of points or components.
        UnsupportedOption: all points of a map are at one place.

    Source: orthogonal Procrustes (Schönemann 1966). The disparity is the symmetric one of Gower 1971, at the scale of
    least squares: 0 for maps of one shape, 1 for maps that have nothing in common.
    """
    to, given = np.asarray(target, dtype=np.float64), np.asarray(coords, dtype=np.float64)
    if to.shape != given.shape or to.ndim != 2:
        raise WrongShape(f"maps of shapes {list(to.shape)} and {list(given.shape)}; expected the same points")
    means = to.mean(axis=0), given.mean(axis=0)
    to, given = to - means[0], given - means[1]
    sizes = float((to**2).sum()), float((given**2).sum())
    if min(sizes) < 1e-20:
        raise UnsupportedOption("all points of a map are at one place; it cannot be turned onto another")
    left, lengths, right = np.linalg.svd(given.T @ to)
    rotation = left @ right
    scale = float(np.sqrt(sizes[0] / sizes[1]))
    disparity = max(0.0, 1.0 - float(lengths.sum()) ** 2 / (sizes[0] * sizes[1]))
    return Frame(scale, rotation, means[0] - scale * (means[1] @ rotation), disparity)


def framed(coords: FloatArray, params: Mapping[str, Any]) -> FloatArray:
    """Places as the method gives them, in the frame that ``params`` names; the same where it names none."""
    kept = params.get("frame")
    if kept is None:
        return coords
    frame = Frame(kept["scale"], np.asarray(kept["rotation"]), np.asarray(kept["shift"]), kept["disparity"])
    return frame.place(coords)
