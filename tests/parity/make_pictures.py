"""Draws the pictures that every family is compared on: ``python tests/parity/make_pictures.py``.

Made with Pillow 13.0.0 and numpy 2.4.6; another JPEG encoder may write other bytes, after which every reference has to
be made again.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

FOLDER = Path(__file__).parent / "pictures"


def scene(seed: int, height: int, width: int, channels: int) -> np.ndarray:
    """Waves and a little noise: smooth enough for JPEG, uneven enough that a wrong crop shows."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width] / max(height, width)
    waves = [np.sin(2 * np.pi * (a * x + b * y + c)) for a, b, c in rng.uniform(0.5, 4, (channels, 3))]
    values = 128 + 90 * np.stack(waves, axis=-1) + rng.normal(0, 12, (height, width, channels))
    return values.clip(0, 255).astype(np.uint8)


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    colour = Image.fromarray(scene(1, 41, 58, 3))
    alpha = Image.fromarray(scene(2, 41, 58, 4))
    grey = Image.fromarray(scene(3, 53, 37, 1)[..., 0])
    sixteen = scene(4, 33, 46, 1)[..., 0].astype(np.uint16) * 256 + scene(5, 33, 46, 1)[..., 0]
    turned = Image.Exif()
    turned[0x0112] = 6  # the camera was held upright: rotate by 270 degrees to see it
    saved = {
        "rgb.png": (colour, {}),
        "rgb-tall.png": (Image.fromarray(scene(6, 75, 34, 3)), {}),
        "square.png": (Image.fromarray(scene(7, 32, 32, 3)), {}),
        "small.png": (Image.fromarray(scene(8, 9, 13, 3)), {}),
        "wide.png": (Image.fromarray(scene(9, 7, 160, 3)), {}),
        "large.jpg": (Image.fromarray(scene(10, 211, 307, 3)), {"quality": 85}),
        "grey.png": (grey, {}),
        "grey-alpha.png": (alpha.convert("LA"), {}),
        "rgba.png": (alpha, {}),
        "palette.png": (colour.quantize(24), {}),
        "palette-transparent.png": (colour.quantize(24), {"transparency": 3}),
        "bits.png": (grey.convert("1"), {}),
        "sixteen.png": (Image.fromarray(sixteen), {}),
        "turned.jpg": (colour, {"quality": 95, "exif": turned}),
        "cmyk.jpg": (colour.convert("CMYK"), {"quality": 95}),
    }
    for name, (picture, options) in saved.items():
        picture.save(FOLDER / name, **options)


if __name__ == "__main__":
    main()
