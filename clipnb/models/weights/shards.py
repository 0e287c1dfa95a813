"""Weights in several files: the index that says which tensor lies where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePosixPath

import torch

from clipnb.errors import ModelFolderError
from clipnb.models.configuration import read_json

__all__ = ["read_shards", "shard_files", "weights_in"]

NAMES = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")


def weights_in(folder: Path, name: str) -> Path:
    """The file of weights of a folder, or the index of its shards; safetensors before the others.

    Raises:
        ModelFolderError: there is none.
    """
    for file in NAMES:
        for choice in (folder / file, folder / f"{file}.index.json"):
            if choice.is_file():
                return choice
    raise ModelFolderError(f"{name}: no weights in {folder.name} ({', '.join(NAMES)}, or an index of their shards)")


def shard_files(index: Path, name: str) -> dict[str, str]:
    """From the names of the tensors to the names of the files beside the index, all of which are there.

    Raises:
        ModelFolderError: the index is damaged or leaves its folder, or a shard is missing.
    """
    where = read_json(index, name).get("weight_map")
    if not isinstance(where, dict) or not where or not all(isinstance(file, str) for file in where.values()):
        raise ModelFolderError(f"{name}: {index.name} has no weight_map from tensors to files")
    files = sorted(set(where.values()))
    for file in files:
        # The files themselves may be links: those in the cache of the Hub are.
        if file in ("", ".", "..") or PurePosixPath(file).name != file or "\\" in file or ":" in file:
            raise ModelFolderError(f"{name}: {index.name} names {file!r}, which is no file of its own folder")
        if file.endswith(".index.json"):
            raise ModelFolderError(f"{name}: {index.name} names another index, {file}")
        if not (index.parent / file).is_file():
            raise ModelFolderError(f"{name}: {file} is missing, one of the {len(files)} files of {index.name}")
    return where


def read_shards(index: Path, name: str, read: Callable[[Path], dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The tensors of all the shards of an index.

    Args:
        index: a JSON file with ``weight_map``, from the names of the tensors to the names of files beside it.
        name: of the model, for messages.
        read: what reads a shard.

    Raises:
        ModelFolderError: as :func:`shard_files`, or a shard does not hold what the index says.
    """
    where = shard_files(index, name)
    tensors: dict[str, torch.Tensor] = {}
    for file in sorted(set(where.values())):
        part = read(index.parent / file)
        twice = sorted(part.keys() & tensors.keys())
        if twice:
            raise ModelFolderError(f"{name}: {twice[0]} lies in two of the files of {index.name}, {file} for one")
        lost = sorted(key for key, place in where.items() if place == file and key not in part)
        if lost:
            raise ModelFolderError(f"{name}: {file} lacks {len(lost)} tensors of {index.name}, {lost[0]} for one")
        tensors.update(part)
    return tensors
