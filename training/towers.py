"""The image towers: a small residual convnet that learns fast, and the ViT of the shipped CLIPModel."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from paths import DIM, TILE

WIDTH, LAYERS, HEADS, PATCH = 192, 6, 6, 8


class Block(nn.Module):
    """Two 3x3 convolutions with batch norm and a shortcut (He et al. 2016)."""

    def __init__(self, inside: int, outside: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(outside), nn.BatchNorm2d(outside)])
        same = stride == 1 and inside == outside
        self.shortcut = nn.Identity() if same else nn.Sequential(nn.AvgPool2d(stride), nn.Conv2d(inside, outside, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + self.shortcut(x))


class ConvNet(nn.Module):
    """Pixels [image, 3, TILE, TILE] -> features [image, DIM]; works at three quarters of the resolution."""

    def __init__(self, widths: tuple[int, ...] = (48, 96, 192, 320)) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, widths[0], 3, 2, 1, bias=False), nn.BatchNorm2d(widths[0]), nn.ReLU())
        blocks, inside = [], widths[0]
        for stage, width in enumerate(widths):
            for i in range(1 if stage == 0 else 2):
                blocks.append(Block(inside, width, 2 if stage and i == 0 else 1))
                inside = width
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Sequential(nn.Dropout(0.1), nn.Linear(2 * inside, DIM))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        x = F.interpolate(pixels, size=TILE * 3 // 4, mode="bilinear", antialias=True)
        x = self.blocks(self.stem(x.contiguous(memory_format=torch.channels_last)))
        return self.head(torch.cat([x.mean((2, 3)), x.amax((2, 3))], 1))


def vision_config() -> CLIPVisionConfig:
    return CLIPVisionConfig(hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS,
                            num_attention_heads=HEADS, image_size=TILE, patch_size=PATCH, projection_dim=DIM)  # fmt: skip


@torch.no_grad()
def local_attention(model: CLIPVisionModelWithProjection, sharpness: float = 0.45) -> None:
    """Start every head as one tap of a 3x3 convolution (cf. Cordonnier et al. 2020; Zheng et al. 2024).

    Positions live in one head's width of sines and cosines; a head's query matrix turns them by its offset, so
    that query i matches the key at i + offset. Training is free to leave this start.
    """
    vision = model.vision_model
    side, size = TILE // PATCH, WIDTH // HEADS
    frequencies = torch.arange(1, size // 4 + 1) * (2 * math.pi / (2 * side))

    def waves(position: torch.Tensor) -> torch.Tensor:
        angles = position[:, None].float() * frequencies
        return torch.stack([angles.cos(), angles.sin()], -1).flatten(1)

    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    table = vision.embeddings.position_embedding.weight
    table.normal_(std=0.02)
    table[1:, :size] = torch.cat([waves(y.flatten()), waves(x.flatten())], 1)
    table[0, :size] = 0
    vision.embeddings.patch_embedding.weight[:size] *= 0.05
    offsets = [(dy, dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    random = torch.Generator().manual_seed(0)
    for depth, layer in enumerate(vision.encoder.layers):
        order = torch.randperm(9, generator=random).tolist()
        for head in range(HEADS if depth < LAYERS - 2 else HEADS // 2):
            turn = torch.zeros(size, size)
            for axis, offset in enumerate(offsets[order[head]]):
                for k, frequency in enumerate(frequencies.tolist()):
                    c, s, at = math.cos(frequency * offset), math.sin(frequency * offset), axis * size // 2 + 2 * k
                    turn[at : at + 2, at : at + 2] = torch.tensor([[c, -s], [s, c]])
            scale = math.sqrt(sharpness * math.sqrt(size) / (size // 4))
            rows = slice(head * size, (head + 1) * size)
            layer.self_attn.q_proj.weight[rows, :size] = scale * turn
            layer.self_attn.k_proj.weight[rows, :size] = scale * torch.eye(size)


def vit() -> CLIPVisionModelWithProjection:
    model = CLIPVisionModelWithProjection(vision_config())
    local_attention(model)
    return model


class ViT(nn.Module):
    """CLIP's own vision tower and projection: pixels -> features [image, DIM].

    While training it may look at a random part of the patches only (Li et al. 2023, FLIP): more views an hour.
    """

    def __init__(self, keep: float = 1.0) -> None:
        super().__init__()
        self.clip = vit()
        self.keep = keep

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        if not self.training or self.keep >= 1:
            return self.clip(pixel_values=pixels).image_embeds
        vision = self.clip.vision_model
        x = vision.embeddings(pixels)
        patches = x.shape[1] - 1
        index = torch.rand(len(x), patches).argsort(1)[:, : int(patches * self.keep)] + 1
        index = torch.cat([torch.zeros(len(x), 1, dtype=index.dtype), index], 1)
        x = x.gather(1, index[..., None].expand(-1, -1, x.shape[2]))
        x = vision.encoder(inputs_embeds=vision.pre_layrnorm(x)).last_hidden_state
        return self.clip.visual_projection(vision.post_layernorm(x[:, 0]))
