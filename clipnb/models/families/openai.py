"""Checkpoints under OpenAI's names: its own archives, plain state dicts, open_clip's releases and Hub folders."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from clipnb.errors import AssumedActivation, ModelFolderError
from clipnb.models.configuration import read_json
from clipnb.models.openai.bpe import BUNDLED, OPEN_CLIP_MARKS, OPENAI_MARKS, OpenAIBPE, read_merges
from clipnb.models.openai.modules import resnet, text_transformer, vision_transformer
from clipnb.models.openai.open_clip_config import OpenClipConfig, read_config
from clipnb.models.openai.pixels import Pixels
from clipnb.models.resolving import Source
from clipnb.models.towers import Arrays, Options, States, Tensors, Towers, padded
from clipnb.models.weights import Weights, read_weights

__all__ = ["OpenAIImages", "OpenAITexts", "open_towers"]

CONFIG = "open_clip_config.json"
FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
SCALARS = {"input_resolution", "context_length", "vocab_size"}
"""int64, in the archives of OpenAI and in what is saved from them."""

HEAD_WIDTHS = {1280: 80, 1408: 88, 1664: 104, 1792: 112}
"""By the width of a ViT, where it is not 64: open_clip's H, g, bigG and e, of which a bare file does not tell."""


def open_towers(source: Source, options: Options) -> Towers:
    """The towers of a file, or of a folder with open_clip_config.json.

    Raises:
        ModelFolderError: the weights are missing, damaged, incomplete, or do not belong to their configuration.
        UnsafeCheckpoint: see :func:`clipnb.models.weights.read_weights`.
        UnsupportedModel: open_clip's configuration asks for another architecture.
    """
    folder = source.fetch(*([file] for file in FILES))
    config = None
    if folder.is_dir():
        # The name of a repository works everywhere; that of a folder does only as long as it stays.
        way_out = f"open_clip:hf-hub:{source.repo}" if source.repo else f"open_clip:local-dir:{source.name}"
        config = read_config(read_json(folder / CONFIG, source.name), source.name, way_out)
    file = _weights_file(folder, source.name) if folder.is_dir() else folder
    weights = read_weights(file, source.name, trust_torchscript=options.trust_torchscript)
    tensors = {key.removeprefix("text."): tensor for key, tensor in weights.tensors.items()}
    quick = config.quick_gelu if config else None
    activation = "quick_gelu" if _quick_gelu(source, options, weights, file, quick) else "gelu"
    visual = {key.removeprefix("visual."): tensor for key, tensor in tensors.items() if key.startswith("visual.")}
    scalars: Tensors = {key: tensors[key] for key in ("logit_scale", "logit_bias") if key in tensors}
    text = {
        key: tensor
        for key, tensor in tensors.items()
        if not key.startswith("visual.") and key not in scalars and key not in SCALARS
    }
    own_marks = OPEN_CLIP_MARKS if config or weights.release else OPENAI_MARKS
    return Towers(
        _texts(text, source.name, config, options, activation, own_marks) if options.text and text else None,
        _images(visual, scalars, source.name, config, options, activation) if options.image and visual else None,
    )


class OpenAITexts:
    """The text tower: a causal transformer, read at the highest token id, which is the end mark's."""

    def __init__(self, module: Any, bpe: OpenAIBPE) -> None:
        self.module = module
        self.bpe = bpe
        self.dim: int = module.config.projection_dim
        self.context_length: int = module.config.max_position_embeddings

    def rows(self, texts: list[str], *, cut: bool = False) -> list[list[int]]:
        return [self.bpe.row(text, self.context_length if cut else None) for text in texts]

    def batch(self, rows: Sequence[Sequence[int]]) -> Arrays:
        return dict(padded(rows, 0, self.context_length))

    def states(self, inputs: Tensors) -> States:
        ids = inputs["input_ids"]
        hidden = self.module.text_model(input_ids=ids).last_hidden_state
        return States(hidden, hidden[torch.arange(len(ids), device=ids.device), ids.argmax(dim=-1)])

    def features(self, inputs: Tensors) -> torch.Tensor:
        # No token sees those after it: what lies behind the last end mark need not be computed.
        ids = inputs["input_ids"]
        ids = ids[:, : int(ids.argmax(dim=-1).max()) + 1]
        features: torch.Tensor = self.module.text_projection(self.states({"input_ids": ids}).pooler_output)
        return features


class OpenAIImages:
    """The image tower: a ViT of transformers, or a ResNet of ours."""

    def __init__(
        self, module: Any, dim: int, pixels: Pixels, logit_scale: float, logit_bias: float | None = None
    ) -> None:
        self.module = module
        self.dim = dim
        self.transform = pixels
        self.image_size = pixels.size
        self.logit_scale = logit_scale
        self.logit_bias = 0.0 if logit_bias is None else logit_bias
        self.sigmoid = logit_bias is not None
        self.recipe = pixels.recipe()

    def pixels(self, pictures: Sequence[Image.Image]) -> Arrays:
        return {"pixel_values": self.transform.values(pictures)}

    def features(self, inputs: Tensors) -> torch.Tensor:
        out = self.module(inputs["pixel_values"])
        features: torch.Tensor = getattr(out, "image_embeds", out)
        return features


def _texts(
    tensors: Tensors,
    name: str,
    config: OpenClipConfig | None,
    options: Options,
    activation: str,
    marks: tuple[str, str],
) -> OpenAITexts:
    head_width = config.text_head_width if config else 64
    module = text_transformer(tensors, name, activation=activation, head_width=head_width)
    path = BUNDLED if options.tokenizer is None else Path(options.tokenizer).expanduser()
    bpe = OpenAIBPE(read_merges(path), marks)
    if bpe.size != module.config.vocab_size:
        whose = "OpenAI's tokenizer" if options.tokenizer is None else str(path)
        raise ModelFolderError(
            f"{name}: {module.config.vocab_size} tokens in the weights, {bpe.size} in {whose}; pass the one that it "
            "was trained with as tokenizer=, a folder or a file of merges"
        )
    options.place(module)
    texts = OpenAITexts(module, bpe)
    if config:
        found = {"context_length": texts.context_length, "vocab_size": bpe.size, "dim": texts.dim}
        _check(found, config, name)
    return texts


def _images(
    tensors: Tensors, scalars: Tensors, name: str, config: OpenClipConfig | None, options: Options, activation: str
) -> OpenAIImages:
    module: Any
    if "attnpool.positional_embedding" in tensors:
        module = resnet(tensors, name, head_width=config.image_head_width if config else 64)
        dim, size = module.attnpool.c_proj.out_features, module.size
    else:
        width = tensors["conv1.weight"].shape[0] if "conv1.weight" in tensors else 0
        head_width = config.image_head_width if config else HEAD_WIDTHS.get(width, 64)
        module = vision_transformer(tensors, name, activation=activation, head_width=head_width)
        dim, size = module.config.projection_dim, module.config.image_size
    if config:
        _check({"image_size": size, "dim": dim}, config, name)
    if "logit_scale" not in scalars:
        raise ModelFolderError(f"{name}: the weights lack logit_scale")
    scale = float(scalars["logit_scale"].float().exp())
    bias = float(scalars["logit_bias"].float()) if "logit_bias" in scalars else None
    options.place(module)
    return OpenAIImages(module, dim, config.pixels if config else Pixels(size), scale, bias)


def _check(found: dict[str, int], config: OpenClipConfig, name: str) -> None:
    for key, value in found.items():
        said = getattr(config, key)
        if value != said:
            raise ModelFolderError(f"{name}: {CONFIG} says {key} = {said}, the weights have {value}")


def _weights_file(folder: Path, name: str) -> Path:
    for file in FILES:
        if (folder / file).is_file():
            return folder / file
    raise ModelFolderError(f"{name}: no weights beside its {CONFIG} ({', '.join(FILES)})")


def _quick_gelu(source: Source, options: Options, weights: Weights, file: Path, said: bool | None) -> bool:
    """Which of two activations: the same weights compute with either, and one of them is wrong.

    What the caller says comes first, then the catalog, the configuration, the layout that is OpenAI's, the name that
    open_clip gave to the file. Past that it is a guess, and a warning says so.
    """
    if options.quick_gelu is not None:
        return options.quick_gelu
    known = getattr(source.entry, "activation", "")
    if known:
        return bool(known == "quick_gelu")
    if said is not None:
        return said
    if weights.tensors.keys() >= SCALARS or "quickgelu" in file.name.lower():
        return True
    guess = not weights.release
    if not options.text and "visual.attnpool.positional_embedding" in weights.tensors:
        return guess  # a ResNet has none; only its texts do
    kind = "QuickGELU, as in OpenAI's files" if guess else "GELU, as in most of open_clip's"
    warnings.warn(
        f"{source.name}: nothing in it says which activation it was trained with; taken for {kind}. Pass "
        "quick_gelu=True or quick_gelu=False",
        AssumedActivation,
        stacklevel=5,
    )
    return guess
