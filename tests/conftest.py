"""Fixtures: a tiny CLIP with random weights in the real format, and pictures of every kind."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

MERGES = ["a t</w>", "c at</w>", "d o", "do g</w>", "h e", "l o"]


def tiny_tokenizer_files(folder: Path) -> int:
    """A byte-level vocabulary and merges in the layout of OpenAI's; returns the number of tokens."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    alphabet = [chr(byte) for byte in visible] + [chr(256 + i) for i in range(len(hidden))]
    tokens = alphabet + [letter + "</w>" for letter in alphabet]
    tokens += ["".join(merge.split()) for merge in MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    return len(tokens)


def write_tiny_clip(folder: Path, *, seed: int = 0, size: int = 32, context: int = 48) -> Path:
    """A CLIP of a few thousand random weights, saved as transformers saves one."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = tiny_tokenizer_files(folder)
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    marks = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    config = CLIPConfig(
        text_config={**tower, **marks, "vocab_size": vocabulary, "max_position_embeddings": context},
        vision_config={**tower, "image_size": size, "patch_size": 8},
        projection_dim=24,
    )
    torch.manual_seed(seed)
    CLIPModel(config).save_pretrained(folder)
    tokenizer = CLIPTokenizerFast.from_pretrained(folder, model_max_length=context)
    images = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_clip(tmp_path_factory.mktemp("tiny-clip"))


@pytest.fixture(scope="session")
def tiny(tiny_folder: Path):
    import clipnb

    return clipnb.load(tiny_folder, device="cpu")


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
