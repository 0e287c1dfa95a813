"""Fetching a model from the Hugging Face Hub, with errors that say what to do."""

from __future__ import annotations

import contextlib
import errno
import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from contextvars import ContextVar
from pathlib import Path

import huggingface_hub.constants
from huggingface_hub import HfApi, snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    LocalEntryNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from clipnb.catalog import find, suggest
from clipnb.errors import ModelFolderError, ModelUnavailable, UnknownModel

__all__ = ["SMALL", "download", "download_small", "other_cache"]

SMALL = ("*.json", "*.txt", "*.model")
"""Configurations, vocabularies, indexes of shards."""

OTHER_FRAMEWORKS = [
    *("*.h5", "*.msgpack", "*.ot", "*.tflite", "*.pb", "*.npz", "*.gguf", "*.mlmodel"),
    *("*.onnx", "*.onnx_data", "onnx/*", "openvino/*", "coreml/*", "*.mlpackage/*"),
]

COMMIT = re.compile(r"[0-9a-f]{40}")

SECONDS = 10
"""To wait for an answer of the Hub."""

_CACHE: ContextVar[Path | None] = ContextVar("_CACHE", default=None)
"""In the place of the Hub's own cache."""

WAYS_OUT = "connect once and load it again, pass the path of a local folder, or use the embedded model, clipnb.load()"


@contextlib.contextmanager
def other_cache(folder: Path) -> Iterator[None]:
    """Within it, this thread finds the files of repositories in another folder, laid out as the cache of the Hub."""
    token = _CACHE.set(folder)
    try:
        yield
    finally:
        _CACHE.reset(token)


def download_small(repo: str, *, revision: str | None = None, local_files_only: bool = False) -> Path:
    """The folder of a repository in the cache of the Hub, with the small files that say what it is.

    Raises:
        UnknownModel: no such repository or revision, or it is private.
        ModelUnavailable: not in the cache, and the Hub cannot be reached or must not be asked.
    """
    _, reason = _listing(repo, revision, local_files_only)
    try:
        return _fetch(repo, SMALL, revision, local_files_only or reason is not None)
    except Exception as error:  # of two libraries of HTTP, by the version of the Hub's client, and of the disk
        # What another program has left of it in the cache may be all that is needed.
        part = getattr(error, "snapshot_path", None)
        if part is not None:
            return Path(part)
        raise _unavailable(repo, revision, reason or error, local_files_only) from error


def download(repo: str, *choices: Sequence[str], revision: str | None = None, local_files_only: bool = False) -> Path:
    """The folder of a repository in the cache of the Hub, with one choice of its other files.

    Args:
        repo: owner and name.
        choices: patterns of file names. The first choice is taken whose first pattern fits a file.
        revision: branch, tag or commit.
        local_files_only: do not ask the network.

    Raises:
        UnknownModel, ModelUnavailable: as in :func:`download_small`; or a part of it is in the cache only.
        ModelFolderError: the repository holds none of these files.
    """
    if revision and COMMIT.fullmatch(revision) and len(choices[0]) == 1:
        # A commit does not change: where its best choice lies in the cache there is nothing to ask for.
        held = _cached(repo, choices[0], revision)
        if held is not None:
            return held
    names, reason = _listing(repo, revision, local_files_only)
    try:
        for patterns in choices:
            if names is None:
                folder = _cached(repo, patterns, revision)
            else:
                folder = _fetch(repo, patterns, revision, False) if _fitting(names, patterns[:1]) else None
            if folder is not None:
                return folder
    except Exception as error:
        raise _unavailable(repo, revision, reason or error, local_files_only) from error
    if names is None:
        raise _unavailable(repo, revision, reason, local_files_only, part=True) from reason
    raise ModelFolderError(
        f"{repo}: the repository holds none of {', '.join(choice[0] for choice in choices)}; it has "
        f"{', '.join(sorted(names)[:12]) or 'no files'}"
    )


def _listing(repo: str, revision: str | None, local_files_only: bool) -> tuple[list[str] | None, Exception | None]:
    """The names of the files on the Hub; or None, and why the Hub does not tell them."""
    if local_files_only:
        return None, None
    try:
        # The only request with a limit of time in every version of the client: it goes before all others.
        found = HfApi().model_info(repo, revision=revision, timeout=SECONDS).siblings
    except Exception as error:
        return None, error
    return [file.rfilename for file in found or ()], None


def _fetch(repo: str, patterns: Sequence[str], revision: str | None, local_files_only: bool) -> Path:
    return Path(
        snapshot_download(
            repo,
            revision=revision,
            cache_dir=_CACHE.get(),
            allow_patterns=list(patterns),
            ignore_patterns=OTHER_FRAMEWORKS,
            local_files_only=local_files_only,
            etag_timeout=SECONDS,
        )
    )


def _cached(repo: str, patterns: Sequence[str], revision: str | None) -> Path | None:
    """The folder in the cache, if it holds files of these patterns, and all shards that an index among them names."""
    try:
        folder = _fetch(repo, patterns, revision, local_files_only=True)
    except LocalEntryNotFoundError:  # newer clients of the Hub know what is missing
        return None
    names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
    shards = {shard for index in folder.glob("*.index.json") for shard in _shards(index)}
    complete = set(_fitting(shards, patterns)) <= set(names)
    return folder if complete and _fitting(names, patterns[:1]) else None


def _shards(index: Path) -> set[str]:
    try:
        return set(map(str, json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return set()  # whoever reads the weights will say what is wrong with it


def _fitting(names: Iterable[str], patterns: Sequence[str]) -> list[str]:
    return [name for name in names if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)]


def _unavailable(
    repo: str, revision: str | None, error: Exception | None, local_files_only: bool, *, part: bool = False
) -> Exception:
    """What to raise, in words that say what to do."""
    entry, hint = find(repo), suggest(repo)
    if entry is not None and entry.name != repo:  # the name that the caller knows it by
        repo = f"{entry.name} ({repo})"
    if isinstance(error, HFValidationError):
        return UnknownModel(f"{repo!r} cannot be the name of a model on the Hub.{hint}")
    if isinstance(error, GatedRepoError):
        return ModelUnavailable(
            f"{repo}: its owner asks for consent; give it on the model's page of the Hub, then log in with `hf auth "
            "login` or set HF_TOKEN"
        )
    if isinstance(error, RevisionNotFoundError):
        return UnknownModel(f"{repo}: the Hub has no revision {revision!r} of it; leave revision= out for the newest")
    if isinstance(error, RepositoryNotFoundError):
        return UnknownModel(
            f"{repo}: the Hub has no such model, or it is private and the access token of this machine (`hf auth "
            f"login`, HF_TOKEN) does not open it.{hint}"
        )
    status = getattr(getattr(error, "response", None), "status_code", 0)
    if isinstance(error, HfHubHTTPError) and status in (401, 403):
        return ModelUnavailable(
            f"{repo}: the Hub refuses the access token of this machine ({status}); log in anew with `hf auth login`, "
            "or remove HF_TOKEN for public models"
        )
    cache = _CACHE.get() or huggingface_hub.constants.HF_HUB_CACHE
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return ModelUnavailable(
            f"{repo}: no space left for it in {cache}; make room, or set HF_HOME to a folder on a larger disk"
        )
    if isinstance(error, PermissionError):
        return ModelUnavailable(f"{repo}: {cache} cannot be written; set HF_HOME to a folder that can")
    held = "only a part of it is" if part else "not"
    return ModelUnavailable(
        f"{repo}: {held} in the cache of this machine, and the Hub {_why(error, status, local_files_only)}; {WAYS_OUT}."
        f"{hint}"
    )


def _why(error: Exception | None, status: int, local_files_only: bool) -> str:
    """Why the network did not help, as the second half of a sentence."""
    if local_files_only:
        return "was not asked (local_files_only=True)"
    if isinstance(error, OfflineModeIsEnabled) or huggingface_hub.constants.HF_HUB_OFFLINE:
        return "was not asked (HF_HUB_OFFLINE is set)"
    return f"answers with an error ({status})" if status else f"cannot be reached ({type(error).__name__})"
