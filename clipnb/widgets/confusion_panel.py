"""The confusion panel: which class is taken for which, and the pictures with which it happened."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import traitlets as T
from PIL import Image

from clipnb.errors import ClipnbError, UnknownLabel, UnreadableImage, WrongShape, WrongType, nearest
from clipnb.images import read_image
from clipnb.plots.bars import percentage
from clipnb.widgets.confusion_view import ConfusionView, Shown
from clipnb.widgets.panel import Panel
from clipnb.zeroshot import ZeroShot

__all__ = ["ConfusionPanel"]


class ConfusionPanel(Panel):
    """A confusion matrix; a click on a cell, or the two menus below, show the pictures that are in it.

    Args:
        result: a `ZeroShot` with labels.
        images: one a row of the result, as `clipnb.zero_shot` took them; or the folder in which its ids are files;
            None: the ids are paths. Only the pictures that are looked at are opened.
        groups: a mapping from class to group, or one group a class, in the order of the class names.
        limit: pictures shown at a time.
        normalize: "true" or None, as in `clipnb.plots.confusion_matrix`.
        title: above the matrix, if any.
        width: of the matrix, in CSS pixels.
        mode: "light" or "dark", the page it is for.

    Traits:
        cell (tuple of two str): the true and the predicted class; to begin with, the pair confused most often.
        page (int): which `limit` of the pictures are shown, from 0.
        pictures (list of str, read-only): the ids of the pictures that are shown, the surest first.
        status (str, read-only): what the panel says.

    Raises:
        WrongType, NoLabels: the result is no ZeroShot, or has no labels.
        WrongShape: not one image a row.
    """

    cell = T.Tuple(T.Unicode(), T.Unicode())
    page = T.Int(0)
    pictures = T.List(T.Unicode(), read_only=True)

    def __init__(
        self,
        result: ZeroShot,
        images: Sequence[Any] | str | os.PathLike[str] | None = None,
        groups: Mapping[str, str] | Sequence[str] | None = None,
        *,
        limit: int = 24,
        normalize: Any = "true",
        title: str | None = None,
        width: int = 840,
        mode: str = "light",
    ) -> None:
        if not isinstance(result, ZeroShot):
            raise WrongType(f"expected a ZeroShot, got a {type(result).__name__}")
        self._result, self._images, self._limit = result, _opener(result, images), max(1, limit)
        frame = result.confusion()
        self._counts = frame.to_numpy()
        self._place = {name: i for i, name in enumerate(result.classnames)}
        view = self.view = ConfusionView(frame, groups=groups, normalize=normalize, title=title, width=width, mode=mode)
        super().__init__(view, "confusion")
        view.on_cell(self._choose)
        view.true.observe(lambda change: self._choose_true(change.new), "value")
        view.predicted.observe(lambda change: self._choose(self.cell[0], change.new), "value")
        view.back.on_click(lambda _: self._turn(-1))
        view.on.on_click(lambda _: self._turn(1))
        self.cell = _first(result)

    def __repr__(self) -> str:
        return f"ConfusionPanel({len(self._result)} pictures, {len(self._place)} classes)"

    # -- from controls to traits ------------------------------------------------------------------

    def _choose(self, true: str | None, predicted: str | None) -> None:
        if not self._quiet and true is not None and predicted is not None:
            self.cell = (true, predicted)

    def _choose_true(self, true: str | None) -> None:
        """The class it is most often taken for; if for none, itself."""
        if self._quiet or true is None:
            return
        row = self._counts[self._place[true]].copy()
        row[self._place[true]] = 0
        taken = self._result.classnames[int(row.argmax())] if row.any() else true
        self.cell = (true, taken)

    def _turn(self, by: int) -> None:
        self.page = self.page + by

    # -- from traits to pictures ------------------------------------------------------------------

    @T.observe("cell")
    def _new_cell(self, _change: Any) -> None:
        with self._quietly():
            self.page = 0
        self._show()

    @T.observe("page")
    def _new_page(self, _change: Any) -> None:
        if not self._quiet:
            self._show()

    def _show(self) -> None:
        try:
            rows = self._rows_of_cell()
            pages = max(1, -(-len(rows) // self._limit))
            if not 0 <= self.page < pages:
                raise UnknownLabel(f"There is no page {self.page}: there are {pages}, from 0.")
            shown = rows[self.page * self._limit : (self.page + 1) * self._limit]
            pictures, refused = self._opened(shown)
        except Exception as error:  # a panel has nowhere to show a traceback
            self.set_trait("pictures", [])
            self.view.show_pictures([])
            self._fail(error)
            return
        true, predicted = self.cell
        with self._quietly():
            self.view.choose(true, predicted, self._counts[self._place[true]])
            self.view.turn(self.page, pages)
        self.view.show_pictures(pictures)
        self.set_trait("pictures", [self._result.image_ids[i] for i in shown])
        self._say(self._sentence(len(rows), len(shown), refused), problem=bool(refused))

    def _rows_of_cell(self) -> np.ndarray:
        """The rows of the result in the chosen cell, the surest first."""
        for name in self.cell:
            if name not in self._place:
                raise UnknownLabel(f"{name!r} is no class of the result.{nearest(name, self._place)}")
        true, predicted = (self._place[name] for name in self.cell)
        rows = np.flatnonzero((self._result.truth == true) & (self._result.predicted == predicted))
        return rows[np.argsort(-self._result.confidence[rows], kind="stable")]

    def _opened(self, rows: np.ndarray) -> tuple[list[Shown], list[str]]:
        """The pictures of these rows with their captions, and the ids of those that cannot be read."""
        pictures, refused = [], []
        for i in rows.tolist():
            name, share = self._result.image_ids[i], percentage(100 * float(self._result.confidence[i]))
            try:
                picture = self._images(i)
            except (ClipnbError, OSError):
                refused.append(name)
                picture = None
            pictures.append(Shown(picture, name, f"{self.cell[1]} {share}"))
        return pictures, refused

    def _sentence(self, found: int, shown: int, refused: Sequence[str]) -> str:
        true, predicted = self.cell
        of = int(self._counts[self._place[true]].sum())
        if not of:
            words = f"There is no picture of “{true}”."
        else:
            what = "rightly" if true == predicted else f"as “{predicted}”"
            words = f"{found} of {of} pictures of “{true}” were classified {what}."
        if shown < found:
            start = self.page * self._limit
            words += f" Here are {start + 1} to {start + shown}."
        if refused:
            names = ", ".join(f"“{name}”" for name in refused[:5]) + (", …" if len(refused) > 5 else "")
            words += f" {len(refused)} cannot be opened: {names}."
        return words


def _first(result: ZeroShot) -> tuple[str, str]:
    """The pair that is confused most often; if none is, the first class that has a picture, with itself."""
    pairs = result.confused(1)
    if len(pairs):
        return str(pairs["true"][0]), str(pairs["predicted"][0])
    name = result.classnames[int(result.truth[0])] if len(result) else result.classnames[0]
    return name, name


def _opener(result: ZeroShot, images: Any) -> Any:
    """A function from a row to its picture."""
    folder = Path(images) if isinstance(images, (str, os.PathLike)) else None
    if images is not None and folder is None and len(images) != len(result):
        raise WrongShape(f"{len(images)} images for the {len(result)} rows of the result; expected one each")

    def opened(row: int) -> Image.Image:
        if images is not None and folder is None:
            return read_image(images[row], row)
        path = Path(result.image_ids[row]) if folder is None else folder / result.image_ids[row]
        if not path.is_file():
            raise UnreadableImage(f"{path}: there is no such file; pass images=, the pictures or their folder")
        return read_image(path, row)

    return opened
