"""Taiyi: its classifier or its pooler, and padding that does not count."""

import numpy as np
import pytest
import torch
from editing import edit, edit_weights
from multilingual import CHECKPOINTS, TEXTS, load

from clipnb.errors import (
    ModelFolderError,
)


def test_logits_or_pooler(stored):
    """The same transformer: with its classifier, and without."""
    with_head = load(CHECKPOINTS / "taiyi-102m")
    folder = stored("taiyi-102m")

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


def test_taiyi_without_its_classifier(stored):
    folder = stored("taiyi-102m")
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
