"""The multilingual text towers against the original libraries, whose numbers make_multilingual.py has kept."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from inputs import PICTURES, TEXTS, upright
from tiny import write_tiny_clip

import clipnb

HERE = Path(__file__).parent
NAMES = (
    "m-clip-xlm-roberta",
    "m-clip-labse",
    "m-bert",
    "taiyi-102m",
    "taiyi-102m-vit-l",
    "st-multilingual",
    "st-layers",
    "st-clip",
)
CONTEXT = 64


def opened(name: str, **options) -> clipnb.ClipModel:
    folder = HERE / "checkpoints" / name
    if name == "m-bert":
        options["head"] = folder / "head.pkl"
    if name != "st-clip":
        options.setdefault("image_tower", False)
    return clipnb.load(folder, device="cpu", **options)


@pytest.fixture(scope="module", params=NAMES)
def case(request) -> SimpleNamespace:
    """A model, and what the original makes of the texts."""
    with np.load(HERE / "reference" / f"{request.param}.npz") as stored:
        kept = dict(stored)
    rows = np.split(kept["ids"], np.cumsum(kept["lengths"])[:-1])
    return SimpleNamespace(name=request.param, model=opened(request.param), rows=rows, **kept)


def quietly(function, *args, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clipnb.TruncatedText)
        return function(*args, truncate=True, **options)


def test_the_same_tokens(case):
    assert case.model.context_length == CONTEXT
    assert max(map(len, case.rows)) == CONTEXT  # some texts are over it
    for text, expected in zip(TEXTS, case.rows, strict=True):
        found = quietly(case.model.tokenize, [text])
        np.testing.assert_array_equal(found["input_ids"][0], expected, err_msg=repr(text))
        assert found["attention_mask"].all()
    found = quietly(case.model.tokenize, TEXTS)
    np.testing.assert_array_equal(found["attention_mask"].sum(axis=1), case.lengths)


def test_the_same_features(case):
    assert case.model.dim == case.features.shape[1]
    found = quietly(case.model.encode_text, TEXTS, normalize=False)
    np.testing.assert_allclose(found, case.features, atol=1e-5, rtol=0)
    assert np.ptp(case.features, axis=0).min() > 0.02  # texts differ in every column


def test_the_same_row_whatever_the_batch(case):
    many = [text for text in TEXTS for _ in range(3)]
    together = quietly(case.model.encode_text, many, normalize=False)
    np.testing.assert_allclose(together, np.repeat(case.features, 3, axis=0), atol=1e-5, rtol=0)
    backwards = quietly(case.model.encode_text, TEXTS[::-1], normalize=False)
    np.testing.assert_allclose(backwards[::-1], case.features, atol=1e-5, rtol=0)


def test_the_versions_are_kept(case):
    versions = json.loads(str(case.versions))
    assert versions["torch"].startswith("2.13.0")
    assert "sentence-transformers" in versions if case.name.startswith("st-") else "multilingual-clip" in versions


def test_the_same_pictures():
    """The whole CLIP of sentence-transformers."""
    model = opened("st-clip")
    with np.load(HERE / "reference" / "st-clip.npz") as stored:
        pixels, features = stored["pixels"], stored["image_features"]
    for path, expected in zip(PICTURES.values(), pixels, strict=True):
        np.testing.assert_array_equal(model.preprocess([path])[0], expected, err_msg=path.name)
    found = model.encode_image(list(PICTURES.values()), normalize=False)
    np.testing.assert_allclose(found, features, atol=1e-5, rtol=0)
    assert upright(PICTURES["rgb.png"]).size[0] != upright(PICTURES["rgb.png"]).size[1]


def test_texts_of_one_checkpoint_with_pictures_of_another(tmp_path):
    write_tiny_clip(tmp_path / "clip")
    for name in ("m-clip-xlm-roberta", "m-bert", "taiyi-102m", "st-multilingual"):
        model = opened(name, image_tower=tmp_path / "clip")
        alone = clipnb.load(tmp_path / "clip", device="cpu")
        pictures = list(PICTURES.values())[:2]
        np.testing.assert_array_equal(model.encode_image(pictures), alone.encode_image(pictures))
        assert (model.logit_scale, model.logit_bias) == (alone.logit_scale, alone.logit_bias)
        np.testing.assert_allclose(
            model.probabilities(model.encode_image(pictures) @ model.encode_text(TEXTS[:4]).T).sum(axis=1), 1, atol=1e-6
        )
