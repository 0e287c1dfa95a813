"""Layers that compute the same on a processor in less time.

**Linear layers through oneDNN**, on processors where torch's own choice leaves half of the instructions unused.

In float32 torch multiplies matrices with MKL, which takes AVX-512 on Intel's processors and stays with AVX2 on others.
Measured on an AMD EPYC with AVX-512 (one thread, torch 2.13, 2026-11-23; layers of 768 x 768 and 768 x 3072):

| rows | MKL, GFLOP/s | oneDNN, GFLOP/s |
|---|---|---|
| 50 | 81 to 92 | 159 to 183 |
| 1600 | 94 to 102 | 199 to 222 |

The results differ in the last bits of float32, by 2.6e-6 at most for random numbers of unit variance. Which of the two
computes depends on the processor and the sizes, never on a measurement: the same machine gives the same rows.

**QuickGELU in place**, equal bit for bit: one array of the hidden width instead of three. On the same processor it took
2.8 ms instead of 10.6 for 1600 x 3072 numbers, most of which had been the system's work on fresh pages of memory.
"""

from __future__ import annotations

import functools
import os
import platform
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from transformers.activations import QuickGELUActivation

__all__ = ["InPlaceQuickGelu", "OneDnnAttention", "OneDnnLinear", "gains", "quicken"]

ROWS = 4
"""Below it MKL is as fast (a vector, not a matrix)."""
PRODUCTS = 2**21
"""rows x in x out, below which oneDNN's preparations cost more than they gain: between 2**20 and 2**21, measured."""


def quicken(module: torch.nn.Module) -> None:
    """Give the layers of a module that lies on a processor the faster forms of this file, where they gain.

    The layers stay the objects they are, with their parameters and hooks; they get another class. ``torch.ao``'s
    quantisation, which goes by the exact class, would have to be told of it.
    """
    for part in module.modules():
        # By the exact classes: whoever derived from them has reasons.
        faster = _FASTER.get(type(part))
        if faster is not None and (faster is InPlaceQuickGelu or gains()):
            part.__class__ = faster


@functools.cache
def gains() -> bool:
    """Whether this processor has AVX-512, is not Intel's, and torch has been built with oneDNN."""
    built = torch.backends.mkldnn.is_available() and hasattr(torch.ops.mkldnn, "_linear_pointwise")
    return built and torch.backends.cpu.get_cpu_capability() == "AVX512" and vendor() not in ("", "GenuineIntel")


def vendor() -> str:
    """Who made the processor, as it says itself (``AuthenticAMD``); "" where the system does not tell."""
    file = Path("/proc/cpuinfo")
    if file.exists():
        lines = file.read_text(encoding="ascii", errors="replace").splitlines()
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("vendor_id")), "")
    said = (
        os.environ.get("PROCESSOR_IDENTIFIER") or platform.processor()
    )  # Windows: "AMD64 Family 25 ..., AuthenticAMD"
    return said.rpartition(",")[2].strip() if "," in said else ""


class OneDnnLinear(torch.nn.Linear):
    """A linear layer that computes through oneDNN where it can, and else as its base does."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """[..., in] to [..., out]."""
        return _linear(input, self.weight, self.bias)


class OneDnnAttention(torch.nn.MultiheadAttention):
    """The attention of open_clip's transformers: its packed projections are no layers of their own."""

    def forward(
        self,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        key_padding_mask: torch.Tensor | None = None,
        need_weights: bool = True,
        attn_mask: torch.Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> Any:
        """The states and None, as :class:`torch.nn.MultiheadAttention`; what is unusual is computed by that itself."""
        plain = self._qkv_same_embed_dim and self.bias_k is None and not self.add_zero_attn and not self.training
        masked = key_padding_mask is not None or (attn_mask is not None and attn_mask.dim() != 2)
        if not plain or masked or need_weights or query.dim() != 3 or not _quick(query, self.in_proj_weight):
            return super().forward(
                query,
                key,
                value,
                key_padding_mask=key_padding_mask,
                need_weights=need_weights,
                attn_mask=attn_mask,
                average_attn_weights=average_attn_weights,
                is_causal=is_causal,
            )
        biases = (None,) * 3 if self.in_proj_bias is None else self.in_proj_bias.chunk(3)

        def heads(states: torch.Tensor, part: int) -> torch.Tensor:
            rows = states if self.batch_first else states.transpose(0, 1)
            projected = _linear(rows, self.in_proj_weight.chunk(3)[part], biases[part])
            return projected.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)

        if attn_mask is not None and attn_mask.dtype == torch.bool:
            attn_mask = ~attn_mask  # there True is what must not be seen, here what may
        q, k, v = (heads(states, part) for part, states in enumerate((query, key, value)))
        mixed = functional.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
        out = _linear(mixed.transpose(1, 2).flatten(2), self.out_proj.weight, self.out_proj.bias)
        return (out if self.batch_first else out.transpose(0, 1)), None


class InPlaceQuickGelu(QuickGELUActivation):
    """x * sigmoid(1.702 x), as OpenAI's models have it in the place of GELU."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """[...] to [...]; the input stays as it is, a hook may hold it."""
        if not _unobserved():
            return super().forward(input)
        return (1.702 * input).sigmoid_().mul_(input)


_FASTER: dict[type, type] = {
    torch.nn.Linear: OneDnnLinear,
    torch.nn.MultiheadAttention: OneDnnAttention,
    QuickGELUActivation: InPlaceQuickGelu,
}


def _linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    found: torch.Tensor
    if _quick(x, weight):
        found = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    else:
        found = functional.linear(x, weight, bias)
    return found


def _unobserved() -> bool:
    """Whether nothing but the numbers is wanted: no derivatives, and no tracer or exporter that is to see plain layers.

    Inference mode alone, not ``no_grad``: oneDNN's operation has no derivatives, and forward ones would be lost in
    silence.
    """
    return torch.is_inference_mode_enabled() and not (torch.compiler.is_compiling() or torch.jit.is_tracing())


def _quick(x: torch.Tensor, weight: torch.Tensor) -> bool:
    """Whether oneDNN computes it: dense float32 on the processor, and large enough."""
    return (
        _unobserved()
        and not torch.is_autocast_enabled("cpu")
        and type(x) is torch.Tensor
        and x.dtype == weight.dtype == torch.float32
        and x.device.type == weight.device.type == "cpu"
        and x.layout == weight.layout == torch.strided
        and x.dim() > 1
        and weight.is_contiguous()
        and x.numel() >= ROWS * x.shape[-1]
        and x.numel() * weight.shape[0] >= PRODUCTS
    )
