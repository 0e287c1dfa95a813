"""Random weights, the same every time, that tell texts and pictures apart."""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import torch

__all__ = ["LOGIT_SCALE", "filled", "numbers", "shake"]

LOGIT_SCALE = math.log(100)
"""As OpenAI's models ended, and most others."""

GAIN = 2.0
"""Far from the weights that models start with, under which all features lie close together."""

NORMS = torch.nn.LayerNorm, torch.nn.BatchNorm2d


def numbers(shape: tuple[int, ...], *names: str) -> torch.Tensor:
    """Normal random numbers that depend on the names alone, not on what was drawn before."""
    generator = torch.Generator().manual_seed(zlib.crc32("/".join(names).encode("utf-8")))
    return torch.randn(shape, generator=generator)


def shake(module: Any, name: str) -> Any:
    """The module, in place, with the random weights of the stand-in of this name."""
    with torch.no_grad():
        for path, part in module.named_modules():
            for key, weight in part.named_parameters(recurse=False):
                gain = isinstance(part, NORMS) and key == "weight"
                weight.copy_(_weight(tuple(weight.shape), gain, name, path, key))
    return module.eval()


def filled(shapes: Mapping[str, tuple[int, ...]], name: str) -> dict[str, torch.Tensor]:
    """Random tensors of these names, as OpenAI gives them, and shapes."""
    return {
        key: _weight(shape, key.split(".")[-2:][0].startswith("ln_") and key.endswith("weight"), name, key)
        for key, shape in shapes.items()
    }


def _weight(shape: tuple[int, ...], gain: bool, *names: str) -> torch.Tensor:
    if names[-1] == "logit_scale":
        return torch.tensor(LOGIT_SCALE)
    if len(shape) > 1:
        return numbers(shape, *names) * GAIN / math.prod(shape[1:]) ** 0.5
    return numbers(shape, *names) * 0.1 + float(gain)
