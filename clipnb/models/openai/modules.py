"""Tensors under OpenAI's names into torch modules: transformers' for the transformers, ours for the ResNets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import torch
from transformers import (
    CLIPTextConfig,
    CLIPTextModelWithProjection,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
)

from clipnb.errors import ModelFolderError
from clipnb.models.openai.modified_resnet import ModifiedResNet

__all__ = ["fill", "resnet", "text_transformer", "vision_transformer"]

Named = dict[str, torch.Tensor]

LAYER = {
    "ln_1": "layer_norm1",
    "ln_2": "layer_norm2",
    "attn.out_proj": "self_attn.out_proj",
    "mlp.c_fc": "mlp.fc1",
    "mlp.c_proj": "mlp.fc2",
}
TEXT = {
    "token_embedding.weight": "text_model.embeddings.token_embedding.weight",
    "positional_embedding": "text_model.embeddings.position_embedding.weight",
    "ln_final.weight": "text_model.final_layer_norm.weight",
    "ln_final.bias": "text_model.final_layer_norm.bias",
    "text_projection": "text_projection.weight",
}
VISION = {
    "class_embedding": "vision_model.embeddings.class_embedding",
    "conv1.weight": "vision_model.embeddings.patch_embedding.weight",
    "positional_embedding": "vision_model.embeddings.position_embedding.weight",
    "ln_pre.weight": "vision_model.pre_layrnorm.weight",
    "ln_pre.bias": "vision_model.pre_layrnorm.bias",
    "ln_post.weight": "vision_model.post_layernorm.weight",
    "ln_post.bias": "vision_model.post_layernorm.bias",
    "proj": "visual_projection.weight",
}
TURNED = ("text_projection", "proj")
"""Multiplied from the right, where a linear layer keeps its matrix the other way round."""

BLOCK = re.compile(r"transformer\.resblocks\.(\d+)\.(.+)\.(weight|bias)")
ATTENTION = re.compile(r"transformer\.resblocks\.(\d+)\.attn\.in_proj_(weight|bias)")


def text_transformer(tensors: Named, name: str, *, activation: str, head_width: int) -> CLIPTextModelWithProjection:
    """The text tower, of the tensors that are not the image tower's.

    Raises:
        ModelFolderError: tensors are missing, left over, or of other shapes than they should be together.
    """
    vocabulary, width = _shape(tensors, "token_embedding.weight", 2, name)
    config = CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=_shape(tensors, "transformer.resblocks.0.mlp.c_fc.weight", 2, name)[0],
        projection_dim=_shape(tensors, "text_projection", 2, name)[1],
        num_hidden_layers=_blocks(tensors),
        num_attention_heads=_heads(width, head_width, name),
        max_position_embeddings=_shape(tensors, "positional_embedding", 2, name)[0],
        hidden_act=activation,
        eos_token_id=2,  # for transformers this means: pool at the highest id, as OpenAI's code does
        bos_token_id=None,
        pad_token_id=None,
    )
    return fill(lambda: CLIPTextModelWithProjection(config), _renamed(tensors, TEXT, "text_model"), name)


def vision_transformer(tensors: Named, name: str, *, activation: str, head_width: int) -> CLIPVisionModelWithProjection:
    """The image tower of a ViT, of the tensors under ``visual.``, without that prefix.

    Raises:
        ModelFolderError: as for :func:`text_transformer`, or the places are not those of a square.
    """
    width, _, patch, _ = _shape(tensors, "conv1.weight", 4, name)
    grid = _grid(_shape(tensors, "positional_embedding", 2, name)[0], name)
    config = CLIPVisionConfig(
        hidden_size=width,
        intermediate_size=_shape(tensors, "transformer.resblocks.0.mlp.c_fc.weight", 2, name)[0],
        projection_dim=_shape(tensors, "proj", 2, name)[1],
        num_hidden_layers=_blocks(tensors),
        num_attention_heads=_heads(width, head_width, name),
        image_size=grid * patch,
        patch_size=patch,
        hidden_act=activation,
    )
    return fill(lambda: CLIPVisionModelWithProjection(config), _renamed(tensors, VISION, "vision_model"), name)


def resnet(tensors: Named, name: str, *, head_width: int) -> ModifiedResNet:
    """The image tower of a ResNet, of the tensors under ``visual.``, without that prefix.

    Raises:
        ModelFolderError: as for :func:`vision_transformer`.
    """
    stages = [len({key.split(".")[1] for key in tensors if key.startswith(f"layer{stage}.")}) for stage in range(1, 5)]
    places, channels = _shape(tensors, "attnpool.positional_embedding", 2, name)
    size, dim = 32 * _grid(places, name), _shape(tensors, "attnpool.c_proj.weight", 2, name)[0]
    width = _shape(tensors, "conv3.weight", 4, name)[0]
    counted = {key: torch.zeros((), dtype=torch.int64) for key in _counters(tensors)}  # not kept by every converter
    return fill(
        lambda: ModifiedResNet((stages[0], stages[1], stages[2], stages[3]), width, channels // head_width, size, dim),
        {**counted, **tensors},
        name,
    )


def fill(build: Any, tensors: Mapping[str, torch.Tensor], name: str) -> Any:
    """The module that ``build`` makes, with these tensors for its own and nothing at random.

    Raises:
        ModelFolderError: tensors are missing, left over, or of other shapes than they should be together.
    """
    with torch.device("meta"):  # no memory and no random numbers for what is replaced at once
        module = build()
    expected = module.state_dict()
    lost, unknown = sorted(expected.keys() - tensors.keys()), sorted(tensors.keys() - expected.keys())
    if lost:
        raise ModelFolderError(f"{name}: the weights lack {len(lost)} tensors, {lost[0]} for one")
    if unknown:
        raise ModelFolderError(
            f"{name}: {len(unknown)} tensors have no place in OpenAI's architecture, {unknown[0]} for one; if it is "
            "one of open_clip's other architectures, load it through open_clip: open_clip:ARCHITECTURE/FILE"
        )
    for key, tensor in tensors.items():
        if tensor.shape != expected[key].shape:
            raise ModelFolderError(
                f"{name}: the tensor {key} is {list(tensor.shape)}, and the others ask for {list(expected[key].shape)}"
            )
    module.load_state_dict(dict(tensors), strict=True, assign=True)
    for part in module.modules():
        positions = part._buffers.get("position_ids")
        if positions is not None:  # not saved, made at construction
            part.position_ids = torch.arange(positions.shape[-1]).expand((1, -1))
    return module


def _renamed(tensors: Named, names: Mapping[str, str], tower: str) -> Named:
    """From OpenAI's names to those of transformers; names that are in neither scheme stay as they are."""
    renamed: Named = {}
    for key, tensor in tensors.items():
        block, attention = BLOCK.fullmatch(key), ATTENTION.fullmatch(key)
        if key in names:
            renamed[names[key]] = tensor.T.contiguous() if key in TURNED else tensor
        elif attention:
            for part, third in zip("qkv", tensor.chunk(3), strict=False):
                place = f"{tower}.encoder.layers.{attention[1]}.self_attn.{part}_proj.{attention[2]}"
                renamed[place] = third.contiguous()
        elif block and block[2] in LAYER:
            renamed[f"{tower}.encoder.layers.{block[1]}.{LAYER[block[2]]}.{block[3]}"] = tensor
        else:
            renamed[key] = tensor
    return renamed


def _shape(tensors: Named, key: str, axes: int, name: str) -> tuple[int, ...]:
    if key not in tensors:
        raise ModelFolderError(f"{name}: the weights lack {key}; not a checkpoint of OpenAI's architecture")
    shape = tuple(tensors[key].shape)
    if len(shape) != axes:
        raise ModelFolderError(f"{name}: the tensor {key} is {list(shape)}, expected {axes} axes")
    return shape


def _blocks(tensors: Named) -> int:
    return len({match[1] for match in map(BLOCK.fullmatch, tensors) if match})


def _heads(width: int, head_width: int, name: str) -> int:
    if width % head_width:
        raise ModelFolderError(f"{name}: a width of {width} does not divide into heads of {head_width}")
    return width // head_width


def _grid(places: int, name: str) -> int:
    """The edge of the square of places, the first of which stands for the whole picture."""
    grid = round((places - 1) ** 0.5)
    if grid < 1 or grid**2 + 1 != places:
        raise ModelFolderError(f"{name}: {places} places in the picture are not a square and one more")
    return grid


def _counters(tensors: Named) -> list[str]:
    """How many batches each normalisation has seen; nothing computes with it."""
    return [key.removesuffix("running_mean") + "num_batches_tracked" for key in tensors if key.endswith("running_mean")]
