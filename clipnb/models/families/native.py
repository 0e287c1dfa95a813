"""Whatever transformers itself opens with image and text features: CLIP, SigLIP, Chinese-CLIP, AltCLIP and others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
import transformers
from PIL import Image
from tokenizers.normalizers import Lowercase

from clipnb.errors import ModelFolderError, UnsupportedModel
from clipnb.images import on_white
from clipnb.models import folder as folders
from clipnb.models.configuration import read_json
from clipnb.models.quick import Recipe
from clipnb.models.resolving import Source
from clipnb.models.towers import Arrays, Options, States, Tensors, Towers, padded

__all__ = ["WEIGHTS", "NativeImages", "NativeTexts", "features_of", "logit_scale", "open_towers"]

WEIGHTS = [["model*.safetensors"], ["pytorch_model*.bin"]]

_AT_END = ("clip", "clip_text_model", "clipseg", "metaclip_2")
"""Their text feature is read at the end-of-text token."""

_AT_START = ("align", "altclip", "chinese_clip")
"""Theirs at the first token, whatever the pooler of the BERT below them says."""

_UNMASKED = ("siglip", "siglip2")
"""Trained on texts of one length without an attention mask, so padding is part of the text."""

_ANY_SIZE = ("align", "clipseg", "siglip2")
"""They take pictures of another size than the configuration's."""


def open_towers(source: Source, options: Options) -> Towers:
    """Both towers of a folder as transformers saves one, or the text tower of a CLIPTextModelWithProjection.

    Raises:
        ModelFolderError: a part is missing or damaged, or the parts do not belong together.
        UnsupportedModel: a single tower that lacks what makes it one of a pair.
    """
    folder, name = source.fetch(*WEIGHTS), source.name
    # In full first: in half precision the logit scale of 100 would come out as 99.
    module = folders.open_model(folder, name, replace(options, dtype=torch.float32), **_loader(folder, name))
    module = getattr(module, "clip", module)
    alone = module.config.model_type == "clip_text_model"
    texts = images = None
    if options.text:
        texts = NativeTexts(module, folders.open_tokenizer(folder, name, options), name)
    if options.image and not alone:
        images = NativeImages(module, folders.open_image_processor(folder, name, options), name)
    if not options.text:
        del module.text_model
    if not options.image and not alone:
        del module.vision_model
    options.place(module)
    return Towers(texts, images)


class NativeTexts:
    """The text tower of a model of transformers."""

    def __init__(self, module: Any, tokenizer: Any, name: str) -> None:
        self.module = module
        self.tokenizer = tokenizer
        self.kind: str = module.config.model_type
        config = _text_config(module)
        self.dim = _columns(module)
        positions: int = config.max_position_embeddings
        if self.kind == "altclip":  # RoBERTa counts its positions from the one after the padding's id
            positions -= config.pad_token_id + 1
        self.context_length = min(positions, tokenizer.model_max_length)
        _check_tokenizer(self.kind, config, tokenizer, name)

    def rows(self, texts: list[str], *, cut: bool = False) -> list[list[int]]:
        if self.kind in _UNMASKED and self.tokenizer.is_fast:
            # SigLIP 2 saw lower case only; whether its tokenizer sees to that depends on the version of transformers.
            texts = [Lowercase().normalize_str(text) for text in texts]
        return folders.token_ids(self.tokenizer, texts, self.context_length if cut else None)

    def batch(self, rows: Sequence[Sequence[int]]) -> Arrays:
        return padded(rows, self.tokenizer.pad_token_id, self.context_length if self.kind in _UNMASKED else None)

    def states(self, inputs: Tensors) -> States:
        if self.kind in _UNMASKED:
            inputs = {"input_ids": inputs["input_ids"]}
        out = self.module.text_model(**inputs)
        first = self.kind in _AT_START
        return States(out.last_hidden_state, out.last_hidden_state[:, 0] if first else out.pooler_output)

    def features(self, inputs: Tensors) -> torch.Tensor:
        # Not get_text_features: Chinese-CLIP's raises TypeError in transformers 4.57.
        pooled = self.states(inputs).pooler_output
        projected: torch.Tensor = self.module.text_projection(pooled) if self.kind not in _UNMASKED else pooled
        return projected


class NativeImages:
    """The image tower of a model of transformers."""

    def __init__(self, module: Any, processor: Any, name: str) -> None:
        self.module = module
        self.processor = processor
        self.dim = _columns(module)
        kind, config = module.config.model_type, module.config.vision_config
        self.image_size = _edge(self.pixels([Image.new("RGB", (64, 64))]))
        if kind not in _ANY_SIZE and self.image_size != config.image_size:
            raise ModelFolderError(
                f"{name}: its image processor makes {self.image_size} pixels, the model takes {config.image_size}; "
                "set size and crop_size in preprocessor_config.json to the model's"
            )
        self.logit_scale = logit_scale(module)
        self.sigmoid = hasattr(module, "logit_bias")
        self.logit_bias = float(module.logit_bias.detach()) if self.sigmoid else 0.0
        self.recipe = _recipe(processor)

    def pixels(self, pictures: Sequence[Image.Image]) -> Arrays:
        # An array three pixels high or wide would leave the place of its channels to guessing.
        arrays = [np.asarray(on_white(picture)) for picture in pictures]
        return dict(self.processor(arrays, input_data_format="channels_last", return_tensors="np"))

    def features(self, inputs: Tensors) -> torch.Tensor:
        return features_of(self.module.get_image_features(**inputs))


def features_of(out: Any) -> torch.Tensor:
    """The features; transformers 5 returns an object that holds them, 4 the tensor itself."""
    features: torch.Tensor = getattr(out, "pooler_output", out)
    return features


def logit_scale(module: Any) -> float:
    """The factor between cosine and logit. ALIGN stores its inverse, the others its logarithm."""
    if hasattr(module, "temperature"):
        return 1 / float(module.temperature.detach())
    return float(module.logit_scale.detach().double().exp())


def _loader(folder: Any, name: str) -> dict[str, Any]:
    """The class to open, where AutoModel's is not the one that was saved."""
    config = read_json(folder / "config.json", name)
    kind, saved = config.get("model_type"), str(config.get("architectures"))
    if kind == "clipseg" and "CLIPSegModel" not in saved:
        # Published as the segmenting model, whose towers AutoModel finds in some versions of transformers only.
        return {"loader": transformers.CLIPSegForImageSegmentation}
    if kind == "clip_vision_model":
        raise UnsupportedModel(
            f"{name}: an image tower alone, without the logit scale that belongs to it; load the whole model"
        )
    if kind != "clip_text_model":
        return {}
    if "CLIPTextModelWithProjection" not in saved:  # AutoModel would open the other without its projection as well
        raise UnsupportedModel(
            f"{name}: a text tower without the projection into the space it shares with pictures; load the whole model"
        )
    return {"loader": transformers.CLIPTextModelWithProjection}


def _text_config(module: Any) -> Any:
    return getattr(module.config, "text_config", module.config)


def _columns(module: Any) -> int:
    """Columns of the features: of both towers, the model multiplies one with the other."""
    projection = module.text_model.head if module.config.model_type in _UNMASKED else module.text_projection
    columns: int = projection.out_features
    return columns


def _edge(pixels: Arrays) -> int:
    """The edge of a square picture after preprocessing; of a row of patches, three channels each, as well."""
    values = pixels["pixel_values"]
    if values.ndim == 4:
        return max(int(length) for length in values.shape[2:])
    return round((int(pixels["pixel_attention_mask"].sum()) * values.shape[2] / 3) ** 0.5)


def _check_tokenizer(kind: str, config: Any, tokenizer: Any, name: str) -> None:
    """What a tokenizer that belongs to another model would spoil without a word."""
    folders.check_tokenizer(tokenizer, config.vocab_size, name)
    if kind == "altclip" and tokenizer.pad_token_id != config.pad_token_id:  # positions are counted from it
        raise ModelFolderError(
            f"{name}: the configuration pads with token {config.pad_token_id}, the tokenizer with "
            f"{tokenizer.pad_token_id}; set text_config.pad_token_id in config.json to the tokenizer's"
        )
    marked = tokenizer("a")["input_ids"]
    if kind in _AT_END:
        _check_end_of_text(kind, config, tokenizer, name)
    if kind not in _AT_START and marked[-1] != tokenizer.eos_token_id:
        raise ModelFolderError(f"{name}: the tokenizer does not end texts with {tokenizer.eos_token!r}")
    if kind in _AT_START and marked[0] not in (tokenizer.cls_token_id, tokenizer.bos_token_id):
        raise ModelFolderError(f"{name}: the tokenizer does not start texts with {tokenizer.cls_token!r}")


def _check_end_of_text(kind: str, config: Any, tokenizer: Any, name: str) -> None:
    """The text tower reads its feature at the end-of-text token: the configuration has to name the tokenizer's.

    Older configurations say 2, at which transformers looks for the highest id instead (never in MetaCLIP 2). A wrong
    id that occurs in no text makes it read the first position of every text, without a word.
    """
    end = tokenizer.eos_token_id
    by_id = config.eos_token_id == end
    by_height = config.eos_token_id == 2 and end == len(tokenizer) - 1 and kind != "metaclip_2"
    if not by_id and not by_height:
        raise ModelFolderError(
            f"{name}: the configuration ends texts at token {config.eos_token_id}, the tokenizer at {end}; "
            "set text_config.eos_token_id in config.json to the tokenizer's"
        )


def _recipe(processor: Any) -> Recipe | None:
    """The processor's settings as a recipe, if they are a resize, a crop and a normalisation and nothing else."""
    if not getattr(processor, "size", None):
        return None  # SigLIP 2 NaFlex: patches of any resolution
    size, crop = dict(processor.size), getattr(processor, "crop_size", None)
    filters: dict[int, Any] = {2: "bilinear", 3: "bicubic"}
    plain = processor.do_resize and processor.do_rescale and processor.do_normalize
    # ALIGN's processor scales to -1 ... 1 and divides by the spread without taking off the mean.
    more = any(getattr(processor, step, None) for step in ("rescale_offset", "include_top", "do_pad"))
    if not plain or more or int(processor.resample) not in filters or processor.rescale_factor != 1 / 255:
        return None
    if size.get("shortest_edge"):
        resize: Any = size["shortest_edge"]
    elif size.get("height") and size.get("width"):
        resize = (size["height"], size["width"])
    else:
        return None
    cut = (crop["height"], crop["width"]) if getattr(processor, "do_center_crop", False) and crop else None
    if cut is not None and min(cut) > (resize if isinstance(resize, int) else min(resize)):
        return None  # a crop larger than the picture would be padded
    return Recipe(
        resize, cut, tuple(processor.image_mean), tuple(processor.image_std), filters[int(processor.resample)]
    )
