"""The parts of a folder as transformers saves them, opened with care."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import transformers
from transformers import AutoModel, AutoTokenizer

# From `transformers` itself versions before 5.21 give a placeholder that asks for torchvision, needless with Pillow.
from transformers.models.auto.image_processing_auto import AutoImageProcessor

from clipnb.errors import ClipnbError, ModelFolderError, UnsafeCheckpoint
from clipnb.models.consent import check_folder
from clipnb.models.towers import Options
from clipnb.models.weights import read_weights

__all__ = [
    "check_complete",
    "check_tokenizer",
    "first_line",
    "open_image_processor",
    "open_model",
    "open_tokenizer",
    "quiet",
    "token_ids",
]


def open_model(folder: Path, name: str, options: Options, **others: Any) -> Any:
    """The model of a folder, by its ``model_type``, with nothing filled in at random; ``others`` go to transformers.

    Raises:
        ModelFolderError: the weights are missing, damaged, lack tensors, or are those of a deeper model.
        UnsafeCheckpoint: opening it would run code that it carries.
        UnsupportedModel: it wants an adapter or is quantised.
    """
    check_folder(folder, name, trust_remote_code=options.trust_remote_code)
    others = {
        "local_files_only": True,
        "output_loading_info": True,
        # Without a type, from_pretrained keeps the one on disk, which may be half precision.
        "dtype": options.dtype,
        "weights_only": True,
        "trust_remote_code": options.trust_remote_code,
        **others,
    }
    loader = others.pop("loader", AutoModel)
    try:
        with quiet():
            model, info = loader.from_pretrained(folder, **others)
    except Exception as error:  # what is wrong in a folder comes as any error of any of five libraries
        raise _of_weights(folder, name) or _reason(error, name, "the weights", options) from error
    check_complete(info["missing_keys"], name)
    deeper = _of_more_layers(model, info["unexpected_keys"])
    if deeper:
        raise ModelFolderError(
            f"{name}: the file of weights has {len(deeper)} tensors for which config.json leaves no place, "
            f"{deeper[0]} for one; its number of layers is wrong"
        )
    return model


def open_tokenizer(folder: Path, name: str, options: Options | None = None, **others: Any) -> Any:
    """The tokenizer of a folder; ``others`` go to transformers.

    Raises:
        ModelFolderError: there is none, or it cannot be opened.
        UnsafeCheckpoint: opening it would run code that it carries.
    """
    known = ("tokenizer.json", "vocab.json", "vocab.txt", "*.model")
    if not any(file for pattern in known for file in folder.glob(pattern)):
        raise ModelFolderError(
            f"{name}: no tokenizer in it (tokenizer.json, vocab.json and merges.txt, vocab.txt, or a *.model)"
        )
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(folder, **{**_consent(options), **others})
    except Exception as error:
        raise _reason(error, name, "the tokenizer", options) from error


def check_tokenizer(tokenizer: Any, tokens: int, name: str) -> None:
    """Refuse a tokenizer that cannot pad, or that has more tokens than the model.

    Raises:
        ModelFolderError: it does not belong to the model.
    """
    if tokenizer.pad_token_id is None:
        raise ModelFolderError(f"{name}: the tokenizer has no token to pad with; set pad_token in its configuration")
    if len(tokenizer) > tokens:
        raise ModelFolderError(f"{name}: {len(tokenizer)} tokens in the tokenizer, {tokens} in the model")


def token_ids(tokenizer: Any, texts: list[str], length: int | None = None) -> list[list[int]]:
    """The ids of each text by a tokenizer of transformers, with its marks; cut to ``length``, if one is given."""
    options = {"truncation": True, "max_length": length} if length is not None else {}
    rows: list[list[int]] = tokenizer(texts, verbose=False, **options)["input_ids"]
    return rows


def open_image_processor(folder: Path, name: str, options: Options | None = None, **others: Any) -> Any:
    """The image processor of a folder, in its Pillow form; ``others`` go to transformers.

    Raises:
        ModelFolderError: there is none, or it cannot be opened.
        UnsafeCheckpoint: opening it would run code that it carries.
    """
    if not any((folder / file).exists() for file in ("preprocessor_config.json", "processor_config.json")):
        raise ModelFolderError(f"{name}: no preprocessor_config.json or processor_config.json in it")
    # Where torchvision is installed, transformers would take its resizing, which differs by a grey level.
    pillow: dict[str, Any] = (
        {"backend": "pil"} if int(transformers.__version__.split(".")[0]) >= 5 else {"use_fast": False}
    )
    try:
        with quiet():
            return AutoImageProcessor.from_pretrained(folder, **{**_consent(options), **pillow, **others})
    except Exception as error:
        raise _reason(error, name, "the image processor", options) from error


def check_complete(missing: Iterable[Any], name: str) -> None:
    """Refuse weights that lack tensors, which transformers would fill with random numbers.

    Raises:
        ModelFolderError: names the first of them.
    """
    lost = sorted(map(str, missing))
    if lost:
        raise ModelFolderError(f"{name}: the file of weights lacks {len(lost)} tensors, {lost[0]} for one")


def _of_weights(folder: Path, name: str) -> ClipnbError | None:
    """What is wrong with the file of weights itself, where that is why transformers did not open it."""
    try:
        read_weights(folder, name)
    except ClipnbError as error:
        return error
    return None


def _of_more_layers(model: Any, unexpected: Iterable[str]) -> list[str]:
    """Of the tensors that found no place, those of layers beyond the last.

    transformers would leave them out and compute something else. What else it leaves out does no harm: buffers that
    older versions stored, and heads for other tasks.
    """
    known = {re.sub(r"\d+", "#", key) for key in model.state_dict()}
    return sorted(key for key in unexpected if re.sub(r"\d+", "#", key) in known)


def _consent(options: Options | None) -> dict[str, Any]:
    # Left open, transformers would ask at the terminal.
    return {"local_files_only": True, "trust_remote_code": options is not None and options.trust_remote_code}


def _reason(error: Exception, name: str, part: str, options: Options | None) -> Exception:
    if "trust_remote_code" in str(error) and not (options and options.trust_remote_code):
        return UnsafeCheckpoint(
            f"{name}: {part} would run Python code of its own; read that code, and if you trust it pass "
            "trust_remote_code=True"
        )
    return ModelFolderError(f"{name}: {part} cannot be opened ({first_line(error)})")


def first_line(error: Exception) -> str:
    """The kind of an error and the first line of what it says."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no reports while a folder opens; what matters in them is checked here."""
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
