"""The zero-shot panel: pick a picture, write labels in any language, see the probabilities change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import traitlets as T
from PIL import Image

from clipnb.errors import EmptyInput, EmptyLabels, UnreadableImage
from clipnb.images import image_id, read_image
from clipnb.prompts import TEMPLATES
from clipnb.similarity import cosine
from clipnb.types import ClipModel, FloatArray
from clipnb.widgets.panel import Panel
from clipnb.widgets.text_cache import TextCache
from clipnb.widgets.uploads import forget, uploaded
from clipnb.widgets.zero_shot_view import OWN, ZeroShotView, lines, sentence

_CLASSNAMES = ("cat", "dog", "pizza", "rocket", "flower")
_PICTURES = (
    *("cat face", "dog face", "penguin", "octopus", "butterfly", "rose", "sunflower", "evergreen tree", "pizza"),
    *("red apple", "banana", "hot beverage", "rocket", "bicycle", "automobile", "umbrella", "guitar", "soccer ball"),
)


@dataclass
class _Entry:
    """A picture of the panel; its row is encoded when it is first chosen."""

    picture: Image.Image
    name: str
    row: FloatArray | None = None


class ZeroShotPanel(Panel):
    """A picture, labels, and the probabilities that the model gives them.

    Every control is bound to a trait: set one and look at `probabilities`. Whatever goes wrong is
    said in `status` and on the panel, in words.

    Args:
        model: any `ClipModel`.
        images: what `encode_image` takes, one entry a thumbnail; default: eighteen emoji in a
            drawing style that the embedded model has never seen.
        classnames: the labels to begin with.
        templates: a named set ("plain", "photo", "emoji") or a list of sentences with one ``{}`` each.
        names: one name a picture; default: its path, or its place.
        mode: "light" or "dark", the page that the bars are drawn for; "auto": they follow the notebook's theme.

    Traits:
        images (list): setting it replaces the pictures.
        selected (int): index of the chosen picture.
        classnames (list of str): the labels, in any language.
        templates (list of str): the sentences around each label.
        probabilities (list of float, read-only): one a label, in the order of `classnames`; empty
            while there is a problem.
        cosines (list of float, read-only): the cosines behind them.
        status (str, read-only): what the panel says.
    """

    images: T.List[Any] = T.List()
    selected = T.Int(0)
    classnames = T.List(T.Unicode())
    templates = T.List(T.Unicode())
    probabilities = T.List(T.Float(), read_only=True)
    cosines = T.List(T.Float(), read_only=True)

    def __init__(
        self,
        model: ClipModel,
        images: Sequence[Any] | None = None,
        classnames: Sequence[str] = _CLASSNAMES,
        templates: str | Sequence[str] = "plain",
        *,
        names: Sequence[str] | None = None,
        mode: str = "auto",
    ) -> None:
        if images is None:
            images, names = _emoji()
        self._model, self._texts = model, TextCache(model)
        self._entries: list[_Entry] = []
        self._names = list(names or ())
        self._quiet = True
        self.view = ZeroShotView(mode)
        super().__init__(self.view, "zero-shot")
        self.classnames = list(classnames)
        self.templates = list(TEMPLATES.get(templates, (templates,)) if isinstance(templates, str) else templates)
        self._connect()
        self._quiet = False
        self.images = list(images)
        if not self.images:
            self._update()

    def __repr__(self) -> str:
        return f"ZeroShotPanel({len(self.images)} pictures, {len(self.classnames)} labels)"

    # -- from controls to traits ------------------------------------------------------------------

    def _connect(self) -> None:
        view = self.view
        view.upload.observe(lambda _: self._take_uploads(), "value")
        view.labels.observe(lambda change: setattr(self, "classnames", lines(change.new)), "value")
        view.template_set.observe(lambda change: self._choose_templates(change.new), "value")
        view.own_templates.observe(lambda change: setattr(self, "templates", lines(change.new)), "value")
        T.link((view.picker, "selected"), (self, "selected"))

    def _choose_templates(self, key: str) -> None:
        self.view.show_own_templates(key == OWN)
        if key != OWN:
            self.templates = list(TEMPLATES[key])

    def _take_uploads(self) -> None:
        """Adds the pictures that can be read, chooses the last of them, and says which files are none."""
        files = uploaded(self.view.upload.value)
        if not files:
            return
        forget(self.view.upload)
        new, refused = _read([content for _, content in files], [name for name, _ in files])
        if new:
            self._entries += new
            with self._quietly():
                self.images = [entry.picture for entry in self._entries]
                self._show_thumbnails()
                self.selected = len(self._entries) - 1
            self._update()
        self._complain(refused)

    # -- from traits to controls and results ------------------------------------------------------

    @T.observe("images")
    def _replace_images(self, _change: Any) -> None:
        known = [entry.picture for entry in self._entries]
        if len(known) == len(self.images) and all(a is b for a, b in zip(known, self.images, strict=True)):
            return
        names = self._names if len(self._names) == len(self.images) else []
        self._names = []
        names = names or [image_id(image, i) for i, image in enumerate(self.images)]
        self._entries, refused = _read(self.images, names)
        with self._quietly():
            self._show_thumbnails()
            self.selected = max(0, min(self.selected, len(self._entries) - 1))
        self._update()
        self._complain(refused)

    def _show_thumbnails(self) -> None:
        self.view.picker.show([entry.picture for entry in self._entries], [entry.name for entry in self._entries])

    @T.observe("classnames")
    def _write_labels(self, _change: Any) -> None:
        if lines(self.view.labels.value) != self.classnames:
            self.view.labels.value = "\n".join(self.classnames)
        self._update()

    @T.observe("templates")
    def _write_templates(self, _change: Any) -> None:
        view = self.view
        known = next((key for key, sentences in TEMPLATES.items() if list(sentences) == self.templates), OWN)
        # Someone who writes sentences of their own keeps their field, even while these equal a known set.
        if view.template_set.value != OWN or lines(view.own_templates.value) != self.templates:
            view.own_templates.value = "\n".join(self.templates)
            view.template_set.value = known
        view.show_own_templates(view.template_set.value == OWN)
        self._update()

    @T.observe("selected")
    def _update(self, _change: Any = None) -> None:
        """Scores the chosen picture against the labels; every way of failing ends in words."""
        if self._quiet:
            return
        try:
            entry = self._chosen()
            if not self.classnames:
                raise EmptyLabels("There is no label: write at least one.")
            texts = self._texts.rows(self.classnames, self.templates)
            if entry.row is None:
                entry.row = self._model.encode_image([entry.picture])
            sim = cosine(entry.row, texts)
            probabilities = np.asarray(self._model.probabilities(sim))[0]
        except Exception as error:  # a panel has nowhere to show a traceback
            self._fail(error)
            return
        self.view.show_picture(entry.picture, entry.name)
        self.view.draw(probabilities, self.classnames)
        self.set_trait("cosines", [float(c) for c in sim[0]])
        self.set_trait("probabilities", [float(p) for p in probabilities])
        self._say(sentence(entry.name, self.classnames, self.probabilities))

    def _chosen(self) -> _Entry:
        if not self._entries:
            raise EmptyInput("There is no picture yet: upload one.")
        if not 0 <= self.selected < len(self._entries):
            raise EmptyInput(f"There is no picture {self.selected}: there are {len(self._entries)}, from 0.")
        return self._entries[self.selected]

    def _fail(self, error: Exception) -> None:
        """No result is better than the result of other labels."""
        self.set_trait("probabilities", [])
        self.set_trait("cosines", [])
        self.view.clear()
        super()._fail(error)

    def _complain(self, refused: Sequence[str]) -> None:
        if refused:
            names = ", ".join(f"“{name}”" for name in refused)
            self._say(f"{names} cannot be read as a picture. Choose a PNG, JPEG, WebP or GIF file.", problem=True)


def _read(images: Sequence[Any], names: Sequence[str]) -> tuple[list[_Entry], list[str]]:
    """The pictures that can be read, and the names of the others."""
    entries, refused = [], []
    for i, (image, name) in enumerate(zip(images, names, strict=True)):
        try:
            entries.append(_Entry(read_image(image, i), name))
        except UnreadableImage:
            refused.append(name)
    return entries, refused


def _emoji() -> tuple[list[Image.Image], list[str]]:
    """The pictures of a panel that was given none, and their English names."""
    from clipnb import datasets

    chosen = datasets.emoji("fluent", languages=("en",)).select(names=list(_PICTURES))
    return list(chosen.images), [str(name) for name in chosen.names["en"]]
