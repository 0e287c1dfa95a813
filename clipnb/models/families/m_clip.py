"""Multilingual-CLIP: XLM-R or LaBSE, the masked mean of its states, and a linear layer into the space of a CLIP.

Carlsson et al., Cross-lingual and Multilingual CLIP, LREC 2022. The configuration names the model that training
started from; its weights are not needed, all of them lie in the checkpoint.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, NamedTuple

import torch
from multilingual_clip.Config_MCLIP import MCLIPConfig
from transformers import BertConfig, XLMRobertaConfig

from clipnb.errors import ModelFolderError, ModelUnavailable, UnknownModel
from clipnb.models import bert, folder
from clipnb.models.configuration import read_json
from clipnb.models.resolving import Source
from clipnb.models.towers import Options, Towers
from clipnb.models.weights import read_tensors

__all__ = ["OWN_BASE", "Parts", "open_parts", "open_towers"]

BASE, HEAD = "transformer.", "LinearTransformation."

OWN_BASE = "base"
"""A folder beside the weights with the configuration of their transformer, which :mod:`clipnb.training` writes."""

# What the shapes of the tensors do not say of the known bases, as in their config.json on the Hub.
ROBERTA = {"layer_norm_eps": 1e-5, "pad_token_id": 1, "bos_token_id": 0, "eos_token_id": 2}
BERT = {"layer_norm_eps": 1e-12, "pad_token_id": 0}
HEAD_WIDTH = 64
KNOWN = {
    re.compile(r"xlm-roberta-(base|large)"): (XLMRobertaConfig, ROBERTA),
    re.compile(r"labse|bert-(base|large)-.+"): (BertConfig, BERT),
}


class Parts(NamedTuple):
    """What a checkpoint consists of."""

    transformer: Any
    head: torch.nn.Linear
    """[text, width] to [text, dim]"""
    tokenizer: Any


def open_towers(source: Source, options: Options) -> Towers:
    """The text tower; there is nothing else in it. Errors as in :func:`open_parts`."""
    if not options.text:
        return Towers()
    transformer, layer, tokenizer = open_parts(source, options)
    return Towers(
        bert.BertTexts(
            transformer,
            tokenizer,
            bert.masked_mean,
            layer,
            dim=layer.out_features,
            name=source.name,
            options=options,
        )
    )


def open_parts(source: Source, options: Options) -> Parts:
    """The parts, on the processor.

    Raises:
        ModelFolderError: a part is missing or damaged, or the parts do not belong together.
        ModelUnavailable: an unusual base, whose configuration is not on this machine and cannot be fetched.
    """
    path, name = source.fetch(*bert.WEIGHTS), source.name
    tensors = read_tensors(path, name)
    base = {key[len(BASE) :]: tensor for key, tensor in tensors.items() if key.startswith(BASE)}
    head = {key[len(HEAD) :]: tensor for key, tensor in tensors.items() if key.startswith(HEAD)}
    others = [key for key in tensors if not key.startswith((BASE, HEAD))]
    if others or not base:
        raise ModelFolderError(
            f"{name}: the file of weights is not Multilingual-CLIP's: it holds {(others or list(tensors))[0]}, "
            f"expected {BASE}* and {HEAD}*"
        )
    layer = bert.linear(head, name)
    config = _base_config(read_json(path / "config.json", name), base, source)
    transformer = bert.open_transformer(config, base, name, options)
    if layer.in_features != config.hidden_size:
        raise ModelFolderError(
            f"{name}: the transformer gives {config.hidden_size} columns, and {HEAD}weight takes {layer.in_features}"
        )
    return Parts(transformer, layer, bert.open_tokenizer(path, name, config))


def _base_config(said: dict[str, Any], tensors: dict[str, torch.Tensor], source: Source) -> Any:
    """The configuration of the transformer, without a download where the base is a known one."""
    try:
        # The original's class reads both spellings, and knows what stands for a base that is not named.
        base = MCLIPConfig(**said).modelBase
    except Exception as error:
        raise ModelFolderError(f"{source.name}: config.json cannot be read ({folder.first_line(error)})") from error
    if not isinstance(base, str) or not base:
        raise ModelFolderError(f"{source.name}: config.json names no modelBase, the model that training started from")
    # Before the name: it may be a path to this very folder, and the folder may have moved.
    if (source.path / OWN_BASE / "config.json").is_file():
        return bert.base_config(source.path / OWN_BASE, source.name)
    for pattern, (kind, constants) in KNOWN.items():
        if pattern.fullmatch(base.rpartition("/")[2].casefold()):
            return kind(**constants, **_sizes(tensors, source.name))
    if Path(base).is_dir():
        return bert.base_config(Path(base), source.name)

    from clipnb.models.hub import download

    try:
        where = download(base, ["config.json"], local_files_only=source.local_files_only)
    except (ModelUnavailable, UnknownModel) as error:
        raise ModelUnavailable(f"{source.name}: the config.json of its modelBase is needed too; {error}") from error
    return bert.base_config(where, source.name)


def _sizes(tensors: dict[str, torch.Tensor], name: str) -> dict[str, int]:
    """What the shapes of the tensors say of a BERT or a RoBERTa."""
    try:
        vocabulary, width = tensors["embeddings.word_embeddings.weight"].shape
        layers = [int(found[1]) for found in map(re.compile(r"encoder\.layer\.(\d+)\.").match, tensors) if found]
        return {
            "vocab_size": vocabulary,
            "hidden_size": width,
            "num_hidden_layers": max(layers) + 1,
            "num_attention_heads": max(1, width // HEAD_WIDTH),
            "intermediate_size": len(tensors["encoder.layer.0.intermediate.dense.weight"]),
            "max_position_embeddings": len(tensors["embeddings.position_embeddings.weight"]),
            "type_vocab_size": len(tensors["embeddings.token_type_embeddings.weight"]),
        }
    except (KeyError, ValueError) as error:
        raise ModelFolderError(f"{name}: the file of weights lacks tensors of its transformer ({error})") from error
