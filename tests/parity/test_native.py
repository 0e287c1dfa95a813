"""Every family of transformers' own, against plain calls of the transformers that is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import native_families
import numpy as np
import pytest
import torch
import transformers
from inputs import PICTURES, TEXTS, upright
from native_families import as_saved
from PIL import Image
from transformers import AutoTokenizer
from transformers.models.auto.image_processing_auto import AutoImageProcessor  # hidden without torchvision before 5.21

import clipnb
from clipnb.errors import ModelFolderError

pytestmark = pytest.mark.filterwarnings("ignore::clipnb.errors.TruncatedText")  # the shared texts are long

FIVE = int(transformers.__version__.split(".")[0]) >= 5
FAMILIES = list(native_families.FAMILIES)
SHORT = ["a cat", "a dog", "", "кот", "猫。"]
FIXED_LENGTH = ("siglip", "siglip2", "siglip2-fixed")


class Reference:
    """A folder through transformers' own classes, called as its documentation does."""

    def __init__(self, family: str, folder: Path) -> None:
        self.family = family
        saved = as_saved(folder)
        self.model = getattr(saved, "clip", saved)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = AutoImageProcessor.from_pretrained(
            folder, **({"backend": "pil"} if FIVE else {"use_fast": False})
        )

    def tokens(self, texts: list[str], length: int) -> Any:
        padding: Any = True
        if self.family in FIXED_LENGTH:
            padding = "max_length"
        if self.family.startswith("siglip2"):  # trained on lower case, which not every version sees to by itself
            texts = ["".join(character.lower() for character in text) for text in texts]
        return self.tokenizer(texts, padding=padding, truncation=True, max_length=length, return_tensors="pt")

    def pixels(self, paths: list[Path]) -> Any:
        return self.processor([_opaque(path) for path in paths], return_tensors="pt")

    def text(self, tokens: Any) -> np.ndarray:
        if self.family in FIXED_LENGTH:
            tokens = {"input_ids": tokens["input_ids"]}
        with torch.inference_mode():
            if self.family == "chinese_clip" and not FIVE:  # get_text_features raises TypeError there
                state = self.model.text_model(**tokens)[0][:, 0]
                return self.model.text_projection(state).numpy()
            return _features(self.model.get_text_features(**tokens))

    def image(self, pixels: Any) -> np.ndarray:
        with torch.inference_mode():
            return _features(self.model.get_image_features(**pixels))


def _features(out: Any) -> np.ndarray:
    return getattr(out, "pooler_output", out).numpy()


def _opaque(path: Path) -> Image.Image:
    picture = upright(path)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return picture.convert("RGB")


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request, folders) -> tuple[Any, Reference]:
    folder = folders(request.param)
    return clipnb.load(folder, device="cpu"), Reference(request.param, folder)


def test_the_same_tokens(pair):
    ours, reference = pair
    expected = reference.tokens(TEXTS, ours.context_length)
    found = ours.tokenize(TEXTS, truncate=True)
    np.testing.assert_array_equal(found["input_ids"], expected["input_ids"])
    if "attention_mask" in expected:
        np.testing.assert_array_equal(found["attention_mask"], expected["attention_mask"])
    assert len({tuple(row) for row in found["input_ids"].tolist()}) > len(TEXTS) - 8  # not all of them unknown


def test_the_context(pair):
    ours, reference = pair
    longest = reference.tokens(["a " * 500], ours.context_length)
    reference.text(longest)
    assert longest["input_ids"].shape[1] == ours.context_length
    with pytest.raises(clipnb.ClipnbError, match=f"> {ours.context_length}"):
        ours.encode_text(["a " * 500])


def test_the_same_pixels(pair):
    ours, reference = pair
    for name, path in PICTURES.items():
        expected = reference.pixels([path])["pixel_values"]
        np.testing.assert_array_equal(ours.preprocess([path]), expected, err_msg=name)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 3), (3, 50), (50, 3), (640, 5)])
def test_pictures_of_a_few_pixels(pair, size):
    ours, reference = pair
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    pixels = reference.processor([values], input_data_format="channels_last", return_tensors="pt")
    np.testing.assert_array_equal(ours.preprocess([values]), pixels["pixel_values"])
    found = ours.encode_image([values], normalize=False)
    np.testing.assert_allclose(found, reference.image(pixels), atol=1e-5, rtol=1e-5)


def test_the_same_text_features(pair):
    ours, reference = pair
    expected = reference.text(reference.tokens(TEXTS, ours.context_length))
    found = ours.encode_text(TEXTS, truncate=True, normalize=False)
    assert found.shape == (len(TEXTS), ours.dim)
    assert expected.std(axis=0).mean() > 0.1  # the texts differ, so a wrong row cannot pass
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    one_by_one = [reference.text(reference.tokens([text], ours.context_length)) for text in TEXTS]
    np.testing.assert_allclose(found, np.concatenate(one_by_one), atol=1e-5, rtol=1e-5)


def test_the_same_image_features(pair):
    ours, reference = pair
    paths = list(PICTURES.values())
    expected = reference.image(reference.pixels(paths))
    found = ours.encode_image(paths, normalize=False)
    assert found.shape == (len(paths), ours.dim)
    assert expected.std(axis=0).mean() > 0.02
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    one_by_one = np.concatenate([ours.encode_image([path], normalize=False) for path in paths])
    np.testing.assert_allclose(found, one_by_one, atol=1e-5, rtol=1e-5)


def test_the_same_logits(pair):
    """The model's own forward pass knows its scale, its bias and how it pools."""
    ours, reference = pair
    texts, paths = SHORT, list(PICTURES.values())[:4]
    tokens, pixels = reference.tokens(texts, ours.context_length), reference.pixels(paths)
    inputs = {"input_ids": tokens["input_ids"], **pixels}
    if reference.family not in FIXED_LENGTH:
        inputs["attention_mask"] = tokens["attention_mask"]
    with torch.inference_mode():
        logits = reference.model(**inputs).logits_per_image
    sim = ours.encode_image(paths) @ ours.encode_text(texts).T
    np.testing.assert_allclose(ours.logit_scale * sim + ours.logit_bias, logits, atol=1e-4)
    sigmoid = reference.family in FIXED_LENGTH
    expected = logits.sigmoid() if sigmoid else logits.softmax(dim=1)
    np.testing.assert_allclose(ours.probabilities(sim), expected, atol=1e-5)


def test_the_states_of_the_text_tower(pair):
    ours, reference = pair
    tokens = dict(reference.tokens(TEXTS, ours.context_length))
    if reference.family in FIXED_LENGTH:
        tokens = {"input_ids": tokens["input_ids"]}
    with torch.inference_mode():
        expected = reference.model.text_model(**tokens)
    found = ours.text_model(TEXTS, truncate=True)
    np.testing.assert_allclose(found.last_hidden_state, expected.last_hidden_state, atol=1e-5, rtol=1e-5)
    pooled = expected.pooler_output
    if reference.family in ("align", "altclip", "chinese_clip"):
        pooled = expected.last_hidden_state[:, 0]
    np.testing.assert_allclose(found.pooler_output, pooled, atol=1e-5, rtol=1e-5)


def test_the_image_side_alone(pair, folders, tiny_folder):
    """As ``image_tower=``: no tokenizer is needed, and the text weights are let go."""
    ours, reference = pair
    source = folders(reference.family)
    tower = clipnb.load(tiny_folder, image_tower=source, device="cpu")
    if ours.dim != tower.dim:
        with pytest.raises(ModelFolderError, match="columns"):
            _ = tower.image_tower
        return
    paths = list(PICTURES.values())
    np.testing.assert_array_equal(tower.encode_image(paths), ours.encode_image(paths))
    assert not hasattr(tower.image_tower.module, "text_model")
    assert tower.logit_scale == ours.logit_scale


def test_half_precision_keeps_the_logit_scale(pair, folders):
    ours, reference = pair
    half = clipnb.load(folders(reference.family), device="cpu", dtype="bfloat16")
    assert next(half.text_tower.module.parameters()).dtype == torch.bfloat16
    assert (half.logit_scale, half.logit_bias) == (ours.logit_scale, ours.logit_bias)
    found, expected = half.encode_text(SHORT), ours.encode_text(SHORT)
    assert (found * expected).sum(axis=1).min() > 0.98
    found, expected = (model.encode_image([PICTURES["rgb.png"]]) for model in (half, ours))
    assert (found * expected).sum(axis=1).min() > 0.98


@pytest.mark.parametrize("version", ["4.57", "5.23"])
def test_the_numbers_of_two_versions(version):
    """Stored by make_native.py: whichever transformers is installed, and whatever it returns, these hold."""
    ours = clipnb.load(Path(__file__).parent / "checkpoints" / "clip-native", device="cpu")
    stored = np.load(Path(__file__).parent / "reference" / f"clip-native-{version}.npz")
    states, paths = ours.text_model(TEXTS, truncate=True), [PICTURES[name] for name in stored["pictures"]]
    np.testing.assert_array_equal(states.input_ids, stored["input_ids"])
    np.testing.assert_array_equal(states.attention_mask, stored["attention_mask"])
    mean, std = (np.array(getattr(ours.image_tower.processor, f"image_{part}")) for part in ("mean", "std"))
    levels = (ours.preprocess(paths) * std[:, None, None] + mean[:, None, None]) * 255
    np.testing.assert_array_equal(levels.round(), stored["levels"])
    for key, found in {
        "last_hidden_state": states.last_hidden_state[:8],
        "pooler_output": states.pooler_output,
        "text_features": ours.encode_text(TEXTS, truncate=True, normalize=False),
        "image_features": ours.encode_image(paths, normalize=False),
    }.items():
        np.testing.assert_allclose(found, stored[key], atol=1e-5, rtol=1e-5, err_msg=key)
    assert ours.logit_scale == pytest.approx(float(stored["logit_scale"]), rel=1e-6)
