"""What the confusion panel looks like: the matrix, two menus, and the pictures of a cell."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from html import escape
from typing import Any, NamedTuple

import ipywidgets as W
import numpy as np
from PIL import Image

from clipnb.plots.confusion import confusion_matrix, tick_names
from clipnb.plots.palette import OKABE_ITO
from clipnb.plots.thumbnails import data_uri
from clipnb.widgets.controls import field, named, spoken, stylesheet

__all__ = ["ConfusionView", "Shown"]


class Shown(NamedTuple):
    """A picture of a cell; None where it cannot be opened."""

    picture: Image.Image | None
    name: str
    caption: str


class ConfusionView:
    """The matrix as a `FigureWidget`, menus of both classes, thumbnails; it knows no result.

    Args:
        frame: counts, true x predicted.
        look: what `clipnb.plots.confusion_matrix` takes beside it.
    """

    def __init__(self, frame: Any, **look: Any) -> None:
        from plotly.graph_objects import FigureWidget

        self._names = [str(name) for name in frame.index]
        self.figure = FigureWidget(confusion_matrix(frame, **look))
        self._shapes = self.figure.layout.shapes
        #: What the axes call a class, and back.
        self._ticks = dict(zip(self._names, tick_names(self._names), strict=True))
        self._of_tick = {tick: name for name, tick in self._ticks.items()}
        self._order = [self._of_tick[tick] for tick in self.figure.layout.xaxis.categoryarray]
        wrong = frame.to_numpy().sum(axis=1) - np.diag(frame.to_numpy())
        of = dict(zip(self._names, wrong.tolist(), strict=True))
        options = [(f"{name} ({of[name]} wrong)" if of[name] else name, name) for name in self._order]
        self.true = field(W.Dropdown(description="True class", options=options), "true")
        self.predicted = field(W.Dropdown(description="Classified as", options=[]), "predicted")
        self.back, self.on = (named(W.Button(description=words), "turn") for words in ("Back", "More"))
        self.message, self.grid = named(W.HTML(), "status"), named(W.HTML(), "cell-pictures")
        self._turns = named(W.Box([self.back, self.on]), "turns")

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """The style sheet, the matrix, the menus and the pictures."""
        menus = named(W.Box([self.true, self.predicted, self._turns]), "choices")
        return stylesheet(), named(W.Box([self.figure]), "matrix"), menus, self.message, self.grid

    def on_cell(self, call: Callable[[str, str], None]) -> None:
        """Calls with the true and the predicted class of a cell that was clicked."""

        def clicked(_trace: Any, points: Any, _state: Any) -> None:
            if len(points.xs) and len(points.ys):
                call(self._of_tick[points.ys[0]], self._of_tick[points.xs[0]])

        self.figure.data[0].on_click(clicked)

    def choose(self, true: str, predicted: str, counts: np.ndarray) -> None:
        """The menus and the mark on the matrix; ``counts`` are the pictures of the true class by what they became."""
        number = dict(zip(self._names, counts.tolist(), strict=True))
        found = sorted((name for name in self._order if number[name]), key=lambda name: -number[name])
        found += [] if predicted in found else [predicted]
        options = [(f"{name} ({_pictures(number[name])})", name) for name in found]
        if tuple(options) != tuple(self.predicted.options):
            self.predicted.options = options
        self.true.value, self.predicted.value = true, predicted
        at = {name: i for i, name in enumerate(self._order)}
        x, y, reach = at[predicted], at[true], max(0.5, len(at) / 150)
        mark = {
            "type": "rect", "x0": x - reach, "x1": x + reach, "y0": y - reach, "y1": y + reach,
            "line": {"color": OKABE_ITO[1], "width": 2}, "fillcolor": "rgba(0,0,0,0)",
        }  # fmt: skip
        self.figure.layout.shapes = (*self._shapes, mark)

    def turn(self, page: int, pages: int) -> None:
        """The two buttons, where there is more than one page."""
        self._turns.layout.display = None if pages > 1 else "none"
        self.back.disabled, self.on.disabled = page == 0, page + 1 >= pages

    def show_pictures(self, pictures: Sequence[Shown]) -> None:
        """Thumbnails with their captions, and their names for those who cannot see them and on hovering."""
        figures = []
        for shown in pictures:
            name = escape(shown.name, quote=True)
            if shown.picture is None:
                image = f'<div class="clipnb-missing" title="{name}">cannot be opened</div>'
            else:
                image = f'<img alt="{name}" title="{name}" src="{data_uri(shown.picture, 160)}">'
            figures.append(f'<figure>{image}<figcaption dir="auto">{escape(shown.caption)}</figcaption></figure>')
        self.grid.value = "".join(figures)

    def say(self, words: str, problem: bool) -> None:
        """A sentence above the pictures."""
        self.message.value = spoken(words, problem)


def _pictures(number: int) -> str:
    return f"{number} picture{'' if number == 1 else 's'}"
