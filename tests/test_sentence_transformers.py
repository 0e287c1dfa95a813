"""Folders of sentence-transformers: which modules are opened, and which are refused."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from editing import edit
from multilingual import CHECKPOINTS, TEXTS, load, raw

import clipnb
from clipnb.errors import (
    ModelFolderError,
    UnsupportedModel,
)


def edit_modules(folder: Path, *changes: dict) -> None:
    file = folder / "modules.json"
    modules = json.loads(file.read_text())
    for module, change in zip(modules, changes, strict=False):
        module.update(change)
    file.write_text(json.dumps(modules[: len(changes)] + list(changes[len(modules) :])))


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


def test_a_multilingual_tower_is_not_a_whole_clip(stored):
    folder = stored("st-multilingual")
    edit_modules(folder, {"type": "sentence_transformers.models.CLIPModel"})
    with pytest.raises(UnsupportedModel, match="CLIPModel of the type 'distilbert'"):
        load(folder)
    folder = stored("st-clip")
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
def test_modules_that_are_not_opened(changes, error, said, stored):
    folder = stored("st-multilingual")
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
def test_modules_that_ask_for_something_else(file, changes, error, said, stored):
    folder = stored("st-multilingual")
    if not (folder / file).exists():
        (folder / file).write_text("{}")
    edit(folder / file, **changes)
    with pytest.raises(error, match=said):
        load(folder)


def test_todays_spelling_of_the_pooling(stored):
    folder = stored("st-multilingual")
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"embedding_dimension": 64, "pooling_mode": "mean"}))
    np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / "st-multilingual"))
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({"pooling_mode": "mean_sqrt_len_tokens"}))
    tokens = load(folder).tokenize(TEXTS)["attention_mask"].sum(axis=1, keepdims=True)
    np.testing.assert_allclose(raw(folder), raw(CHECKPOINTS / "st-multilingual") * np.sqrt(tokens), atol=1e-5)


def test_the_length_that_sentence_transformers_says(stored):
    folder = stored("st-multilingual")
    edit(folder / "sentence_bert_config.json", max_seq_length=17)
    assert load(folder).context_length == 17
    (folder / "sentence_bert_config.json").unlink()
    assert load(folder).context_length == 128  # as many as there are positions


def test_texts_in_lowercase_where_the_folder_says_so(stored):
    folder = stored("st-multilingual")
    upper = [text.upper() for text in TEXTS]
    assert np.abs(load(folder).encode_text(upper) - load(folder).encode_text(TEXTS)).max() > 0.1
    edit(folder / "sentence_bert_config.json", do_lower_case=True)
    np.testing.assert_array_equal(load(folder).encode_text(upper), load(folder).encode_text(TEXTS))
