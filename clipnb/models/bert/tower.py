"""The tower itself: a transformer over marked tokens, its states pooled, and a head over that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from clipnb.models.bert.poolings import Pooling
from clipnb.models.folder import check_tokenizer, token_ids
from clipnb.models.towers import Arrays, Options, States, Tensors, padded

__all__ = ["BertTexts", "positions"]


class _Encoder(torch.nn.Module):
    def __init__(self, transformer: torch.nn.Module, head: torch.nn.Module) -> None:
        super().__init__()
        self.transformer = transformer
        self.head = head


class BertTexts:
    """A text tower of a transformer, a pooling and a head.

    Args:
        transformer: gives ``last_hidden_state`` for ``input_ids`` and ``attention_mask``.
        tokenizer: of transformers.
        pooling: see :data:`Pooling`.
        head: [text, width] to [text, dim].
        dim: columns of the features.
        name: of the model, for messages.
        options: where to compute, and in which type.
        longest: tokens per text, where the checkpoint says so; else as many as there are positions, or as the
            tokenizer says.

    Raises:
        ModelFolderError: tokenizer and transformer do not belong together.
    """

    def __init__(
        self,
        transformer: Any,
        tokenizer: Any,
        pooling: Pooling,
        head: torch.nn.Module,
        *,
        dim: int,
        name: str,
        options: Options,
        longest: int | None = None,
    ) -> None:
        check_tokenizer(tokenizer, transformer.config.vocab_size, name)
        self.dim = dim
        self.tokenizer = tokenizer
        self.context_length = min(positions(transformer), tokenizer.model_max_length, longest or 10**9)
        self.module = options.place(_Encoder(transformer, head))
        self._pooling = pooling

    def rows(self, texts: list[str], *, cut: bool = False) -> list[list[int]]:
        """As in :class:`clipnb.models.towers.TextTower`, and so are the others."""
        return token_ids(self.tokenizer, texts, self.context_length if cut else None)

    def batch(self, rows: Sequence[Sequence[int]]) -> Arrays:
        """Padded on the right."""
        return padded(rows, self.tokenizer.pad_token_id)

    def states(self, inputs: Tensors) -> States:
        """The transformer's states, and what the head gets."""
        out = self.module.transformer(input_ids=inputs["input_ids"], attention_mask=inputs["attention_mask"])
        return States(out.last_hidden_state, self._pooling(out, inputs["attention_mask"]))

    def features(self, inputs: Tensors) -> torch.Tensor:
        """The head over the pooled states."""
        features: torch.Tensor = self.module.head(self.states(inputs).pooler_output)
        return features


def positions(transformer: Any) -> int:
    """Tokens that fit: XLM-R numbers positions from the one after its padding's."""
    table = getattr(getattr(transformer, "embeddings", None), "position_embeddings", None)
    if table is None:
        return int(transformer.config.max_position_embeddings)
    return int(table.num_embeddings - (0 if table.padding_idx is None else table.padding_idx + 1))
