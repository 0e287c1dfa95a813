"""What a folder of transformers can ask for beside tensors, refused before transformers reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from clipnb.errors import UnsafeCheckpoint, UnsupportedModel
from clipnb.models.configuration import read_json
from clipnb.models.weights.shards import shard_files

__all__ = ["check_folder"]


def check_folder(folder: Path, name: str, *, trust_remote_code: bool = False) -> None:
    """Refuse what would bring in code or weights from somewhere else, without a word.

    Args:
        folder: with ``config.json``.
        name: of the model, for messages.
        trust_remote_code: code from elsewhere is welcome.

    Raises:
        UnsafeCheckpoint: the configuration names a compiled kernel, which transformers would fetch and run where
            the package ``kernels`` is installed.
        UnsupportedModel: an adapter, which transformers would apply where ``peft`` is installed and else leave out;
            or quantised weights.
        ModelFolderError: the configuration cannot be read, or an index of shards is wrong.
    """
    config = read_json(folder / "config.json", name)
    for key, value in _implementations(config):
        if "/" in value and not trust_remote_code:
            raise UnsafeCheckpoint(
                f"{name}: config.json wants {value!r} for {key}, compiled code from the Hub; take the line out, or if "
                "you trust it pass trust_remote_code=True"
            )
    if (folder / "adapter_config.json").exists():
        raise UnsupportedModel(f"{name}: it brings an adapter (adapter_config.json); merge it into the model with peft")
    if config.get("quantization_config"):
        raise UnsupportedModel(f"{name}: its weights are quantised (quantization_config); take the original ones")
    if config.get("transformers_weights"):
        raise UnsupportedModel(
            f"{name}: config.json names its file of weights (transformers_weights); rename that to model.safetensors"
        )
    for file in ("model.safetensors.index.json", "pytorch_model.bin.index.json"):
        if (folder / file).is_file():
            shard_files(folder / file, name)


def _implementations(part: Any, at: str = "") -> Iterator[tuple[str, str]]:
    """Each text at or below a key like ``attn_implementation``, in all parts of a configuration."""
    if isinstance(part, dict):
        for key, value in part.items():
            inside = key if "implementation" in key else at
            yield from _implementations(value, inside)
    elif isinstance(part, list):
        for value in part:
            yield from _implementations(value, at)
    elif isinstance(part, str) and at:
        yield at, part
