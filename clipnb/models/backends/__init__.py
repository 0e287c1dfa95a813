"""Other runtimes for the towers, exported once and kept on disk."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, cast

from clipnb.errors import UnsupportedOption

if TYPE_CHECKING:
    from clipnb.models.towers import ImageTower, Options, TextTower

__all__ = ["BACKENDS", "check_backend", "exported_image", "exported_text"]

BACKENDS = ("torch", "openvino", "onnxruntime")


def check_backend(backend: str, options: Options, precision: str) -> Options:
    """What the towers are opened with, before their export: the processor and full precision.

    Raises:
        UnsupportedOption: no such backend, or one that does not compute on the device or in the precision asked for.
        MissingExtra: its package is not installed.
    """
    if backend not in BACKENDS:
        raise UnsupportedOption(f"backend={backend!r}; expected one of {', '.join(map(repr, BACKENDS))}")
    if precision == "int8" and backend != "onnxruntime":
        raise UnsupportedOption(f"dtype='int8': only backend='onnxruntime' computes in it, and this is {backend!r}")
    if backend == "torch":
        return options

    import torch

    from clipnb.models.backends import onnxruntime, openvino

    runtime = openvino if backend == "openvino" else onnxruntime
    runtime.check(options)
    return dataclasses.replace(options, device=torch.device("cpu"), dtype=torch.float32)


def exported_text(tower: TextTower, backend: str, precision: str) -> TextTower:
    """The text tower, its features computed by the backend."""
    from clipnb.models.backends.exported import Exported

    sample = tower.batch(tower.rows(["a photo of a cat", "a"]))
    other = tower.batch(tower.rows(["one", "two words", "and a third, which is longer"]))
    return cast("TextTower", Exported(tower, backend, precision, sample, other))


def exported_image(tower: ImageTower, backend: str, precision: str) -> ImageTower:
    """The image tower, its features computed by the backend."""
    from PIL import Image

    from clipnb.models.backends.exported import Exported

    edge = max(tower.image_size, 32)
    colours = [(200, 30, 60), (20, 90, 250), (240, 240, 10)]
    pictures = [Image.new("RGB", (edge, edge), colour) for colour in colours]
    made = Exported(tower, backend, precision, tower.pixels(pictures[:2]), tower.pixels(pictures))
    return cast("ImageTower", made)
