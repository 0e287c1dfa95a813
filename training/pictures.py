"""The tiles of every style as tensors, and the views that training draws from them."""

import json
import re

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image

import corpus
from paths import COLUMNS, EMOJI, TILE, WORK
from styles import BY_NAME

COLOUR_WORDS = re.compile(r"\b(red|orange|yellow|green|blue|purple|brown|black|white|pink|grey|gray|light blue)\b")
UNFLIPPED = ("arrow", "hand-single-finger", "alphanum", "keycap", "punctuation", "math", "currency", "av-symbol",
             "other-symbol", "transport-sign", "sky-weather", "time", "zodiac", "religion", "country-flag",
             "subdivision-flag", "book-paper")  # fmt: skip
WEIGHTS = {"emojione-monotone": 0.35, "noto-line": 0.35}  # how often a style is drawn; 1 for the others


def tiles(style: str) -> tuple[torch.Tensor, torch.Tensor]:
    """uint8 [tile, 4, TILE, TILE] and the concept index of each tile."""
    rows = json.loads((WORK / "styles.json").read_text())[style]["rows"]
    path = EMOJI / f"{style}.webp" if BY_NAME[style].ships else WORK / "sheets" / f"{style}.webp"
    sheet = torch.from_numpy(np.array(Image.open(path).convert("RGBA")))
    grid = sheet.view(-1, TILE, COLUMNS, TILE, 4).permute(0, 2, 4, 1, 3).reshape(-1, 4, TILE, TILE)
    return grid[: len(rows)].contiguous(), torch.tensor(rows)


def seen_tiles(style: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The tiles of the concepts that training may use, and the concept index of each."""
    pixels, rows = tiles(style)
    known = torch.isin(rows, torch.tensor(corpus.seen(corpus.concepts())))
    return pixels[known], rows[known]


def on_white(rgba: torch.Tensor) -> torch.Tensor:
    """uint8 RGBA -> float RGB in [-1, 1], as the shipped processor sees a tile on white."""
    colour, opacity = rgba[:, :3].float(), rgba[:, 3:].float() / 255
    return (colour * opacity + 255 * (1 - opacity)).round() / 127.5 - 1


class Pictures:
    """Draws augmented batches of the given styles; held-out concepts are left out."""

    def __init__(self, styles: list[str], seed: int) -> None:
        everything = corpus.concepts()
        kept, labels, weights = [], [], []
        for style in styles:
            pixels, rows = seen_tiles(style)
            kept.append(pixels)
            labels.append(rows)
            weights.append(torch.full((len(rows),), WEIGHTS.get(style, 1.0)))
        self.pixels, self.labels, self.weights = torch.cat(kept), torch.cat(labels), torch.cat(weights)
        self.plain_colour = torch.tensor([w < 1 for w in self.weights.tolist()])
        keep_colour = [bool(COLOUR_WORDS.search(c["name"])) or "flag" in c["subgroup"] for c in everything]
        self.keep_colour = torch.tensor(keep_colour)
        self.flips = torch.tensor([c["subgroup"] not in UNFLIPPED for c in everything])
        self.random = torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return len(self.labels)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.random)

    def batch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Views float [size, 3, TILE, TILE] in [-1, 1] and their concepts [size]."""
        index = torch.multinomial(self.weights, size, replacement=True, generator=self.random)
        labels = self.labels[index]
        return self.view(self.pixels[index], labels, self.plain_colour[index]), labels

    def view(self, rgba: torch.Tensor, labels: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
        n, u = len(rgba), self.uniform
        x = rgba.float() / 255
        colour, opacity = x[:, :3], x[:, 3:]
        colour = self.tint(colour, labels, plain)
        x = torch.cat([colour * opacity, opacity], 1)  # premultiplied: interpolation makes no dark fringes
        x = F.grid_sample(x, self.warp(n, labels), mode="bilinear", padding_mode="zeros", align_corners=False)
        x = self.outline(x)
        page = torch.ones(n, 3, 1, 1)
        tinted = u(n, 1, 1, 1) < 0.2
        page = torch.where(tinted, u(n, 3, 1, 1, low=0.3), page)
        x = x[:, :3] + (1 - x[:, 3:]) * page
        soft = F.avg_pool2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), 3, 1)
        x = x + (soft - x) * u(n, 1, 1, 1, low=-0.5, high=1.0)  # sharpened to blurred
        x = self.erase(x)
        return (x.clamp(0, 1) * 2 - 1).contiguous()

    def tint(self, colour: torch.Tensor, labels: torch.Tensor, plain: torch.Tensor) -> torch.Tensor:
        """Hue, saturation, contrast and brightness; a name that is a colour keeps its hue."""
        n, u = len(colour), self.uniform
        keep = self.keep_colour[labels].view(n, 1, 1, 1)
        angle = torch.where(u(n) < 0.5, torch.randn(n, generator=self.random) * 0.45, torch.zeros(n))
        angle = torch.where(keep.flatten(), 0.05 * angle, angle)
        # Rotation about the grey axis (Rodrigues).
        c, s, third = angle.cos(), angle.sin(), 1 / 3
        a, b, d = c + (1 - c) * third, (1 - c) * third - s * third**0.5, (1 - c) * third + s * third**0.5
        matrix = torch.stack([a, b, d, d, a, b, b, d, a], 1).view(n, 3, 3)
        colour = torch.einsum("nij,njhw->nihw", matrix, colour)
        grey = colour.mean(1, keepdim=True)
        faded = torch.where(u(n, 1, 1, 1) < 0.08, torch.zeros(n, 1, 1, 1), u(n, 1, 1, 1, low=0.5, high=1.6))
        colour = grey + (colour - grey) * torch.where(keep, faded.clamp(0.8, 1.2), faded)
        colour = (colour - 0.5) * u(n, 1, 1, 1, low=0.7, high=1.3) + 0.5 + u(n, 1, 1, 1, low=-0.12, high=0.12)
        ink = u(n, 3, 1, 1) * (u(n, 1, 1, 1) < 0.7)  # monochrome styles in any ink
        return torch.where(plain.view(n, 1, 1, 1), colour * 0.3 + ink, colour).clamp(0, 1)

    def warp(self, n: int, labels: torch.Tensor) -> torch.Tensor:
        """A sampling grid: turn, zoom, shear, shift, mirror, and a gentle bend."""
        u = self.uniform
        turn = torch.randn(n, generator=self.random) * 0.14
        zoom, stretch = u(n, low=0.88, high=1.35), u(n, low=0.88, high=1.13)
        shear = torch.randn(n, generator=self.random) * 0.07
        mirror = torch.where(self.flips[labels] & (u(n) < 0.5), -1.0, 1.0)
        c, s = turn.cos() * zoom, turn.sin() * zoom
        shift = u(n, 2, low=-0.12, high=0.12)
        rows = torch.stack([mirror * c * stretch, -s + shear, shift[:, 0], s + shear, c / stretch, shift[:, 1]], 1)
        grid = F.affine_grid(rows.view(n, 2, 3), [n, 1, TILE, TILE], align_corners=False)
        bend = torch.randn(n, 2, 4, 4, generator=self.random) * 0.035
        return grid + F.interpolate(bend, size=TILE, mode="bicubic", align_corners=True).permute(0, 2, 3, 1)

    def outline(self, x: torch.Tensor) -> torch.Tensor:
        """Some pictures get a dark contour, some get their inner edges inked: styles differ most in their lines."""
        n, u = len(x), self.uniform
        solid = x[:, 3:]
        ring = (F.max_pool2d(solid, 3, 1, 1) - F.avg_pool2d(solid, 3, 1, 1)).clamp(0, 1)
        flat = x[:, :3] + (1 - solid)
        edges = (F.max_pool2d(flat, 3, 1, 1) + F.max_pool2d(-flat, 3, 1, 1)).amax(1, keepdim=True)
        ink = torch.where(u(n, 1, 1, 1) < 0.5, 1.6 * ring, (1.3 * edges - 0.15)).clamp(0, 1)
        ink = ink * (u(n, 1, 1, 1) < 0.35) * u(n, 1, 1, 1, low=0.4)
        hollow = 1 - (u(n, 1, 1, 1) < 0.08).float() * 0.8  # fills fade, lines stay
        body = flat + (1 - flat) * (1 - hollow) * solid
        return torch.cat([(body - (1 - solid)) * (1 - ink), torch.maximum(solid, ink)], 1)

    def erase(self, x: torch.Tensor) -> torch.Tensor:
        """A grey rectangle over up to a fifth of some pictures (random erasing, Zhong et al. 2017)."""
        n, u = len(x), self.uniform
        side = torch.arange(TILE).float()
        centre, half = u(n, 2, high=TILE), u(n, 2, low=3, high=14)
        inside = [((side[None] - centre[:, i : i + 1]).abs() < half[:, i : i + 1]) for i in (0, 1)]
        hole = (inside[0][:, None, :, None] & inside[1][:, None, None, :]) & (u(n, 1, 1, 1) < 0.3)
        return torch.where(hole, u(n, 3, 1, 1), x)
