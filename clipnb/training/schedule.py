"""The optimizer and its learning rate."""

from __future__ import annotations

import math

import torch

__all__ = ["optimizer_of", "rate"]


def optimizer_of(module: torch.nn.Module, lr: float, weight_decay: float) -> torch.optim.Optimizer:
    """AdamW (Loshchilov and Hutter, ICLR 2019), with decay on matrices alone."""
    weights = [weight for weight in module.parameters() if weight.requires_grad]
    groups = [
        {"params": [weight for weight in weights if weight.ndim > 1], "weight_decay": weight_decay},
        {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98))


def rate(step: int, steps: int, highest: float, warmup: float) -> float:
    """The learning rate of a step, from 0: up in a straight line, down along half a cosine wave to zero."""
    rising = round(warmup * steps)
    if step < rising:
        return highest * (step + 1) / rising
    return highest * 0.5 * (1 + math.cos(math.pi * (step - rising) / max(1, steps - rising)))
