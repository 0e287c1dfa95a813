"""Models that bring Python code of their own, such as jina-clip-v2; opened only with ``trust_remote_code=True``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from PIL import Image

from clipnb.errors import ModelFolderError, UnsupportedModel
from clipnb.images import on_white
from clipnb.models import folder as folders
from clipnb.models.families.native import WEIGHTS, features_of, logit_scale
from clipnb.models.resolving import Source
from clipnb.models.towers import Arrays, Options, States, Tensors, Towers, padded

__all__ = ["open_towers"]


def open_towers(source: Source, options: Options) -> Towers:
    """Both towers of a model that offers ``get_text_features`` and ``get_image_features``.

    Raises:
        ModelFolderError: a part is missing or damaged.
        UnsupportedModel: the code offers something else.
    """
    folder = source.fetch(*([*choice, "*.py"] for choice in WEIGHTS))
    # The code may lie in another repository, which transformers fetches by itself.
    fetch = {"local_files_only": not source.repo or source.local_files_only}
    module = folders.open_model(folder, source.name, replace(options, dtype=torch.float32), **fetch)
    lacking = [part for part in ("get_text_features", "get_image_features") if not hasattr(module, part)]
    lacking += [] if hasattr(module, "logit_scale") or hasattr(module, "temperature") else ["logit_scale"]
    if lacking:
        raise UnsupportedModel(f"{source.name}: the code it brings has no {' and no '.join(lacking)}")
    texts = images = None
    if options.text:
        texts = RemoteTexts(module, folders.open_tokenizer(folder, source.name, options, **fetch), source.name)
    if options.image:
        images = RemoteImages(module, folders.open_image_processor(folder, source.name, options, **fetch))
    options.place(module)
    return Towers(texts, images)


class RemoteTexts:
    """Texts through code of the checkpoint."""

    def __init__(self, module: Any, tokenizer: Any, name: str) -> None:
        self.module = module
        self.tokenizer = tokenizer
        if tokenizer.pad_token_id is None:
            raise ModelFolderError(f"{name}: the tokenizer has no token to pad with; set pad_token")
        config = getattr(module.config, "text_config", module.config)
        self.context_length = min(tokenizer.model_max_length, getattr(config, "max_position_embeddings", 2**20))
        self.dim = _columns(self, self.batch(self.rows([""])))

    def rows(self, texts: list[str], *, cut: bool = False) -> list[list[int]]:
        return folders.token_ids(self.tokenizer, texts, self.context_length if cut else None)

    def batch(self, rows: Sequence[Sequence[int]]) -> Arrays:
        return padded(rows, self.tokenizer.pad_token_id)

    def states(self, inputs: Tensors) -> States:
        raise UnsupportedModel("a model that brings its own code has no text_model() that is known here")

    def features(self, inputs: Tensors) -> torch.Tensor:
        return features_of(self.module.get_text_features(**inputs))


class RemoteImages:
    """Pictures through code of the checkpoint."""

    def __init__(self, module: Any, processor: Any) -> None:
        self.module = module
        self.processor = processor
        blank = self.pixels([Image.new("RGB", (64, 64))])
        self.dim = _columns(self, blank)
        self.image_size = int(blank["pixel_values"].shape[-1])
        self.logit_scale = logit_scale(module)
        self.logit_bias = float(getattr(module, "logit_bias", 0.0))
        self.sigmoid = hasattr(module, "logit_bias")

    def pixels(self, pictures: Sequence[Image.Image]) -> Arrays:
        found = self.processor([on_white(picture) for picture in pictures], return_tensors="pt")
        return {"pixel_values": np.asarray(found["pixel_values"])}

    def features(self, inputs: Tensors) -> torch.Tensor:
        return features_of(self.module.get_image_features(**inputs))


def _columns(tower: Any, batch: Arrays) -> int:
    """Nothing in such a configuration can be relied on to say it; one pass does."""
    with torch.inference_mode():
        return int(tower.features({key: torch.from_numpy(array) for key, array in batch.items()}).shape[1])
