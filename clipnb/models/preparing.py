"""A picture to pixels in threads, a batch of them to features: what :func:`clipnb.embed` drives."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from clipnb.images import open_image
from clipnb.models.memory import batch_size, halving
from clipnb.models.quick import QuickPixels
from clipnb.models.towers import Arrays, ImageTower
from clipnb.types import FloatArray

__all__ = ["Quick", "Strict"]

Features = Callable[[Arrays], FloatArray]


class Quick:
    """The quick path: 8-bit pictures wait for their batch, and become floats where the tower lies.

    Args:
        pixels: the family's recipe.
        tower: the family's.
        features: float32 [image, dim] of a batch, be it pixel values or levels from 0 to 255.
    """

    def __init__(self, pixels: QuickPixels, tower: ImageTower, features: Features) -> None:
        self.pixels = pixels
        self.tower = tower
        self.features = features

    def batch_size(self) -> int:
        """Pictures in one pass, by the memory of the device."""
        return batch_size(self.tower)

    def prepare(self, value: Any, name: str) -> Any:
        """uint8 [channel, height, width]; errors as in :func:`clipnb.images.open_image`."""
        _alone()
        return self.pixels.prepare(value, name)

    def encode(self, prepared: Sequence[Any]) -> FloatArray:
        """Raw features, float32 [image, dim]."""
        kind = next(self.tower.module.parameters()).device.type
        if kind != "cpu" and all(picture.dtype == np.uint8 for picture in prepared):
            return halving(self.features, self.pixels.levels(prepared, pinned=kind == "cuda"))
        return halving(self.features, self.pixels.batch(prepared))


def _alone() -> None:
    """One core for a thread beside the main one: torch would give each of them a team of its own, and they would wait
    for each other.
    """
    if threading.current_thread() is not threading.main_thread() and torch.get_num_threads() > 1:
        torch.set_num_threads(1)


class Strict:
    """The reference processor's own pixels, bit for bit, a picture at a time."""

    def __init__(self, tower: ImageTower, features: Features) -> None:
        self.tower = tower
        self.features = features

    def batch_size(self) -> int:
        """Pictures in one pass, by the memory of the device."""
        return batch_size(self.tower)

    def prepare(self, value: Any, name: str) -> Any:
        """What the tower takes, of one picture; errors as in :func:`clipnb.images.open_image`."""
        return self.tower.pixels([open_image(value, name=name)])

    def encode(self, prepared: Sequence[Any]) -> FloatArray:
        """Raw features, float32 [image, dim]."""
        batch = {key: np.concatenate([one[key] for one in prepared]) for key in prepared[0]}
        return halving(self.features, batch)
