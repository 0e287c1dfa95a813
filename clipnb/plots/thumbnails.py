"""Small pictures for figures and panels: PIL images as PNG data URIs and layout images."""

from __future__ import annotations

import base64
from io import BytesIO
from typing import Any

from PIL import Image

from clipnb.errors import WrongType


def data_uri(image: Image.Image, size: int = 96) -> str:
    """The picture as a PNG ``data:`` URI whose longer side is at most `size` pixels; alpha is kept."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(image, size)).decode("ascii")


def png_bytes(image: Image.Image, size: int = 96) -> bytes:
    """The picture as PNG bytes whose longer side is at most `size` pixels; alpha is kept."""
    if not isinstance(image, Image.Image):
        raise WrongType(f"a thumbnail is made from a PIL image, not from {type(image).__name__}")
    small = image.convert("RGBA" if "A" in image.getbands() or "transparency" in image.info else "RGB")
    small.thumbnail((size, size), Image.Resampling.LANCZOS)
    buffer = BytesIO()
    small.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def layout_image(image: Image.Image, *, size: int = 96, **place: Any) -> dict[str, Any]:
    """A plotly layout image that keeps the picture's proportions; `place` holds x, y, xref, sizex, …"""
    return dict(source=data_uri(image, size), sizing="contain", layer="above", **place)
