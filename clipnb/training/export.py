"""The result on disk, in Multilingual-CLIP's own form, which clipnb and the original library open."""

from __future__ import annotations

import inspect
import json
import os
from pathlib import Path
from typing import Any

import torch
from transformers import MODEL_MAPPING

from clipnb.models.families.m_clip import BASE, HEAD, OWN_BASE
from clipnb.models.folder import quiet
from clipnb.store.disk import in_words, partial_of, publish, write_json
from clipnb.training.student import Student

__all__ = ["export"]


def export(student: Student, out: Path, record: dict[str, Any]) -> None:
    """Write a trained student.

    ```
    out/
      config.json         model_type, modelBase, transformerDimensions, numDims; and the record
      pytorch_model.bin   transformer.*, LinearTransformation.*
      tokenizer.json, tokenizer_config.json, ...
      base/               where no repository has it: the transformer alone with its tokenizer, as transformers saves it
    ```

    Args:
        student: with its head, on any device.
        out: a folder; files of these names are replaced.
        record: what made it; goes into the configuration under ``clipnb``.

    Raises:
        StoreError: the disk is full, or the folder cannot be written.
    """
    assert student.head is not None
    transformer, head = student.transformer, student.head
    with in_words(out), quiet():
        out.mkdir(parents=True, exist_ok=True)
        (out / "config.json").unlink(missing_ok=True)  # written last: without it the folder is no model
        base = student.base
        if not base:
            base = str((out / OWN_BASE).absolute())
            _whole(transformer).save_pretrained(out / OWN_BASE)
            _save_tokenizer(student.tokenizer, out / OWN_BASE)
        tensors = {BASE + name: tensor for name, tensor in _tensors(transformer).items()}
        tensors |= {HEAD + name: tensor.detach().cpu().float() for name, tensor in head.state_dict().items()}
        with partial_of(out / "pytorch_model.bin").open("wb") as file:
            torch.save(tensors, file)
            file.flush()
            os.fsync(file.fileno())
        publish(out / "pytorch_model.bin")
        _save_tokenizer(student.tokenizer, out)
        config = {
            "architectures": ["MultilingualCLIP"],
            "model_type": "M-CLIP",
            "modelBase": base,
            "numDims": head.out_features,
            "transformerDimensions": student.width,
            "clipnb": record,
        }
        write_json(out / "config.json", config)


def _tensors(transformer: Any) -> dict[str, torch.Tensor]:
    """All that the original's class asks for: with a pooler and positions, which no feature depends on."""
    tensors = {name: tensor.detach().cpu().float() for name, tensor in transformer.state_dict().items()}
    config = transformer.config
    if "add_pooling_layer" in inspect.signature(MODEL_MAPPING[type(config)]).parameters:
        width = config.hidden_size
        tensors.setdefault("pooler.dense.weight", torch.zeros(width, width))
        tensors.setdefault("pooler.dense.bias", torch.zeros(width))
    return tensors


def _whole(transformer: Any) -> Any:
    """The transformer with a pooler, if its kind has one, so that opening it makes nothing up."""
    if getattr(transformer, "pooler", True) is not None:
        return transformer
    with torch.random.fork_rng(devices=[]):
        whole = type(transformer)(transformer.config)
    whole.load_state_dict(_tensors(transformer))
    return whole


def _save_tokenizer(tokenizer: Any, folder: Path) -> None:
    """Under the name by which every version of transformers knows its class: version 5 writes its own."""
    tokenizer.save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    said = json.loads(file.read_text(encoding="utf-8"))
    if said.get("tokenizer_class") == "TokenizersBackend":
        write_json(file, {**said, "tokenizer_class": "PreTrainedTokenizerFast"})
