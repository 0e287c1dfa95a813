"""From a name to a model: the catalog, the Hub or a folder."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from clipnb.catalog import EMBEDDED, MODEL_FOLDER, entries, suggest
from clipnb.errors import ModelFolderError, UnknownModel, UnsupportedModel, UnsupportedOption, WrongType
from clipnb.types import ClipModel

__all__ = ["load"]

FAMILIES = ("clip",)
"""The ``model_type`` of the configurations that this version opens."""


def load(
    name: str | os.PathLike[str] = EMBEDDED,
    *,
    image_tower: str | None = None,
    tokenizer: str | None = None,
    head: str | None = None,
    device: str | None = None,
    dtype: Any = None,
    backend: str = "torch",
    revision: str | None = None,
    local_files_only: bool | None = None,
) -> ClipModel:
    """Open a model of the CLIP family.

    Args:
        name: a name of :func:`clipnb.list_models`, any Hub id of a CLIP model of transformers, or a local folder.
            Without a name: the embedded model, which needs no network.
        image_tower: not supported yet (the image side of a text-only checkpoint).
        tokenizer: not supported yet (for checkpoints that carry none).
        head: not supported yet (for M-BERT-Base-ViT-B).
        device: where to compute (``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``). Default: CUDA where there is one,
            else the processor.
        dtype: of the computation: ``"float32"`` (default), ``"float16"``, ``"bfloat16"`` or the torch type. Features
            are float32 in any case.
        backend: ``"torch"``.
        revision: branch, tag or commit on the Hub.
        local_files_only: True: use what is in the cache of the Hub and do not ask the network.

    Returns:
        A :class:`clipnb.ClipModel`.

    Raises:
        UnknownModel: neither in the catalog, nor on the Hub, nor a folder; names the nearest known one.
        UnsupportedModel: known or found, and of a family that this version does not open yet.
        UnsupportedOption: an argument that is not supported yet, or not on this machine.
        ModelUnavailable: not in the cache, and the Hub cannot be reached.
        ModelFolderError: the folder is missing, incomplete or damaged.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise WrongType(f"the name of a model is a text or a path, got {name!r}, a {type(name).__name__}")
    name = os.fspath(name)
    for option, value in {"image_tower": image_tower, "tokenizer": tokenizer, "head": head}.items():
        if value is not None:
            raise UnsupportedOption(
                f"{option}={value!r}: not supported yet; this version opens checkpoints that carry both towers, "
                "their tokenizer and their heads. Leave it out."
            )
    if backend != "torch":
        raise UnsupportedOption(f"backend={backend!r}: not supported yet; expected 'torch'")
    source, languages = _resolve(name, revision, bool(local_files_only))
    _check_family(source, name)

    from clipnb.models.transformers_clip import TransformersClip  # torch takes seconds to import

    return TransformersClip.open(source, name=name, languages=languages, device=device, dtype=dtype)


def _resolve(name: str, revision: str | None, local_files_only: bool) -> tuple[Path, tuple[str, ...]]:
    """The folder of a model on this machine, and its languages."""
    entry = entries().get(name)
    if not name.strip():
        raise UnknownModel(f"the name of the model is blank: {name!r}; the embedded one is clipnb.load()")
    if name == EMBEDDED:
        if not MODEL_FOLDER.is_dir():
            raise ModelFolderError("the embedded model is missing from this installation; reinstall clipnb")
        return MODEL_FOLDER, entries()[EMBEDDED].languages
    if entry is not None and not entry.loadable:
        instead = f"the same weights load as {entry.same_as!r}" if entry.same_as else "see clipnb.list_models()"
        raise UnsupportedModel(f"{name}: this version cannot load the {entry.family!r} family yet; {instead}")
    path = Path(name).expanduser()
    if entry is None and path.exists():
        if not path.is_dir():
            raise UnsupportedModel(f"{name}: this version loads folders, and not yet checkpoints of a single file")
        return path, ()
    if entry is None and _looks_like_path(name):
        raise ModelFolderError(f"{name}: no such folder{suggest(name)}")
    if entry is None and (name.count("/") != 1 or name.startswith("clipnb/")):
        raise UnknownModel(f"{name!r} is not a known model, a Hub id (owner/name) or a folder.{suggest(name)}")

    from clipnb.models.hub import download

    return download(name, revision=revision, local_files_only=local_files_only), entry.languages if entry else ()


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", os.sep)) or name.count("/") > 1 or "\\" in name or name.endswith("/")


def _check_family(folder: Path, name: str) -> None:
    """The configuration is there, can be read, and is of a family that this version opens."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFolderError(f"{name}: no config.json in it; expected a folder as transformers saves it") from error
    except (OSError, ValueError) as error:
        raise ModelFolderError(f"{name}: config.json cannot be read ({error})") from error
    family = config.get("model_type") if isinstance(config, dict) else None
    if family not in FAMILIES:
        raise UnsupportedModel(
            f"{name}: its model_type is {family!r}, and this version opens {', '.join(map(repr, FAMILIES))} only"
        )
