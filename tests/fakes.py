"""FakeClip: a ClipModel without torch or weights that knows colours, for everything above ``clipnb.models``."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from clipnb.errors import EmptyInput, TextTooLong
from clipnb.images import read_images
from clipnb.types import unit_rows

COLOURS = {
    "red": (255, 0, 0),
    "rot": (255, 0, 0),
    "红": (255, 0, 0),
    "green": (0, 160, 0),
    "grün": (0, 160, 0),
    "blue": (0, 0, 255),
    "أزرق": (0, 0, 255),
    "yellow": (255, 255, 0),
    "white": (255, 255, 255),
    "black": (0, 0, 0),
}


class FakeClip:
    """Pictures by their mean colour; texts by the colour they name, others by a fixed direction of their own."""

    name = "fake/colours"
    dim = 8
    languages = ("en", "de", "zh", "ar")
    device = "cpu"
    context_length = 12
    logit_scale = 20.0
    logit_bias = 0.0

    def __init__(self) -> None:
        self.text_calls = 0
        self.image_calls = 0

    def encode_text(
        self,
        texts: Sequence[str],
        *,
        normalize: bool = True,
        truncate: bool = False,
        languages: Sequence[str] | None = None,
    ) -> np.ndarray:
        self.text_calls += 1
        if not len(texts):
            raise EmptyInput("the list of texts is empty; give at least one")
        for position, text in enumerate(texts):
            if len(text.split()) > self.context_length and not truncate:
                raise TextTooLong(f"text {position}, {text[:20]!r}: {len(text.split())} tokens > {self.context_length}")
        rows = np.stack([self._text(text) for text in texts])
        return unit_rows(rows) if normalize else rows

    def _text(self, text: str) -> np.ndarray:
        for word, colour in COLOURS.items():
            if word in text.casefold():
                return self._colour(np.array(colour, dtype=float))
        rng = np.random.default_rng(zlib.crc32(text.encode()))
        return np.r_[rng.normal(size=4), rng.normal(size=4)].astype(np.float32)

    @staticmethod
    def _colour(rgb: np.ndarray) -> np.ndarray:
        return np.r_[rgb / 127.5 - 1, 0.5, np.zeros(4)].astype(np.float32)

    def encode_image(self, images: Sequence[Any], *, normalize: bool = True) -> np.ndarray:
        self.image_calls += 1
        rows = np.stack([self._colour(np.asarray(image).mean(axis=(0, 1))) for image in read_images(images)])
        return unit_rows(rows) if normalize else rows

    def tokenize(self, texts: Sequence[str]) -> dict[str, np.ndarray]:
        width = max(len(text.split()) for text in texts) + 2
        ids = np.zeros((len(texts), width), dtype=np.int64)
        for row, text in enumerate(texts):
            ids[row, : len(text.split()) + 2] = 1
        return {"input_ids": ids, "attention_mask": ids}

    def preprocess(self, images: Sequence[Any]) -> np.ndarray:
        arrays = [np.asarray(image.resize((8, 8)), dtype=np.float32) / 255 for image in read_images(images)]
        return np.stack(arrays).transpose(0, 3, 1, 2)

    def probabilities(self, sim: Any) -> np.ndarray:
        odds = np.exp(self.logit_scale * (np.asarray(sim) - np.max(sim, axis=-1, keepdims=True)))
        return (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)
