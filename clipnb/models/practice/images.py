"""Stand-ins with two towers: CLIP in the files of transformers, of open_clip and of sentence-transformers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from transformers import CLIPConfig, CLIPModel

from clipnb.catalog import Entry
from clipnb.models.openai.modified_resnet import ModifiedResNet
from clipnb.models.practice.vocabularies import write_clip as write_tokenizer
from clipnb.models.practice.vocabularies import write_json
from clipnb.models.practice.weights import LOGIT_SCALE, filled, numbers, shake

__all__ = ["write_clip", "write_open_clip", "write_st_clip"]

WIDTH, LAYERS, HEADS = 64, 2, 4
CHANNELS = 8
"""Of a ResNet, after its stem; the attention that ends it has 32 times as many."""
TOKENS = 49408
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]


def write_clip(entry: Entry, folder: Path) -> None:
    """As openai/clip-vit-base-patch32: the end of text is written as 2, and old buffers lie among the weights."""
    context, size = entry.context_length or 77, entry.image_size or 224
    tokens = write_tokenizer(folder, context)
    crop = {"do_center_crop": True, "do_normalize": True, "do_resize": True, "resample": 3}
    sizes = {"crop_size": size, "size": size, "image_mean": MEAN, "image_std": STD}
    write_json(folder / "preprocessor_config.json", {"feature_extractor_type": "CLIPFeatureExtractor", **crop, **sizes})
    tower = {
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": HEADS,
    }
    places = {"vocab_size": tokens, "max_position_embeddings": context}
    marks = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    config = CLIPConfig(
        text_config={**tower, **places, **marks},
        vision_config={**tower, "image_size": size, "patch_size": _patch(entry)},
        projection_dim=entry.dim,
    )
    model = shake(CLIPModel(config), entry.name)
    config.architectures = ["CLIPModel"]
    config.save_pretrained(folder)
    tensors = dict(model.state_dict())
    tensors["text_model.embeddings.position_ids"] = torch.arange(context)[None]
    tensors["vision_model.embeddings.position_ids"] = torch.arange((size // _patch(entry)) ** 2 + 1)[None]
    _save(tensors, folder / "model.safetensors")


def write_st_clip(entry: Entry, folder: Path) -> None:
    """As sentence-transformers/clip-ViT-B-32: a whole CLIP in a folder of its own."""
    inside = folder / "0_CLIPModel"
    inside.mkdir()
    write_clip(entry, inside)
    module = {"idx": 0, "name": "0", "path": inside.name, "type": "sentence_transformers.models.CLIPModel"}
    write_json(folder / "modules.json", [module])


def write_open_clip(entry: Entry, folder: Path) -> None:
    """As timm/resnet50_clip.openai: tensors under OpenAI's names, and open_clip's configuration."""
    context, size = entry.context_length or 77, entry.image_size or 224
    text: dict[str, Any] = {"context_length": context, "vocab_size": TOKENS, "width": WIDTH, "heads": HEADS}
    tensors = filled(_text_shapes(context, entry.dim), entry.name)
    if "ResNet" in entry.architecture:
        vision: dict[str, Any] = {"image_size": size, "layers": [1, 1, 1, 1], "width": CHANNELS, "patch_size": None}
        tensors |= _resnet(size, entry.dim, entry.name)
    else:
        vision = {"image_size": size, "layers": LAYERS, "width": WIDTH, "patch_size": _patch(entry)}
        vision["head_width"] = WIDTH // HEADS
        tensors |= filled(_vit_shapes(size // _patch(entry), _patch(entry), entry.dim), entry.name)
    tensors["logit_scale"] = torch.tensor(LOGIT_SCALE)
    model = {"embed_dim": entry.dim, "vision_cfg": vision, "text_cfg": {**text, "layers": LAYERS}}
    pictures = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    write_json(folder / "open_clip_config.json", {"model_cfg": model, "preprocess_cfg": pictures})
    _save(tensors, folder / "open_clip_model.safetensors")


def _patch(entry: Entry) -> int:
    """The edge of a patch, as the names of ViTs end: ViT-L/14."""
    found = re.search(r"/(\d+)", entry.architecture)
    return int(found[1]) if found else 16


def _text_shapes(context: int, dim: int) -> dict[str, tuple[int, ...]]:
    ends: dict[str, tuple[int, ...]] = {
        "token_embedding.weight": (TOKENS, WIDTH),
        "positional_embedding": (context, WIDTH),
        "ln_final.weight": (WIDTH,),
        "ln_final.bias": (WIDTH,),
        "text_projection": (WIDTH, dim),
    }
    return {**ends, **_blocks("")}


def _vit_shapes(grid: int, patch: int, dim: int) -> dict[str, tuple[int, ...]]:
    ends: dict[str, tuple[int, ...]] = {
        "visual.class_embedding": (WIDTH,),
        "visual.conv1.weight": (WIDTH, 3, patch, patch),
        "visual.positional_embedding": (grid**2 + 1, WIDTH),
        "visual.proj": (WIDTH, dim),
    }
    norms = {f"visual.{name}.{part}": (WIDTH,) for name in ("ln_pre", "ln_post") for part in ("weight", "bias")}
    return {**ends, **norms, **_blocks("visual.")}


def _blocks(tower: str) -> dict[str, tuple[int, ...]]:
    parts: dict[str, tuple[int, ...]] = {
        "attn.in_proj_weight": (3 * WIDTH, WIDTH),
        "attn.in_proj_bias": (3 * WIDTH,),
        "attn.out_proj.weight": (WIDTH, WIDTH),
        "attn.out_proj.bias": (WIDTH,),
        "mlp.c_fc.weight": (4 * WIDTH, WIDTH),
        "mlp.c_fc.bias": (4 * WIDTH,),
        "mlp.c_proj.weight": (WIDTH, 4 * WIDTH),
        "mlp.c_proj.bias": (WIDTH,),
    }
    parts |= {f"{norm}.{part}": (WIDTH,) for norm in ("ln_1", "ln_2") for part in ("weight", "bias")}
    return {
        f"{tower}transformer.resblocks.{layer}.{name}": shape
        for layer in range(LAYERS)
        for name, shape in parts.items()
    }


def _resnet(size: int, dim: int, name: str) -> dict[str, torch.Tensor]:
    module = shake(ModifiedResNet((1, 1, 1, 1), CHANNELS, CHANNELS * 32 // 64, size, dim), name)
    with torch.no_grad():
        # Statistics of noise: with those that it starts with, all pictures would end as nearly the same row.
        for part in module.modules():
            if isinstance(part, torch.nn.BatchNorm2d):
                part.momentum = 1.0
        module.train()(numbers((8, 3, size, size), name, "noise"))
    return {f"visual.{name}": tensor for name, tensor in module.eval().state_dict().items()}


def _save(tensors: dict[str, torch.Tensor], file: Path) -> None:
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, file, metadata={"format": "pt"})
