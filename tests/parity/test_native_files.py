"""Other files for the same model of transformers, and those that would go wrong without a word."""

from __future__ import annotations

import json
import shutil
from copy import deepcopy
from pathlib import Path

import native_families
import numpy as np
import pytest
import torch
import transformers
from editing import edit
from inputs import PICTURES, TEXTS
from native_families import as_saved
from transformers import AutoTokenizer

import clipnb
from clipnb.errors import ModelFolderError, NoImageTower, UnsupportedModel

pytestmark = pytest.mark.filterwarnings("ignore::clipnb.errors.TruncatedText")  # the shared texts are long

FAMILIES = list(native_families.FAMILIES)
SHORT = ["a cat", "a dog", "", "кот", "猫。"]


def _same(copy: Path, original: Path) -> None:
    ours, other = clipnb.load(original, device="cpu"), clipnb.load(copy, device="cpu")
    paths = [PICTURES["rgb.png"], PICTURES["wide.png"]]
    np.testing.assert_allclose(
        other.encode_text(TEXTS, truncate=True), ours.encode_text(TEXTS, truncate=True), atol=1e-6
    )
    np.testing.assert_allclose(other.encode_image(paths), ours.encode_image(paths), atol=1e-6)
    assert other.logit_scale == ours.logit_scale


@pytest.mark.parametrize("copy", FAMILIES, indirect=True)
def test_shards_and_halves(copy, folders):
    family = "clip" if copy is None else json.loads((copy / "config.json").read_text())["model_type"]
    model = as_saved(copy)
    for file in [*copy.glob("*.bin"), *copy.glob("model*.safetensors")]:
        file.unlink()
    model.save_pretrained(copy, max_shard_size="60KB")
    assert len(list(copy.glob("model-0*.safetensors"))) > 1, family
    whole = clipnb.load(copy, device="cpu")
    for dtype in (torch.float16, torch.bfloat16):
        for file in copy.glob("model*.safetensors*"):
            file.unlink()
        deepcopy(model).to(dtype).save_pretrained(copy)
        half = clipnb.load(copy, device="cpu")
        assert next(half.text_tower.module.parameters()).dtype == torch.float32
        # In full precision what the rounded weights give, and not what half the precision would.
        rounded = {key: tensor.to(dtype).float() for key, tensor in whole.text_tower.module.state_dict().items()}
        for key, tensor in half.text_tower.module.state_dict().items():
            if tensor.is_floating_point():
                assert torch.equal(tensor, rounded[key]), key


@pytest.mark.parametrize("copy", ["clip"], indirect=True)
def test_spellings_of_configurations(copy, folders):
    edit(copy / "config.json", text_config_dict={**json.loads((copy / "config.json").read_text())["text_config"]})
    edit(copy / "config.json", vision_config_dict={**json.loads((copy / "config.json").read_text())["vision_config"]})
    _same(copy, folders("clip"))
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "do_convert_rgb": True}
    edit(copy / "preprocessor_config.json", **sizes, feature_extractor_type=None)
    edit(copy / "preprocessor_config.json", image_processor_type="CLIPImageProcessor", do_rescale=True)
    _same(copy, folders("clip"))
    edit(copy / "config.json", text_config__eos_token_id=len(AutoTokenizer.from_pretrained(copy)) - 1)
    edit(copy / "config.json", text_config_dict=None)
    _same(copy, folders("clip"))


def test_a_projection_of_512_need_not_be_written_down(tmp_path, folders):
    folder = shutil.copytree(folders("clip"), tmp_path / "wide")
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    for part in ("text_projection.weight", "visual_projection.weight"):
        tensors[part] = torch.randn(512, 32)
    torch.save(tensors, folder / "pytorch_model.bin")
    edit(folder / "config.json", projection_dim=None)
    assert clipnb.load(folder, device="cpu").encode_text(["a cat"]).shape == (1, 512)


def test_a_text_tower_saved_alone(copy, tmp_path):
    whole, folder = copy, tmp_path / "text"
    edit(whole / "config.json", text_config__projection_dim=24, vision_config__projection_dim=24)
    both = transformers.CLIPModel.from_pretrained(whole)
    alone = transformers.CLIPTextModelWithProjection(both.config.text_config)
    alone.text_model, alone.text_projection = both.text_model, both.text_projection
    alone.save_pretrained(folder)
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copy(whole / name, folder)
    with pytest.raises(NoImageTower, match="image_tower="):
        clipnb.load(folder)
    pairing = clipnb.load(folder, image_tower=whole, device="cpu")
    ours = clipnb.load(whole, device="cpu")
    texts = SHORT
    np.testing.assert_allclose(pairing.encode_text(texts), ours.encode_text(texts), atol=1e-6)
    np.testing.assert_allclose(pairing.text_model(texts).pooler_output, ours.text_model(texts).pooler_output, atol=1e-6)
    transformers.CLIPTextModel.from_pretrained(whole).save_pretrained(folder)
    with pytest.raises(UnsupportedModel, match="without the projection"):
        clipnb.load(folder, image_tower=False)
    transformers.CLIPVisionModelWithProjection.from_pretrained(whole).save_pretrained(folder)
    with pytest.raises(UnsupportedModel, match="an image tower alone"):
        clipnb.load(folder)


# --- what would go wrong without a word -----------------------------------------------------------------------------


@pytest.mark.parametrize("copy", ["metaclip_2"], indirect=True)
def test_metaclip_2_ends_at_its_own_token(copy):
    edit(copy / "config.json", text_config__eos_token_id=5)
    with pytest.raises(ModelFolderError, match="ends texts at token 5, the tokenizer at 2"):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", ["altclip"], indirect=True)
def test_altclip_counts_positions_from_its_padding(copy):
    edit(copy / "config.json", text_config__pad_token_id=0)
    with pytest.raises(ModelFolderError, match="pads with token 0, the tokenizer with 1"):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", ["siglip2", "siglip2-fixed", "altclip", "metaclip_2"], indirect=True)
def test_a_tokenizer_without_its_marks(copy):
    content = json.loads((copy / "tokenizer.json").read_text())
    content["post_processor"] = None
    (copy / "tokenizer.json").write_text(json.dumps(content))
    try:
        model = clipnb.load(copy, device="cpu")
    except ModelFolderError as error:
        assert "the tokenizer does not" in str(error)  # noqa: PT017
    else:  # the class of the tokenizer puts them back
        row = model.tokenize(["a"])["input_ids"][0]
        assert model.text_tower.tokenizer.eos_token_id in row


@pytest.mark.parametrize("copy", ["clip", "chinese_clip", "metaclip_2"], indirect=True)
def test_more_layers_in_the_file_than_in_the_configuration(copy):
    edit(copy / "config.json", text_config__num_hidden_layers=1)
    with pytest.raises(ModelFolderError, match=r"tensors for which config\.json leaves no place, text_model\..*\.1\."):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", FAMILIES, indirect=True)
def test_a_missing_tensor(copy, folders):
    model = as_saved(copy)
    for file in [*copy.glob("*.bin"), *copy.glob("model*.safetensors")]:
        file.unlink()
    tensors = model.state_dict()
    dropped = next(key for key in reversed(tensors) if "text_model." in key and key.endswith("weight"))
    del tensors[dropped]
    torch.save(tensors, copy / "pytorch_model.bin")
    with pytest.raises(ModelFolderError, match=f"lacks 1 tensors, {dropped}"):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", ["clip", "siglip2-fixed", "chinese_clip", "metaclip_2"], indirect=True)
def test_pictures_of_another_size_than_the_model(copy):
    sizes = {"size": {"height": 40, "width": 40}, "crop_size": {"height": 40, "width": 40}}
    edit(copy / "preprocessor_config.json", **sizes)
    with pytest.raises(ModelFolderError, match="makes 40 pixels, the model takes 32"):
        clipnb.load(copy)
