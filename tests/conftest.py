"""Fixtures: a tiny CLIP with random weights in the real format, and pictures of every kind."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import write_tiny_clip


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("tiny-clip"))


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path):
    import clipnb

    return clipnb.load(tiny_folder, device="cpu")


@pytest.fixture
def stored(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Path]:
    """Copies a checkpoint of tests/parity/checkpoints, or the one called "tiny", to be changed."""
    checkpoints = Path(__file__).parent / "parity" / "checkpoints"

    def copied(name: str) -> Path:
        source = request.getfixturevalue("tiny_folder") if name == "tiny" else checkpoints / name
        return Path(shutil.copytree(source, tmp_path / name))

    return copied


def _noise(seed: int, *shape: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One file of every kind that a reader has to get right."""
    folder = tmp_path_factory.mktemp("pictures")
    colour = Image.fromarray(_noise(1, 40, 56, 3))
    rgba = Image.fromarray(_noise(2, 40, 56, 4))
    sixteen = np.random.default_rng(3).integers(0, 65536, (40, 56), dtype=np.uint16)
    turned = Image.Exif()
    turned[0x0112] = 6
    saved = {
        "rgb.png": (colour, {}),
        "grey.png": (colour.convert("L"), {}),
        "grey-alpha.png": (rgba.convert("LA"), {}),
        "rgba.png": (rgba, {}),
        "palette.png": (colour.quantize(16), {}),
        "palette-transparent.png": (colour.quantize(16), {"transparency": 3}),
        "bits.png": (colour.convert("1"), {}),
        "sixteen.png": (Image.fromarray(sixteen), {}),
        "cmyk.jpg": (colour.convert("CMYK"), {"quality": 95}),
        "turned.jpg": (colour, {"quality": 95, "exif": turned}),
        "animated.gif": (colour, {"save_all": True, "append_images": [colour.rotate(180)]}),
        "rgba.webp": (rgba, {"lossless": True}),
        "tall.png": (Image.fromarray(_noise(4, 90, 3, 3)), {}),
    }
    for name, (image, options) in saved.items():
        image.save(folder / name, **options)
    return {name: folder / name for name in saved}
