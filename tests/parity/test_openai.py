"""Against openai-clip and open_clip, by the numbers that make_openai.py stored; see there for how they were made."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs import PICTURES, TEXTS

import clipnb
from clipnb.models.openai.bpe import BUNDLED, OPEN_CLIP_MARKS, OpenAIBPE, read_merges

HERE = Path(__file__).parent
MERGES = HERE / "checkpoints" / "openai-merges" / "merges.txt.gz"
CHECKPOINTS = {
    "openai-resnet": "tiny.pt",
    "openai-vit": "tiny.pt",
    "open-clip-resnet": "",
    "open-clip-vit": "",
    "open-clip-release": "epoch_32.pt",
}


def load(name: str, **options: Any) -> Any:
    quick = {"quick_gelu": False} if name == "open-clip-release" else {}
    path = HERE / "checkpoints" / name / CHECKPOINTS[name]
    return clipnb.load(path, **{"tokenizer": MERGES, "device": "cpu", **quick, **options})


@pytest.fixture(scope="module", params=CHECKPOINTS)
def pair(request) -> tuple[Any, dict[str, np.ndarray]]:
    """Ours, and what the original gave."""
    with np.load(HERE / "reference" / f"{request.param}.npz") as stored:
        return load(request.param), dict(stored)


@pytest.mark.filterwarnings("ignore::clipnb.TruncatedText")
def test_tokens(pair):
    ours, reference = pair
    found = ours.tokenize(TEXTS, truncate=True)
    np.testing.assert_array_equal(found["input_ids"], reference["ids"])
    ends = reference["ids"].argmax(axis=1)
    np.testing.assert_array_less(ends, found["attention_mask"].sum(axis=1))


def test_pixels(pair):
    ours, reference = pair
    for name, expected, levels in zip(PICTURES, reference["pixel_sums"], reference["levels"], strict=True):
        found = ours.preprocess([PICTURES[name]])[0]
        np.testing.assert_array_equal(found[:, ::8, ::8], levels, err_msg=name)  # says where, the sum covers the rest
        assert hashlib.sha256(np.ascontiguousarray(found).tobytes()).hexdigest() == expected, name


@pytest.mark.filterwarnings("ignore::clipnb.TruncatedText")
def test_features(pair):
    ours, reference = pair
    texts = ours.encode_text(TEXTS, normalize=False, truncate=True)
    np.testing.assert_allclose(texts, reference["text_features"], rtol=0, atol=1e-5)
    images = ours.encode_image(list(PICTURES.values()), normalize=False)
    np.testing.assert_allclose(images, reference["image_features"], rtol=0, atol=1e-5)
    assert ours.logit_scale == pytest.approx(float(reference["logit_scale"]), rel=1e-6)


@pytest.mark.filterwarnings("ignore::clipnb.TruncatedText")
def test_a_row_does_not_depend_on_its_batch(pair):
    ours, reference = pair
    for i in range(0, len(TEXTS), 4):
        row = ours.encode_text([TEXTS[i]], normalize=False, truncate=True)[0]
        np.testing.assert_allclose(row, reference["text_features"][i], rtol=0, atol=1e-5)
    for i in range(0, len(PICTURES), 4):
        row = ours.encode_image([list(PICTURES.values())[i]], normalize=False)[0]
        np.testing.assert_allclose(row, reference["image_features"][i], rtol=0, atol=1e-5)


@pytest.mark.filterwarnings("ignore::clipnb.TruncatedText")
def test_states_lead_to_the_features(pair):
    ours, reference = pair
    states = ours.text_model(TEXTS, truncate=True)
    assert states.last_hidden_state.shape[:2] == reference["ids"].shape
    with torch.inference_mode():
        features = ours.text_tower.module.text_projection(torch.from_numpy(states.pooler_output)).numpy()
    np.testing.assert_allclose(features, reference["text_features"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["openai-resnet", "openai-vit"])
def test_plain_state_dict_of_an_archive(name, tmp_path):
    state = torch.jit.load(HERE / "checkpoints" / name / CHECKPOINTS[name]).state_dict()
    torch.save(state, tmp_path / "plain.pt")
    ours = clipnb.load(tmp_path / "plain.pt", tokenizer=MERGES, device="cpu")
    with np.load(HERE / "reference" / f"{name}.npz") as reference:
        images = ours.encode_image(list(PICTURES.values()), normalize=False)
        np.testing.assert_allclose(images, reference["image_features"], rtol=0, atol=1e-5)
        texts = ours.encode_text(TEXTS[:4], normalize=False)
        np.testing.assert_allclose(texts, reference["text_features"][:4], rtol=0, atol=1e-5)


def test_tokens_of_the_whole_vocabulary():
    with np.load(HERE / "reference" / "openai-tokens.npz") as reference:
        texts = json.loads(reference["texts"].tobytes())
        assert len(texts) > 400
        merges = read_merges(BUNDLED)
        openai, other = OpenAIBPE(merges), OpenAIBPE(merges, OPEN_CLIP_MARKS)
        assert openai.size == 49408
        for i, text in enumerate(texts):
            assert len(openai.row(text)) == reference["lengths"][i], text
            row, other_row = openai.row(text, 77), other.row(text, 77)
            np.testing.assert_array_equal(row, reference["ids"][i][: len(row)], err_msg=repr(text))
            np.testing.assert_array_equal(
                other_row, reference["open_clip_ids"][i][: len(other_row)], err_msg=repr(text)
            )
            assert not reference["ids"][i][len(row) :].any()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_resnet_against_timm():
    byobnet = pytest.importorskip("timm.models.byobnet", reason="timm needs torchvision, which only it uses")
    from clipnb.models.openai.modified_resnet import ModifiedResNet

    torch.manual_seed(0)
    ours = ModifiedResNet((2, 1, 3, 1), width=16, heads=8, size=96, dim=20)
    torch.nn.init.normal_(ours.attnpool.positional_embedding, std=0.3)
    with torch.no_grad():
        for part in ours.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.weight.normal_(1, 0.2)
                part.bias.normal_(0, 0.2)
                part.momentum = 1.0
        ours.train()(torch.randn(16, 3, 96, 96))
    blocks = tuple(
        byobnet.ByoBlockCfg(type="bottle", d=depth, c=64 * 2**i, s=1 if i == 0 else 2, br=0.25)
        for i, depth in enumerate((2, 1, 3, 1))
    )
    stem = {"stem_chs": (8, 8, 16), "stem_type": "", "stem_pool": "avg2"}
    config = byobnet.ByoModelCfg(blocks=blocks, **stem, downsample="avg", aa_layer="avg", head_type="attn_abs")
    theirs = byobnet.ByobNet(config, num_classes=20, img_size=96).eval()
    state = {f"visual.{key}": value for key, value in ours.state_dict().items()}
    theirs.load_state_dict(byobnet.checkpoint_filter_fn(state, theirs))
    pixels = torch.randn(4, 3, 96, 96)
    with torch.inference_mode():
        torch.testing.assert_close(ours.eval()(pixels), theirs(pixels), rtol=0, atol=1e-5)
