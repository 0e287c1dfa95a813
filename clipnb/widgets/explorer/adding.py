"""New pictures on the map: uploaded, dropped, or from Python."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import traitlets as T

from clipnb.errors import EmptyInput, UnsupportedOption
from clipnb.plots.palette import isolated
from clipnb.widgets.explorer.explored import listed
from clipnb.widgets.explorer.pointing import Pointing
from clipnb.widgets.pictures import Entry, from_list, from_uploads
from clipnb.widgets.uploads import taken

__all__ = ["Adding"]


class Adding(Pointing):
    """The pictures that were added."""

    added = T.List(T.Unicode(), read_only=True)

    def add(self, images: Sequence[Any], names: Sequence[str] | None = None) -> list[int]:
        """Put pictures on the map, as stars.

        Args:
            images: what `encode_image` takes; those that cannot be read are named in `status`.
            names: one a picture; default: its path, or its place.

        Returns:
            Their rows, which count on after the map's points.

        Raises:
            EmptyInput: none of them can be read.
            UnsupportedOption: a map has no model, or does not know its rows.
        """
        before = len(self)
        self._add(*from_list(images, names))
        return list(range(before, len(self)))

    def _add(self, entries: Sequence[Entry], refused: Sequence[str], left: str = "") -> None:
        problem = f"{listed(refused)} cannot be read as a picture: choose PNG, JPEG, WebP or GIF. " if refused else ""
        problem = f"{left} {problem}".strip()
        if not entries:
            raise EmptyInput(problem or "There is no picture to add.")
        pictures = [entry.picture for entry in entries]
        without = [space.name for space in self._spaces if space.model is None]
        if without and len(self._spaces) > 1:
            raise UnsupportedOption(
                f"A new picture goes onto every map, and {listed(without)} has no model: give the panel one a map, "
                "model=[…]"
            )
        vectors = [space.images(pictures) for space in self._spaces]
        coords = [space.put(rows) for space, rows in zip(self._spaces, vectors, strict=True)]
        first = len(self)
        self._new += entries
        names = [entry.name for entry in entries]
        self.canvas.add(coords if len(coords) > 1 else coords[0], names)
        self.set_trait("added", [*self.added, *names])
        self._choose(len(self) - 1)
        self._write_code()
        said = [f"{isolated(name)} lies nearest to {self._nearest_of(first + i)}." for i, name in enumerate(names)]
        self._say(" ".join([*([problem] if problem else []), *said[:3]]), problem=bool(problem))

    def _added_code(self) -> list[tuple[str, str]]:
        """How Python gets each of them again, and what that needs, in words."""
        given = "added: the pictures that were put on the map from Python"
        return [
            (entry.code, entry.remark) if entry.code.startswith('"') else (f"added[{i}]", given)
            for i, entry in enumerate(self._new)
        ]

    def _nearest_of(self, row: int) -> str:
        found = self._here().near_point(row, 1)
        return f"{isolated(self._name(int(found.rows[0])))} (cosine {found.cosines[0]:.2f})"

    def _take_uploads(self) -> None:
        if files := taken(self.view.upload):
            self._take_files(files)

    def _take_files(self, files: Sequence[tuple[str, bytes]]) -> None:
        left = self.view.drop.problem  # of files of the same drop that never came
        try:
            entries, refused = from_uploads(files)
            self._add(entries, refused, left)
        except Exception as error:  # a panel has nowhere to show a traceback
            self._fail(error)
