"""The numbers that make_native.py stored: whichever transformers is installed, and whatever it returns, these hold."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import transformers
from inputs import PICTURES, TEXTS

import clipnb

pytestmark = pytest.mark.filterwarnings("ignore::clipnb.errors.TruncatedText")  # the shared texts are long

HERE = Path(__file__).parent
FAMILIES = ["siglip", "siglip2", "siglip2-fixed", "chinese_clip", "altclip", "metaclip_2", "clipseg", "align"]
STORED = [(name, version) for name in FAMILIES for version in ("4.57", "5.23")]
STORED.remove(("chinese_clip", "4.57"))  # its get_text_features raises TypeError there
UNLIKE = {
    "siglip": 14,  # transformers 4 lower-cases sigma letter by letter, 5 knows the one that ends a word
    "chinese_clip": 26,  # a text that says [PAD]: transformers 5 zeroes its embedding, whatever the file holds
}
"""Of each family the text in which transformers 4 and 5 differ: it is compared with the one of the same kind alone."""
CLOSE: dict[str, Any] = {"atol": 1e-5, "rtol": 1e-5}


@pytest.fixture(scope="module", params=STORED, ids="-".join)
def pair(request) -> tuple[clipnb.ClipModel, Any, list[int]]:
    """Ours, what transformers of that version made of the same folder, and the texts to compare."""
    family, version = request.param
    if family == "siglip":
        pytest.importorskip("sentencepiece", reason="SigLIP's tokenizer is sentencepiece's")
    ours = clipnb.load(HERE / "checkpoints" / f"native-{family}", device="cpu")
    same = transformers.__version__.split(".")[0] == version.split(".")[0]
    rows = [row for row in range(len(TEXTS)) if same or row != UNLIKE.get(family)]
    return ours, np.load(HERE / "reference" / f"native-{family}-{version}.npz"), rows


def test_tokens(pair):
    ours, stored, rows = pair
    found = ours.tokenize(TEXTS, truncate=True)
    np.testing.assert_array_equal(found["input_ids"][rows], stored["input_ids"][rows])
    if "attention_mask" in stored:  # SigLIP takes none
        np.testing.assert_array_equal(found["attention_mask"][rows], stored["attention_mask"][rows])


def test_pixels(pair):
    ours, stored, _ = pair
    found = ours.preprocess([PICTURES[name] for name in stored["shown"]])
    np.testing.assert_array_equal(found, stored["pixel_values"][stored["pixel_index"]])


def test_text_features(pair):
    ours, stored, rows = pair
    assert stored["text_features"].std(axis=0).mean() > 0.1  # the texts differ, so a wrong row cannot pass
    found = ours.encode_text(TEXTS, truncate=True, normalize=False)
    np.testing.assert_allclose(found[rows], stored["text_features"][rows], **CLOSE)


def test_image_features(pair):
    ours, stored, _ = pair
    assert stored["image_features"].std(axis=0).mean() > 0.02
    found = ours.encode_image([PICTURES[name] for name in stored["pictures"]], normalize=False)
    np.testing.assert_allclose(found, stored["image_features"], **CLOSE)


def test_logit_scale_and_bias(pair):
    ours, stored, _ = pair
    assert ours.logit_scale == pytest.approx(float(stored["logit_scale"].item()), rel=1e-6)
    assert ours.logit_bias == pytest.approx(float(stored["logit_bias"].item()), rel=1e-6)
