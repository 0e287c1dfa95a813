"""Fetching a model from the Hugging Face Hub, with errors that say what to do."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from clipnb.catalog import suggest
from clipnb.errors import ModelUnavailable, UnknownModel

__all__ = ["SMALL", "download"]

SMALL = ("*.json", "*.txt", "*.model")
"""Configurations, vocabularies, indexes of shards."""

OTHER_FRAMEWORKS = ["*.h5", "*.msgpack", "*.ot", "*.onnx", "onnx/*", "openvino/*", "coreml/*"]


def download(repo: str, *choices: Sequence[str], revision: str | None = None, local_files_only: bool = False) -> Path:
    """The folder of a repository in the cache of the Hub, with the first of the choices of which it has any.

    Raises:
        UnknownModel: no such repository or revision, or it is private.
        ModelUnavailable: not in the cache, and the Hub cannot be reached or must not be asked.
    """
    folder = Path()
    for patterns in choices:
        folder = _fetch(repo, list(patterns), revision, local_files_only)
        names = [file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()]
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns for name in names):
            break
    return folder


def _fetch(repo: str, patterns: list[str], revision: str | None, local_files_only: bool) -> Path:
    try:
        return Path(
            snapshot_download(
                repo,
                revision=revision,
                allow_patterns=patterns,
                ignore_patterns=OTHER_FRAMEWORKS,
                local_files_only=local_files_only,
            )
        )
    except HFValidationError as error:
        raise UnknownModel(f"{repo!r} cannot be the name of a model on the Hub.{suggest(repo)}") from error
    except GatedRepoError as error:
        raise ModelUnavailable(f"{repo}: its owner asks for consent; accept it on the Hub and log in") from error
    except RevisionNotFoundError as error:
        raise UnknownModel(f"{repo}: the Hub has no revision {revision!r} of it") from error
    except RepositoryNotFoundError as error:
        raise UnknownModel(f"{repo}: the Hub has no such model, or it is private.{suggest(repo)}") from error
    except Exception as error:  # of two libraries of HTTP, by the version of the Hub's client, and of the disk
        reason = type(error.__cause__ or error).__name__
        why = "was not asked" if local_files_only else f"cannot be reached ({reason})"
        raise ModelUnavailable(
            f"{repo}: not in the cache of this machine, and the Hub {why}; connect once and load it again, pass the "
            f"path of a local folder, or use the embedded model, clipnb.load().{suggest(repo)}"
        ) from error
