"""Configurations of checkpoints: JSON files, of which somebody else wrote the contents."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clipnb.errors import ModelFolderError

__all__ = ["read_json"]


def read_json(file: Path, name: str) -> dict[str, Any]:
    """A configuration.

    Raises:
        ModelFolderError: it is not there, cannot be read, or holds something else.
    """
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelFolderError(f"{name}: no {file.name} in it") from error
    except (OSError, ValueError, RecursionError) as error:  # the last of brackets without end
        raise ModelFolderError(f"{name}: {file.name} cannot be read ({error})") from error
    if not isinstance(config, dict):
        raise ModelFolderError(f"{name}: {file.name} holds a {type(config).__name__}, expected names and values")
    return config
