"""A tower whose features another runtime computes: the rest of it stays what it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from clipnb.caching import cache_folder
from clipnb.errors import UnsupportedOption
from clipnb.models.towers import Arrays, Tensors
from clipnb.types import FloatArray

__all__ = ["Compiled", "Exported"]

Compiled = Callable[[Arrays], FloatArray]

TOLERANCE = {"float32": 1e-4, "bfloat16": 5e-2, "int8": 1e-1}
"""How far a unit row may be from torch's, in any column; more means that the export is of another computation."""


class Exported:
    """A text or an image tower: everything but ``features`` is the torch tower's."""

    def __init__(self, tower: Any, backend: str, precision: str, sample: Arrays, other: Arrays) -> None:
        self._tower = tower
        with torch.inference_mode():
            expected = tower.features({key: torch.from_numpy(value) for key, value in other.items()}).float().numpy()
        self._compute = _compile(tower, backend, precision, sample)
        found = self._compute(other)
        apart = float(np.abs(_unit(found) - _unit(expected)).max())
        if not apart < TOLERANCE[precision]:
            raise UnsupportedOption(
                f"backend={backend!r}: its features are {apart:.1e} away from torch's on this model; leave backend out"
            )

    def __getattr__(self, name: str) -> Any:
        return getattr(self._tower, name)

    def features(self, inputs: Tensors) -> torch.Tensor:
        """Raw features [item, dim]."""
        return torch.from_numpy(self._compute({key: value.numpy() for key, value in inputs.items()}))


class Forward(torch.nn.Module):
    """The features of a tower as a module with arguments by position, which is what exporters take."""

    def __init__(self, tower: Any, names: list[str]) -> None:
        super().__init__()
        self.module = tower.module
        self.names = names
        self._features = tower.features

    def forward(self, *arguments: torch.Tensor) -> torch.Tensor:
        """[item, dim]."""
        features: torch.Tensor = self._features(dict(zip(self.names, arguments, strict=True)))
        return features


def _compile(tower: Any, backend: str, precision: str, sample: Arrays) -> Compiled:
    from clipnb.models.backends import onnxruntime, openvino

    runtime: Any = openvino if backend == "openvino" else onnxruntime
    key = _fingerprint(tower, f"{backend} {runtime.version()} {torch.__version__} {sorted(sample)}")
    path = cache_folder("exports") / f"{key}{runtime.SUFFIX}"
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        runtime.export(Forward(tower, list(sample)).eval(), sample, path)
    compiled: Compiled = runtime.compile(path, precision)
    return compiled


def _fingerprint(tower: Any, how: str) -> str:
    """Of the weights, the code's versions and the way of computing."""
    found = hashlib.blake2b(f"{type(tower).__qualname__} {how}".encode(), digest_size=16)
    for name, tensor in sorted(tower.module.state_dict().items()):
        found.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _unit(rows: FloatArray) -> FloatArray:
    unit: FloatArray = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit
