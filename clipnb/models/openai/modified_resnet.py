"""The image tower of OpenAI's ResNets: three convolutions for a stem, blurred strides, attention for pooling.

Learning Transferable Visual Models From Natural Language Supervision (arXiv:2103.00020), section 2.4. Parameters bear
OpenAI's names, so that a checkpoint loads as it is.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

__all__ = ["ModifiedResNet"]

EXPANSION = 4
"""A block ends with this many times the channels that it computes with."""


class ModifiedResNet(nn.Module):
    """Pixels [image, 3, size, size] to features [image, dim].

    Args:
        layers: blocks in each of the four stages.
        width: channels after the stem.
        heads: of the attention pooling.
        size: edge of the pictures, in pixels; a multiple of 32.
        dim: columns of the features.
    """

    def __init__(self, layers: tuple[int, int, int, int], width: int, heads: int, size: int, dim: int) -> None:
        super().__init__()
        self.size = size
        half = width // 2
        self.conv1, self.bn1 = _conv(3, half, 3, stride=2), nn.BatchNorm2d(half)
        self.conv2, self.bn2 = _conv(half, half, 3), nn.BatchNorm2d(half)
        self.conv3, self.bn3 = _conv(half, width, 3), nn.BatchNorm2d(width)
        channels = width
        for stage, blocks in enumerate(layers):
            inner = width * 2**stage
            first = Bottleneck(channels, inner, stride=1 if stage == 0 else 2)
            channels = inner * EXPANSION
            rest = (Bottleneck(channels, inner) for _ in range(blocks - 1))
            self.add_module(f"layer{stage + 1}", nn.Sequential(first, *rest))
        self.attnpool = AttentionPool(size // 32, channels, heads, dim)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Features [image, dim]."""
        x = functional.relu(self.bn1(self.conv1(pixels)))
        x = functional.relu(self.bn2(self.conv2(x)))
        x = functional.relu(self.bn3(self.conv3(x)))
        x = functional.avg_pool2d(x, 2)
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
        pooled: torch.Tensor = self.attnpool(x)
        return pooled


class Bottleneck(nn.Module):
    """1 x 1, 3 x 3 and 1 x 1 convolutions beside a shortcut; where it strides, both paths average first."""

    def __init__(self, channels: int, inner: int, stride: int = 1) -> None:
        super().__init__()
        outer = inner * EXPANSION
        self.stride = stride
        self.conv1, self.bn1 = _conv(channels, inner, 1), nn.BatchNorm2d(inner)
        self.conv2, self.bn2 = _conv(inner, inner, 3), nn.BatchNorm2d(inner)
        self.conv3, self.bn3 = _conv(inner, outer, 1), nn.BatchNorm2d(outer)
        self.downsample = None
        if stride > 1 or channels != outer:
            self.downsample = nn.Sequential(_conv(channels, outer, 1), nn.BatchNorm2d(outer))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The next map, its edges divided by the stride."""
        out = functional.relu(self.bn1(self.conv1(x)))
        out = functional.relu(self.bn2(self.conv2(out)))
        out = self.bn3(self.conv3(self._smaller(out)))
        shortcut = x if self.downsample is None else self.downsample(self._smaller(x))
        return functional.relu(out + shortcut)

    def _smaller(self, x: torch.Tensor) -> torch.Tensor:
        return x if self.stride == 1 else functional.avg_pool2d(x, self.stride)


class AttentionPool(nn.Module):
    """A map [image, channel, row, column] to [image, dim]: its mean asks, the mean and every place answer."""

    def __init__(self, grid: int, channels: int, heads: int, dim: int) -> None:
        super().__init__()
        self.heads = heads
        self.positional_embedding = nn.Parameter(torch.empty(grid**2 + 1, channels))
        self.q_proj = nn.Linear(channels, channels)
        self.k_proj = nn.Linear(channels, channels)
        self.v_proj = nn.Linear(channels, channels)
        self.c_proj = nn.Linear(channels, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features [image, dim]."""
        places = x.flatten(2).transpose(1, 2)  # [image, place, channel]
        places = torch.cat([places.mean(dim=1, keepdim=True), places], dim=1) + self.positional_embedding
        query, key, value = self.q_proj(places[:, :1]), self.k_proj(places), self.v_proj(places)
        mixed = functional.scaled_dot_product_attention(*map(self._split, (query, key, value)))
        pooled: torch.Tensor = self.c_proj(mixed.transpose(1, 2).flatten(1))
        return pooled

    def _split(self, x: torch.Tensor) -> torch.Tensor:
        """[image, place, channel] to [image, head, place, channel of the head]."""
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


def _conv(channels: int, outer: int, edge: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, outer, edge, stride=stride, padding=edge // 2, bias=False)
