"""Pictures in, RGB out: one reading of every kind of file for all models."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from clipnb.errors import EmptyInput, UnreadableImage, WrongType

__all__ = ["check_images", "image_id", "on_white", "open_image", "read_image", "read_images"]

_PLAIN = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK")
"""Modes that the models' own code resizes as they are."""

_TAKES = "a path, a PIL image, a height x width x 3 uint8 array or the bytes of a file"


def image_id(image: Any, position: int) -> str:
    """What messages and tables call the image: its path, else ``image`` and its position."""
    return os.fspath(image) if isinstance(image, (str, os.PathLike)) else f"image {position}"


def check_images(images: Iterable[Any]) -> Sequence[Any]:
    """The images as something with positions.

    Raises:
        WrongType: a single image instead of a list, or no list at all.
        EmptyInput: the list is empty.
    """
    single = isinstance(images, (str, bytes, os.PathLike, Image.Image))
    if single or (isinstance(images, np.ndarray) and images.ndim < 4):
        raise WrongType(f"expected a list of images, got a single {type(images).__name__}; put it into a list: [image]")
    if not isinstance(images, (Sequence, np.ndarray)):
        if isinstance(images, dict) or not isinstance(images, Iterable):
            raise WrongType(f"expected a list of images, got a {type(images).__name__}")
        images = list(images)
    if not len(images):
        raise EmptyInput("the list of images is empty; give at least one")
    return cast("Sequence[Any]", images)


def read_images(images: Sequence[Any], *, start: int = 0) -> list[Image.Image]:
    """Every image read by :func:`read_image`; ``start`` is the position of the first one, for messages."""
    return [read_image(image, start + offset) for offset, image in enumerate(images)]


def read_image(image: Any, position: int = 0) -> Image.Image:
    """One image in RGB: as :func:`open_image` reads it, transparency composited on white."""
    return on_white(open_image(image, position))


def open_image(image: Any, position: int = 0, *, name: str = "") -> Image.Image:
    """One image, upright and with 8 bits a channel, in its own mode.

    Turned upright by its EXIF orientation; 16-bit grey scaled to 8 bits; of an animation in a file the first frame.

    Args:
        image: a path, a PIL image, a height x width x 3 uint8 array, or the bytes of an image file.
        position: its place in the caller's list, for messages about images without a name.
        name: what messages call it instead.

    Returns:
        A picture in grey, colour, a palette or CMYK, with transparency or without; :func:`on_white` ends that.

    Raises:
        WrongType: something else, or an array of another shape or type.
        UnreadableImage: missing, damaged, empty, too large (Pillow's guard against decompression bombs), or of a
            mode that has no defined conversion to RGB. The message names the path or the position.
    """
    name = name or image_id(image, position)
    if isinstance(image, np.ndarray):
        return _from_array(image, name)
    if isinstance(image, Image.Image):
        return _decode(image, name)
    if isinstance(image, (str, os.PathLike)):
        source: Any = _checked_path(os.fspath(image), name)
    elif isinstance(image, (bytes, bytearray, memoryview)):
        source = io.BytesIO(image)
        if not source.getbuffer().nbytes:
            raise UnreadableImage(f"{name}: no bytes")
    else:
        raise WrongType(f"{name} is a {type(image).__name__}; expected {_TAKES}")
    try:
        opened = Image.open(source)
    except UnidentifiedImageError as error:
        raise UnreadableImage(f"{name}: not a picture in a format that Pillow knows") from error
    except Exception as error:  # Pillow's readers raise whatever they stumble over in a broken file
        raise UnreadableImage(f"{name}: not a picture that Pillow can open ({_reason(error)})") from error
    with opened:
        return _decode(opened, name)


def _checked_path(given: str, name: str) -> Path:
    path = Path(given)
    if "://" in given:
        raise UnreadableImage(f"{name}: an address; download the picture first, and give its path")
    try:
        if path.is_dir():
            raise UnreadableImage(f"{name}: a folder, not a picture")
        if not path.exists():
            raise UnreadableImage(f"{name}: no such file")
        if path.stat().st_size == 0:
            raise UnreadableImage(f"{name}: the file is empty")
    except (OSError, ValueError) as error:  # no permission, a name too long, a null character
        if isinstance(error, UnreadableImage):
            raise
        raise UnreadableImage(f"{name!r}: {_reason(error)}") from error
    return path


def _reason(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _from_array(array: np.ndarray[Any, Any], name: str) -> Image.Image:
    if array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise WrongType(
            f"{name} is an array of {array.dtype} of shape {list(array.shape)}; expected uint8 [height, width, 3]"
        )
    if 0 in array.shape:
        raise UnreadableImage(f"{name}: no pixels, shape {list(array.shape)}")
    return Image.fromarray(np.ascontiguousarray(array))


def _decode(image: Image.Image, name: str) -> Image.Image:
    if 0 in image.size:
        raise UnreadableImage(f"{name}: no pixels, size {image.size}")
    try:
        image.load()
        return _in_8_bits(ImageOps.exif_transpose(image))
    except UnreadableImage as error:
        raise UnreadableImage(f"{name}: {error}") from None
    except Exception as error:
        raise UnreadableImage(f"{name}: damaged or cut short ({_reason(error)})") from error


def _in_8_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UnreadableImage("floating-point pixels have no defined range; convert to 8 bits first")
    if image.mode.startswith("I"):
        return _from_16_bit(image)
    if image.mode in ("La", "RGBa"):  # premultiplied
        return image.convert("LA" if image.mode == "La" else "RGBA")
    return image if image.mode in _PLAIN else image.convert("RGB")


def on_white(image: Image.Image) -> Image.Image:
    """The image as RGB, transparency composited on white, as the image processors of transformers 5 do."""
    if "A" not in image.getbands() and image.info.get("transparency") is None:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, image).convert("RGB")


def _from_16_bit(image: Image.Image) -> Image.Image:
    """16-bit grey by its high byte, as Pillow reads 16-bit colour; ``convert`` alone would clip it to white."""
    values = np.asarray(image).astype(np.int64)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise UnreadableImage(f"integer pixels from {values.min()} to {values.max()}; expected 0 to 65535")
    grey = (values >> 8).astype(np.uint8)
    key = image.info.get("transparency")
    if isinstance(key, int):
        alpha = np.where(values == key, np.uint8(0), np.uint8(255))
        return Image.merge("LA", (Image.fromarray(grey), Image.fromarray(alpha)))
    return Image.fromarray(grey)
