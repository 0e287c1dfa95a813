"""Against plain transformers, which knows nothing of this package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image, ImageOps
from transformers import CLIPModel, CLIPProcessor

import clipnb
from clipnb.catalog import MODEL_FOLDER

VERSION = tuple(int(part) for part in transformers.__version__.split(".")[:2])

TEXTS = [
    "a cat",
    "",
    "   ",
    "  A  CAT\n",
    "ein Hündchen",
    "一只猫和一只狗",
    "قطة صغيرة على الأريكة",
    "חתול",
    "बिल्ली",
    "แมว",
    "猫 cat قطة кот 🐱",
    "naïve café ﬁne",
    "e\u0301 = é",
    "<|endoftext|>",
    "&amp; it's",
    "\u200f\u202bقط\u202c",
    "🏳️‍🌈👩🏽‍🚀",
]


@pytest.fixture(scope="module", params=["tiny", "embedded"])
def pair(request, tiny_folder) -> tuple[Any, Any, Any]:
    """Ours, and the model and processor of transformers, of the same folder."""
    folder = tiny_folder if request.param == "tiny" else MODEL_FOLDER
    # In transformers 4 the Pillow backend is the default, and the option would take another tokenizer too.
    pillow = {"backend": "pil"} if VERSION >= (5, 0) else {}
    model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
    processor = CLIPProcessor.from_pretrained(folder, **pillow)
    return clipnb.load(folder, device="cpu"), model, processor


def features(out: Any) -> np.ndarray:
    return getattr(out, "pooler_output", out).numpy()


def plain_picture(path: Path) -> Image.Image:
    """The picture upright and opaque, put together here by hand."""
    with Image.open(path) as stored:
        upright = ImageOps.exif_transpose(stored)
        if upright.mode.startswith("I"):
            upright = Image.fromarray((np.asarray(upright) // 256).astype(np.uint8))
        if upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info:
            rgba = upright.convert("RGBA")
            upright = Image.new("RGB", rgba.size, "white")
            upright.paste(rgba, mask=rgba.getchannel("A"))
        return upright.convert("RGB")


def test_the_same_tokens(pair):
    ours, _model, processor = pair
    texts = [text for text in TEXTS if len(processor.tokenizer(text)["input_ids"]) <= ours.context_length]
    assert len(texts) > 10
    expected = processor(text=texts, padding=True, return_tensors="np")
    for key, rows in ours.tokenize(texts).items():
        np.testing.assert_array_equal(rows, expected[key])
    long = ["cat " * 200]
    expected = processor(text=long, padding=True, truncation=True, max_length=ours.context_length, return_tensors="np")
    with pytest.warns(clipnb.TruncatedText):
        np.testing.assert_array_equal(ours.tokenize(long, truncate=True)["input_ids"], expected["input_ids"])


def test_the_same_pixels(pair, pictures):
    ours, _, processor = pair
    for name, path in pictures.items():
        expected = processor(images=plain_picture(path), return_tensors="np")["pixel_values"]
        np.testing.assert_array_equal(ours.preprocess([path]), expected, err_msg=name)


@pytest.mark.skipif(VERSION < (5, 21), reason="older versions of transformers drop the transparency")
@pytest.mark.parametrize("name", ["rgba.png", "grey-alpha.png", "palette-transparent.png", "grey.png", "palette.png"])
def test_transformers_itself_composites_on_white(pair, pictures, name):
    ours, _, processor = pair
    with Image.open(pictures[name]) as stored:
        expected = processor(images=stored, return_tensors="np")["pixel_values"]
    np.testing.assert_array_equal(ours.preprocess([pictures[name]]), expected)


def test_the_same_features(pair, pictures):
    ours, model, processor = pair
    texts = [text for text in TEXTS if len(processor.tokenizer(text)["input_ids"]) <= ours.context_length]
    images = [plain_picture(path) for path in pictures.values()]
    with torch.inference_mode():
        text = features(model.get_text_features(**processor(text=texts, padding=True, return_tensors="pt")))
        image = features(model.get_image_features(**processor(images=images, return_tensors="pt")))
    np.testing.assert_allclose(ours.encode_text(texts, normalize=False), text, atol=1e-5, rtol=1e-5)
    np.testing.assert_allclose(ours.encode_image(list(pictures.values()), normalize=False), image, atol=1e-5, rtol=1e-5)


def test_the_same_probabilities(pair, pictures):
    ours, model, processor = pair
    names = ["cat", "dog", "red car"]
    paths = list(pictures.values())
    inputs = processor(text=names, images=[plain_picture(path) for path in paths], padding=True, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**inputs).logits_per_image.softmax(dim=1).numpy()
    found = clipnb.zero_shot(ours, paths, names, batch_size=5)
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-5)
