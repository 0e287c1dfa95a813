"""FileUpload as ipywidgets 7 and 8 each mean it."""

from __future__ import annotations

from typing import Any

import ipywidgets as W


def uploaded(value: Any) -> list[tuple[str, bytes]]:
    """Name and content of each uploaded file.

    ipywidgets 7 gives a dict, name -> {"metadata", "content"}; ipywidgets 8 a tuple of dicts with
    "name" and a memoryview as "content".
    """
    if isinstance(value, dict):
        return [(name, bytes(entry["content"])) for name, entry in value.items()]
    return [(entry["name"], bytes(entry["content"])) for entry in value]


def taken(upload: W.FileUpload) -> list[tuple[str, bytes]]:
    """What was uploaded, and the control is empty again, so that the same file can be uploaded once more."""
    files = uploaded(upload.value)
    if files and isinstance(upload.value, dict):
        upload.metadata, upload.data, upload._counter = [], [], 0
    elif files:
        upload.value = ()
    return files
