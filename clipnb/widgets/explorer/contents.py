"""What is on the map, checked: names, groups and numbers, and each point's picture when it is looked at."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipnb.datasets import EmojiSet
from clipnb.errors import EmptyInput, UnsupportedOption, WrongShape, WrongType
from clipnb.images import read_image
from clipnb.maps import Projection
from clipnb.modality import Joint
from clipnb.plots.thumbnails import data_uri

__all__ = ["Contents", "maps_of"]

_KEPT = 2048

Find = Callable[[int], Any]


def maps_of(given: Projection | Sequence[Projection]) -> list[Projection]:
    """The maps, of the same points.

    Raises:
        WrongType, EmptyInput: no maps.
        WrongShape: maps of different points, or several of which one is in space.
    """
    if not isinstance(given, (Projection, Sequence, np.ndarray)):
        raise WrongType(f"expected a Projection, as clipnb.project gives it, or a list of them; got {_kind(given)}")
    maps = [given] if isinstance(given, Projection) else list(given)
    if not maps:
        raise EmptyInput("there is no map to explore")
    for each in maps:
        if not isinstance(each, Projection):
            raise WrongType(f"expected a Projection, as clipnb.project gives it, or a list of them; got {_kind(each)}")
    for n, each in enumerate(maps[1:], start=2):
        if len(each) != len(maps[0]):
            raise WrongShape(f"map {n} has {len(each)} points, the first {len(maps[0])}; expected the same points")
        if each.ids != maps[0].ids:
            row = next(i for i, (a, b) in enumerate(zip(maps[0].ids, each.ids, strict=True)) if a != b)
            raise WrongShape(f"row {row} is {maps[0].ids[row]!r} on the first map and {each.ids[row]!r} on map {n}")
    if len(maps) > 1 and any(each.coords.shape[1] != 2 for each in maps):
        raise WrongShape("several maps beside each other have to be on a plane; make them with n_components=2")
    return maps


class Contents:
    """The points of a map, without their rows.

    Args:
        ids: of the points.
        images: None; an `EmojiSet`; a list of what `encode_image` takes, or None for a point without; a folder in which
            the ids are paths; or a function from the row of a point to its picture or None. With ``joint``, a list may
            be of the pictures alone.
        labels: one name a point; default: the emoji's names, or the ids, of files without their common folder.
        groups: one a point, or several such lists by their name; default: the emoji's groups.
        values: one number a point, or several such lists by their name.
        modality: "image" or "text" for each point.
        joint: that the map is of; says the modality.
    """

    def __init__(
        self,
        ids: Sequence[str],
        images: Any = None,
        labels: Sequence[str] | None = None,
        groups: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        values: Any = None,
        modality: Sequence[str] | None = None,
        joint: Joint | None = None,
    ) -> None:
        self.count = len(ids)
        self.ids = tuple(ids)
        if joint is not None:
            if len(joint) != self.count:
                raise WrongShape(
                    f"the joint has {len(joint)} rows, the map {self.count} points: was it made from this?"
                )
            modality = joint.modality if modality is None else modality
        if isinstance(images, EmojiSet):
            whole = len(images) == self.count
            if labels is None:
                names = images.names[images.languages[0]].tolist()
                named = [n if isinstance(n, str) else e for n, e in zip(names, images.emojis, strict=True)]
                if whole:
                    labels = named
                elif joint is not None and joint.modality.count("image") == len(images):
                    labels = [
                        named[row] if kind == "image" else name
                        for row, kind, name in zip(joint.rows, joint.modality, ids, strict=True)
                    ]
            groups = images.groups if groups is None and whole else groups
            images = images.images
        self.labels = self._column("labels", _without_folder(self.ids) if labels is None else labels)
        self.modality = None if modality is None else self._column("modality", modality)
        if unknown := set(self.modality or ()) - {"image", "text"}:
            raise UnsupportedOption(f"modality has {min(unknown)!r} in it; expected 'image' or 'text' for each point")
        named_groups = groups if isinstance(groups, Mapping) else {"group": groups}
        self.groups = {str(n): self._column(f"groups {n!r}", g) for n, g in named_groups.items() if g is not None}
        named_values = values if isinstance(values, Mapping) else {"value": values}
        self.values = {str(n): self._numbers(f"values {n!r}", v) for n, v in named_values.items() if v is not None}
        self._find: Find | None = self._finder(images, joint)
        self._uris: OrderedDict[tuple[int, int], str | None] = OrderedDict()

    @property
    def has_pictures(self) -> bool:
        """Whether any point may have one."""
        return self._find is not None

    def _column(self, name: str, given: Sequence[str]) -> tuple[str, ...]:
        if isinstance(given, str):
            raise WrongType(f"{name} is one text, {given!r}; expected one for each of {self.count} points")
        if not hasattr(given, "__len__"):
            raise WrongType(f"{name}: got {_kind(given)}; expected a list, one entry for each of {self.count} points")
        if len(given) != self.count:
            raise WrongShape(f"{name}: {len(given)} entries; expected one for each of {self.count} points")
        return tuple(str(each) for each in given)

    def _numbers(self, name: str, given: Any) -> NDArray[np.float64]:
        try:
            numbers = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError):
            raise WrongType(f"{name}: expected numbers; for names of classes there is groups=") from None
        if numbers.shape != (self.count,):
            raise WrongShape(f"{name} have shape {list(numbers.shape)}; expected one for each of {self.count} points")
        return numbers

    def _finder(self, images: Any, joint: Joint | None) -> Find | None:
        if images is None:
            return None
        if isinstance(images, (str, os.PathLike)):
            folder = Path(images).expanduser()
            if not folder.is_dir():
                raise UnsupportedOption(f"images={os.fspath(images)!r}: there is no such folder")
            return lambda row: None if self._is_text(row) else folder / self.ids[row]
        if callable(images):
            return lambda row: images(row)
        if hasattr(images, "iloc"):  # a column of pandas, whose index may be anything
            images = list(images)
        if not hasattr(images, "__len__") or not hasattr(images, "__getitem__") or isinstance(images, (bytes, Mapping)):
            raise WrongType(
                f"images are {_kind(images)}; expected a list, an EmojiSet, a folder, or a function from row to picture"
            )
        if len(images) == self.count:
            return lambda row: images[row]
        pictures = 0 if joint is None else joint.modality.count("image")
        if joint is not None and len(images) == pictures:
            return lambda row: None if self._is_text(row) else images[joint.rows[row]]
        also = f" or for each of its {pictures} pictures" if joint is not None else ""
        raise WrongShape(
            f"{len(images)} images; expected one for each of {self.count} points{also}, None where none is"
        )

    def _is_text(self, row: int) -> bool:
        return self.modality is not None and self.modality[row] == "text"

    def picture(self, row: int) -> Image.Image | None:
        """The picture of a point; None where it has none.

        Raises:
            UnreadableImage, WrongType: there is something, and it is no picture; the message names it.
        """
        found = None if self._find is None else self._find(row)
        return None if found is None else read_image(found, row)

    def thumbnail(self, row: int, size: int = 80) -> str | None:
        """The picture as a ``data:`` address; None where there is none, or none that can be read."""
        key = (row, size)
        if key not in self._uris:
            try:
                picture = self.picture(row)
            except Exception:  # whatever a function of the reader's raises; the point's card says it
                picture = None
            self._uris[key] = None if picture is None else data_uri(picture, size)
            if len(self._uris) > _KEPT:
                self._uris.popitem(last=False)
        return self._uris[key]


def _without_folder(ids: Sequence[str]) -> Sequence[str]:
    """The ids; of files by their whole path without the folder that all are in, which would fill every line."""
    first, last = min(ids, default=""), max(ids, default="")  # what these two share, all share
    if first == last or not (Path(first).is_absolute() and Path(last).is_absolute()):
        return ids
    try:
        folder = Path(os.path.commonpath([first, last]))
    except ValueError:  # two drives
        return ids
    folder = folder.parent if folder == Path(first) else folder
    return ids if folder == folder.parent else [each[len(str(folder)) + 1 :] for each in ids]


def _kind(value: Any) -> str:
    return f"a {type(value).__name__}"
