"""Multilingual-CLIP's first generation: a multilingual BERT on the Hub, and its linear head in a file elsewhere."""

from __future__ import annotations

from pathlib import Path

import torch

from clipnb.errors import ModelFolderError
from clipnb.models import bert
from clipnb.models.resolving import Source
from clipnb.models.towers import Options, Towers
from clipnb.models.weights import read_head, read_tensors

__all__ = ["open_towers"]

HEAD = "M-BERT-Base-69-ViT Linear Weights.pkl"


def open_towers(source: Source, options: Options) -> Towers:
    """The text tower: masked mean of the states, times the head's weight, plus its bias.

    Raises:
        ModelFolderError: no head is given, a part is missing or damaged, or the parts do not belong together.
    """
    if not options.text:
        return Towers()
    name = source.name
    if options.head is None:
        raise ModelFolderError(
            f"{name}: its linear head is not among its files; get it from where the README of the repository "
            f"FreddeFrallan/Multilingual-CLIP keeps the legacy weights ({HEAD!r} for M-BERT-Base-ViT-B), and pass "
            "its path as head="
        )
    weight, bias = read_head(Path(options.head).expanduser(), name)
    path = source.fetch(*bert.WEIGHTS)
    config = bert.base_config(path, name)
    transformer = bert.open_transformer(config, read_tensors(path, name), name, options)
    if len(weight) != config.hidden_size:
        raise ModelFolderError(
            f"{name}: its states have {config.hidden_size} columns, and head={options.head!r} takes {len(weight)}"
        )
    layer = bert.linear({"weight": torch.from_numpy(weight.T), "bias": torch.from_numpy(bias)}, name)
    tokenizer = bert.open_tokenizer(path, name, config)
    return Towers(
        bert.BertTexts(
            transformer, tokenizer, bert.masked_mean, layer, dim=layer.out_features, name=name, options=options
        )
    )
