"""Text towers of BERT's kind, of which several families are made."""

from clipnb.models.bert.opening import WEIGHTS, base_config, linear, open_tokenizer, open_transformer
from clipnb.models.bert.poolings import Pooling, masked_mean, pooler, pooling_of
from clipnb.models.bert.tower import BertTexts, positions

__all__ = [
    "WEIGHTS",
    "BertTexts",
    "Pooling",
    "base_config",
    "linear",
    "masked_mean",
    "open_tokenizer",
    "open_transformer",
    "pooler",
    "pooling_of",
    "positions",
]
