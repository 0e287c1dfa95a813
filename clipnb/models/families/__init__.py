"""One file a family: what lies on disk, opened as a text tower, an image tower or both."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from clipnb.models.resolving import Source
    from clipnb.models.towers import Options, Towers

__all__ = ["NATIVE", "OPEN_CLIP", "SINGLE", "TEXT_ONLY", "opener"]

NATIVE = ("clip", "siglip", "siglip2", "chinese_clip", "altclip", "metaclip_2", "clipseg", "align")
"""The ``model_type`` of the configurations that transformers opens with image and text features."""

SINGLE = ("clip_text_model", "clip_vision_model")
"""The ``model_type`` of one half of such a model, saved alone."""

TEXT_ONLY = ("m-clip", "m-bert", "taiyi", "taiyi-pooler")
"""The families without pictures of their own; a folder of sentence-transformers may be of either sort."""

OPEN_CLIP = "open_clip:"
"""How the names begin that mean: whatever the library open_clip makes of the rest."""

_MODULES = {
    **dict.fromkeys((*NATIVE, *SINGLE), "native"),
    "remote": "remote",
    "openai": "openai",
    "open_clip": "open_clip",
    "m-clip": "m_clip",
    "m-bert": "m_bert",
    "sentence-transformers": "sentence_transformers",
    "taiyi": "taiyi",
    "taiyi-pooler": "taiyi",
}


def opener(family: str) -> Callable[[Source, Options], Towers]:
    """The function ``open_towers`` of a family's file."""
    module = importlib.import_module(f"{__name__}.{_MODULES[family]}")
    return cast("Callable[[Source, Options], Towers]", module.open_towers)
