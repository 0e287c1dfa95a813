"""What a family of checkpoints has to give: a text tower, an image tower, or both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from clipnb.errors import UnsupportedOption
from clipnb.models.layers import quicken

__all__ = ["Arrays", "ImageTower", "Options", "States", "Tensors", "TextTower", "Towers", "on_device", "padded"]

Arrays = dict[str, NDArray[Any]]
Tensors = dict[str, torch.Tensor]


class States(NamedTuple):
    """Inside a text tower, before its projection into the common space."""

    last_hidden_state: torch.Tensor
    """[text, token, width]"""
    pooler_output: torch.Tensor
    """[text, width]"""


class TextTower(Protocol):
    """Texts to features. Limits and types of the texts are checked before it sees them."""

    module: torch.nn.Module
    dim: int
    context_length: int

    def rows(self, texts: list[str], *, cut: bool = False) -> list[list[int]]:
        """The token ids of each text, marks included, unpadded; cut at the context length, marks kept, if asked."""

    def batch(self, rows: Sequence[Sequence[int]]) -> Arrays:
        """``input_ids`` and ``attention_mask``, int64 [text, token], padded as the family pads."""

    def states(self, inputs: Tensors) -> States:
        """The hidden states and their pooling, of a batch on the tower's device."""

    def features(self, inputs: Tensors) -> torch.Tensor:
        """Raw features [text, dim], of a batch on the tower's device."""


class ImageTower(Protocol):
    """Pictures to features, with what turns its cosines into logits."""

    module: torch.nn.Module
    dim: int
    image_size: int
    """The edge of what it sees, in pixels."""
    logit_scale: float
    logit_bias: float
    sigmoid: bool
    """Trained with a sigmoid for each pair, instead of a softmax over the texts."""

    def pixels(self, pictures: Sequence[Image.Image]) -> Arrays:
        """``pixel_values`` and what else the tower takes, of pictures that are upright and 8-bit, in their own mode."""

    def features(self, inputs: Tensors) -> torch.Tensor:
        """Raw features [image, dim], of a batch on the tower's device."""


class Towers(NamedTuple):
    """What a checkpoint holds."""

    text: TextTower | None = None
    image: ImageTower | None = None


@dataclass(frozen=True)
class Options:
    """What the caller of :func:`clipnb.load` asked for, resolved.

    Attributes:
        device: where to compute.
        dtype: of the weights in memory and of the computation.
        tokenizer: a folder or a merges file, for checkpoints that carry no tokenizer.
        head: the file with the linear head of M-BERT-Base-ViT-B.
        trust_remote_code: Python files of the checkpoint may run.
        trust_torchscript: the code in a TorchScript archive may run.
        quick_gelu: the activation of weights under OpenAI's names; None: what the checkpoint says.
        text: the text tower is wanted.
        image: the image tower is wanted.
    """

    device: torch.device
    dtype: torch.dtype
    tokenizer: str | None = None
    head: str | None = None
    trust_remote_code: bool = False
    trust_torchscript: bool = False
    quick_gelu: bool | None = None
    text: bool = True
    image: bool = True

    @classmethod
    def resolve(cls, device: Any, dtype: Any, **others: Any) -> Options:
        """From what the caller wrote; see :func:`clipnb.load`."""
        return cls(device=_device(device), dtype=_dtype(dtype), **others)

    def place(self, module: torch.nn.Module) -> torch.nn.Module:
        """The module on the device, in the dtype, ready to compute.

        Raises:
            UnsupportedOption: not a device of this machine.
        """
        try:
            placed = module.to(device=self.device, dtype=self.dtype).eval().requires_grad_(False)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise UnsupportedOption(f"device={str(self.device)!r}: not usable on this machine ({error})") from error
        if self.device.type == "cpu":
            quicken(placed)
        return placed


def _device(device: Any) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UnsupportedOption(f"device={device!r}: not a device of torch; for example 'cpu' or 'cuda'") from error
    if found.type == "meta":
        raise UnsupportedOption(f"device={device!r}: nothing is computed there; for example 'cpu' or 'cuda'")
    return found


def _dtype(dtype: Any) -> torch.dtype:
    kinds = {str(kind).rpartition(".")[2]: kind for kind in (torch.float32, torch.float16, torch.bfloat16)}
    name = "float32" if dtype is None else str(dtype).rpartition(".")[2]
    if name not in kinds:
        raise UnsupportedOption(f"dtype={dtype!r}: expected one of {', '.join(map(repr, kinds))}")
    return kinds[name]


def on_device(batch: Arrays, module: torch.nn.Module) -> Tensors:
    """A batch where the module lies; what has a decimal point in the type of its weights, integers as they are."""
    weight = next(module.parameters())
    direct = weight.device.type == "cuda"  # from pinned memory the card fetches by itself, and nobody waits
    found = {}
    for key, array in batch.items():
        tensor = torch.from_numpy(np.ascontiguousarray(array))
        tensor = (tensor.pin_memory() if direct else tensor).to(weight.device, non_blocking=direct)
        found[key] = tensor.to(weight.dtype) if tensor.is_floating_point() else tensor
    return found


def padded(rows: Sequence[Sequence[int]], pad: int, length: int | None = None) -> dict[str, NDArray[np.int64]]:
    """``input_ids`` and ``attention_mask``, int64 [text, token], filled up to the longest row, or to ``length``."""
    shape = len(rows), max(map(len, rows)) if length is None else length
    ids, mask = np.full(shape, pad, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    for i, row in enumerate(rows):
        ids[i, : len(row)], mask[i, : len(row)] = row, 1
    return {"input_ids": ids, "attention_mask": mask}
