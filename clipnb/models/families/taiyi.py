"""Taiyi: a Chinese RoBERTa in BERT's form; features are the logits of its classifier, or the output of its pooler.

Unlike on the cards, padding is masked: there a text's features change with the texts beside it.
"""

from __future__ import annotations

import torch

from clipnb.errors import ModelFolderError
from clipnb.models import bert
from clipnb.models.resolving import Source
from clipnb.models.towers import Options, Towers
from clipnb.models.weights import read_tensors

__all__ = ["open_towers"]

BASE, HEAD = "bert.", "classifier."


def open_towers(source: Source, options: Options) -> Towers:
    """The text tower; there is nothing else in it.

    Raises:
        ModelFolderError: a part is missing or damaged, or the parts do not belong together.
    """
    if not options.text:
        return Towers()
    path, name = source.fetch(*bert.WEIGHTS), source.name
    config = bert.base_config(path, name)
    tensors = read_tensors(path, name)
    head = {key[len(HEAD) :]: tensor for key, tensor in tensors.items() if key.startswith(HEAD)}
    base = {key.removeprefix(BASE): tensor for key, tensor in tensors.items() if not key.startswith(HEAD)}
    layer: torch.nn.Module = torch.nn.Identity()
    dim = config.hidden_size
    if head or "BertForSequenceClassification" in (config.architectures or []):
        layer = linear = bert.linear(head, name)
        dim = linear.out_features
        if linear.in_features != config.hidden_size:
            raise ModelFolderError(
                f"{name}: its states have {config.hidden_size} columns, and {HEAD}weight takes {linear.in_features}"
            )
    transformer = bert.open_transformer(config, base, name, options, pooled=True)
    tokenizer = bert.open_tokenizer(path, name, config)
    return Towers(bert.BertTexts(transformer, tokenizer, bert.pooler, layer, dim=dim, name=name, options=options))
