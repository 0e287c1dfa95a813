"""A folder as ``CLIPModel.save_pretrained`` and ``CLIPProcessor.save_pretrained`` leave it, opened with care."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoImageProcessor, AutoTokenizer, CLIPModel, CLIPProcessor

from clipnb.errors import ModelFolderError

__all__ = ["open_folder"]


def open_folder(folder: Path, name: str, dtype: torch.dtype) -> tuple[CLIPModel, CLIPProcessor]:
    """The model and its processor.

    Raises:
        ModelFolderError: a part is missing or damaged, or the parts do not belong together.
    """
    with _quiet():
        model = _open_model(folder, name, dtype)
        processor = _open_processor(folder, name)
    _check_end_of_text(model, processor.tokenizer, name)
    return model, processor


def _open_model(folder: Path, name: str, dtype: torch.dtype) -> Any:
    options: dict[str, Any] = {"local_files_only": True, "output_loading_info": True}
    # Without a type, from_pretrained keeps the one on disk, which may be half precision.
    options["dtype"] = dtype
    try:
        model, info = CLIPModel.from_pretrained(folder, **options)
    except Exception as error:  # what is wrong in a folder comes as any error of any of five libraries
        raise ModelFolderError(f"{name}: the weights cannot be opened ({_first_line(error)})") from error
    lost = sorted(map(str, info["missing_keys"]))
    if lost:
        # transformers would fill them with random numbers.
        raise ModelFolderError(f"{name}: the file of weights lacks {len(lost)} tensors, {lost[0]} for one")
    return model


def _open_processor(folder: Path, name: str) -> Any:
    if not any((folder / file).exists() for file in ("tokenizer.json", "vocab.json")):
        raise ModelFolderError(f"{name}: no tokenizer in it (tokenizer.json, or vocab.json and merges.txt)")
    if not any((folder / file).exists() for file in ("preprocessor_config.json", "processor_config.json")):
        raise ModelFolderError(f"{name}: no preprocessor_config.json or processor_config.json in it")
    # Where torchvision is installed, transformers would take its resizing, which differs by a grey level.
    pillow: dict[str, Any] = (
        {"backend": "pil"} if int(transformers.__version__.split(".")[0]) >= 5 else {"use_fast": False}
    )
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        image_processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True, **pillow)
    except Exception as error:
        raise ModelFolderError(f"{name}: tokenizer or processor cannot be opened ({_first_line(error)})") from error
    return CLIPProcessor(image_processor=image_processor, tokenizer=tokenizer)


def _check_end_of_text(model: Any, tokenizer: Any, name: str) -> None:
    """The text tower reads its feature at the end-of-text token: the configuration has to name the tokenizer's.

    Older configurations say 2, at which transformers looks for the highest id instead. A wrong id that occurs in no
    text makes it read the first position of every text, without a word.
    """
    config, end = model.config.text_config, tokenizer.eos_token_id
    by_id = config.eos_token_id == end
    by_height = config.eos_token_id == 2 and end == len(tokenizer) - 1
    if not by_id and not by_height:
        raise ModelFolderError(
            f"{name}: the configuration ends texts at token {config.eos_token_id}, the tokenizer at {end}; "
            "set text_config.eos_token_id in config.json to the tokenizer's"
        )
    if len(tokenizer) > config.vocab_size:
        raise ModelFolderError(f"{name}: {len(tokenizer)} tokens in the tokenizer, {config.vocab_size} in the model")


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No progress bars and no reports while a small folder opens; what matters in them is checked here."""
    log = transformers.utils.logging
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()
