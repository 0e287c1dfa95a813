"""The parts of a text tower of BERT's kind, from a checkpoint's folder and tensors."""

from __future__ import annotations

import importlib.util
import inspect
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_MAPPING, AutoConfig, PreTrainedTokenizerFast

from clipnb.errors import ModelFolderError, UnsupportedModel
from clipnb.models import folder as folders
from clipnb.models.configuration import read_json
from clipnb.models.consent import check_folder
from clipnb.models.towers import Options

__all__ = ["WEIGHTS", "base_config", "linear", "open_tokenizer", "open_transformer"]

WEIGHTS = (("model*.safetensors",), ("pytorch_model*.bin",))

_UNUSED = re.compile(
    r"(^|\.)position_ids$|^(bert\.)?pooler\.|^(cls|lm_head|qa_outputs)\.|^vocab_(transform|layer_norm|projector)\."
)
"""Tensors that no feature depends on: old buffers, poolers where a mean is taken, heads of the pretraining."""


def base_config(folder: Path, name: str) -> Any:
    """The configuration of a transformer that transformers knows.

    Raises:
        ModelFolderError: there is none, or it cannot be read.
        UnsafeCheckpoint, UnsupportedModel: see :func:`clipnb.models.consent.check_folder`.
    """
    check_folder(folder, name)
    try:
        with folders.quiet():
            # Left open, transformers would ask at the terminal whether code beside the configuration may run.
            return AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:
        raise ModelFolderError(f"{name}: config.json cannot be read ({folders.first_line(error)})") from error


def open_tokenizer(folder: Path, name: str, config: Any) -> Any:
    """The tokenizer of a folder, as its files describe it.

    Args:
        folder: of the checkpoint.
        name: of the model, for messages.
        config: of the transformer, which says what kind of tokenizer it is where the folder does not.

    Raises:
        ModelFolderError: there is none, or it cannot be opened.
    """
    file = folder / "tokenizer.json"
    normalizer = (read_json(file, name).get("normalizer") or {}) if file.is_file() else {"type": "BertNormalizer"}
    if normalizer.get("type") == "BertNormalizer":
        try:
            return folders.open_tokenizer(folder, name, config=config)
        except ModelFolderError as error:
            alone = not (folder / "vocab.txt").is_file() and any(folder.glob("*.model"))
            if file.is_file() or not alone or importlib.util.find_spec("sentencepiece"):
                raise
            raise ModelFolderError(
                f"{name}: its tokenizer is a file of sentencepiece, without a tokenizer.json; pip install "
                "sentencepiece protobuf"
            ) from error
    # Of a tokenizer.json the classes of transformers 5 keep the vocabulary alone: XLM-R's splits at white space in a
    # way of its own, and BERT's forgets a lowercasing that is not among its flags.
    try:
        with folders.quiet():
            return PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    except Exception as error:
        raise ModelFolderError(f"{name}: the tokenizer cannot be opened ({folders.first_line(error)})") from error


def open_transformer(
    config: Any, tensors: Mapping[str, torch.Tensor], name: str, options: Options, *, pooled: bool = False
) -> Any:
    """The transformer of a configuration with these tensors: every one is used, and none made up.

    Args:
        config: of transformers.
        tensors: by their names in the transformer.
        name: of the model, for messages.
        options: the type of the weights.
        pooled: with BERT's pooler.

    Raises:
        UnsupportedModel: not a transformer that transformers knows.
        ModelFolderError: tensors are missing, of another shape, or there are others.
    """
    kind = MODEL_MAPPING.get(type(config), None)
    if kind is None:
        raise UnsupportedModel(f"{name}: no text tower is made of a {type(config).__name__}")
    others = {"add_pooling_layer": pooled} if "add_pooling_layer" in inspect.signature(kind).parameters else {}
    try:
        with folders.quiet():
            # Without a path: the tensors were read already, by a reader that runs nothing.
            model, info = kind.from_pretrained(
                None, config=config, state_dict=dict(tensors), dtype=options.dtype, output_loading_info=True, **others
            )
    except Exception as error:  # a shape, a type, a value of the configuration
        raise ModelFolderError(f"{name}: the weights do not fit ({folders.first_line(error)})") from error
    folders.check_complete(info["missing_keys"], name)
    foreign = [key for key in sorted(map(str, info["unexpected_keys"])) if not _UNUSED.search(key)]
    if foreign:
        raise ModelFolderError(
            f"{name}: the file of weights holds {len(foreign)} tensors that a {kind.__name__} has no place for, "
            f"{foreign[0]} for one; it is of another family"
        )
    return model


def linear(tensors: Mapping[str, torch.Tensor], name: str, *, bias: bool = True) -> torch.nn.Linear:
    """A linear layer of ``weight`` [out, in] and ``bias`` [out].

    Raises:
        ModelFolderError: one of them is missing, of another shape, or there are others.
    """
    expected = {"weight", "bias"} if bias else {"weight"}
    shapes = {key: tuple(tensor.shape) for key, tensor in tensors.items()}
    weight = shapes.get("weight", ())
    if set(shapes) != expected or len(weight) != 2 or shapes.get("bias", weight[:1]) != weight[:1]:
        raise ModelFolderError(
            f"{name}: the linear head has {shapes}, expected {' and '.join(sorted(expected, reverse=True))}"
        )
    layer = torch.nn.Linear(weight[1], weight[0], bias=bias, device="meta")
    layer.load_state_dict({key: tensor.float() for key, tensor in tensors.items()}, assign=True)
    return layer
