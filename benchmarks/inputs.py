"""What the contenders get: a checkpoint of ViT-B/32's size with random weights, pictures, and sentences."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import numpy as np
from PIL import Image

DATA = Path(__file__).resolve().parent.parent / "clipnb" / "data"
SIZES = [(640, 480), (640, 480), (640, 480), (2000, 1500)]


def write_pictures(folder: Path, count: int) -> list[Path]:
    """JPEG files, three of four of 640 x 480 pixels and one of 2000 x 1500, cut from photographs with some noise."""
    folder.mkdir(parents=True, exist_ok=True)
    photos = [Image.open(path).convert("RGB") for path in sorted((DATA / "photos").glob("*.jpg"))]
    rng, paths = np.random.default_rng(0), []
    for i in range(count):
        size = SIZES[i % len(SIZES)]
        left, top = rng.integers(0, 40, 2)
        photo = photos[i % len(photos)]
        cut = photo.crop((left, top, photo.width - left, photo.height - top)).resize(size, Image.Resampling.BICUBIC)
        noisy = np.asarray(cut).astype(np.int16) + rng.integers(-12, 13, (size[1], size[0], 1), dtype=np.int16)
        path = folder / f"{i:05d}.jpg"
        Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)).save(path, quality=90)
        paths.append(path)
    return paths


def sentences(count: int) -> list[str]:
    """Between 1 and 40 words, most of them few, as captions are."""
    chance = random.Random(0)
    words = [
        "a",
        "the",
        "cat",
        "dog",
        "red",
        "small",
        "house",
        "on",
        "in",
        "street",
        "two",
        "people",
        "walking",
        "snow",
    ]
    return [" ".join(chance.choices(words, k=min(40, 1 + int(chance.expovariate(0.1))))) for _ in range(count)]


def write_checkpoint(folder: Path) -> Path:
    """CLIP in the form of transformers, with OpenAI's vocabulary, and the same as a sentence-transformers folder."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    if (folder / "config.json").exists():
        return folder
    with gzip.open(next((DATA / "openai").glob("*.gz")), "rt", encoding="utf-8") as file:
        merges = file.read().split("\n")[1 : 49152 - 256 - 1]
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    alphabet = [chr(byte) for byte in visible] + [chr(256 + i) for i in range(len(hidden))]
    tokens = [*alphabet, *(letter + "</w>" for letter in alphabet), *("".join(merge.split()) for merge in merges)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[tuple(merge.split()) for merge in merges], model_max_length=77)
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    CLIPModel(CLIPConfig()).save_pretrained(folder)
    CLIPProcessor(image_processor=CLIPImageProcessor(), tokenizer=tokenizer).save_pretrained(folder)
    wrapped = folder.parent / "sentence-transformers"
    (wrapped / "0_CLIPModel").mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        (wrapped / "0_CLIPModel" / file.name).write_bytes(file.read_bytes())
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (wrapped / "modules.json").write_text(json.dumps([module]))
    return folder
