"""The pictures of a panel: what can be read of what it was given, and how Python gets each of them again."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from clipnb.datasets import EmojiSet, emoji
from clipnb.errors import UnreadableImage
from clipnb.images import image_id, read_image
from clipnb.types import FloatArray

__all__ = ["Entry", "bundled", "from_emoji", "from_list", "from_uploads"]

_BUNDLED = (
    *("cat face", "dog face", "penguin", "octopus", "butterfly", "rose", "sunflower", "evergreen tree", "pizza"),
    *("red apple", "banana", "hot beverage", "rocket", "bicycle", "automobile", "umbrella", "guitar", "soccer ball"),
)


@dataclass
class Entry:
    """A picture of the panel; each model encodes it when it is first scored."""

    picture: Image.Image
    name: str
    code: str
    """A Python expression for what ``clipnb.zero_shot`` takes."""
    remark: str = ""
    """What has to be there for it to work, as the words of a comment."""
    rows: dict[int, FloatArray] = field(default_factory=dict)
    """By the number of the model."""


def from_list(images: Sequence[Any], names: Sequence[str] | None = None) -> tuple[list[Entry], list[str]]:
    """The pictures that can be read, and the names of the others."""
    entries, refused = [], []
    for i, image in enumerate(images):
        name = names[i] if names else image_id(image, i)
        try:
            picture = read_image(image, i)
        except UnreadableImage:
            refused.append(name)
            continue
        if isinstance(image, (str, os.PathLike)):
            entries.append(Entry(picture, name, json.dumps(os.fspath(image), ensure_ascii=False)))
        else:
            entries.append(Entry(picture, name, f"images[{i}]", "images: the pictures that the panel was given"))
    return entries, refused


def from_uploads(files: Sequence[tuple[str, bytes]]) -> tuple[list[Entry], list[str]]:
    """As `from_list`, of files that came from a browser by name and content."""
    entries, refused = from_list([content for _, content in files], [name for name, _ in files])
    for entry in entries:
        entry.code = json.dumps(entry.name, ensure_ascii=False)
        entry.remark = f"{entry.name}: the file that was uploaded, to be put beside the notebook"
    return entries, refused


def from_emoji(chosen: EmojiSet) -> list[Entry]:
    """The pictures of an emoji set, by their names in its first language."""
    names, style = chosen.names[chosen.languages[0]], json.dumps(chosen.style)
    return [
        Entry(picture, str(name), f"clipnb.datasets.emoji({style}).select(emojis=[{character}]).images[0]")
        for picture, name, character in zip(
            chosen.images, names, (json.dumps(str(e), ensure_ascii=False) for e in chosen.emojis), strict=True
        )
    ]


def bundled() -> list[Entry]:
    """The pictures of a panel that was given none: eighteen emoji in a style that the embedded model never saw."""
    return from_emoji(emoji("fluent", languages=("en",)).select(names=list(_BUNDLED)))
