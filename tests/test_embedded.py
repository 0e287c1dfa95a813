"""The model in the package: what must hold of any well-trained one."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import clipnb
from clipnb.catalog import EMBEDDED, MODEL_FOLDER

ANIMALS = ["🐱", "🐶", "🐴", "🐘", "🐟", "🐦", "🦋", "🐍", "🐢", "🐷"]


@pytest.fixture(scope="module")
def model():
    return clipnb.load(device="cpu")


@pytest.fixture(scope="module")
def animals():
    return clipnb.datasets.emoji(languages=["en", "zh", "es"]).select(emojis=ANIMALS)


def test_it_loads_without_a_name_and_without_asking(model):
    assert model.name == EMBEDDED
    assert isinstance(model, clipnb.ClipModel)
    assert {"en", "zh", "ar", "sw"} <= set(model.languages)
    assert model.dim == len(model.encode_text(["cat"])[0])


def test_plain_transformers_opens_it_and_it_is_small():
    script = f"""
import sys
sys.modules["clipnb"] = None
from transformers import CLIPModel, CLIPProcessor
model = CLIPModel.from_pretrained({str(MODEL_FOLDER)!r})
CLIPProcessor.from_pretrained({str(MODEL_FOLDER)!r})
print(model.dtype)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert sum(file.stat().st_size for file in MODEL_FOLDER.iterdir()) <= 25e6
    for file in MODEL_FOLDER.glob("*.json"):
        assert not isinstance(stored := json.loads(file.read_text(encoding="utf-8")), dict) or "auto_map" not in stored


@pytest.mark.parametrize(("language", "least"), [("en", 0.6), ("zh", 0.5), ("es", 0.4)])
def test_ten_animals_are_told_apart(model, animals, language, least):
    names = animals.names[language].tolist()
    result = clipnb.zero_shot(model, animals.images, names, labels=names)
    assert result.metrics()["top1"] >= least  # by chance 0.1
    np.testing.assert_allclose(result.probabilities.sum(axis=1), 1, atol=1e-5)


def test_the_same_row_whatever_the_batch(model, animals):
    images = clipnb.datasets.emoji().images[:70]
    together = model.encode_image(images)
    np.testing.assert_allclose(
        together[:5], np.concatenate([model.encode_image([images[i]]) for i in range(5)]), atol=1e-5
    )
    texts = [*animals.names["en"], *animals.names["zh"], "a rather long sentence about a cat and a dog"]
    together = model.encode_text(texts)
    np.testing.assert_allclose(together, np.concatenate([model.encode_text([text]) for text in texts]), atol=1e-5)


def test_a_word_finds_its_picture(model):
    pictures = clipnb.datasets.emoji().select(group="animals & nature")
    embeddings = clipnb.Embeddings(model.encode_image(pictures.images), pictures.emojis, "image", model.name)
    found = clipnb.search(embeddings, model.encode_text(["elephant", "大象", "butterfly"]), k=5)
    hits = found.groupby("query")["id"].agg(list)
    assert "🐘" in hits["0"]
    assert "🦋" in hits["2"]


def test_texts_over_the_context_are_named(model):
    with pytest.raises(clipnb.errors.TextTooLong, match="text 1, 'word word"):
        model.encode_text(["cat", "word " * 200])
