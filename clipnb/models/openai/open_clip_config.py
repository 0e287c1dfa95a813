"""What open_clip_config.json says, and how much of it this package can follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from clipnb.errors import ModelFolderError, UnsupportedModel
from clipnb.models.openai.pixels import FILTERS, RESIZE_MODES, Pixels

__all__ = ["OpenClipConfig", "read_config"]

PLAIN: dict[str, tuple[Any, ...]] = {
    # The towers of OpenAI's architecture, and the values under which open_clip builds just these.
    "pool_type": (None, "tok", "argmax"),
    "pos_embed_type": (None, "learnable", "sin_cos_2d"),  # stored among the weights in either case
    "block_type": (None, "default"),
    "proj": (None, "linear"),
    "proj_type": ("linear",),
    **dict.fromkeys(
        ["ls_init_value", "act_kwargs", "norm_kwargs", "hf_tokenizer_name", "tokenizer_kwargs", "tokenizer_mode"],
        (None, {}),
    ),
    **dict.fromkeys(["timm_model_name", "hf_model_name"], (None, "")),
    **dict.fromkeys(
        ["attentional_pool", "global_average_pool", "no_ln_pre", "final_ln_after_pool", "embed_cls", "no_causal_mask"],
        (None, False),
    ),
    **dict.fromkeys(["proj_bias", "qk_norm", "scaled_cosine_attn", "scale_heads"], (None, False)),
    **dict.fromkeys(["scale_attn_inner", "scale_attn", "scale_fc"], (None, False)),
}
SIZES = {
    "layers",
    "width",
    "heads",
    "head_width",
    "mlp_ratio",
    "patch_size",
    "image_size",
    "context_length",
    "vocab_size",
}
"""Compared with the weights, or told by them."""
WITHOUT_EFFECT = {"patch_dropout", "output_tokens", "attn_pooler_queries", "attn_pooler_heads", "pad_id", "eos_id"}
"""For training, or for parts that PLAIN excludes; so are all of timm's and of Hugging Face's."""
TOP = {"embed_dim", "vision_cfg", "text_cfg", "quick_gelu", "custom_text", "init_logit_scale", "init_logit_bias"}
TOP_WITHOUT_EFFECT = {"nonscalar_logit_scale", "output_dict"}


@dataclass(frozen=True)
class OpenClipConfig:
    """How to build and feed the towers, beyond what their weights say.

    Attributes:
        quick_gelu: the activation: OpenAI's approximation, or GELU itself.
        image_head_width, text_head_width: channels of one head of the attention.
        image_size, context_length, vocab_size, dim: what the configuration says of them.
        pixels: a picture's preparation, but for its size.
    """

    quick_gelu: bool
    image_head_width: int
    text_head_width: int
    image_size: int
    context_length: int
    vocab_size: int
    dim: int
    pixels: Pixels


def read_config(config: dict[str, Any], name: str, way_out: str) -> OpenClipConfig:
    """The recipe of an ``open_clip_config.json``.

    Args:
        config: its content.
        name: of the model, for messages.
        way_out: the name under which open_clip itself loads it.

    Raises:
        UnsupportedModel: it asks for more than OpenAI's architecture.
        ModelFolderError: something is missing or of the wrong type.
    """
    model = _table(config, "model_cfg", name)
    vision, text = _table(model, "vision_cfg", name), _table(model, "text_cfg", name)
    odd = [*_odd(vision, "vision_cfg"), *_odd(text, "text_cfg")]
    odd += [f"model_cfg.{key}" for key in model if key not in TOP | TOP_WITHOUT_EFFECT]
    if text.get("pool_type") == "tok" or vision.get("pool_type") == "argmax":
        odd.append("pool_type")
    if odd:
        raise UnsupportedModel(
            f"{name}: its open_clip_config.json asks for {', '.join(odd)}, which this version does not build itself; "
            f"load it through open_clip: pip install clipnb[open_clip], then clipnb.load({way_out!r})"
        )
    try:
        width, heads = int(text.get("width", 512)), int(text.get("heads", 8))
        return OpenClipConfig(
            quick_gelu=bool(model.get("quick_gelu", False)),
            image_head_width=int(vision.get("head_width", 64)),
            text_head_width=max(1, width // heads),
            image_size=_edge(vision.get("image_size", 224)),
            context_length=int(text.get("context_length", 77)),
            vocab_size=int(text.get("vocab_size", 49408)),
            dim=int(model["embed_dim"]),
            pixels=_pixels(config.get("preprocess_cfg") or {}, _edge(vision.get("image_size", 224))),
        )
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise ModelFolderError(
            f"{name}: open_clip_config.json cannot be followed ({type(error).__name__}: {error})"
        ) from error


def _table(config: dict[str, Any], key: str, name: str) -> dict[str, Any]:
    table = config.get(key)
    if not isinstance(table, dict):
        raise ModelFolderError(f"{name}: open_clip_config.json has no table {key}")
    return table


def _odd(table: dict[str, Any], name: str) -> list[str]:
    """The keys whose values ask for another architecture, and those that nobody here knows."""
    found = []
    for key, value in table.items():
        if key in PLAIN and value not in PLAIN[key]:
            found.append(f"{name}.{key} = {value!r}")
        elif key not in PLAIN and key not in SIZES | WITHOUT_EFFECT and not key.startswith(("timm_", "hf_")):
            found.append(f"{name}.{key}")
    return found


def _pixels(config: dict[str, Any], size: int) -> Pixels:
    plain = Pixels(size)
    pixels = Pixels(
        size,
        mean=_channels(config.get("mean"), plain.mean),
        std=_channels(config.get("std"), plain.std),
        interpolation=config.get("interpolation") or plain.interpolation,
        resize_mode=config.get("resize_mode") or plain.resize_mode,
        fill=int(config.get("fill_color") or 0),
    )
    if pixels.interpolation == "random":  # a matter of training, bicubic otherwise
        pixels = Pixels(size, pixels.mean, pixels.std, "bicubic", pixels.resize_mode, pixels.fill)
    if pixels.interpolation not in FILTERS or pixels.resize_mode not in RESIZE_MODES:
        raise ValueError(f"interpolation {pixels.interpolation!r}, resize_mode {pixels.resize_mode!r}")
    if config.get("mode", "RGB") != "RGB":
        raise ValueError(f"pictures in mode {config['mode']!r}")
    return pixels


def _channels(value: Any, default: tuple[float, ...]) -> tuple[float, ...]:
    if not value:
        return default
    channels = tuple(map(float, value)) if isinstance(value, (list, tuple)) else (float(value),) * 3
    if len(channels) != 3:
        raise ValueError(f"{len(channels)} channels, expected 3")
    return channels


def _edge(size: Any) -> int:
    edges = [int(edge) for edge in size] if isinstance(size, (list, tuple)) else [int(size)] * 2
    if edges[0] != edges[-1]:
        raise ValueError(f"pictures of {size}, expected a square")
    return edges[0]
