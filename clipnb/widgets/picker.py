"""Thumbnails to choose from: real buttons, so that keyboard and screen reader work."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any

import ipywidgets as W
import traitlets as T
from PIL import Image

from clipnb.plots.thumbnails import data_uri

_serial = count()


class ThumbnailPicker(W.VBox):
    """A grid of pictures of which one is chosen.

    Traits:
        selected: index of the chosen picture; -1 when there is none.
    """

    selected = T.Int(-1, help="index of the chosen picture")

    def __init__(self, **more: Any) -> None:
        # A button takes no picture of its own: each has a class, and the style sheet a background for it.
        self._styles = W.HTML()
        self._grid = W.Box()
        self._grid.add_class("clipnb-thumbnails")
        self._prefix = f"clipnb-thumbnail-{next(_serial)}"
        super().__init__([self._styles, self._grid], **more)

    def show(self, images: Sequence[Image.Image], names: Sequence[str]) -> None:
        """Replaces the pictures; the first one is chosen unless the chosen index still exists."""
        rules, buttons = [], []
        for i, (image, name) in enumerate(zip(images, names, strict=True)):
            rules.append(f".{self._prefix}-{i} {{ background-image: url({data_uri(image, 96)}) }}")
            button = W.Button(description=name, tooltip=name)
            button.add_class("clipnb-thumbnail")
            button.add_class(f"{self._prefix}-{i}")
            button.on_click(lambda _, i=i: setattr(self, "selected", i))
            buttons.append(button)
        self._styles.value = f"<style>{' '.join(rules)}</style>"
        self._grid.children = tuple(buttons)
        if not 0 <= self.selected < len(buttons):
            self.selected = 0 if buttons else -1
        self._mark()

    @T.observe("selected")
    def _mark(self, _change: Any = None) -> None:
        for i, button in enumerate(self._grid.children):
            if i == self.selected:
                button.add_class("clipnb-chosen")
            else:
                button.remove_class("clipnb-chosen")
