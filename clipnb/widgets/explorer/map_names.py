"""What the maps of an explorer are called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from clipnb.errors import StoreError

__all__ = ["map_names"]


def map_names(maps: Sequence[Any]) -> list[str]:
    """Of the models that the maps are of, where they say it; told apart."""
    found: list[str] = []
    for n, each in enumerate(maps, start=1):
        source = getattr(each, "source", None)
        try:
            name = (source.embeddings.model if source is not None else "") or f"map {n}"
        except StoreError:  # the rows are gone; what needs them says so, and the map can be drawn without
            name = f"map {n}"
        found.append(f"{name} ({n})" if name in found else name)
    return found
