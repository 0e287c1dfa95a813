"""``open_clip:`` names against open_clip itself, and the same weights through our own loader."""

from __future__ import annotations

import contextlib
import importlib
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from inputs import PICTURES, TEXTS, upright

import clipnb
from clipnb.errors import (
    MissingExtra,
    ModelFolderError,
    ModelUnavailable,
    UnknownModel,
    UnsafeCheckpoint,
    UnsupportedModel,
    UnsupportedOption,
)

CONFIG = {
    "embed_dim": 20,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 32, "patch_size": 8, "head_width": 16},
    "text_cfg": {"context_length": 40, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}

open_clip: Any = None
with contextlib.suppress(ImportError):
    open_clip = importlib.import_module("open_clip")

needed = pytest.mark.skipif(open_clip is None, reason="open_clip is an extra, and brings torchvision")


@pytest.mark.skipif(open_clip is not None, reason="open_clip is installed")
def test_without_open_clip_the_extra_is_named():
    with pytest.raises(MissingExtra, match=re.escape("pip install clipnb[open_clip]")):
        clipnb.load("open_clip:ViT-B-32/laion2b_s34b_b79k")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory) -> tuple[Any, Any, Path]:
    """A model of open_clip's with its transform, and the file of its weights."""
    folder = tmp_path_factory.mktemp("open-clip")
    (folder / "tiny-arch.json").write_text(json.dumps(CONFIG))
    (folder / "tiny-arch-quickgelu.json").write_text(json.dumps({**CONFIG, "quick_gelu": True}))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    model, _, transform = open_clip.create_model_and_transforms("tiny-arch")
    with torch.no_grad():
        model.token_embedding.weight.normal_(0, 0.5)
    torch.save({"state_dict": model.state_dict()}, folder / "weights.pt")
    return model.eval(), transform, folder / "weights.pt"


@needed
@pytest.mark.filterwarnings("ignore::clipnb.TruncatedText")
def test_the_same_as_open_clip(tiny):
    model, transform, file = tiny
    ours = clipnb.load(f"open_clip:tiny-arch/{file}", device="cpu")
    ids = open_clip.get_tokenizer("tiny-arch")(TEXTS)
    np.testing.assert_array_equal(ours.tokenize(TEXTS, truncate=True)["input_ids"], ids.numpy())
    pixels = torch.stack([transform(upright(path)) for path in PICTURES.values()])
    paths = list(PICTURES.values())
    np.testing.assert_array_equal(ours.preprocess(paths), pixels.numpy())
    with torch.inference_mode():
        texts, images = model.encode_text(ids).numpy(), model.encode_image(pixels).numpy()
    found = ours.encode_text(TEXTS, normalize=False, truncate=True)
    np.testing.assert_allclose(found, texts, rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.encode_image(paths, normalize=False), images, rtol=0, atol=1e-5)
    assert ours.logit_scale == pytest.approx(float(model.logit_scale.detach().exp()))
    assert ours.dim == 20
    with pytest.raises(UnsupportedModel):
        ours.text_model(["a cat"])
    with pytest.raises(clipnb.ClipnbError, match="tokens > 40"):
        ours.encode_text(["a cat " * 60])

    (file.parent / "hub").mkdir(exist_ok=True)
    (file.parent / "hub" / "open_clip_config.json").write_text(json.dumps({"model_cfg": CONFIG}))
    torch.save(model.state_dict(), file.parent / "hub" / "open_clip_pytorch_model.bin")
    own = clipnb.load(file.parent / "hub", device="cpu")
    np.testing.assert_allclose(own.encode_text(TEXTS, normalize=False, truncate=True), texts, rtol=0, atol=1e-5)
    np.testing.assert_allclose(own.encode_image(paths, normalize=False), images, rtol=0, atol=1e-5)
    folder = clipnb.load(f"open_clip:local-dir:{file.parent / 'hub'}", device="cpu")
    np.testing.assert_allclose(folder.encode_image(paths, normalize=False), images, rtol=0, atol=1e-5)


@needed
def test_quick_gelu(tiny):
    _, _, file = tiny
    forced = clipnb.load(f"open_clip:tiny-arch/{file}", quick_gelu=True, device="cpu")
    by_name = clipnb.load(f"open_clip:tiny-arch-quickgelu/{file}", device="cpu")
    plain = clipnb.load(f"open_clip:tiny-arch/{file}", quick_gelu=False, device="cpu")
    rows = [model.encode_text(["a cat"], normalize=False) for model in (forced, by_name, plain)]
    np.testing.assert_array_equal(rows[0], rows[1])
    assert np.abs(rows[0] - rows[2]).max() > 1e-4
    with pytest.raises(UnsupportedOption, match="without -quickgelu"):
        clipnb.load(f"open_clip:tiny-arch-quickgelu/{file}", quick_gelu=False, device="cpu")


@needed
def test_errors_are_in_our_words(tiny, tmp_path, monkeypatch):
    _, _, file = tiny
    with pytest.raises(UnknownModel, match="Did you mean 'tiny-arch'"):
        clipnb.load(f"open_clip:tiny-ark/{file}")
    with pytest.raises(UnknownModel, match="laion2b_s34b_b79k"):
        clipnb.load("open_clip:ViT-B-32/laion2b_s34b_b78k")
    with pytest.raises(UnknownModel, match="neither a file nor one of"):
        clipnb.load("open_clip:ViT-B-32")
    with pytest.raises(UnsupportedOption, match="revision"):
        clipnb.load(f"open_clip:tiny-arch/{file}", revision="main")
    with pytest.raises(UnsupportedOption, match="tokenizer"):
        clipnb.load(f"open_clip:tiny-arch/{file}", tokenizer=tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("open_clip:ViT-B-32/laion2b_s34b_b79k", "open_clip:RN50/yfcc15m", "open_clip:hf-hub:nobody/none"):
        with pytest.raises(ModelUnavailable, match="must not be asked"):
            clipnb.load(name, local_files_only=True)
    (tmp_path / "damaged.pt").write_bytes(b"PK nothing")
    with pytest.raises(ModelFolderError, match="damaged"):
        clipnb.load(f"open_clip:tiny-arch/{tmp_path / 'damaged.pt'}")
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, tmp_path / "other.pt")
    with pytest.raises(ModelFolderError, match="cannot open it"):
        clipnb.load(f"open_clip:tiny-arch/{tmp_path / 'other.pt'}")


class Trap:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


@needed
def test_a_hostile_pickle_leaves_no_trace(tiny, tmp_path):
    torch.save({"state_dict": {"weight": Trap(tmp_path / "trace")}}, tmp_path / "hostile.pt")
    with pytest.raises(UnsafeCheckpoint):
        clipnb.load(f"open_clip:tiny-arch/{tmp_path / 'hostile.pt'}")
    assert not (tmp_path / "trace").exists()
