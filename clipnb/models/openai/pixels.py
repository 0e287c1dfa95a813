"""Pictures to pixel values as torchvision's transforms make them from Pillow images, without torchvision.

OpenAI's and open_clip's code resize a picture in its own mode and convert it to RGB only then: Pillow takes the nearest
pixel for a palette or for single bits, and transparency is dropped. After github.com/openai/CLIP (``_transform``) and
``open_clip/transform.py`` (``image_transform``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from clipnb.models.quick import Recipe

__all__ = ["FILTERS", "RESIZE_MODES", "Pixels"]

RESIZE_MODES = ("shortest", "longest", "squash")
FILTERS = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}


@dataclass(frozen=True)
class Pixels:
    """What becomes of a picture before the tower sees it.

    Attributes:
        size: edge of the square that the tower sees, in pixels.
        mean, std: of the three channels, in a scale of 0 to 1.
        interpolation: ``"bicubic"`` or ``"bilinear"``.
        resize_mode: ``"shortest"``: the shorter edge becomes ``size`` and the centre is cut out; ``"longest"``: the
            longer one does, and the rest is filled; ``"squash"``: both do.
        fill: the grey of the rest, 0 to 255.
    """

    size: int
    mean: tuple[float, ...] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, ...] = (0.26862954, 0.26130258, 0.27577711)
    interpolation: str = "bicubic"
    resize_mode: str = "shortest"
    fill: int = 0

    def values(self, pictures: Sequence[Image.Image]) -> NDArray[np.float32]:
        """Float32 [image, 3, size, size] of pictures that are upright and 8-bit, in their own mode."""
        mean, std = (np.asarray(channels, dtype=np.float32) for channels in (self.mean, self.std))
        rows = np.empty((len(pictures), 3, self.size, self.size), dtype=np.float32)
        for row, picture in zip(rows, pictures, strict=True):
            grey = np.asarray(self.square(picture).convert("RGB"), dtype=np.float32)
            row[:] = ((grey / np.float32(255) - mean) / std).transpose(2, 0, 1)
        return rows

    def recipe(self) -> Recipe | None:
        """The same for the quick path, if it has it."""
        whole = (self.size, self.size)
        filters: dict[str, Literal["bicubic", "bilinear"]] = {"bicubic": "bicubic", "bilinear": "bilinear"}
        if self.resize_mode == "longest":
            return None
        if self.resize_mode == "squash":
            return Recipe(whole, None, self.mean, self.std, filters[self.interpolation])
        return Recipe(self.size, whole, self.mean, self.std, filters[self.interpolation], half="even")

    def square(self, picture: Image.Image) -> Image.Image:
        """The square of the picture that the tower sees, in the picture's own mode."""
        width, height = picture.size
        if self.resize_mode == "squash":
            return self._resized(picture, self.size, self.size)
        if self.resize_mode == "longest":
            ratio = max(height, width) / self.size
            edges = (max(1, round(edge / ratio)) for edge in picture.size)  # a hair of a picture keeps a pixel
            return self._filled(self._resized(picture, *edges))
        short, long = sorted(picture.size)
        longer = int(self.size * long / short)
        picture = self._resized(picture, *((self.size, longer) if width <= height else (longer, self.size)))
        return self._cropped(picture)

    def _resized(self, picture: Image.Image, width: int, height: int) -> Image.Image:
        return picture.resize((width, height), FILTERS[self.interpolation])

    def _cropped(self, picture: Image.Image) -> Image.Image:
        # round() goes to the even number at a half, in torchvision too
        left, top = (round((edge - self.size) / 2) for edge in picture.size)
        return picture.crop((left, top, left + self.size, top + self.size))

    def _filled(self, picture: Image.Image) -> Image.Image:
        across, down = (self.size - edge for edge in picture.size)
        if across <= 0 and down <= 0:
            return picture
        border = (across // 2, down // 2, (across + 1) // 2, (down + 1) // 2)
        fill = self.fill if len(picture.getbands()) == 1 else (self.fill,) * len(picture.getbands())
        return ImageOps.expand(picture, border, fill)
