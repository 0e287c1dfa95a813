"""Every name of the catalog, loaded from a cache of the Hub that holds a tiny checkpoint in the published form."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import fake_hub
import huggingface_hub.constants
import native_families
import numpy as np
import pytest
import torch
from own_code import write_own_code
from PIL import Image
from safetensors.torch import save_file

import clipnb
from clipnb.catalog import EMBEDDED, Entry, entries
from clipnb.errors import UnsupportedModel

CHECKPOINTS = Path(__file__).parent / "checkpoints"
TEXTS = ["a cat", "", "一只猫", "قطة", "Ein Hund"]
BPE_TOKENS = 49408

NATIVE = {
    "clip": "clip",
    "siglip": "siglip",
    "siglip2": "siglip2",
    "chinese_clip": "chinese_clip",
    "altclip": "altclip",
    "metaclip_2": "metaclip_2",
    "clipseg": "clipseg",
    "align": "align",
}
STORED = {
    "M-CLIP/LABSE-Vit-L-14": "m-clip-labse",
    "sentence-transformers/clip-ViT-B-32": "st-clip",
    "sentence-transformers/clip-ViT-B-32-multilingual-v1": "st-multilingual",
    "m-clip": "m-clip-xlm-roberta",
    "m-bert": "m-bert",
    "taiyi": "taiyi-102m",
    "taiyi-pooler": "taiyi-102m-vit-l",
}
WIDTHS = {"taiyi-pooler": 64}
"""Columns of the features of the stored checkpoints, where it is not 24."""


def write(entry: Entry, folder: Path, width: int = 24) -> None:
    """A tiny checkpoint in the form of the published one, with features of so many columns where a pairing asks."""
    if entry.family in NATIVE:
        kind = "siglip2-fixed" if entry.family == "siglip" and "siglip2" in entry.name else NATIVE[entry.family]
        if kind == "siglip":
            pytest.importorskip("sentencepiece", reason="SigLIP's tokenizer is sentencepiece's")
        native_families.write(kind, folder)
    elif entry.family == "openai":
        write_open_clip(entry, folder, width)
    elif entry.family == "remote":
        write_own_code(folder, "jina_clip")
    else:
        shutil.copytree(CHECKPOINTS / (STORED.get(entry.name) or STORED[entry.family]), folder)
    if entry.family == "clip":
        (folder / "open_clip_config.json").write_text("{}")  # the catalog says which of two forms is read
    for name in ("tf_model.h5", "flax_model.msgpack"):
        (folder / name).write_bytes(b"not to be read")


def write_open_clip(entry: Entry, folder: Path, width: int) -> None:
    """As timm's and LAION's repositories: the files of open_clip, and beside them those of another library."""
    kind = "open-clip-resnet" if entry.name.startswith("RN") else "open-clip-vit"
    shutil.copytree(CHECKPOINTS / kind, folder)
    config = json.loads((folder / "open_clip_config.json").read_text())
    tensors = stored_tensors(folder)
    torch.manual_seed(0)
    shape = list(tensors["token_embedding.weight"].shape)
    tensors["token_embedding.weight"] = torch.randn(BPE_TOKENS, shape[1]) / 10
    config["model_cfg"]["text_cfg"]["vocab_size"] = BPE_TOKENS
    config["model_cfg"].pop("quick_gelu", None)  # as in timm/resnet50_clip.openai: the catalog knows it
    if kind == "open-clip-vit":
        config["model_cfg"]["embed_dim"] = width
        for name in ("text_projection", "visual.proj"):
            tensors[name] = torch.randn(tensors[name].shape[0], width) / 10
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    for file in folder.glob("open_clip_*.bin"):
        file.unlink()
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "open_clip_model.safetensors")
    other: dict[str, Any] = {"model_type": "clip"} if entry.name.startswith("laion/") else {"architecture": "vit"}
    (folder / "config.json").write_text(json.dumps(other))
    for name in ("model.safetensors", "pytorch_model.bin", "open_clip_pytorch_model.bin"):
        (folder / name).write_bytes(b"not to be read")


def stored_tensors(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    file = next(folder.glob("open_clip_*model.*"))
    return load_file(file) if file.suffix == ".safetensors" else torch.load(file, weights_only=True)


def repo_of(entry: Entry) -> str:
    return entry.repo or entry.name


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    folder = fake_hub.private_cache(monkeypatch, tmp_path / "cache")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    return folder


@pytest.mark.parametrize("name", sorted(set(entries()) - {EMBEDDED}))
def test_every_name(cache, tmp_path, name):
    load_and_check(name, cache, tmp_path, local_files_only=True)


@pytest.mark.parametrize(
    "name", ["RN50", "M-CLIP/XLM-Roberta-Large-Vit-B-16Plus", "sentence-transformers/clip-ViT-B-32-multilingual-v1"]
)
def test_names_while_the_client_is_offline(cache, monkeypatch, tmp_path, name):
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    fake_hub.fresh_sessions()
    load_and_check(name, cache, tmp_path)


def load_and_check(name: str, cache: Path, tmp_path: Path, **options: Any) -> None:
    entry = entries()[name]
    write(entry, tmp_path / "text")
    fake_hub.fill_cache(cache, repo_of(entry), tmp_path / "text")
    if entry.text_only:
        tower = entries()[entry.image_tower]
        write(tower, tmp_path / "image", WIDTHS.get(entry.family, 24))
        fake_hub.fill_cache(cache, repo_of(tower), tmp_path / "image")
    if entry.family == "m-bert":
        options["head"] = CHECKPOINTS / "m-bert" / "head.pkl"
    if entry.family == "remote":
        with pytest.raises(UnsupportedModel, match=f"{name}: .*trust_remote_code=True"):
            clipnb.load(name, **options)
        options["trust_remote_code"] = True

    model = clipnb.load(name, device="cpu", **options)
    texts = model.encode_text(TEXTS)
    pictures = [Image.new("RGB", (40, 30), "red"), Image.effect_mandelbrot((50, 60), (-2, -1, 1, 1), 20).convert("RGB")]
    images = model.encode_image(pictures)

    assert (model.name, model.languages) == (name, entry.languages)
    assert texts.shape == (len(TEXTS), model.dim)
    assert images.shape == (2, model.dim)
    for rows in (texts, images):
        assert np.ptp(rows, axis=0).max() > 1e-3  # the inputs are told apart
    assert np.isfinite(model.logit_scale)
    if entry.family == "openai":
        assert model.text_tower.module.config.hidden_act == entry.activation
