"""Stand-ins for practice: every family of the lesson, loud about being random, the same every time."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
import warnings
import zlib

import huggingface_hub.constants
import numpy as np
import pytest
import torch
import transformers
from PIL import Image

import clipnb
from clipnb.catalog import EMBEDDED, entries
from clipnb.errors import (
    ModelFolderError,
    ModelUnavailable,
    NoImageTower,
    RandomWeights,
    UnknownModel,
    UnsupportedModel,
)
from clipnb.models import practice

NAMES = [
    "openai/clip-vit-base-patch32",
    "openai/clip-vit-base-patch16",
    "openai/clip-vit-large-patch14",
    "RN50",
    "ViT-B/32",
    "M-CLIP/XLM-Roberta-Large-Vit-B-32",
    "M-CLIP/XLM-Roberta-Large-Vit-L-14",
    "M-CLIP/XLM-Roberta-Large-Vit-B-16Plus",
    "M-CLIP/LABSE-Vit-L-14",
    "M-CLIP/M-BERT-Base-ViT-B",
    "sentence-transformers/clip-ViT-B-32-multilingual-v1",
    "sentence-transformers/clip-ViT-B-32",
    "IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-Roberta-large-326M-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-RoBERTa-102M-ViT-L-Chinese",
]
TEXTS = ["a photo of a cat", "", "Älgen är skogens konung!", "Вы знали?", "一只猫", "قطة"]
PICTURES = [Image.new("RGB", (40, 30), "red"), Image.effect_mandelbrot((50, 60), (-2, -1, 1, 1), 20).convert("RGB")]

pytestmark = pytest.mark.filterwarnings("ignore::clipnb.errors.RandomWeights")


def load(name, **options):
    if name == "M-CLIP/M-BERT-Base-ViT-B":
        options.setdefault("head", practice.head())
    return practice.load(name, device="cpu", **options)


@pytest.mark.parametrize("name", NAMES)
def test_a_stand_in_has_the_sizes_of_the_real_model(name):
    entry, model = entries()[name], load(name)
    texts, images = model.encode_text(TEXTS), model.encode_image(PICTURES)

    assert texts.shape == (len(TEXTS), entry.dim)
    assert images.shape == (len(PICTURES), entry.dim)
    assert model.context_length == entry.context_length
    assert model.image_tower.image_size == (entry.image_size or entries()[entry.image_tower].image_size)
    assert model.logit_scale == pytest.approx(100, rel=1e-5)
    assert model.languages == entry.languages
    assert np.abs(np.triu(texts @ texts.T, 1)).max() < 0.999  # the inputs are told apart
    assert abs(images[0] @ images[1]) < 0.999
    assert np.allclose(model.encode_text(TEXTS[:1]), texts[:1], atol=1e-5)
    assert model.name == f"{name} (random stand-in)"
    assert "random stand-in" in repr(model)


def test_every_family_is_told_apart_from_those_without_stand_ins():
    for name, entry in entries().items():
        if entry.family in practice.FAMILIES:
            assert practice.folder(name).is_dir()
        else:
            with pytest.raises(UnsupportedModel, match=f"{re.escape(name)}: there are no stand-ins of the family"):
                practice.load(name)


def test_the_weights_are_the_same_every_time():
    names = "openai/clip-vit-base-patch32", "RN50", "M-CLIP/LABSE-Vit-L-14"
    script = f"""
import zlib
from clipnb.models import practice
for name in {names}:
    print(*practice.load(name, device="cpu").encode_text(["a cat"])[0, :3].round(4))
print(zlib.crc32(practice.head().read_bytes()))
"""
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    *rows, head = run.stdout.splitlines()
    assert int(head) == zlib.crc32(practice.head().read_bytes())
    for name, row in zip(names, rows, strict=True):
        assert load(name).encode_text(["a cat"])[0, :3].tolist() == pytest.approx(
            list(map(float, row.split())), abs=2e-4
        )


def test_the_callers_random_numbers_go_on_undisturbed(monkeypatch, tmp_path):
    monkeypatch.setattr(practice, "_cache", lambda: tmp_path)
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    for name in NAMES[:4]:
        practice.folder(name)
    assert torch.equal(torch.rand(3), expected)


def test_two_names_are_two_models():
    a, b = (load(name).encode_text(["a cat"]) for name in ("ViT-B/32", "ViT-B/16"))
    assert (a @ b.T).item() < 0.9


def test_it_warns_once_that_it_is_random():
    practice._warn_once.cache_clear()
    with pytest.warns(RandomWeights, match="weights are random.*clipnb.load opens the real model") as caught:
        practice.load("ViT-B/32", image_tower=False)
    assert caught[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        practice.load("ViT-B/32", image_tower=False)


def test_unknown_names_raise_with_the_nearest():
    with pytest.raises(UnknownModel, match=r"'clip-vit-base-patch23': not a model of the catalog.*patch32"):
        practice.load("clip-vit-base-patch23")
    with pytest.raises(UnknownModel):
        practice.folder("someone/something")
    with pytest.raises(UnsupportedModel, match="it brings its own head"):
        practice.head("M-CLIP/LABSE-Vit-L-14")


def test_the_embedded_model_is_opened_itself():
    assert practice.load().name == EMBEDDED
    assert (practice.folder(EMBEDDED) / "config.json").is_file()


def test_errors_are_those_of_the_real_model():
    with pytest.raises(ModelFolderError, match=r"^M-CLIP/M-BERT-Base-ViT-B: its linear head is not among its files"):
        practice.load("M-CLIP/M-BERT-Base-ViT-B")
    alone = load("IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese", image_tower=False)
    with pytest.raises(NoImageTower):
        alone.encode_image(PICTURES)
    other = load("M-CLIP/XLM-Roberta-Large-Vit-B-32", image_tower="ViT-L/14")
    with pytest.raises(ModelFolderError, match="texts have 512 columns and the pictures of its image tower 768"):
        other.encode_image(PICTURES)
    assert load("M-CLIP/XLM-Roberta-Large-Vit-L-14", image_tower="ViT-L/14").encode_image(PICTURES).shape == (2, 768)


def test_the_image_tower_may_be_opened_in_another_thread():
    model, found = load("IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese"), []
    thread = threading.Thread(target=lambda: found.append(model.encode_image(PICTURES).shape))
    thread.start()
    thread.join()
    assert found == [(2, 512)]


def test_the_cache_of_the_hub_stays_as_it_is(monkeypatch, tmp_path):
    """A stand-in must never be found by clipnb.load, which would take it for the real model."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    load("ViT-B/16").encode_image(PICTURES)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ModelUnavailable):
        clipnb.load("ViT-B/16", local_files_only=True)


def test_what_killed_processes_left_is_cleared_away(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    old, recent, foreign = (tmp_path / name for name in ("clipnb-practice-old", "clipnb-practice-recent", "foreign"))
    for folder in (old, recent, foreign):
        (folder / "models--RN50").mkdir(parents=True)
    for folder in (old, foreign):
        os.utime(folder, (1e9, 1e9))
    with practice._home.__wrapped__() as home:
        assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
            [recent.name, foreign.name, home.rpartition(os.sep)[2]]
        )


@torch.inference_mode()
def test_transformers_opens_the_folder_too():
    name = "openai/clip-vit-base-patch32"
    states = load(name).text_model(TEXTS)
    original = transformers.CLIPTextModel.from_pretrained(practice.folder(name))
    out = original(torch.from_numpy(states.input_ids), torch.from_numpy(states.attention_mask))
    assert np.allclose(states.pooler_output, out.pooler_output, atol=1e-5)

    name = "IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese"
    model, original = load(name), transformers.BertForSequenceClassification.from_pretrained(practice.folder(name))
    ids = transformers.BertTokenizer.from_pretrained(practice.folder(name))(TEXTS, padding=True, return_tensors="pt")
    assert np.allclose(model.encode_text(TEXTS, normalize=False), original.eval()(**ids).logits, atol=1e-5)
