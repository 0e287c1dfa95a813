"""The quick path from a file to the pixels of a batch: within one grey level of the family's own.

JPEG is decoded by libjpeg-turbo straight to RGB (its exact settings: no fast DCT, no fast upsampling, no scaling),
resized by torch's antialiased kernels on 8-bit integers, and normalised through a table of 256 values a channel; on a
GPU by the arithmetic that made the table, since a quarter of the bytes then has to get there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from clipnb.images import open_image
from clipnb.models.towers import Arrays, Tensors
from clipnb.types import FloatArray

__all__ = ["QuickPixels", "Recipe"]

# Turning by EXIF orientation, on an array [height, width, channel].
_TURN: dict[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: a[::-1].transpose(1, 0, 2),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: a.transpose(1, 0, 2)[::-1],
}


@dataclass(frozen=True)
class Recipe:
    """What a family does with a picture, where that is a resize, a crop and a normalisation.

    Attributes:
        resize: of the shorter edge, or (height, width) regardless of the shape.
        crop: (height, width) cut from the middle; None: no crop.
        mean, std: a value a channel, of pixels from 0 to 1.
        resample: the filter.
        half: where the crop begins if an odd number is left: ``"down"`` as in transformers, ``"even"`` as in
            torchvision.
    """

    resize: int | tuple[int, int]
    crop: tuple[int, int] | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    resample: Literal["bicubic", "bilinear"] = "bicubic"
    half: Literal["down", "even"] = "down"

    def size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width after resizing."""
        if isinstance(self.resize, tuple):
            return self.resize
        short, long = min(height, width), max(height, width)
        edge = int(self.resize * long / short)
        return (self.resize, edge) if height <= width else (edge, self.resize)

    def cropped(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The middle of an array [height, width, channel]."""
        if self.crop is None:
            return array
        spare = [edge - kept for edge, kept in zip(array.shape, self.crop, strict=False)]
        top, left = (round(n / 2) if self.half == "even" else n // 2 for n in spare)
        return array[top : top + self.crop[0], left : left + self.crop[1]]


class QuickPixels:
    """A recipe as two steps: :meth:`prepare` in threads, :meth:`batch` before the model.

    Args:
        recipe: the family's.
        exact: the family's own way from pictures to pixel values, for what is neither plain grey nor plain colour:
            palettes, transparency and CMYK are handled differently in every family.
    """

    def __init__(self, recipe: Recipe, exact: Callable[[Sequence[Image.Image]], Arrays]) -> None:
        self.recipe = recipe
        self.exact = exact
        levels = np.arange(256, dtype=np.float32)[:, None] / np.float32(255)
        mean, std = np.array(recipe.mean, dtype=np.float32), np.array(recipe.std, dtype=np.float32)
        self.channels = mean, std
        self.table = np.ascontiguousarray(((levels - mean) / std).T)

    def prepare(self, value: Any, name: str) -> NDArray[np.uint8] | FloatArray:
        """The picture resized and cropped, uint8 [channel, height, width]; if it had to be exact, its pixel values.

        Raises:
            UnreadableImage: as :func:`clipnb.images.open_image`.
        """
        data = _bytes(value)
        array = None if data is None else _decode_jpeg(data)
        if array is None:
            picture = open_image(value if data is None else data, name=name)
            if picture.mode not in ("RGB", "L") or picture.info.get("transparency") is not None:
                return np.asarray(self.exact([picture])["pixel_values"][0], dtype=np.float32)
            array = np.asarray(picture.convert("RGB"))
        return self._resized(array)

    def _resized(self, array: NDArray[np.uint8]) -> NDArray[np.uint8]:
        size = self.recipe.size(*array.shape[:2])
        if size != array.shape[:2]:
            # Channels last is the layout that torch's 8-bit kernels are written for.
            pixels = torch.from_numpy(np.require(array, requirements=["C", "W"])).permute(2, 0, 1)[None]
            pixels = torch.nn.functional.interpolate(pixels, size, mode=self.recipe.resample, antialias=True)
            array = pixels[0].permute(1, 2, 0).numpy()
        return np.ascontiguousarray(self.recipe.cropped(array).transpose(2, 0, 1))

    def batch(self, prepared: Sequence[NDArray[Any]]) -> Arrays:
        """``pixel_values`` float32 [image, channel, height, width]."""
        out = np.empty((len(prepared), *prepared[0].shape), dtype=np.float32)
        for row, picture in zip(out, prepared, strict=True):
            if picture.dtype == np.uint8:
                for table, grey, channel in zip(self.table, picture, row, strict=True):
                    np.take(table, grey, out=channel, mode="clip")
            else:
                row[:] = picture
        return {"pixel_values": out}

    def levels(self, prepared: Sequence[NDArray[np.uint8]], *, pinned: bool = False) -> Arrays:
        """``pixel_values`` uint8 [image, channel, height, width], of pictures that are all 8-bit.

        ``pinned``: in memory that a GPU of CUDA reads by itself.
        """
        buffer = torch.empty((len(prepared), *prepared[0].shape), dtype=torch.uint8, pin_memory=pinned).numpy()
        return {"pixel_values": np.stack(prepared, out=buffer)}

    def on_device(self, inputs: Tensors, module: torch.nn.Module) -> Tensors:
        """What the tower takes: levels of 0 to 255 normalised where they lie, in float32, then in the weights' type."""
        pixels = inputs["pixel_values"]
        if pixels.dtype != torch.uint8:
            return inputs
        mean, std = (torch.tensor(values, device=pixels.device)[:, None, None] for values in self.channels)
        normalised = pixels.to(torch.float32).div_(255).sub_(mean).div_(std)
        return {**inputs, "pixel_values": normalised.to(next(module.parameters()).dtype)}


def _is_bytes(value: Any) -> bool:
    return isinstance(value, (bytes, bytearray, memoryview))


def _bytes(value: Any) -> bytes | None:
    """The bytes of a file, where the value is one that can be read at all."""
    if _is_bytes(value):
        return bytes(value)
    if isinstance(value, (str, os.PathLike)):
        try:
            return Path(value).read_bytes()
        except (OSError, ValueError):
            return None  # open_image says what is wrong with it
    return None


def _decode_jpeg(data: bytes) -> NDArray[np.uint8] | None:
    """RGB [height, width, 3], upright; None where Pillow has to look at it: no JPEG, CMYK, damaged, too large."""
    if data[:3] != b"\xff\xd8\xff":
        return None
    try:
        import simplejpeg
    except ImportError:
        return None
    try:
        with Image.open(BytesIO(data)) as header:
            width, height = header.size
            limit = Image.MAX_IMAGE_PIXELS
            if header.mode not in ("RGB", "L") or (limit is not None and width * height > limit):
                return None
            turned = header.getexif().get(0x0112, 1)
        array: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", fastdct=False, fastupsample=False, strict=True)
    except Exception:
        return None
    return _TURN[turned](array) if turned in _TURN else array
