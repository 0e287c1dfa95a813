"""One state for a text from the states of its tokens: a mean, BERT's pooler, or as sentence-transformers says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from clipnb.errors import ModelFolderError, UnsupportedModel

__all__ = ["Pooling", "masked_mean", "pooler", "pooling_of"]

Pooling = Callable[[Any, torch.Tensor], torch.Tensor]
"""From what the transformer gives, and the attention mask [text, token], to [text, width]."""


def masked_mean(out: Any, mask: torch.Tensor) -> torch.Tensor:
    """The mean of the states at the tokens; padding does not count."""
    hidden = out.last_hidden_state
    weights = mask[:, :, None].float()  # half precision would sum hundreds of states
    return ((hidden * weights).sum(dim=1) / weights.sum(dim=1)).to(hidden.dtype)


def pooler(out: Any, mask: torch.Tensor) -> torch.Tensor:
    """What BERT's own pooler makes of the state at the first token."""
    pooled: torch.Tensor = out.pooler_output
    return pooled


def _first(out: Any, mask: torch.Tensor) -> torch.Tensor:
    state: torch.Tensor = out.last_hidden_state[:, 0]
    return state


def _highest(out: Any, mask: torch.Tensor) -> torch.Tensor:
    masked = out.last_hidden_state.masked_fill(mask[:, :, None] == 0, float("-inf"))
    highest: torch.Tensor = masked.amax(dim=1)
    return highest


def _mean_by_root(out: Any, mask: torch.Tensor) -> torch.Tensor:
    mean = masked_mean(out, mask)
    return mean * mask.sum(dim=1, keepdim=True).sqrt().to(mean.dtype)


# In the order in which several are put side by side, with the flags of older configurations.
_POOLINGS: dict[str, tuple[str, Callable[[Any, torch.Tensor], torch.Tensor] | None]] = {
    "cls": ("pooling_mode_cls_token", _first),
    "max": ("pooling_mode_max_tokens", _highest),
    "mean": ("pooling_mode_mean_tokens", masked_mean),
    "mean_sqrt_len_tokens": ("pooling_mode_mean_sqrt_len_tokens", _mean_by_root),
    "weightedmean": ("pooling_mode_weightedmean_tokens", None),
    "lasttoken": ("pooling_mode_lasttoken", None),
}


def pooling_of(said: dict[str, Any], width: int, name: str) -> tuple[Pooling, int]:
    """The pooling of a configuration, in either spelling, and how many columns it gives.

    Args:
        said: ``pooling_mode``, a name or several; or a flag for each, ``pooling_mode_mean_tokens`` and so on.
        width: of the states.
        name: of the model, for messages.

    Raises:
        UnsupportedModel: a pooling that this version does not know.
        ModelFolderError: it was made for states of another width.
    """
    modes = said.get("pooling_mode")
    if modes is None:
        flagged = [mode for mode, (flag, _) in _POOLINGS.items() if said.get(flag)]
        modes = flagged or ["mean"]
    modes = [modes] if isinstance(modes, str) else list(modes)
    pools = [_POOLINGS.get(mode, ("", None))[1] for mode in modes]
    known = [pool for pool in pools if pool is not None]
    if len(known) < len(modes) or not known:
        raise UnsupportedModel(f"{name}: its states are pooled by {', '.join(map(str, modes))}, which is not supported")
    made_for = said.get("embedding_dimension", said.get("word_embedding_dimension", width))
    if made_for != width:
        raise ModelFolderError(f"{name}: the pooling was made for {made_for} columns, and the states have {width}")

    def pool(out: Any, mask: torch.Tensor) -> torch.Tensor:
        return torch.cat([one(out, mask) for one in known], dim=-1)

    return pool, len(known) * width
