"""The stored checkpoints of multilingual text towers, opened for their texts alone."""

from pathlib import Path

import numpy as np

import clipnb

CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"
TEXTS = ["a photo of a cat", "", "кот и собака на диване", "قطة صغيرة", "חתול cat 猫", "一只猫", "🐱"]
TEXT_ONLY = ["m-clip-xlm-roberta", "m-clip-labse", "m-bert", "taiyi-102m", "taiyi-102m-vit-l", "st-multilingual"]


def load(folder: Path, **options):
    if folder.name == "m-bert":
        options.setdefault("head", CHECKPOINTS / "m-bert" / "head.pkl")
    options.setdefault("image_tower", False)
    return clipnb.load(folder, device="cpu", **options)


def raw(folder: Path, **options) -> np.ndarray:
    return load(folder, **options).encode_text(TEXTS, normalize=False)
