"""Multilingual text towers of every family: their pairing, and what may lie in their folders."""

import json
import shutil

import numpy as np
import pytest
import torch
from editing import edit_weights
from multilingual import CHECKPOINTS, TEXT_ONLY, TEXTS, load, raw
from safetensors.torch import save_file

import clipnb
from clipnb.errors import (
    ModelFolderError,
    NoImageTower,
    TextTooLong,
    TruncatedText,
)
from clipnb.models import loading

# --- pairing ---


@pytest.mark.parametrize("name", TEXT_ONLY)
def test_a_text_tower_asks_for_its_pictures(name):
    with pytest.raises(NoImageTower, match=r"image_tower="):
        load(CHECKPOINTS / name, image_tower=None)
    with pytest.raises(NoImageTower, match=r"loaded for its texts alone"):
        load(CHECKPOINTS / name).encode_image([np.zeros((4, 4, 3), np.uint8)])


@pytest.mark.parametrize("name", [name for name in TEXT_ONLY if not name.startswith("st-")])
def test_it_asks_before_the_weights_are_fetched(name, stored):
    folder = stored(name)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(NoImageTower):
        load(folder, image_tower=None)


def test_multilingual_bert_asks_for_its_head_under_any_name(stored):
    folder = stored("m-bert")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": 119547}))
    with pytest.raises(ModelFolderError, match="pass its path as head="):
        clipnb.load(folder, image_tower=False)


@pytest.mark.parametrize("name", [*TEXT_ONLY, "st-layers"])
def test_a_text_tower_has_no_pictures_to_give(name, tiny_folder):
    model = clipnb.load(tiny_folder, device="cpu", image_tower=CHECKPOINTS / name)
    with pytest.raises(NoImageTower, match="no image tower in it"):
        model.encode_image([np.zeros((4, 4, 3), np.uint8)])


def test_pictures_are_opened_when_first_used(monkeypatch, tiny_folder):
    opened = []
    real = loading._open_image
    monkeypatch.setattr(loading, "_open_image", lambda name, *args: opened.append(name) or real(name, *args))
    model = load(CHECKPOINTS / "m-clip-xlm-roberta", image_tower=tiny_folder)
    model.encode_text(TEXTS)
    model.tokenize(TEXTS)
    model.text_model(TEXTS)
    assert not opened
    for _ in range(2):
        model.encode_image([np.zeros((4, 4, 3), np.uint8)])
    assert opened == [str(tiny_folder)]


def test_towers_of_different_widths(tiny_folder):
    model = load(CHECKPOINTS / "taiyi-102m-vit-l", image_tower=tiny_folder)
    assert model.encode_text(TEXTS).shape == (len(TEXTS), 64)
    with pytest.raises(ModelFolderError, match=r"64 columns and the pictures of its image tower 24; .*image_tower="):
        model.encode_image([np.zeros((4, 4, 3), np.uint8)])


def test_the_catalog_knows_the_pictures(stored, tiny_folder, monkeypatch):
    folder = stored("m-clip-xlm-roberta").rename(tiny_folder.parent / "XLM-Roberta-Large-Vit-L-14")
    asked = []
    monkeypatch.setattr(loading, "_open_image", lambda name, *_: asked.append(name))
    try:
        model = clipnb.load(folder, device="cpu")
        assert len(model.languages) > 40
        with pytest.raises(AttributeError):
            _ = model.image_tower
        assert asked == ["openai/clip-vit-large-patch14"]
    finally:
        shutil.rmtree(folder)


# --- what every text tower does ---


@pytest.mark.parametrize("name", [*TEXT_ONLY, "st-layers"])
def test_states_and_their_pooling(name):
    model = load(CHECKPOINTS / name)
    states = model.text_model(TEXTS)
    assert states.last_hidden_state.shape[:2] == states.input_ids.shape == states.attention_mask.shape
    head = model.text_tower.module.head
    np.testing.assert_allclose(
        head(torch.from_numpy(states.pooler_output)).detach(), model.encode_text(TEXTS, normalize=False), atol=1e-5
    )
    if name in ("m-clip-xlm-roberta", "m-clip-labse", "m-bert", "st-multilingual"):
        mask = states.attention_mask[:, :, None]
        mean = (states.last_hidden_state * mask).sum(axis=1) / mask.sum(axis=1)
        np.testing.assert_allclose(states.pooler_output, mean, atol=1e-5)


@pytest.mark.parametrize("name", [*TEXT_ONLY, "st-layers"])
def test_texts_over_the_context(name):
    model = load(CHECKPOINTS / name)
    assert model.context_length == 64
    long = "cat dog " * 100
    with pytest.raises(TextTooLong, match=r"text 1, 'cat dog .* tokens > 64; .*truncate=True"):
        model.encode_text(["cat", long])
    with pytest.warns(TruncatedText, match="1 of 2 texts cut at 64 tokens"):
        rows = model.encode_text(["cat", long], truncate=True)
    np.testing.assert_allclose(rows[0], model.encode_text(["cat"])[0], atol=1e-5)
    with pytest.warns(TruncatedText):
        ids = model.tokenize([long], truncate=True)["input_ids"]
    assert ids[0, -1] == model.text_tower.tokenizer.sep_token_id


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-bert", "taiyi-102m", "st-multilingual"])
def test_half_precision_on_disk_and_in_memory(name, stored):
    folder, expected = stored(name), raw(CHECKPOINTS / name)

    def halve(tensors):
        tensors.update({key: value.half() for key, value in tensors.items() if value.is_floating_point()})

    for file in folder.rglob("pytorch_model.bin"):
        edit_weights(file, halve)
    model = load(folder)
    assert {weight.dtype for weight in model.text_tower.module.parameters()} == {torch.float32}
    np.testing.assert_allclose(model.encode_text(TEXTS, normalize=False), expected, atol=2e-2)
    model = load(folder, dtype="bfloat16")
    assert {weight.dtype for weight in model.text_tower.module.parameters()} == {torch.bfloat16}
    rows = model.encode_text(TEXTS)
    assert rows.dtype == np.float32
    assert (rows * load(folder).encode_text(TEXTS)).sum(axis=1).min() > 0.99


@pytest.mark.parametrize("name", ["m-clip-labse", "taiyi-102m"])
def test_safetensors_and_shards(name, stored):
    folder, expected = stored(name), raw(CHECKPOINTS / name)
    tensors = {
        k: v.contiguous().clone() for k, v in torch.load(folder / "pytorch_model.bin", weights_only=True).items()
    }
    (folder / "pytorch_model.bin").unlink()
    save_file(tensors, folder / "model.safetensors")
    np.testing.assert_array_equal(raw(folder), expected)
    (folder / "model.safetensors").unlink()
    names, where = sorted(tensors), {}
    for i in range(2):
        file = f"model-0000{i + 1}-of-00002.safetensors"
        save_file({key: tensors[key] for key in names[i::2]}, folder / file)
        where |= dict.fromkeys(names[i::2], file)
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    np.testing.assert_array_equal(raw(folder), expected)
    (folder / "model-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelFolderError, match=r"model-00002-of-00002\.safetensors is missing"):
        load(folder)


@pytest.mark.parametrize("name", [*TEXT_ONLY, "st-layers"])
def test_damaged_folders(name, stored):
    folder = stored(name)
    for file in folder.glob("*token*"):
        file.unlink()
    for file in [*folder.glob("vocab.txt"), *folder.glob("*.model")]:
        file.rename(file.with_suffix(".bak"))
    with pytest.raises(ModelFolderError, match="no tokenizer in it"):
        load(folder)
    weights = next(file for pattern in ("pytorch_model.bin", "model.safetensors") for file in folder.glob(pattern))
    weights.write_bytes(weights.read_bytes()[:2000])
    with pytest.raises(ModelFolderError, match=f"{weights.name} .*damaged"):
        load(folder)
    weights.unlink()
    with pytest.raises(ModelFolderError, match="no weights in"):
        load(folder)


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-clip-labse", "m-bert", "taiyi-102m"])
@pytest.mark.parametrize("part", ["layer.0.output.dense.weight", "embeddings.position_embeddings.weight"])
def test_missing_tensors(name, part, stored):
    folder = stored(name)
    edit_weights(folder / "pytorch_model.bin", lambda tensors: [tensors.pop(k) for k in list(tensors) if part in k])
    with pytest.raises(ModelFolderError, match="the file of weights lacks"):
        load(folder)


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-clip-labse", "m-bert", "taiyi-102m", "taiyi-102m-vit-l"])
def test_tensors_of_something_else(name, stored):
    folder = stored(name)
    prefix = "transformer." if name.startswith("m-clip") else ""
    edit_weights(
        folder / "pytorch_model.bin", lambda tensors: tensors.update({f"{prefix}adapter.weight": torch.ones(2)})
    )
    with pytest.raises(ModelFolderError, match=r"no place for, .*adapter.weight"):
        load(folder)


def test_a_vocabulary_of_another_model(stored):
    folder = stored("taiyi-102m")
    with (folder / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("zebra\n")
    with pytest.raises(ModelFolderError, match=r"\d+ tokens in the tokenizer, \d+ in the model"):
        load(folder)
