"""One call for every family: :func:`load`."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb.catalog import EMBEDDED
from clipnb.errors import ModelFolderError, NoImageTower, UnsupportedOption, WrongType
from clipnb.models.families import OPEN_CLIP
from clipnb.models.resolving import Source, resolve, resolve_here

if TYPE_CHECKING:
    from clipnb.models.clip import Clip
    from clipnb.models.towers import ImageTower, Options, Towers

__all__ = ["load"]


def load(
    name: str | os.PathLike[str] = EMBEDDED,
    *,
    image_tower: str | os.PathLike[str] | bool | None = None,
    tokenizer: str | os.PathLike[str] | None = None,
    head: str | os.PathLike[str] | None = None,
    device: str | None = None,
    dtype: Any = None,
    backend: str = "torch",
    revision: str | None = None,
    local_files_only: bool | None = None,
    trust_remote_code: bool = False,
    trust_torchscript: bool = False,
    quick_gelu: bool | None = None,
) -> Clip:
    """Open a model of the CLIP family.

    Args:
        name: a name of :func:`clipnb.list_models`, any Hub id, a local folder or file, or
            ``open_clip:ARCHITECTURE/PRETRAINED`` where open_clip is installed. Without a name: the embedded model,
            which needs no network.
        image_tower: the model whose image tower encodes the pictures, a name or a path as for ``name``. Default: the
            checkpoint's own, or for a text-only one the catalog's. False: none, for texts alone.
        tokenizer: for checkpoints that carry none: a tokenizer's folder, or a merges file in the layout of
            OpenAI's ``bpe_simple_vocab_16e6.txt.gz``. Default: OpenAI's own, which ships in the package.
        head: the file with the linear head of M-BERT-Base-ViT-B.
        device: where to compute (``"cpu"``, ``"cuda"``, ``"cuda:1"``, ``"mps"``). Default: CUDA where there is one,
            else the processor.
        dtype: of the weights and the computation: ``"float32"`` (default, whatever the file holds), ``"float16"``,
            ``"bfloat16"`` or the torch type. Features are float32 in any case. ``"int8"`` computes the products by
            weights in eight bits, with ``backend="onnxruntime"`` alone, and the warning LowerPrecision says what that
            costs.
        backend: what computes: ``"torch"``; or on the processor ``"openvino"`` (``clipnb[openvino]``; with
            ``dtype="bfloat16"`` on processors that have it) and ``"onnxruntime"`` (``clipnb[onnx]``), which export the
            model at its first use and keep that in the user's cache folder, or where ``CLIPNB_CACHE`` says.
        revision: branch, tag or commit on the Hub.
        local_files_only: True: use what is in the cache of the Hub and do not ask the network.
        trust_remote_code: let Python files that come with the checkpoint run.
        trust_torchscript: let the code in a TorchScript archive run, where its tensors cannot be read without.
        quick_gelu: the activation of a file of weights under OpenAI's names, or of ``image_tower`` if that is one:
            QuickGELU or GELU. Default: what the file, its folder or the catalog says; where none does, it is assumed
            with the warning AssumedActivation. The wrong one costs accuracy and raises nothing.

    Returns:
        A :class:`clipnb.ClipModel`. The image tower of another checkpoint is opened when it is first used.

    Raises:
        UnknownModel: neither in the catalog, nor on the Hub, nor a path; names the nearest known one.
        UnsupportedModel: found, and of a family that this version does not open.
        UnsupportedOption: an argument that does not fit the model or this machine.
        NoImageTower: a text-only checkpoint whose pairing is not known.
        UnsafeCheckpoint: reading it would run code that it carries.
        ModelUnavailable: not in the cache, and the Hub cannot be reached.
        ModelFolderError: the files are missing, incomplete, damaged, or do not belong together.
    """
    asked = {key: value for key, value in locals().items() if value is not None}
    for option, value in {"name": name, "tokenizer": tokenizer, "head": head}.items():
        if not isinstance(value, (str, os.PathLike)) and (value is not None or option == "name"):
            raise WrongType(f"{option}: expected a text or a path, got {value!r}, a {type(value).__name__}")
    if image_tower is True or not isinstance(image_tower, (str, os.PathLike, bool, type(None))):
        raise WrongType(f"image_tower: expected a name, a path or False, got {image_tower!r}")
    if quick_gelu not in (None, True, False):
        raise WrongType(f"quick_gelu: expected True, False or None, got {quick_gelu!r}")
    for option, consent in {"trust_remote_code": trust_remote_code, "trust_torchscript": trust_torchscript}.items():
        if consent not in (True, False):  # "no" would be a yes
            raise WrongType(f"{option}: expected True or False, got {consent!r}")

    from clipnb.models.backends import check_backend, exported_image, exported_text
    from clipnb.models.backends.loss import say_loss
    from clipnb.models.clip import Clip  # torch takes seconds to import
    from clipnb.models.towers import Options

    eight_bits = str(dtype).removeprefix("torch.") == "int8"
    options = Options.resolve(
        device,
        None if eight_bits else dtype,
        tokenizer=None if tokenizer is None else os.fspath(tokenizer),
        head=None if head is None else os.fspath(head),
        trust_remote_code=trust_remote_code,
        trust_torchscript=trust_torchscript,
        quick_gelu=quick_gelu,
        image=image_tower is None,
    )
    precision = "int8" if eight_bits else str(options.dtype).rpartition(".")[2]
    options = check_backend(backend, options, precision)
    offline = bool(local_files_only)
    name = os.fspath(name)
    if eight_bits:
        say_loss(name)
    source = _source(name, revision, offline)
    other, here = "", None
    if isinstance(image_tower, (str, os.PathLike)):
        other = os.fspath(image_tower)
        # A path is looked up now, when it means what the caller means by it; the Hub is asked at the first use.
        here = None if other.startswith(OPEN_CLIP) else resolve_here(other)
    towers = _open(source, options, paired=bool(other))
    if towers.text is None:
        raise ModelFolderError(f"{name}: no text tower in it; it can serve as image_tower= of another model")
    own = towers.image
    if image_tower is None and own is None:
        other = _pairing(source)

    def open_image() -> ImageTower:
        tower = own
        if tower is None:
            if not other:
                raise NoImageTower(f"{name}: loaded for its texts alone; load it with image_tower= to encode pictures")
            images = replace(options, tokenizer=None, head=None, text=False, image=True)
            tower = _open_image(other, here, images, offline)
        return tower if backend == "torch" else exported_image(tower, backend, precision)

    text = towers.text if backend == "torch" else exported_text(towers.text, backend, precision)
    languages = source.entry.languages if source.entry else ()
    return Clip(text, open_image, name=name, languages=languages, device=str(options.device), opened_with=asked)


def _source(name: str, revision: str | None, offline: bool) -> Source:
    if name.startswith(OPEN_CLIP):
        if revision is not None:
            raise UnsupportedOption(f"revision={revision!r}: {name} is a version already, by its tag; leave it out")
        return Source(name, Path(), local_files_only=offline)
    return resolve(name, revision=revision, local_files_only=offline)


def _open(source: Source, options: Options, *, paired: bool = False) -> Towers:
    """The towers of a source; ``paired``: the pictures are another's, which may be what an option is about."""
    from clipnb.models.detection import family_of
    from clipnb.models.families import TEXT_ONLY, opener

    family = family_of(source, head=options.head is not None, trust_remote_code=options.trust_remote_code)
    takers = {"head": ("m-bert",), "tokenizer": ("openai",), "quick_gelu": ("openai", "open_clip")}
    for option, families in takers.items():
        value = getattr(options, option)
        if value is not None and family not in families and not (paired and option == "quick_gelu"):
            raise UnsupportedOption(f"{option}={value!r}: {source.name} brings its own; leave it out")
    if family in TEXT_ONLY and options.text and options.image:
        _pairing(source)  # raises before gigabytes are fetched, not after
    return opener(family)(source, options)


def _open_image(name: str, here: Source | None, options: Options, offline: bool) -> ImageTower:
    tower = _open(here or _source(name, None, offline), options).image
    if tower is None:
        raise NoImageTower(f"{name}: no image tower in it; pass image_tower= with a model that has one")
    return tower


def _pairing(source: Source) -> str:
    if source.entry is None or not source.entry.image_tower:
        raise NoImageTower(
            f"{source.name}: a text tower alone, and the catalog does not know whose pictures it was trained for; "
            'name them, for example image_tower="openai/clip-vit-base-patch32", or pass image_tower=False to encode '
            "texts only"
        )
    return source.entry.image_tower
