"""A tiny model that brings its own code, in the form of jinaai/jina-clip-v2, but with the code beside the weights."""

from __future__ import annotations

import json
from pathlib import Path

import native_families
import torch

CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel

{first}

class OwnConfig(PretrainedConfig):
    model_type = {kind!r}


class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = torch.nn.Embedding(600, 12)
        self.conv = torch.nn.Conv2d(3, 12, 8, 8)
        self.logit_scale = torch.nn.Parameter(torch.tensor(3.0))
        self.post_init()

    def _init_weights(self, module):
        pass

    def get_text_features(self, input_ids, attention_mask):
        return (self.words(input_ids) * attention_mask[..., None]).sum(1)

    def get_image_features(self, pixel_values):
        return self.conv(pixel_values).mean((2, 3))
"""


def write_own_code(folder: Path, kind: str, trace: Path | None = None) -> Path:
    """The folder of such a model of this ``model_type``; its code makes the file ``trace`` when it runs."""
    native_families.write("clip", folder)
    first = f"open({str(trace)!r}, 'w').close()" if trace else ""
    (folder / "modeling_own.py").write_text(CODE.format(first=first, kind=kind))
    auto = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    (folder / "config.json").write_text(json.dumps({"model_type": kind, "auto_map": auto}))
    torch.manual_seed(0)
    tensors = {
        "words.weight": torch.randn(600, 12),
        "conv.weight": torch.randn(12, 3, 8, 8) / 10,
        "conv.bias": torch.randn(12),
        "logit_scale": torch.tensor(3.0),
    }
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder
