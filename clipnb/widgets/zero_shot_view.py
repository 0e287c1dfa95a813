"""What the zero-shot panel looks like: its controls, its bars and its words; it knows no model."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import ipywidgets as W
import numpy as np
from PIL import Image

from clipnb.plots.bars import bar_values, percentage, probability_bars
from clipnb.plots.palette import OKABE_ITO, OTHER, isolated
from clipnb.plots.thumbnails import data_uri
from clipnb.widgets.code_box import CodeBox
from clipnb.widgets.controls import field, named, spoken, stylesheet
from clipnb.widgets.file_drop import FileDrop
from clipnb.widgets.picker import ThumbnailPicker
from clipnb.widgets.template_menu import OWN, template_menu

__all__ = ["OWN", "ZeroShotView", "lines", "sentence"]

_BARS, _WIDTH, _NARROW = 10, 520, 400


class ZeroShotView:
    """The controls of the panel, each with a class by which style sheet and tests find it.

    Args:
        mode: "light" or "dark"; "auto": the style sheet gives the bars the colours of the page, whichever it has.
    """

    def __init__(self, mode: str = "auto") -> None:
        self._auto = mode == "auto"
        self._mode = "light" if self._auto else mode
        self.picker = ThumbnailPicker()
        self.upload = named(W.FileUpload(accept="image/*", multiple=True, description="Upload a picture"), "upload")
        self.drop = FileDrop()
        self.labels = field(W.Textarea(description="Labels, one a line, in any language", rows=6), "labels")
        self.template_set = field(
            W.Dropdown(description="How the model reads a label", options=template_menu()), "templates"
        )
        self.own_templates = field(W.Textarea(description="My sentences, {} is the label", rows=2), "own-templates")
        self.path = field(W.Text(description="Save the numbers as .csv, .parquet or .json"), "path")
        self.path.value = "zero-shot.csv"
        self.every = named(W.Checkbox(description="of all pictures", indent=False), "every")
        self.save = named(W.Button(description="Save"), "save")
        self.picture = named(W.HTML(), "picture")
        self.message = named(W.HTML(), "status")
        self.figures = [self._bars()]
        self.charts = named(W.Box([self.figures[0]]), "charts")
        self.scores = named(W.HTML(), "scores")
        self._box = CodeBox()
        self.show_code, self.code = self._box.button, self._box.lines
        self.write_code = self._box.write
        self.show_own_templates(False)
        saving = named(W.Box([self.path, self.every, self.save]), "saving")
        controls = [self.picker, self.upload, self.drop, self.labels, self.template_set, self.own_templates, saving]
        self._outputs = named(
            W.VBox([self.picture, self.message, self.charts, self.scores, self.show_code, self.code]), "output"
        )
        if self._auto:
            named(self._outputs, "as-page")
        self._columns = named(W.Box([named(W.VBox(controls), "input"), self._outputs]), "columns", "drop-target")

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """The style sheet, and the two columns: what goes in, what comes out."""
        return stylesheet(), self._columns

    @property
    def figure(self) -> Any:
        """The bars of the first model."""
        return self.figures[0]

    def _bars(self, width: int = _WIDTH) -> Any:
        from plotly.graph_objects import FigureWidget

        return FigureWidget(probability_bars(([1.0], [" "]), width=width, mode=self._mode))

    def show_models(self, names: Sequence[str]) -> None:
        """A chart a model; with several, side by side under their names and below the controls."""
        self.figures += [self._bars() for _ in names[len(self.figures) :]]
        if len(names) == 1:
            return
        named(self._columns, "several")
        heads = [named(W.HTML(f"<strong>{escape(name)}</strong>"), "model") for name in names]
        for figure in self.figures:
            figure.layout.width = _NARROW
        self.charts.children = tuple(W.VBox(pair) for pair in zip(heads, self.figures, strict=True))

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

    def draw(self, probabilities: Sequence[np.ndarray | None], classnames: Sequence[str]) -> None:
        """The bars of the most probable labels, the same in every chart, changed in place: new figures would flicker.

        Several models share the order of the mean of their probabilities; None stands for a model that has none.
        """
        known = [values for values in probabilities if values is not None]
        mean = np.mean(known, axis=0)
        frame = probability_bars((mean, classnames), k=_BARS, width=self.figure.layout.width, mode=self._mode)
        order, axis = np.argsort(-mean, kind="stable")[:_BARS], frame.layout.yaxis
        for figure, values in zip(self.figures, probabilities, strict=True):
            if values is None:
                _clear(figure)
                continue
            bars, best = bar_values(values, order, classnames), int(np.argmax(values))
            with figure.batch_update():
                trace, layout = figure.data[0], figure.layout
                trace.x, trace.y, trace.text, trace.customdata = (bars[key] for key in ("x", "y", "text", "customdata"))
                trace.marker.color = [OKABE_ITO[0] if j == best else OTHER for j in order]
                layout.yaxis.range, layout.yaxis.tickvals = axis.range, axis.tickvals
                layout.yaxis.ticktext = axis.ticktext
                layout.height, layout.margin = frame.layout.height, frame.layout.margin

    def show_scores(self, heads: Sequence[str], rows: Sequence[Sequence[str]], remark: str = "") -> None:
        """A table under the bars, its first column the labels, and a remark below; without rows, nothing."""
        if not rows:
            self.scores.value = ""
            return
        top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
        body = "".join(
            f'<tr><th scope="row" dir="auto">{escape(row[0])}</th>'
            + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
            + "</tr>"
            for row in rows
        )
        below = f"<p>{escape(remark)}</p>" if remark else ""
        self.scores.value = f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>{below}"

    def clear(self) -> None:
        """No bars, no table, no code."""
        for figure in self.figures:
            _clear(figure)
        self.show_scores([], [])
        self.write_code("")


def _clear(figure: Any) -> None:
    with figure.batch_update():
        figure.data[0].x = []
        figure.layout.yaxis.ticktext = []


def lines(text: str) -> list[str]:
    """The lines of a field that hold something."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def sentence(name: str, classnames: Sequence[str], probabilities: Sequence[float]) -> str:
    """The result in words, for those who do not see the bars."""
    best = np.argsort(-np.asarray(probabilities), kind="stable")[:3]
    shares = [f"{isolated(classnames[j])} {percentage(100 * probabilities[j])}" for j in best]
    words = f"{isolated(name)}: {', '.join(shares)}."
    if len(classnames) == 1 and probabilities[0] == 1:
        words += " A single label always gets everything, for the labels share 100%. Add another."
    return words
