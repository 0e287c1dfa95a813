"""The tensors of a file of weights, read without running anything that the file carries."""

from __future__ import annotations

import pickle
import re
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from clipnb.errors import ModelFolderError, UnsafeCheckpoint
from clipnb.models.weights.shards import read_shards, weights_in
from clipnb.models.weights.torchscript import is_archive, read_archive

__all__ = ["Weights", "read_tensors", "read_weights"]

WRAPPERS = ("state_dict", "model_state_dict")
PREFIX = "module."


@dataclass(frozen=True)
class Weights:
    """What a file of weights holds.

    Attributes:
        tensors: by their names in the checkpoint, on the processor, in the dtype of the file.
        kind: ``"safetensors"``, ``"pickle"`` (torch's own) or ``"torchscript"``.
        release: the tensors lay beside others under a key like ``state_dict``, or their names began with ``module.``,
            as in the files that open_clip's training writes. Both are taken off here.
    """

    tensors: dict[str, torch.Tensor]
    kind: str
    release: bool = False


def read_tensors(path: Path, name: str, *, trust_torchscript: bool = False) -> dict[str, torch.Tensor]:
    """The tensors of :func:`read_weights` alone."""
    return read_weights(path, name, trust_torchscript=trust_torchscript).tensors


def read_weights(path: Path, name: str, *, trust_torchscript: bool = False) -> Weights:
    """The tensors of a file, of all the shards of an index, or of a folder that has either.

    Args:
        path: ``.safetensors``, torch's ``.bin``, ``.pt`` or ``.pth``, a TorchScript archive, an index of shards
            (``*.index.json``), or a folder with such files under the names that the Hub uses. What a file is, its
            content says; only ``.safetensors`` has to be what its name promises.
        name: of the model, for messages.
        trust_torchscript: where the tensors of a TorchScript archive cannot be read otherwise, run its code.

    Raises:
        UnsafeCheckpoint: the file holds more than tensors, and reading that would run what it says.
        ModelFolderError: there are no weights, they are damaged or incomplete, or the file is something else.
    """
    path = Path(path)
    if path.is_dir():
        path = weights_in(path, name)
    if path.name.endswith(".index.json"):
        return _sharded(path, name)
    kind = _kind(path, name)
    if kind == "safetensors":
        return Weights(_safetensors(path, name), kind)
    if kind == "torchscript":
        return Weights(read_archive(path, name, trust=trust_torchscript), kind)
    return _unwrapped(_pickle(path, name), path, name)


def _sharded(index: Path, name: str) -> Weights:
    parts: list[Weights] = []

    def read(shard: Path) -> dict[str, torch.Tensor]:
        if _kind(shard, name) == "torchscript":
            raise ModelFolderError(f"{name}: {shard.name} is a TorchScript archive, and {index.name} wants tensors")
        parts.append(read_weights(shard, name))
        return parts[-1].tensors

    tensors = read_shards(index, name, read)
    return Weights(tensors, parts[0].kind, any(part.release for part in parts))


def _kind(path: Path, name: str) -> str:
    """What a file is, by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except FileNotFoundError as error:
        raise ModelFolderError(f"{name}: no {path.name} in it") from error
    except OSError as error:
        raise ModelFolderError(f"{name}: {path.name} cannot be read ({error})") from error
    what = _not_weights(head)
    if what:
        raise ModelFolderError(f"{name}: {path.name} {what}")
    safetensors = head[8:9] == b"{"
    if path.suffix == ".safetensors" and not safetensors:
        raise ModelFolderError(
            f"{name}: {path.name} is not what its name says, a file of safetensors; download it again, or if it is "
            "torch's own format, rename it to .bin"
        )
    if safetensors:
        return "safetensors"
    if head.startswith(b"PK"):
        return "torchscript" if is_archive(path, name) else "pickle"
    if head.startswith(b"\x80"):
        return "pickle"
    if tarfile.is_tarfile(path):
        # Before torch 2.6, weights_only did not hold for these.
        raise UnsafeCheckpoint(
            f"{name}: {path.name} is in torch's oldest format, a tar, which cannot be read safely; if you trust it, "
            "save it again with torch.save, or as safetensors"
        )
    raise ModelFolderError(
        f"{name}: {path.name} holds no weights that this version reads: safetensors, a state dict saved by torch, or "
        "a TorchScript archive"
    )


def _not_weights(head: bytes) -> str:
    """What a file is instead of weights, and what to do; empty for weights."""
    start = head.lstrip().lower()
    if not head:
        return "is empty; download it again"
    if start.startswith(b"version https://git-lfs"):
        return "is a pointer of Git LFS, the weights themselves are not there; run `git lfs pull` where it was cloned"
    if start.startswith((b"<!doctype", b"<html", b"<?xml")):
        return "is a web page saved in the place of the weights; download it again, logged in if its owner asks for it"
    if not head.strip(b"\0"):
        return "holds nothing but zeros; download it again"
    return ""


def _safetensors(path: Path, name: str) -> dict[str, torch.Tensor]:
    try:
        tensors: dict[str, torch.Tensor] = load_file(path)
    except Exception as error:  # its own error, or one of the system
        raise ModelFolderError(f"{name}: {path.name} is damaged ({error}); download it again") from error
    return tensors


def _pickle(path: Path, name: str) -> Any:
    try:
        # Mapped, not read, where the format allows it: a file that is larger than the memory can be converted.
        return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
    except pickle.UnpicklingError as error:
        raise UnsafeCheckpoint(
            f"{name}: {path.name} holds more than tensors, and reading it could run code ({_reason(error)}); take a "
            "copy in safetensors, or if you trust it, save its state dict again by itself"
        ) from error
    except Exception as error:  # of whatever kind the damage makes
        raise ModelFolderError(f"{name}: {path.name} is damaged ({_reason(error)}); download it again") from error


def _reason(error: Exception) -> str:
    """What torch found, without its advice to read the file all the same."""
    text = str(error)
    named = re.search(r"GLOBAL ([\w.]+)", text)
    if named:
        return f"it names {named[1]}"
    lines = text.rpartition("WeightsUnpickler error: ")[2].strip().splitlines()
    return lines[0].partition(". ")[0] if lines else type(error).__name__


def _unwrapped(state: Any, path: Path, name: str) -> Weights:
    release = False
    for key in WRAPPERS:
        if isinstance(state, dict) and isinstance(state.get(key), dict):
            state, release = state[key], True
            break
    if not isinstance(state, dict) or not state:
        raise ModelFolderError(f"{name}: {path.name} holds a {type(state).__name__}, expected tensors by their names")
    for key, value in state.items():
        if not isinstance(key, str) or not isinstance(value, torch.Tensor):
            raise ModelFolderError(
                f"{name}: {path.name} has a {type(value).__name__} under {key!r}, expected tensors by their names"
            )
    if all(key.startswith(PREFIX) for key in state):
        state, release = {key[len(PREFIX) :]: value for key, value in state.items()}, True
    return Weights(dict(state), "pickle", release)
