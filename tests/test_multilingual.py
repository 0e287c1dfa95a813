"""Multilingual text towers: what may lie in their folders, and what is said when it cannot be right."""

import importlib.util
import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file

import clipnb
from clipnb.errors import (
    ModelFolderError,
    ModelUnavailable,
    NoImageTower,
    TextTooLong,
    TruncatedText,
    UnsupportedModel,
    UnsupportedOption,
)
from clipnb.models import loading
from clipnb.models.families import m_clip
from clipnb.models.resolving import Source

CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"
TEXTS = ["a photo of a cat", "", "кот и собака на диване", "قطة صغيرة", "חתול cat 猫", "一只猫", "🐱"]
TEXT_ONLY = ["m-clip-xlm-roberta", "m-clip-labse", "m-bert", "taiyi-102m", "taiyi-102m-vit-l", "st-multilingual"]


def load(folder: Path, **options):
    if folder.name == "m-bert":
        options.setdefault("head", CHECKPOINTS / "m-bert" / "head.pkl")
    options.setdefault("image_tower", False)
    return clipnb.load(folder, device="cpu", **options)


def raw(folder: Path, **options) -> np.ndarray:
    return load(folder, **options).encode_text(TEXTS, normalize=False)


def edit(file: Path, **changes) -> None:
    """Change a configuration; None takes a key out."""
    said = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    unset = [key for key, value in changes.items() if value is None]
    file.write_text(json.dumps({key: value for key, value in said.items() if key not in unset}), encoding="utf-8")


def edit_modules(folder: Path, *changes: dict) -> None:
    file = folder / "modules.json"
    modules = json.loads(file.read_text())
    for module, change in zip(modules, changes, strict=False):
        module.update(change)
    file.write_text(json.dumps(modules[: len(changes)] + list(changes[len(modules) :])))


def edit_weights(file: Path, change) -> None:
    tensors = torch.load(file, weights_only=True)
    change(tensors)
    torch.save(tensors, file)


@pytest.fixture
def copy(tmp_path):
    def copied(name: str) -> Path:
        return Path(shutil.copytree(CHECKPOINTS / name, tmp_path / name))

    return copied


# --- pairing ---


@pytest.mark.parametrize("name", TEXT_ONLY)
def test_a_text_tower_asks_for_its_pictures(name):
    with pytest.raises(NoImageTower, match=r"image_tower="):
        load(CHECKPOINTS / name, image_tower=None)
    with pytest.raises(NoImageTower, match=r"loaded for its texts alone"):
        load(CHECKPOINTS / name).encode_image([np.zeros((4, 4, 3), np.uint8)])


@pytest.mark.parametrize("name", [name for name in TEXT_ONLY if not name.startswith("st-")])
def test_it_asks_before_the_weights_are_fetched(name, copy):
    folder = copy(name)
    (folder / "pytorch_model.bin").unlink()
    with pytest.raises(NoImageTower):
        load(folder, image_tower=None)


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

    model = load(CHECKPOINTS / "taiyi-102m", image_tower=tiny_folder.parent / "gone")
    assert model.encode_text(TEXTS).shape == (len(TEXTS), 24)
    with pytest.raises(ModelFolderError, match="gone: no such file or folder"):
        model.encode_image([np.zeros((4, 4, 3), np.uint8)])


def test_towers_of_different_widths(tiny_folder):
    model = load(CHECKPOINTS / "taiyi-102m-vit-l", image_tower=tiny_folder)
    assert model.encode_text(TEXTS).shape == (len(TEXTS), 64)
    with pytest.raises(ModelFolderError, match=r"64 columns and the pictures of its image tower 24; .*image_tower="):
        model.encode_image([np.zeros((4, 4, 3), np.uint8)])


def test_the_catalog_knows_the_pictures(copy, tiny_folder, monkeypatch):
    folder = copy("m-clip-xlm-roberta").rename(tiny_folder.parent / "XLM-Roberta-Large-Vit-L-14")
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
def test_half_precision_on_disk_and_in_memory(name, copy):
    folder, expected = copy(name), raw(CHECKPOINTS / name)

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
def test_safetensors_and_shards(name, copy):
    folder, expected = copy(name), raw(CHECKPOINTS / name)
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
def test_damaged_folders(name, copy):
    folder = copy(name)
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
def test_missing_tensors(name, part, copy):
    folder = copy(name)
    edit_weights(folder / "pytorch_model.bin", lambda tensors: [tensors.pop(k) for k in list(tensors) if part in k])
    with pytest.raises(ModelFolderError, match="the file of weights lacks"):
        load(folder)


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-clip-labse", "m-bert", "taiyi-102m", "taiyi-102m-vit-l"])
def test_tensors_of_something_else(name, copy):
    folder = copy(name)
    prefix = "transformer." if name.startswith("m-clip") else ""
    edit_weights(
        folder / "pytorch_model.bin", lambda tensors: tensors.update({f"{prefix}adapter.weight": torch.ones(2)})
    )
    with pytest.raises(ModelFolderError, match=r"no place for, .*adapter.weight"):
        load(folder)


def test_a_vocabulary_of_another_model(copy):
    folder = copy("taiyi-102m")
    with (folder / "vocab.txt").open("a", encoding="utf-8") as file:
        file.write("zebra\n")
    with pytest.raises(ModelFolderError, match=r"\d+ tokens in the tokenizer, \d+ in the model"):
        load(folder)


# --- Multilingual-CLIP ---


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-clip-labse"])
@pytest.mark.parametrize(
    "spelling",
    [
        {"model_type": "M-CLIP", "transformerDimensions": 64, "numDims": 24},
        {"transformerDimSize": 64, "imageDimSize": 24},
        {"model_type": "M-CLIP", "transformerDimSize": 64, "imageDimSize": 24},
        {"transformerDimensions": 1024, "numDims": 640},  # the sizes of the weights count
        {"architectures": ["MultilingualCLIP"], "torch_dtype": "float32"},
    ],
)
def test_every_spelling_of_the_configuration(name, spelling, copy):
    folder = copy(name)
    base = json.loads((folder / "config.json").read_text())["modelBase"]
    (folder / "config.json").write_text(json.dumps({**spelling, "modelBase": base}))
    np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / name))


def test_the_base_that_the_original_takes_for_granted(copy):
    folder = copy("m-clip-xlm-roberta")
    for said in ({"model_type": "M-CLIP"}, {"transformerDimSize": 64, "imageDimSize": 24}):
        (folder / "config.json").write_text(json.dumps(said))
        np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / "m-clip-xlm-roberta"))
    (folder / "config.json").write_text(json.dumps({"model_type": "M-CLIP", "modelBase": 3}))
    with pytest.raises(ModelFolderError, match="names no modelBase"):
        load(folder)


@pytest.mark.parametrize("said", ["xlm-roberta-large", "FacebookAI/xlm-roberta-large", "XLM-Roberta-Base"])
def test_a_base_of_the_published_size(said):
    # https://huggingface.co/FacebookAI/xlm-roberta-large/blob/main/config.json
    published = {
        "vocab_size": 250002,
        "hidden_size": 1024,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "intermediate_size": 4096,
        "max_position_embeddings": 514,
        "type_vocab_size": 1,
        "layer_norm_eps": 1e-5,
        "pad_token_id": 1,
    }
    with torch.device("meta"):
        tensors = transformers.XLMRobertaModel(transformers.XLMRobertaConfig(**published)).state_dict()
    found = m_clip._base_config({"modelBase": said}, tensors, Source("m", Path()))
    assert {key: getattr(found, key) for key in published} == published
    assert (found.model_type, found.hidden_act) == ("xlm-roberta", "gelu")


@pytest.mark.parametrize("said", ["sentence-transformers/LaBSE", "setu4993/LaBSE", "bert-base-multilingual-cased"])
def test_a_bert_of_the_published_size(said):
    # https://huggingface.co/sentence-transformers/LaBSE/blob/main/config.json
    published = {
        "vocab_size": 501153,
        "hidden_size": 768,
        "num_hidden_layers": 12,
        "num_attention_heads": 12,
        "intermediate_size": 3072,
        "max_position_embeddings": 512,
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
        "pad_token_id": 0,
    }
    with torch.device("meta"):
        tensors = transformers.BertModel(transformers.BertConfig(**published)).state_dict()
    found = m_clip._base_config({"modelBase": said}, tensors, Source("m", Path()))
    assert {key: getattr(found, key) for key in published} == published
    assert (found.model_type, found.hidden_act) == ("bert", "gelu")


def other_base(folder: Path) -> Path:
    """The base of another kind: its configuration, and the tensors of the checkpoint replaced by its own."""
    config = transformers.DistilBertConfig(
        vocab_size=len((folder / "vocab.txt").read_text(encoding="utf-8").splitlines()),
        dim=128,
        hidden_dim=32,
        n_layers=1,
        n_heads=8,
        max_position_embeddings=64,
    )
    torch.manual_seed(3)
    base = transformers.DistilBertModel(config).eval()
    base.save_pretrained(folder.parent / "base")
    head = torch.nn.Linear(128, 24)
    tensors = {f"transformer.{key}": value for key, value in base.state_dict().items()}
    tensors |= {f"LinearTransformation.{key}": value for key, value in head.state_dict().items()}
    torch.save(tensors, folder / "pytorch_model.bin")
    model = transformers.BertTokenizerFast.from_pretrained(folder)
    with torch.inference_mode():
        rows = [head(base(torch.tensor([model(text)["input_ids"]]))[0].mean(dim=1)) for text in TEXTS]
    np.save(folder.parent / "expected.npy", torch.cat(rows).numpy())
    return folder.parent / "base"


def test_a_base_that_is_not_known(copy, monkeypatch, tmp_path):
    folder = copy("m-clip-labse")
    base = other_base(folder)
    expected = np.load(tmp_path / "expected.npy")
    edit(folder / "config.json", modelBase="someone/unusual")
    with pytest.raises(ModelUnavailable, match=r"m-clip-labse: .*modelBase.*someone/unusual"):
        load(folder, local_files_only=True)

    from clipnb.models import hub

    asked = []
    monkeypatch.setattr(hub, "download", lambda repo, *files, **_: asked.append((repo, *files)) or base)
    np.testing.assert_allclose(raw(folder), expected, atol=1e-5)
    assert asked == [("someone/unusual", ["config.json"])]
    monkeypatch.undo()
    edit(folder / "config.json", modelBase=str(base))
    np.testing.assert_allclose(raw(folder), expected, atol=1e-5)


def test_several_heads_of_attention(copy):
    """Their number is in no tensor: 64 columns a head, in all of the known bases."""
    folder = copy("m-clip-labse")
    config = transformers.BertConfig(
        vocab_size=len((folder / "vocab.txt").read_text(encoding="utf-8").splitlines()),
        hidden_size=192,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    torch.manual_seed(5)
    base, head = transformers.BertModel(config).eval(), torch.nn.Linear(192, 24)
    for weight in base.parameters():
        weight.data += torch.randn_like(weight) * 0.1
    tensors = {f"transformer.{key}": value for key, value in base.state_dict().items()}
    tensors |= {f"LinearTransformation.{key}": value for key, value in head.state_dict().items()}
    torch.save(tensors, folder / "pytorch_model.bin")
    tokenizer = transformers.BertTokenizerFast.from_pretrained(folder)
    with torch.inference_mode():
        rows = [head(base(torch.tensor([tokenizer(text)["input_ids"]]))[0].mean(dim=1)) for text in TEXTS]
    np.testing.assert_allclose(raw(folder), torch.cat(rows), atol=1e-5)


def test_heads_that_are_no_linear_layer(copy):
    for key, value in {"weight": torch.ones(24, 32), "bias": torch.ones(7)}.items():
        folder = copy("m-clip-xlm-roberta")
        edit_weights(
            folder / "pytorch_model.bin",
            lambda tensors, key=key, value=value: tensors.update({f"LinearTransformation.{key}": value}),
        )
        with pytest.raises(ModelFolderError, match=r"the linear head has|LinearTransformation\.weight takes 32"):
            load(folder)
        shutil.rmtree(folder)
    folder = copy("m-clip-xlm-roberta")
    edit_weights(folder / "pytorch_model.bin", lambda tensors: tensors.pop("LinearTransformation.bias"))
    with pytest.raises(ModelFolderError, match="expected weight and bias"):
        load(folder)
    edit_weights(folder / "pytorch_model.bin", lambda tensors: tensors.update({"logit_scale": torch.ones(())}))
    with pytest.raises(ModelFolderError, match="not Multilingual-CLIP's: it holds logit_scale"):
        load(folder)


def test_the_tokenizer_is_what_its_file_says(copy):
    """Whatever the version of transformers, and if it names no class."""
    folder = copy("m-clip-xlm-roberta")
    expected = load(folder).tokenize(["\t A \u00a0 B\u3000ﬁ ", *TEXTS])
    edit(folder / "tokenizer_config.json", tokenizer_class=None)
    found = load(folder).tokenize(["\t A \u00a0 B\u3000ﬁ ", *TEXTS])
    np.testing.assert_array_equal(found["input_ids"], expected["input_ids"])
    folder = copy("m-clip-labse")
    edit(folder / "tokenizer_config.json", tokenizer_class=None)
    (folder / "tokenizer.json").unlink()
    np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / "m-clip-labse"))


def test_positions_begin_behind_the_paddings(copy):
    """XLM-R's table has two rows that no token can have."""
    folder = copy("m-clip-xlm-roberta")
    edit(folder / "tokenizer_config.json", model_max_length=512)
    model = load(folder)
    assert model.context_length == 64
    with pytest.warns(TruncatedText):
        assert np.isfinite(model.encode_text(["cat " * 100], truncate=True)).all()


def test_a_tokenizer_that_takes_another_package(copy):
    folder = copy("m-clip-xlm-roberta")
    (folder / "tokenizer.json").unlink()
    if importlib.util.find_spec("sentencepiece"):
        assert load(folder).context_length == 64
        return
    with pytest.raises(ModelFolderError, match="pip install sentencepiece"):
        load(folder)


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-clip-labse", "st-multilingual", "st-layers"])
def test_a_tokenizer_that_was_saved_while_it_cut_and_padded(name, copy):
    folder = copy(name)
    expected = load(folder).tokenize(TEXTS)["input_ids"]
    cutting = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    padding = {"strategy": {"Fixed": 50}, "direction": "Left", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    edit(folder / "tokenizer.json", truncation=cutting, padding={**padding, "pad_to_multiple_of": None})
    np.testing.assert_array_equal(load(folder).tokenize(TEXTS)["input_ids"], expected)
    with pytest.raises(TextTooLong):
        load(folder).tokenize(["cat dog " * 100])


# --- M-BERT ---


def test_the_head_of_m_bert(copy, tmp_path):
    folder = copy("m-bert").rename(tmp_path / "M-BERT-Base-ViT-B")
    with pytest.raises(ModelFolderError, match=r"M-BERT-Base-69-ViT Linear Weights.pkl.*head="):
        load(folder)
    with pytest.raises(ModelFolderError, match="no such file"):
        load(folder, head=tmp_path / "gone.pkl")
    np.testing.assert_array_equal(raw(folder, head=folder / "head.pkl"), raw(CHECKPOINTS / "m-bert"))
    save_file({"weight": torch.ones(24, 32), "bias": torch.ones(24)}, tmp_path / "narrow.safetensors")
    with pytest.raises(ModelFolderError, match=r"64 columns, and .* takes 32"):
        load(folder, head=tmp_path / "narrow.safetensors")
    with pytest.raises(UnsupportedOption, match="head="):
        load(CHECKPOINTS / "m-clip-labse", head=folder / "head.pkl")


def test_a_smaller_bert_with_a_head(tmp_path):
    """The first generation has a DistilBERT, too."""
    folder = tmp_path / "distil"
    shutil.copytree(CHECKPOINTS / "st-multilingual", folder)
    for part in ("1_Pooling", "2_Dense"):
        shutil.rmtree(folder / part)
    (folder / "modules.json").unlink()
    dense = torch.load(CHECKPOINTS / "st-multilingual" / "2_Dense" / "pytorch_model.bin", weights_only=True)
    save_file({"weight": dense["linear.weight"], "bias": torch.zeros(24)}, tmp_path / "head.safetensors")
    found = raw(folder, head=tmp_path / "head.safetensors")
    np.testing.assert_allclose(found, raw(CHECKPOINTS / "st-multilingual"), atol=1e-6)


# --- Taiyi ---


def test_logits_or_pooler(copy):
    """The same transformer: with its classifier, and without."""
    with_head = load(CHECKPOINTS / "taiyi-102m")
    folder = copy("taiyi-102m")

    def plain(tensors):
        for key in list(tensors):
            value = tensors.pop(key)
            if key.startswith("bert."):
                tensors[key[len("bert.") :]] = value

    edit(folder / "config.json", architectures=["BertModel"])
    edit_weights(folder / "pytorch_model.bin", plain)
    found = load(folder)
    assert (with_head.dim, found.dim) == (24, 64)
    np.testing.assert_allclose(
        found.encode_text(TEXTS, normalize=False), with_head.text_model(TEXTS).pooler_output, atol=1e-6
    )


def test_taiyi_without_its_classifier(copy):
    folder = copy("taiyi-102m")
    edit_weights(folder / "pytorch_model.bin", lambda tensors: tensors.pop("classifier.weight"))
    with pytest.raises(ModelFolderError, match="expected weight and bias"):
        load(folder)
    edit_weights(folder / "pytorch_model.bin", lambda tensors: tensors.pop("classifier.bias"))
    with pytest.raises(ModelFolderError, match="expected weight and bias"):
        load(folder)


def test_padding_does_not_count():
    """On Taiyi's card it does: there a text changes with the texts beside it."""
    model = load(CHECKPOINTS / "taiyi-102m")
    alone = model.encode_text(["一只猫"], normalize=False)
    beside = model.encode_text(["一只猫", "敏捷的棕色狐狸跳过懒狗" * 4], normalize=False)
    np.testing.assert_allclose(beside[:1], alone, atol=1e-5)
    batch = model.tokenize(["一只猫", "敏捷的棕色狐狸跳过懒狗" * 4])
    tower = model.text_tower
    unmasked = tower.features(
        {"input_ids": torch.from_numpy(batch["input_ids"]), "attention_mask": torch.ones(2, 46, dtype=torch.int64)}
    )
    assert np.abs(unmasked[0].numpy() - alone[0]).max() > 0.1


# --- sentence-transformers ---


def test_todays_layout_of_a_whole_clip(tmp_path):
    folder = tmp_path / "saved"
    shutil.copytree(CHECKPOINTS / "st-clip" / "0_CLIPModel", folder)
    expected = clipnb.load(CHECKPOINTS / "st-clip", device="cpu")
    for kind in ("base.modules.transformer.Transformer", "sentence_transformer.modules.clip_model.CLIPModel"):
        module = {"idx": 0, "name": "0", "path": "", "type": f"sentence_transformers.{kind}"}
        (folder / "modules.json").write_text(json.dumps([module]))
        model = clipnb.load(folder, device="cpu")
        np.testing.assert_array_equal(model.encode_text(TEXTS), expected.encode_text(TEXTS))
        pixels = np.arange(4800, dtype=np.uint16).astype(np.uint8).reshape(40, 40, 3)
        np.testing.assert_array_equal(model.encode_image([pixels]), expected.encode_image([pixels]))
    texts = load(CHECKPOINTS / "st-multilingual", image_tower=folder)
    np.testing.assert_array_equal(texts.encode_image([pixels]), expected.encode_image([pixels]))


def test_a_multilingual_tower_is_not_a_whole_clip(copy):
    folder = copy("st-multilingual")
    edit_modules(folder, {"type": "sentence_transformers.models.CLIPModel"})
    with pytest.raises(UnsupportedModel, match="CLIPModel of the type 'distilbert'"):
        load(folder)
    folder = copy("st-clip")
    edit_modules(folder, {}, {"type": "sentence_transformers.models.Normalize", "path": "1_Normalize"})
    with pytest.raises(UnsupportedModel, match="Normalize"):
        load(folder)


@pytest.mark.parametrize(
    ("changes", "error", "said"),
    [
        ([{}, {}, {"type": "sentence_transformers.models.CNN"}], UnsupportedModel, "does not open, CNN"),
        ([{"type": "sentence_transformers.models.BoW"}, {}], UnsupportedModel, "lists BoW, Pooling"),
        ([{}], UnsupportedModel, "lists Transformer; expected"),
        ([{}, {"type": "custom_pooling.Pooling"}], UnsupportedModel, "code of its own, custom_pooling.Pooling"),
        ([{}, {"path": "../1_Pooling"}], ModelFolderError, "not inside its folder"),
        ([{}, {"path": "/1_Pooling"}], ModelFolderError, "not inside its folder"),
        ([{}, {"path": "3_Pooling"}], ModelFolderError, "no config.json"),
        ([], ModelFolderError, "lists no modules"),
    ],
)
def test_modules_that_are_not_opened(changes, error, said, copy):
    folder = copy("st-multilingual")
    edit_modules(folder, *changes)
    with pytest.raises(error, match=said):
        load(folder)


@pytest.mark.parametrize(
    ("file", "changes", "error", "said"),
    [
        ("1_Pooling/config.json", {"pooling_mode_lasttoken": True}, UnsupportedModel, "pooled by mean, lasttoken"),
        ("1_Pooling/config.json", {"pooling_mode": "weightedmean"}, UnsupportedModel, "pooled by weightedmean"),
        ("1_Pooling/config.json", {"pooling_mode": "sum"}, UnsupportedModel, "pooled by sum"),
        ("1_Pooling/config.json", {"word_embedding_dimension": 9}, ModelFolderError, "made for 9 columns"),
        (
            "1_Pooling/config.json",
            {"pooling_mode": ["mean", "max"]},
            ModelFolderError,
            "64 columns, and gets 128",
        ),
        ("2_Dense/config.json", {"activation_function": "os.system"}, UnsupportedModel, "os.system"),
        ("2_Dense/config.json", {"use_residual": True}, UnsupportedModel, "use_residual"),
        ("2_Dense/config.json", {"module_input_name": "token_embeddings"}, UnsupportedModel, "token_embeddings"),
        ("2_Dense/config.json", {"bias": True}, ModelFolderError, "expected weight and bias"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, UnsupportedModel, "fill-mask"),
        ("sentence_bert_config.json", {"processing_kwargs": {"text": {"padding": 1}}}, UnsupportedModel, "processing"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, UnsupportedModel, "SparseEncoder"),
        (
            "config_sentence_transformers.json",
            {"default_prompt_name": "q", "prompts": {"q": "query: "}},
            UnsupportedModel,
            "prompt",
        ),
    ],
)
def test_modules_that_ask_for_something_else(file, changes, error, said, copy):
    folder = copy("st-multilingual")
    if not (folder / file).exists():
        (folder / file).write_text("{}")
    edit(folder / file, **changes)
    with pytest.raises(error, match=said):
        load(folder)


def test_todays_spelling_of_the_pooling(copy):
    folder = copy("st-multilingual")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 64, "pooling_mode": "mean"}))
    np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / "st-multilingual"))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "mean_sqrt_len_tokens"}))
    tokens = load(folder).tokenize(TEXTS)["attention_mask"].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(raw(folder), raw(CHECKPOINTS / "st-multilingual") * np.sqrt(tokens), atol=1e-5)


def test_the_length_that_sentence_transformers_says(copy):
    folder = copy("st-multilingual")
    edit(folder / "sentence_bert_config.json", max_seq_length=17)
    assert load(folder).context_length == 17
    (folder / "sentence_bert_config.json").unlink()
    assert load(folder).context_length == 128  # as many as there are positions


def test_texts_in_lowercase_where_the_folder_says_so(copy):
    folder = copy("st-multilingual")
    upper = [text.upper() for text in TEXTS]
    assert np.abs(load(folder).encode_text(upper) - load(folder).encode_text(TEXTS)).max() > 0.1
    edit(folder / "sentence_bert_config.json", do_lower_case=True)
    np.testing.assert_array_equal(load(folder).encode_text(upper), load(folder).encode_text(TEXTS))


def test_the_original_is_not_imported(tmp_path, tiny_folder):
    import subprocess
    import sys

    script = (
        "import sys, clipnb\n"
        f"clipnb.load({str(CHECKPOINTS / 'st-multilingual')!r}, device='cpu', image_tower=False).encode_text(['cat'])\n"
        "assert not {'sentence_transformers', 'multilingual_clip.pt_multilingual_clip'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=300)
