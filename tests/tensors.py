"""Tensors of every kind that a file of weights can hold."""

from __future__ import annotations

import torch


def tensors_of_every_kind() -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    return {
        "a.weight": torch.randn(3, 4),
        "a.bias": torch.randn(3).half(),
        "b": torch.randn(2, 2).bfloat16(),
        "position_ids": torch.arange(5)[None],
        "scalar": torch.tensor(2.5),
    }


def same(got: dict[str, torch.Tensor], expected: dict[str, torch.Tensor]) -> None:
    assert got.keys() == expected.keys()
    for key, tensor in expected.items():
        assert got[key].dtype == tensor.dtype, key
        assert got[key].shape == tensor.shape, key
        assert torch.equal(got[key], tensor), key
