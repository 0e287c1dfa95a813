"""Whatever open_clip builds, through that library: ``open_clip:ARCHITECTURE/PRETRAINED``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image

from clipnb.errors import (
    MissingExtra,
    ModelFolderError,
    ModelUnavailable,
    UnknownModel,
    UnsafeCheckpoint,
    UnsupportedModel,
    UnsupportedOption,
    nearest,
)
from clipnb.models.families import OPEN_CLIP
from clipnb.models.folder import first_line
from clipnb.models.resolving import Source
from clipnb.models.towers import Arrays, Options, States, Tensors, Towers, padded
from clipnb.models.weights import read_weights

__all__ = ["open_towers"]

SCHEMES = ("hf-hub:", "local-dir:")
"""In the place of ARCHITECTURE/PRETRAINED: a repository, or a folder, with open_clip_config.json."""


class Choice(NamedTuple):
    """What open_clip is asked for."""

    model: str
    pretrained: str | None
    quick_gelu: bool


def open_towers(source: Source, options: Options) -> Towers:
    """Both towers of one model of open_clip. PRETRAINED is one of its tags, or a file on this machine.

    Raises:
        MissingExtra: open_clip is not installed.
        UnknownModel: it has no such architecture or tag.
        UnsupportedOption: the activation asked for is not that of the architecture or of the weights.
        ModelUnavailable: the weights are not on this machine, and cannot be fetched.
        UnsafeCheckpoint, ModelFolderError: the weights are refused, damaged, or not of this architecture.
    """
    library = _library()
    choice = _choice(source.name, options.quick_gelu, library)
    with _network(source, choice, library):
        model, _, transform = library.create_model_and_transforms(
            choice.model,
            choice.pretrained,
            force_quick_gelu=choice.quick_gelu,
            weights_only=True,
            require_pretrained=True,  # or it would go on with random numbers
        )
        tokenizer = library.get_tokenizer(choice.model)
        dim = int(library.get_model_config(choice.model)["embed_dim"])
    options.place(model)
    return Towers(
        OpenClipTexts(model, dim, tokenizer) if options.text else None,
        OpenClipImages(model, dim, transform) if options.image else None,
    )


class OpenClipTexts:
    """Texts through open_clip's tokenizers, which pad and cut by themselves."""

    def __init__(self, module: Any, dim: int, tokenizer: Any) -> None:
        self.module = module
        self.dim = dim
        self.tokenizer = tokenizer
        self.context_length = int(tokenizer.context_length)
        self.pad = int(self._ids([""], 8 * self.context_length)[0, -1])
        # Where texts end with the token that also pads (SigLIP), one of them belongs to the text.
        end = getattr(getattr(tokenizer, "tokenizer", None), "eos_token_id", None)
        self.own_pads = 1 if end == self.pad else 0

    def rows(self, texts: list[str], *, cut: bool = False) -> list[list[int]]:
        # Cut in silence at what they are given: a length beyond the context shows which texts are over it.
        rows = self._ids(texts, self.context_length if cut else 8 * self.context_length)
        used = [np.flatnonzero(row != self.pad) for row in rows]
        ends = [(int(places[-1]) + 1 if len(places) else 0) + self.own_pads for places in used]
        return [row[:end].tolist() for row, end in zip(rows, ends, strict=True)]

    def _ids(self, texts: list[str], length: int) -> np.ndarray[Any, Any]:
        ids: np.ndarray[Any, Any] = self.tokenizer(texts, context_length=length).numpy()
        return ids

    def batch(self, rows: Sequence[Sequence[int]]) -> Arrays:
        return dict(padded(rows, self.pad, self.context_length))

    def states(self, inputs: Tensors) -> States:
        raise UnsupportedModel(
            "open_clip's towers do not give their inner states in one way; for OpenAI's architecture load the file or "
            "the Hub folder itself, without open_clip:"
        )

    def features(self, inputs: Tensors) -> torch.Tensor:
        features: torch.Tensor = self.module.encode_text(inputs["input_ids"])
        return features


class OpenClipImages:
    """Pictures through open_clip's own transform."""

    def __init__(self, module: Any, dim: int, transform: Any) -> None:
        self.module = module
        self.dim = dim
        self.transform = transform
        size = module.visual.image_size
        self.image_size: int = max(size) if isinstance(size, (tuple, list)) else int(size)
        self.logit_scale = float(module.logit_scale.detach().float().exp())
        bias = getattr(module, "logit_bias", None)
        self.sigmoid = bias is not None
        self.logit_bias = 0.0 if bias is None else float(bias.detach().float())

    def pixels(self, pictures: Sequence[Image.Image]) -> Arrays:
        return {"pixel_values": torch.stack([self.transform(picture) for picture in pictures]).numpy()}

    def features(self, inputs: Tensors) -> torch.Tensor:
        features: torch.Tensor = self.module.encode_image(inputs["pixel_values"])
        return features


def _library() -> Any:
    try:
        import open_clip
    except ImportError as error:
        raise MissingExtra(
            f"a name that begins with {OPEN_CLIP} needs open_clip: pip install clipnb[open_clip] ({first_line(error)})"
        ) from error
    return open_clip


def _choice(name: str, quick_gelu: bool | None, library: Any) -> Choice:
    wanted = name.removeprefix(OPEN_CLIP)
    if wanted.startswith(SCHEMES):
        if quick_gelu is False:
            raise UnsupportedOption(f"quick_gelu=False: {name} says itself which activation it has; leave it out")
        return Choice(wanted, None, bool(quick_gelu))
    model, _, pretrained = wanted.partition("/")
    known = library.list_models()
    if model not in known:
        raise UnknownModel(f"{name}: open_clip {library.__version__} has no {model!r}.{nearest(model, known)}")
    tags = library.list_pretrained_tags_by_model(model)
    tag = pretrained in tags
    if not tag and not Path(pretrained).expanduser().is_file():
        raise UnknownModel(
            f"{name}: {pretrained!r} is neither a file nor one of open_clip's weights for {model} "
            f"({', '.join(tags) or 'it has none'}).{nearest(pretrained, tags)}"
        )
    config = library.get_model_config(model)
    built = bool(config.get("quick_gelu", False))
    trained = bool(library.get_pretrained_cfg(model, pretrained).get("quick_gelu", False)) if tag else built
    wish = trained if quick_gelu is None else quick_gelu
    if built and not wish:
        raise UnsupportedOption(
            f"{name}: {model} has QuickGELU, and GELU is what {'was asked for' if quick_gelu is False else pretrained} "
            "needs; take the architecture without -quickgelu"
        )
    return Choice(model, pretrained if tag else _checked(Path(pretrained).expanduser(), name), wish)


def _checked(file: Path, name: str) -> str:
    """Its path, once our own reader has found nothing but tensors in it; open_clip tries a file in several ways."""
    if read_weights(file, name).kind == "torchscript":
        raise UnsafeCheckpoint(
            f"{name}: a TorchScript archive, which opens here only by running it; load the file itself, without "
            f"{OPEN_CLIP}"
        )
    return str(file)


@contextlib.contextmanager
def _network(source: Source, choice: Choice, library: Any) -> Iterator[None]:
    """open_clip's errors in our words, and no network where it must not be asked."""
    from huggingface_hub import constants

    before = constants.HF_HUB_OFFLINE
    if source.local_files_only:
        _check_cache(source.name, choice, library)
        constants.HF_HUB_OFFLINE = True  # open_clip has no such argument
    try:
        yield
    except Exception as error:  # of three libraries, wrapped by open_clip in one of its own or not
        if "weights_only" in str(error) or "Weights only" in str(error):
            raise UnsafeCheckpoint(
                f"{source.name}: the file holds more than tensors, and reading it could run code; take a copy in "
                "safetensors"
            ) from error
        if _of_the_network(error):
            why = "must not be asked" if source.local_files_only else "cannot be reached"
            raise ModelUnavailable(
                f"{source.name}: not on this machine, and its home {why}; connect once and load it again, or put the "
                f"path of a file in the place of the tag: {OPEN_CLIP}ARCHITECTURE/PATH"
            ) from error
        raise ModelFolderError(f"{source.name}: open_clip cannot open it ({first_line(error)})") from error
    finally:
        constants.HF_HUB_OFFLINE = before


def _check_cache(name: str, choice: Choice, library: Any) -> None:
    """Weights that are not on the Hub have a cache of open_clip's own, by the name of the file."""
    found = library.get_pretrained_cfg(choice.model, choice.pretrained) if choice.pretrained else {}
    if found.get("url") and not found.get("hf_hub"):
        file = Path("~/.cache/clip").expanduser() / Path(found["url"]).name
        if not file.is_file():
            raise ModelUnavailable(f"{name}: {file.name} is not in open_clip's cache, and its home must not be asked")


def _of_the_network(error: BaseException | None) -> bool:
    """Whether an error, or one that it came from, is about a connection or a file that was not fetched."""
    while error is not None:
        module = type(error).__module__.partition(".")[0]
        if module in ("requests", "urllib3", "urllib", "httpx", "httpcore", "huggingface_hub", "socket"):
            return True
        if isinstance(error, (ConnectionError, TimeoutError)) or "download" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False
