"""Models that bring their own code: with consent it runs, and without it does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from editing import edit
from inputs import PICTURES
from own_code import write_own_code
from transformers import AutoTokenizer

import clipnb
from clipnb.errors import UnsafeCheckpoint, UnsupportedModel


@pytest.fixture
def own(tmp_path, monkeypatch) -> tuple[Path, Path]:
    """The folder, and a file that its code makes."""
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    return write_own_code(tmp_path / "own", "own-clip", tmp_path / "trace"), tmp_path / "trace"


def test_code_of_a_checkpoint_runs_only_with_consent(own):
    folder, trace = own
    with pytest.raises((UnsafeCheckpoint, UnsupportedModel), match="trust_remote_code=True"):
        clipnb.load(folder, device="cpu")
    assert not trace.exists()
    model = clipnb.load(folder, device="cpu", trust_remote_code=True)
    assert trace.exists()
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    texts = ["a cat", "dog", ""]
    rows = [AutoTokenizer.from_pretrained(folder)(text)["input_ids"] for text in texts]
    expected = [tensors["words.weight"][row].sum(0).numpy() for row in rows]
    np.testing.assert_allclose(model.encode_text(texts, normalize=False), expected, atol=1e-5)
    assert model.encode_image(list(PICTURES.values())).shape == (len(PICTURES), 12)
    assert (model.dim, model.logit_scale, model.logit_bias) == (12, pytest.approx(np.exp(3), rel=1e-6), 0.0)


def test_code_without_the_two_features_is_refused(own):
    folder, _ = own
    code = (folder / "modeling_own.py").read_text().replace("get_image_features", "see")
    (folder / "modeling_own.py").write_text(code)
    with pytest.raises(UnsupportedModel, match="no get_image_features"):
        clipnb.load(folder, trust_remote_code=True)


@pytest.mark.parametrize("file", ["tokenizer_config.json", "preprocessor_config.json"])
def test_code_of_a_tokenizer_or_processor_does_not_run(copy, tmp_path, file, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    trace = tmp_path / "trace"
    (copy / "own.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass Own: pass\n")
    part = "AutoTokenizer" if file.startswith("tok") else "AutoImageProcessor"
    name = ["own.Own", None] if file.startswith("tok") else "own.Own"
    edit(copy / file, auto_map={part: name})
    try:
        clipnb.load(copy, device="cpu").encode_text(["a cat"])
    except UnsafeCheckpoint as error:
        assert "trust_remote_code=True" in str(error)  # noqa: PT017
    assert not trace.exists()
