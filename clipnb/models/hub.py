"""Fetching a model from the Hugging Face Hub, with errors that say what to do."""

from __future__ import annotations

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

__all__ = ["download"]

# Not the copies for other frameworks, which double the size.
SMALL = ["*.json", "*.txt", "*.model"]
WEIGHTS = [["model*.safetensors"], ["pytorch_model*.bin"]]


def download(name: str, *, revision: str | None = None, local_files_only: bool = False) -> Path:
    """The folder of a model in the cache of the Hub, downloaded where needed.

    Raises:
        UnknownModel: no such repository or revision, or it is private.
        ModelUnavailable: not in the cache, and the Hub cannot be reached or must not be asked.
    """

    def fetch(patterns: list[str]) -> Path:
        return Path(
            snapshot_download(name, revision=revision, allow_patterns=patterns, local_files_only=local_files_only)
        )

    try:
        folder = fetch([*SMALL, *WEIGHTS[0]])
        return folder if any(folder.glob("model*.safetensors")) else fetch([*SMALL, *WEIGHTS[1]])
    except HFValidationError as error:
        raise UnknownModel(f"{name!r} cannot be the name of a model on the Hub.{suggest(name)}") from error
    except GatedRepoError as error:
        raise ModelUnavailable(f"{name}: its owner asks for consent; accept it on the Hub and log in") from error
    except RevisionNotFoundError as error:
        raise UnknownModel(f"{name}: the Hub has no revision {revision!r} of it") from error
    except RepositoryNotFoundError as error:
        raise UnknownModel(f"{name}: the Hub has no such model, or it is private.{suggest(name)}") from error
    except Exception as error:  # of two libraries of HTTP, by the version of the Hub's client, and of the disk
        reason = type(error.__cause__ or error).__name__
        why = "was not asked" if local_files_only else f"cannot be reached ({reason})"
        raise ModelUnavailable(
            f"{name}: not in the cache of this machine, and the Hub {why}; connect once and load it again, pass the "
            f"path of a local folder, or use the embedded model, clipnb.load().{suggest(name)}"
        ) from error
