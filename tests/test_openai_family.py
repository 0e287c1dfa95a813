"""Files under OpenAI's names: what is recognised, what is refused, and with which words."""

from __future__ import annotations

import json
import re
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import clipnb
from clipnb.catalog import Entry
from clipnb.errors import (
    AssumedActivation,
    ModelFolderError,
    NoImageTower,
    UnsupportedModel,
    UnsupportedOption,
    WrongType,
)
from clipnb.models.families.openai import open_towers
from clipnb.models.openai.modules import fill, resnet, text_transformer, vision_transformer
from clipnb.models.resolving import Source
from clipnb.models.towers import Options
from clipnb.models.weights import read_tensors

CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"
MERGES = CHECKPOINTS / "openai-merges" / "merges.txt.gz"
VIT = CHECKPOINTS / "openai-vit" / "tiny.pt"
HUB = CHECKPOINTS / "open-clip-vit"


def load(path: Path, **options: Any) -> Any:
    return clipnb.load(path, **{"tokenizer": MERGES, "device": "cpu", **options})


@pytest.fixture(scope="module")
def tensors() -> dict[str, torch.Tensor]:
    return read_tensors(VIT, "tiny")


@pytest.fixture
def hub(tmp_path: Path):
    """Writes a Hub folder of open_clip with changes to its configuration."""

    def write(changes: dict[str, Any]) -> Path:
        config = json.loads((HUB / "open_clip_config.json").read_text())
        for key, value in changes.items():
            *path, last = key.split(".")
            table = config
            for part in path:
                table = table[part]
            table[last] = value
        (tmp_path / "open_clip_config.json").write_text(json.dumps(config))
        source = HUB / "open_clip_pytorch_model.bin"
        (tmp_path / source.name).write_bytes(source.read_bytes())
        return tmp_path

    return write


# --- towers ----------------------------------------------------------------------------------------------------------


def test_float32_unless_asked_otherwise():
    for path in (VIT, HUB, CHECKPOINTS / "open-clip-resnet"):
        model = load(path)
        for tower in (model.text_tower, model.image_tower):
            assert {value.dtype for value in tower.module.parameters()} == {torch.float32}
    half = load(VIT, dtype="bfloat16")
    assert {value.dtype for value in half.image_tower.module.parameters()} == {torch.bfloat16}
    rows = half.encode_text(["a cat"])
    assert rows.dtype == np.float32
    assert rows @ load(VIT).encode_text(["a cat"]).T > 0.99


def test_heads_are_64_wide(tensors):
    wide = {"conv1.weight": torch.zeros(128, 3, 4, 4), "positional_embedding": torch.zeros(5, 128)}
    wide |= {key: torch.zeros(128) for key in ("class_embedding", "ln_pre.weight", "ln_pre.bias", "ln_post.weight")}
    wide |= {"ln_post.bias": torch.zeros(128), "proj": torch.zeros(128, 8)}
    block = "transformer.resblocks.0."
    wide |= {f"{block}{key}": torch.zeros(128) for key in ("ln_1.weight", "ln_1.bias", "ln_2.weight", "ln_2.bias")}
    wide |= {f"{block}attn.in_proj_weight": torch.zeros(384, 128), f"{block}attn.in_proj_bias": torch.zeros(384)}
    wide |= {f"{block}attn.out_proj.weight": torch.zeros(128, 128), f"{block}attn.out_proj.bias": torch.zeros(128)}
    wide |= {f"{block}mlp.c_fc.weight": torch.zeros(512, 128), f"{block}mlp.c_fc.bias": torch.zeros(512)}
    wide |= {f"{block}mlp.c_proj.weight": torch.zeros(128, 512), f"{block}mlp.c_proj.bias": torch.zeros(128)}
    module = vision_transformer(wide, "wide", activation="gelu", head_width=64)
    assert module.config.num_attention_heads == 2
    assert (module.config.image_size, module.config.patch_size, module.config.projection_dim) == (8, 4, 8)
    with pytest.raises(ModelFolderError, match="does not divide"):
        vision_transformer(wide, "wide", activation="gelu", head_width=80)
    wide["positional_embedding"] = torch.zeros(7, 128)
    with pytest.raises(ModelFolderError, match="7 places in the picture"):
        vision_transformer(wide, "wide", activation="gelu", head_width=64)


def test_the_wide_vits_of_open_clip_have_other_heads():
    from clipnb.models.families.openai import HEAD_WIDTHS

    assert {width: width // head for width, head in HEAD_WIDTHS.items()} == {1280: 16, 1408: 16, 1664: 16, 1792: 16}


def test_nothing_is_left_at_random(tensors, tmp_path):
    for lost in ("ln_final.bias", "visual.class_embedding", "transformer.resblocks.0.attn.in_proj_bias"):
        torch.save({key: value for key, value in tensors.items() if key != lost}, tmp_path / "lost.pt")
        with pytest.raises(ModelFolderError, match="weights lack"):
            load(tmp_path / "lost.pt")
    torch.save({key: value for key, value in tensors.items() if key != "logit_scale"}, tmp_path / "lost.pt")
    with pytest.raises(ModelFolderError, match="lack logit_scale"):
        load(tmp_path / "lost.pt")
    torch.save({**tensors, "visual.ln_mid.weight": torch.zeros(3)}, tmp_path / "more.pt")
    with pytest.raises(ModelFolderError, match="no place in OpenAI's architecture"):
        load(tmp_path / "more.pt")
    torch.save({**tensors, "ln_final.weight": torch.zeros(3)}, tmp_path / "other.pt")
    with pytest.raises(ModelFolderError, match=re.escape("is [3], and the others ask for [64]")):
        load(tmp_path / "other.pt")
    torch.save({"weight": torch.zeros(3)}, tmp_path / "stranger.pt")
    with pytest.raises(ModelFolderError):
        load(tmp_path / "stranger.pt", quick_gelu=True)


def test_a_counter_that_a_converter_dropped(tmp_path):
    weights = {
        key.removeprefix("visual."): value
        for key, value in load_file(CHECKPOINTS / "open-clip-resnet" / "open_clip_model.safetensors").items()
        if key.startswith("visual.") and not key.endswith("num_batches_tracked")
    }
    module = resnet(weights, "tiny", head_width=32)
    assert not any(value.is_meta for value in module.state_dict().values())


def test_only_the_tower_that_is_wanted(tensors):
    texts = load(VIT, image_tower=False)
    assert texts.encode_text(["a cat"]).shape == (1, 24)
    with pytest.raises(NoImageTower):
        texts.encode_image([np.zeros((8, 8, 3), dtype=np.uint8)])
    towers = open_towers(Source("tiny", VIT), Options.resolve("cpu", None, text=False))
    assert towers.text is None
    assert towers.image is not None
    assert "text_model" not in dict(towers.image.module.named_children())


def test_positions_are_there_after_filling(tensors):
    text = {key: value for key, value in tensors.items() if key.startswith(("transformer", "token", "positional"))}
    text |= {key: tensors[key] for key in ("ln_final.weight", "ln_final.bias", "text_projection")}
    module = text_transformer(text, "tiny", activation="quick_gelu", head_width=64)
    assert not any(value.is_meta for value in [*module.parameters(), *module.buffers()])
    with pytest.raises(ModelFolderError, match="lack 1 tensors, weight"):
        fill(lambda: torch.nn.Linear(2, 2), {"bias": torch.zeros(2)}, "tiny")


def test_as_the_image_tower_of_another(tiny_folder, tensors, tmp_path):
    wider = load(VIT, image_tower=HUB)
    with pytest.raises(ModelFolderError, match="24 columns and the pictures of its image tower 28"):
        wider.encode_image([np.zeros((8, 8, 3), dtype=np.uint8)])
    # The model of the fixture has 24 columns too.
    stripped = {key: value for key, value in tensors.items() if key not in ("input_resolution", "vocab_size")}
    torch.save(stripped, tmp_path / "bare.pt")
    picture = [np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)]
    paired = [
        clipnb.load(tiny_folder, image_tower=tmp_path / "bare.pt", quick_gelu=quick).encode_image(picture)
        for quick in (True, False)
    ]
    np.testing.assert_allclose(paired[0], load(VIT).encode_image(picture), atol=1e-5)
    assert np.abs(paired[0] - paired[1]).max() > 1e-4


# --- the activation --------------------------------------------------------------------------------------------------


def test_activation_is_said_by_the_scalars_of_openai():
    assert load(VIT).text_tower.module.config.hidden_act == "quick_gelu"
    assert load(VIT, quick_gelu=False).image_tower.module.config.hidden_act == "gelu"


def test_activation_is_said_by_the_configuration(hub):
    assert load(HUB).text_tower.module.config.hidden_act == "gelu"
    assert load(HUB, quick_gelu=True).text_tower.module.config.hidden_act == "quick_gelu"
    assert load(hub({"model_cfg.quick_gelu": True})).image_tower.module.config.hidden_act == "quick_gelu"


def test_activation_that_nothing_says_is_assumed_aloud(tensors, tmp_path):
    release = CHECKPOINTS / "open-clip-release" / "epoch_32.pt"
    with pytest.warns(AssumedActivation, match=r"epoch_32.pt.*taken for GELU.*quick_gelu=True"):
        assert load(release).text_tower.module.config.hidden_act == "gelu"
    bare = {key: value for key, value in tensors.items() if value.dtype != torch.int64}
    torch.save(bare, tmp_path / "bare.pt")
    with pytest.warns(AssumedActivation, match="taken for QuickGELU"):
        assert load(tmp_path / "bare.pt").text_tower.module.config.hidden_act == "quick_gelu"
    named = tmp_path / "vit_b_32-quickgelu-laion400m_e32.pt"
    named.write_bytes(release.read_bytes())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert load(named).text_tower.module.config.hidden_act == "quick_gelu"
        assert load(release, quick_gelu=False).text_tower.module.config.hidden_act == "gelu"
        assert load(named, quick_gelu=False).text_tower.module.config.hidden_act == "gelu"


def test_activation_that_does_not_matter_is_not_asked_for(tmp_path):
    """The pictures of a ResNet; only its texts have one."""
    state = read_tensors(CHECKPOINTS / "openai-resnet" / "tiny.pt", "tiny")
    torch.save({key: value for key, value in state.items() if value.dtype != torch.int64}, tmp_path / "bare.pt")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        towers = open_towers(Source("tiny", tmp_path / "bare.pt"), Options.resolve("cpu", None, text=False))
    assert towers.image is not None


def test_activation_is_said_by_the_catalog(tensors, tmp_path):
    if "activation" not in Entry.__dataclass_fields__:
        pytest.skip("the catalog does not say")
    source = Source("tiny", HUB, replace(Entry("tiny", "openai"), activation="quick_gelu"))
    towers = open_towers(source, Options.resolve("cpu", None, tokenizer=str(MERGES)))
    assert towers.text is not None
    assert towers.text.module.config.hidden_act == "quick_gelu"


def test_activation_of_a_family_that_knows_its_own(tiny_folder):
    with pytest.raises(UnsupportedOption, match="quick_gelu=True"):
        clipnb.load(tiny_folder, quick_gelu=True)
    with pytest.raises(WrongType, match="quick_gelu"):
        load(VIT, quick_gelu="yes")


# --- open_clip's configuration ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_cfg.vision_cfg.timm_model_name", "vit_base_patch16_siglip_224"),
        ("model_cfg.text_cfg.hf_model_name", "roberta-base"),
        ("model_cfg.text_cfg.hf_tokenizer_name", "bert-base-uncased"),
        ("model_cfg.text_cfg.embed_cls", True),
        ("model_cfg.text_cfg.pool_type", "last"),
        ("model_cfg.text_cfg.no_causal_mask", True),
        ("model_cfg.vision_cfg.attentional_pool", True),
        ("model_cfg.vision_cfg.pool_type", "avg"),
        ("model_cfg.vision_cfg.ls_init_value", 1e-5),
        ("model_cfg.vision_cfg.norm_kwargs", {"eps": 1e-6}),
        ("model_cfg.vision_cfg.something_new", 1),
        ("model_cfg.multimodal_cfg", {}),
    ],
)
def test_another_architecture_is_refused_with_the_way_out(hub, key, value):
    folder = hub({key: value})
    with pytest.raises(UnsupportedModel) as caught:
        load(folder)
    assert key.rpartition(".")[2] in str(caught.value)
    assert f"open_clip:local-dir:{folder}" in str(caught.value)
    assert "pip install clipnb[open_clip]" in str(caught.value)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model_cfg.vision_cfg.image_size", 48),
        ("model_cfg.vision_cfg.image_size", [40, 48]),
        ("model_cfg.text_cfg.context_length", 77),
        ("model_cfg.text_cfg.vocab_size", 575),
        ("model_cfg.embed_dim", 29),
        ("model_cfg.embed_dim", None),
        ("model_cfg.text_cfg", None),
        ("model_cfg", {}),
        ("preprocess_cfg.mean", [0.5, 0.5]),
        ("preprocess_cfg.resize_mode", "stretch"),
        ("preprocess_cfg.interpolation", "nearest"),
        ("preprocess_cfg.mode", "L"),
    ],
)
def test_a_configuration_that_does_not_fit(hub, key, value):
    with pytest.raises(ModelFolderError, match=r"open_clip_config\.json"):
        load(hub({key: value}))


def test_values_without_effect_are_accepted(hub):
    folder = hub(
        {
            "model_cfg.vision_cfg.patch_dropout": 0.5,
            "model_cfg.vision_cfg.timm_pool": "",
            "model_cfg.text_cfg.pool_type": "argmax",
            "model_cfg.custom_text": False,
            "preprocess_cfg.mean": 0.5,
            "preprocess_cfg.interpolation": "random",
        }
    )
    assert load(folder).image_tower.transform.mean == (0.5, 0.5, 0.5)
    assert load(folder).image_tower.transform.interpolation == "bicubic"


def test_no_weights_beside_the_configuration(hub):
    folder = hub({})
    (folder / "open_clip_pytorch_model.bin").unlink()
    with pytest.raises(ModelFolderError, match=r"open_clip_model\.safetensors"):
        load(folder)


def test_text_tensors_under_a_prefix_and_a_bias(hub):
    """As open_clip names them in its class with a text tower of its own; with a sigmoid's bias."""
    folder = hub({"model_cfg.custom_text": True, "model_cfg.init_logit_bias": -10})
    (folder / "open_clip_pytorch_model.bin").unlink()
    plain = read_tensors(HUB / "open_clip_pytorch_model.bin", "tiny")
    named = {
        key if key.startswith(("visual.", "logit_scale")) else f"text.{key}": value.clone()
        for key, value in plain.items()
    }
    save_file({**named, "logit_bias": torch.tensor([-9.5])}, folder / "open_clip_model.safetensors")
    model = load(folder)
    np.testing.assert_array_equal(model.encode_text(["a cat"]), load(HUB).encode_text(["a cat"]))
    assert model.logit_bias == -9.5
    assert model.image_tower.sigmoid
