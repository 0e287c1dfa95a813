"""Whatever transformers itself opens with image and text features: CLIP, SigLIP, Chinese-CLIP, AltCLIP and others."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from clipnb.errors import ModelFolderError
from clipnb.images import on_white
from clipnb.models import folder as folders
from clipnb.models.resolving import Source
from clipnb.models.towers import Arrays, Options, States, Tensors, Towers, padded

__all__ = ["NativeImages", "NativeTexts", "open_towers"]

WEIGHTS = [["model*.safetensors"], ["pytorch_model*.bin"]]


def open_towers(source: Source, options: Options) -> Towers:
    """Both towers of a folder as transformers saves one.

    Raises:
        ModelFolderError: a part is missing or damaged, or the parts do not belong together.
    """
    folder = source.fetch(*WEIGHTS)
    module = folders.open_model(folder, source.name, options)
    tokenizer = folders.open_tokenizer(folder, source.name) if options.text else None
    processor = folders.open_image_processor(folder, source.name) if options.image else None
    if tokenizer is not None:
        _check_end_of_text(module.config.text_config, tokenizer, source.name)
    if not options.text:
        del module.text_model
    if not options.image:
        del module.vision_model
    options.place(module)
    return Towers(
        None if tokenizer is None else NativeTexts(module, tokenizer),
        None if processor is None else NativeImages(module, processor),
    )


class NativeTexts:
    """The text tower of a model of transformers."""

    def __init__(self, module: Any, tokenizer: Any) -> None:
        self.module = module
        self.tokenizer = tokenizer
        self.dim: int = module.config.projection_dim
        self.context_length: int = module.config.text_config.max_position_embeddings

    def rows(self, texts: list[str], *, cut: bool = False) -> list[list[int]]:
        options = {"truncation": True, "max_length": self.context_length} if cut else {}
        rows: list[list[int]] = self.tokenizer(texts, verbose=False, **options)["input_ids"]
        return rows

    def batch(self, rows: Sequence[Sequence[int]]) -> Arrays:
        return padded(rows, self.tokenizer.pad_token_id)

    def states(self, inputs: Tensors) -> States:
        out = self.module.text_model(**inputs)
        return States(out.last_hidden_state, out.pooler_output)

    def features(self, inputs: Tensors) -> torch.Tensor:
        return _tensor(self.module.get_text_features(**inputs))


class NativeImages:
    """The image tower of a model of transformers."""

    def __init__(self, module: Any, processor: Any) -> None:
        self.module = module
        self.processor = processor
        self.dim: int = module.config.projection_dim
        self.image_size: int = module.config.vision_config.image_size
        self.logit_scale = float(module.logit_scale.detach().float().exp())
        self.logit_bias = 0.0
        self.sigmoid = False

    def pixels(self, pictures: Sequence[Image.Image]) -> Arrays:
        # An array three pixels high or wide would leave the place of its channels to guessing.
        arrays = [np.asarray(on_white(picture)) for picture in pictures]
        return dict(self.processor(arrays, input_data_format="channels_last", return_tensors="np"))

    def features(self, inputs: Tensors) -> torch.Tensor:
        return _tensor(self.module.get_image_features(**inputs))


def _tensor(out: Any) -> torch.Tensor:
    """The features; transformers 5 returns an object that holds them, 4 the tensor itself."""
    features: torch.Tensor = getattr(out, "pooler_output", out)
    return features


def _check_end_of_text(config: Any, tokenizer: Any, name: str) -> None:
    """The text tower reads its feature at the end-of-text token: the configuration has to name the tokenizer's.

    Older configurations say 2, at which transformers looks for the highest id instead. A wrong id that occurs in no
    text makes it read the first position of every text, without a word.
    """
    end = tokenizer.eos_token_id
    by_id = config.eos_token_id == end
    by_height = config.eos_token_id == 2 and end == len(tokenizer) - 1
    if not by_id and not by_height:
        raise ModelFolderError(
            f"{name}: the configuration ends texts at token {config.eos_token_id}, the tokenizer at {end}; "
            "set text_config.eos_token_id in config.json to the tokenizer's"
        )
    if len(tokenizer) > config.vocab_size:
        raise ModelFolderError(f"{name}: {len(tokenizer)} tokens in the tokenizer, {config.vocab_size} in the model")
