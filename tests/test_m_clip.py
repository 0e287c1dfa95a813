"""Multilingual-CLIP and its first generation: configurations, bases, tokenizers and heads."""

import importlib.util
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from editing import edit, edit_weights
from multilingual import CHECKPOINTS, TEXTS, load, raw
from safetensors.torch import save_file

from clipnb.errors import (
    ModelFolderError,
    ModelUnavailable,
    TextTooLong,
    TruncatedText,
    UnsupportedOption,
)
from clipnb.models.families import m_clip
from clipnb.models.resolving import Source

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
def test_every_spelling_of_the_configuration(name, spelling, stored):
    folder = stored(name)
    base = json.loads((folder / "config.json").read_text())["modelBase"]
    (folder / "config.json").write_text(json.dumps({**spelling, "modelBase": base}))
    np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / name))


def test_the_base_that_the_original_takes_for_granted(stored):
    folder = stored("m-clip-xlm-roberta")
    for said in ({"model_type": "M-CLIP"}, {"transformerDimSize": 64, "imageDimSize": 24}):
        (folder / "config.json").write_text(json.dumps(said))
        np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / "m-clip-xlm-roberta"))
    (folder / "config.json").write_text(json.dumps({"model_type": "M-CLIP", "modelBase": 3}))
    with pytest.raises(ModelFolderError, match="names no modelBase"):
        load(folder)


# As in the config.json of FacebookAI/xlm-roberta-large and sentence-transformers/LaBSE on the Hub.
XLM_ROBERTA_LARGE = {
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
LABSE = {
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


@pytest.mark.parametrize(
    ("said", "kind", "published"),
    [
        ("xlm-roberta-large", "xlm-roberta", XLM_ROBERTA_LARGE),
        ("FacebookAI/xlm-roberta-large", "xlm-roberta", XLM_ROBERTA_LARGE),
        ("XLM-Roberta-Base", "xlm-roberta", XLM_ROBERTA_LARGE),  # the sizes of the weights count
        ("sentence-transformers/LaBSE", "bert", LABSE),
        ("setu4993/LaBSE", "bert", LABSE),
        ("bert-base-multilingual-cased", "bert", LABSE),
    ],
)
def test_a_base_of_the_published_size(said, kind, published):
    with torch.device("meta"):
        config = transformers.AutoConfig.for_model(kind, **published)
        tensors = transformers.AutoModel.from_config(config).state_dict()
    found = m_clip._base_config({"modelBase": said}, tensors, Source("m", Path()))
    assert {key: getattr(found, key) for key in published} == published
    assert (found.model_type, found.hidden_act) == (kind, "gelu")


def vocabulary(folder: Path) -> int:
    return len((folder / "vocab.txt").read_text(encoding="utf-8").splitlines())


def with_base(folder: Path, base: transformers.PreTrainedModel, width: int) -> torch.Tensor:
    """Puts another base and a head of its width in the place of the checkpoint's; returns the features of TEXTS."""
    base, head = base.eval(), torch.nn.Linear(width, 24)
    for weight in base.parameters():
        weight.data += torch.randn_like(weight) * 0.1
    tensors = {f"transformer.{key}": value for key, value in base.state_dict().items()}
    tensors |= {f"LinearTransformation.{key}": value for key, value in head.state_dict().items()}
    torch.save(tensors, folder / "pytorch_model.bin")
    tokenizer = transformers.BertTokenizerFast.from_pretrained(folder)
    with torch.inference_mode():
        rows = [head(base(torch.tensor([tokenizer(text)["input_ids"]]))[0].mean(dim=1)) for text in TEXTS]
    return torch.cat(rows)


def test_a_base_that_is_not_known(stored, monkeypatch, tmp_path):
    folder = stored("m-clip-labse")
    config = transformers.DistilBertConfig(
        vocab_size=vocabulary(folder), dim=128, hidden_dim=32, n_layers=1, n_heads=8, max_position_embeddings=64
    )
    torch.manual_seed(3)
    expected = with_base(folder, transformers.DistilBertModel(config), 128)
    base = tmp_path / "base"
    config.save_pretrained(base)
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


def test_several_heads_of_attention(stored):
    """Their number is in no tensor: 64 columns a head, in all of the known bases."""
    folder = stored("m-clip-labse")
    config = transformers.BertConfig(
        vocab_size=vocabulary(folder),
        hidden_size=192,
        num_hidden_layers=2,
        num_attention_heads=3,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    torch.manual_seed(5)
    expected = with_base(folder, transformers.BertModel(config), 192)
    np.testing.assert_allclose(raw(folder), expected, atol=1e-5)


def test_heads_that_are_no_linear_layer(stored):
    for key, value in {"weight": torch.ones(24, 32), "bias": torch.ones(7)}.items():
        folder = stored("m-clip-xlm-roberta")
        edit_weights(
            folder / "pytorch_model.bin",
            lambda tensors, key=key, value=value: tensors.update({f"LinearTransformation.{key}": value}),
        )
        with pytest.raises(ModelFolderError, match=r"the linear head has|LinearTransformation\.weight takes 32"):
            load(folder)
        shutil.rmtree(folder)
    folder = stored("m-clip-xlm-roberta")
    edit_weights(folder / "pytorch_model.bin", lambda tensors: tensors.pop("LinearTransformation.bias"))
    with pytest.raises(ModelFolderError, match="expected weight and bias"):
        load(folder)
    edit_weights(folder / "pytorch_model.bin", lambda tensors: tensors.update({"logit_scale": torch.ones(())}))
    with pytest.raises(ModelFolderError, match="not Multilingual-CLIP's: it holds logit_scale"):
        load(folder)


def test_the_tokenizer_is_what_its_file_says(stored):
    """Whatever the version of transformers, and if it names no class."""
    folder = stored("m-clip-xlm-roberta")
    expected = load(folder).tokenize(["\t A \u00a0 B\u3000ﬁ ", *TEXTS])
    edit(folder / "tokenizer_config.json", tokenizer_class=None)
    found = load(folder).tokenize(["\t A \u00a0 B\u3000ﬁ ", *TEXTS])
    np.testing.assert_array_equal(found["input_ids"], expected["input_ids"])
    folder = stored("m-clip-labse")
    edit(folder / "tokenizer_config.json", tokenizer_class=None)
    (folder / "tokenizer.json").unlink()
    np.testing.assert_array_equal(raw(folder), raw(CHECKPOINTS / "m-clip-labse"))


def test_positions_begin_behind_the_paddings(stored):
    """XLM-R's table has two rows that no token can have."""
    folder = stored("m-clip-xlm-roberta")
    edit(folder / "tokenizer_config.json", model_max_length=512)
    model = load(folder)
    assert model.context_length == 64
    with pytest.warns(TruncatedText):
        assert np.isfinite(model.encode_text(["cat " * 100], truncate=True)).all()


def test_a_tokenizer_that_takes_another_package(stored):
    folder = stored("m-clip-xlm-roberta")
    (folder / "tokenizer.json").unlink()
    if importlib.util.find_spec("sentencepiece"):
        assert load(folder).context_length == 64
        return
    with pytest.raises(ModelFolderError, match="pip install sentencepiece"):
        load(folder)


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-clip-labse", "st-multilingual", "st-layers"])
def test_a_tokenizer_that_was_saved_while_it_cut_and_padded(name, stored):
    folder = stored(name)
    expected = load(folder).tokenize(TEXTS)["input_ids"]
    cutting = {"direction": "Right", "max_length": 5, "strategy": "LongestFirst", "stride": 0}
    padding = {"strategy": {"Fixed": 50}, "direction": "Left", "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}
    edit(folder / "tokenizer.json", truncation=cutting, padding={**padding, "pad_to_multiple_of": None})
    np.testing.assert_array_equal(load(folder).tokenize(TEXTS)["input_ids"], expected)
    with pytest.raises(TextTooLong):
        load(folder).tokenize(["cat dog " * 100])


# --- M-BERT ---


def test_the_head_of_m_bert(stored, tmp_path):
    folder = stored("m-bert").rename(tmp_path / "M-BERT-Base-ViT-B")
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


def test_the_towers_of_the_original_are_not_imported():
    """Its module of towers would fetch the base from the Hub; the configuration's class is all that is taken."""
    load(CHECKPOINTS / "m-clip-xlm-roberta")
    assert "multilingual_clip.Config_MCLIP" in sys.modules
    assert "multilingual_clip.pt_multilingual_clip" not in sys.modules
