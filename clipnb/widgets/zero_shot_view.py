"""What the zero-shot panel looks like: its controls, its bars and its words; it knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from unicodedata import bidirectional

import ipywidgets as W
import numpy as np
from PIL import Image

from clipnb.plots.bars import percentage, probability_bars
from clipnb.plots.thumbnails import data_uri
from clipnb.widgets.controls import field, named, spoken, stylesheet
from clipnb.widgets.picker import ThumbnailPicker

OWN = "own"
_TEMPLATE_SETS = {
    "The label alone": "plain",
    "Sentences for photographs": "photo",
    "Sentences for emoji": "emoji",
    "My own sentences": OWN,
}
_BARS, _WIDTH = 10, 520


class ZeroShotView:
    """The controls of the panel, each with a class by which style sheet and tests find it.

    Args:
        mode: "light" or "dark"; "auto": the style sheet gives the bars the colours of the page, whichever it has.
    """

    def __init__(self, mode: str = "auto") -> None:
        from plotly.graph_objects import FigureWidget

        self._auto = mode == "auto"
        self._mode = "light" if self._auto else mode
        self.picker = ThumbnailPicker()
        self.upload = named(W.FileUpload(accept="image/*", multiple=True, description="Upload a picture"), "upload")
        self.labels = field(W.Textarea(description="Labels, one a line, in any language", rows=6), "labels")
        self.template_set = field(
            W.Dropdown(description="How the model reads a label", options=list(_TEMPLATE_SETS.items())), "templates"
        )
        self.own_templates = field(W.Textarea(description="My sentences, {} is the label", rows=2), "own-templates")
        self.picture = named(W.HTML(), "picture")
        self.message = named(W.HTML(), "status")
        self.figure = FigureWidget(probability_bars(([1.0], [" "]), width=_WIDTH, mode=self._mode))
        self.show_own_templates(False)

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """The style sheet, and the two columns: what goes in, what comes out."""
        controls = [self.picker, self.upload, self.labels, self.template_set, self.own_templates]
        inputs = named(W.VBox(controls), "input")
        outputs = named(
            W.VBox([self.picture, self.message, self.figure]), "output", *(["as-page"] if self._auto else [])
        )
        return stylesheet(), named(W.Box([inputs, outputs]), "columns")

    def show_own_templates(self, visible: bool) -> None:
        """The field for one's own sentences, shown or hidden."""
        self.own_templates.layout.display = None if visible else "none"

    def show_picture(self, picture: Image.Image, name: str) -> None:
        """The chosen picture, with its name for those who cannot see it."""
        alt = escape(f"the chosen picture: {name}", quote=True)
        self.picture.value = f'<img alt="{alt}" src="{data_uri(picture, 256)}">'

    def say(self, words: str, problem: bool) -> None:
        """A sentence under the picture, read aloud by screen readers when it changes."""
        self.message.value = spoken(words, problem)

    def draw(self, probabilities: np.ndarray, classnames: Sequence[str]) -> None:
        """The bars of the most probable labels, changed in place: a new figure would flicker."""
        figure = probability_bars((probabilities, classnames), k=_BARS, width=_WIDTH, mode=self._mode)
        bars, axis = figure.data[0], figure.layout.yaxis
        with self.figure.batch_update():
            trace, layout = self.figure.data[0], self.figure.layout
            trace.x, trace.y, trace.text, trace.customdata = bars.x, bars.y, bars.text, bars.customdata
            trace.marker.color = bars.marker.color
            layout.yaxis.range, layout.yaxis.tickvals, layout.yaxis.ticktext = axis.range, axis.tickvals, axis.ticktext
            layout.height, layout.margin = figure.layout.height, figure.layout.margin

    def clear(self) -> None:
        """No bars."""
        with self.figure.batch_update():
            self.figure.data[0].x = []
            self.figure.layout.yaxis.ticktext = []


def lines(text: str) -> list[str]:
    """The lines of a field that hold something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def sentence(name: str, classnames: Sequence[str], probabilities: Sequence[float]) -> str:
    """The result in words, for those who do not see the bars."""
    best = np.argsort(-np.asarray(probabilities), kind="stable")[:3]
    shares = [f"{_isolated(classnames[j])} {percentage(100 * probabilities[j])}" for j in best]
    words = f"{_isolated(name)}: {', '.join(shares)}."
    if len(classnames) == 1 and probabilities[0] == 1:
        words += " A single label always gets everything, for the labels share 100%. Add another."
    return words


def _isolated(text: str) -> str:
    """A right-to-left label between isolates: else it would draw the number that follows to its own side."""
    return f"\u2068{text}\u2069" if any(bidirectional(c) in ("R", "AL") for c in text) else text
