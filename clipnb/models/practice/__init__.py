"""Stand-ins for practice: tiny models with random weights, in the very files that a known model consists of.

What is said of the real model's files, sizes, tokens and arithmetic can be tried on them without a network; what
is said of its answers cannot.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shutil
import tempfile
import threading
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb.catalog import EMBEDDED, Entry, entries, find, suggest
from clipnb.errors import RandomWeights, UnknownModel, UnsupportedModel
from clipnb.models.hub import other_cache
from clipnb.models.loading import load as load_real

if TYPE_CHECKING:
    from clipnb.models.clip import Clip

__all__ = ["MARK", "folder", "head", "load"]

MARK = " (random stand-in)"
"""How the names of these models end."""

FAMILIES = ("clip", "openai", "m-clip", "m-bert", "sentence-transformers", "taiyi", "taiyi-pooler")

PREFIX, A_DAY = "clipnb-practice-", 86400
COMMIT = "0" * 40
_WRITING = threading.RLock()


def load(name: str = EMBEDDED, **options: Any) -> Clip:
    """A stand-in of a known model: as :func:`clipnb.load` would open the real one, but for its weights.

    The features have as many columns, pictures as many pixels and texts as many tokens as the real model's; widths
    and depths inside are tiny. OpenAI's tokens are the real ones; other vocabularies consist of single characters.
    The weights are random and the same every time. The embedded model needs no stand-in and is opened itself.

    Args:
        name: of the catalog, in a family of which there are stand-ins.
        options: as for :func:`clipnb.load`. ``image_tower`` may be a known name too; for ``head`` see :func:`head`.

    Returns:
        A model whose name ends with :data:`MARK`. The first one in a process comes with the warning RandomWeights.

    Raises:
        UnknownModel: not a name of the catalog; says which is nearest.
        UnsupportedModel: of a family without stand-ins.
        ClipnbError: what :func:`clipnb.load` raises.
    """
    entry = _entry(name)
    if entry.name == EMBEDDED:
        return load_real(name, **options)
    folder(name)
    other = options.get("image_tower")
    paired = find(other if isinstance(other, str) else entry.image_tower)
    with other_cache(_cache()):
        model = load_real(name, **{**options, "local_files_only": True})
    opened = model._open_image

    def open_image() -> Any:
        if paired is not None:
            folder(paired.name)
        with other_cache(_cache()):
            return opened()

    model._open_image = open_image
    model.name += MARK
    model.opened_with = None  # another process would look for the real one
    _warn_once()
    return model


def folder(name: str) -> Path:
    """The folder of a stand-in, as the Hub's client leaves it, for other libraries to open.

    It is written when first asked for, and removed when the process ends. Arguments and errors as in :func:`load`.
    """
    entry = _entry(name)
    if entry.name == EMBEDDED:
        from clipnb.catalog import MODEL_FOLDER

        return MODEL_FOLDER
    home = _cache() / f"models--{(entry.repo or entry.name).replace('/', '--')}"
    snapshot = home / "snapshots" / COMMIT
    with _WRITING:
        if not (home / "refs" / "main").is_file():
            from clipnb.models.practice import checkpoints

            snapshot.mkdir(parents=True, exist_ok=True)
            checkpoints.write(entry, snapshot)
            (home / "refs").mkdir(exist_ok=True)
            (home / "refs" / "main").write_text(COMMIT)
    return snapshot


def head(name: str = "M-CLIP/M-BERT-Base-ViT-B") -> Path:
    """The pickle with the linear head that belongs to the stand-in of M-BERT; arguments and errors as in :func:`load`.

    Raises:
        UnsupportedModel: the model has its head among its files.
    """
    entry = _entry(name)
    if entry.family != "m-bert":
        raise UnsupportedModel(f"{name}: it brings its own head; only M-BERT's is a file apart")
    from clipnb.models.families.m_bert import HEAD
    from clipnb.models.practice import checkpoints

    file = _cache() / HEAD
    with _WRITING:
        if not file.is_file():
            checkpoints.write_head(entry, file)
    return file


def _entry(name: str) -> Entry:
    entry = find(os.fspath(name))
    if entry is None:
        raise UnknownModel(
            f"{name!r}: not a model of the catalog, which stand-ins are made after.{suggest(os.fspath(name))} "
            "clipnb.list_models() has all of them"
        )
    if entry.family not in FAMILIES:
        names = [other for other, known in entries().items() if known.family in FAMILIES]
        raise UnsupportedModel(
            f"{name}: there are no stand-ins of the family {entry.family!r}; there are of {', '.join(FAMILIES)}, "
            f"{names[1]} for one"
        )
    return entry


@functools.cache
def _home() -> tempfile.TemporaryDirectory[str]:
    """Held until the process ends, and removed then; those of processes that were killed go a day later."""
    for left in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if time.time() - left.stat().st_mtime > A_DAY:
                shutil.rmtree(left, ignore_errors=True)
    return tempfile.TemporaryDirectory(prefix=PREFIX, ignore_cleanup_errors=True)


def _cache() -> Path:
    with _WRITING:
        folder = Path(_home().name)
        folder.mkdir(exist_ok=True)  # it may have been cleared away under a process that runs for days
        return folder


@functools.cache
def _warn_once() -> None:
    warnings.warn(
        "a stand-in for practice: its weights are random, so its cosines and probabilities mean nothing; clipnb.load "
        "opens the real model",
        RandomWeights,
        stacklevel=3,
    )
