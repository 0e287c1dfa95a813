"""What the translation tester looks like: two languages, the pictures, a histogram, and the pairs themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, NamedTuple

import ipywidgets as W

from clipnb.aligning import TranslationScores
from clipnb.languages import by_family, language
from clipnb.plots.translation_scores import translation_histogram
from clipnb.widgets.alignment_view import sentence_html
from clipnb.widgets.controls import field, named, spoken, stylesheet
from clipnb.widgets.landing import Sentence

__all__ = ["Pair", "TranslationView"]


class Pair(NamedTuple):
    """A sentence, its translation, and how near they are."""

    name: str
    uri: str | None
    mine: Sentence
    pivot: Sentence
    cosine: float
    above: str
    """The share of shuffled pairs that it exceeds, in words."""


class TranslationView:
    """The controls, the histogram and the table, each with a class by which style sheet and tests find it.

    Args:
        codes: of the languages to choose from.
        names: of the pictures.
        mode: "light" or "dark"; "auto": the style sheet gives the bars the colours of the page, whichever it has.
    """

    def __init__(self, codes: Sequence[str], names: Sequence[str], mode: str = "auto") -> None:
        from plotly.graph_objects import FigureWidget

        options = [(_called(code), code) for code in sorted(by_family(codes), key=lambda code: language(code).name)]
        self.language = field(W.Dropdown(description="Language", options=options), "language")
        self.pivot = field(W.Dropdown(description="Beside", options=options), "pivot")
        self.pictures = field(
            W.SelectMultiple(description="Pictures; none: all of them", options=[(n, i) for i, n in enumerate(names)]),
            "pictures",
        )
        self.pictures.rows = 9
        self._mode = "light" if mode == "auto" else mode
        nothing = TranslationScores(*(_nothing(),) * 2, 0.0, 0.0)
        self.figure = FigureWidget(translation_histogram(nothing, width=540, mode=self._mode))
        self.message, self.table = named(W.HTML(), "status"), named(W.HTML(), "pairs")
        chart = named(W.Box([self.figure]), "chart")
        inputs = named(W.VBox([self.language, self.pivot, self.pictures]), "input")
        outputs = named(W.VBox([self.message, chart, self.table]), "output")
        if mode == "auto":
            named(outputs, "as-page")
        self._columns = named(W.Box([inputs, outputs]), "columns")
        self.clear()

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """The style sheet, what goes in and what comes out."""
        return stylesheet(), self._columns

    def say(self, words: str, problem: bool) -> None:
        """The verdict, or what is wrong."""
        self.message.value = spoken(words, problem)

    def draw(self, scores: Any, marked: Mapping[str, float]) -> None:
        """The histogram of these scores, changed in place: a new figure would flicker."""
        fresh = translation_histogram(scores, marked, width=self.figure.layout.width, mode=self._mode)
        with self.figure.batch_update():
            for mine, trace in zip(self.figure.data, fresh.data, strict=True):
                mine.x, mine.y, mine.name, mine.showlegend = trace.x, trace.y, trace.name, trace.showlegend
                if trace.type == "bar":
                    mine.width = trace.width
                else:
                    mine.customdata = trace.customdata
            self.figure.layout.xaxis.range = fresh.layout.xaxis.range

    def show_pairs(self, pairs: Sequence[Pair], caption: str) -> None:
        """A row a pair: picture, both sentences, their cosine, and what share of shuffled pairs is below it."""
        rows = []
        for pair in pairs:
            name = escape(pair.name, quote=True)
            image = "" if pair.uri is None else f'<img alt="{name}" title="{name}" src="{pair.uri}">'
            rows.append(
                f"<tr><td>{image}</td><td>{sentence_html(pair.mine)}</td><td>{sentence_html(pair.pivot)}</td>"
                f"<td>{pair.cosine:.2f}</td><td>{escape(pair.above)}</td></tr>"
            )
        heads = ("", *("sentence", "beside"), "cosine", "above shuffled")
        top = "".join(f'<th scope="col">{head}</th>' for head in heads)
        self.table.value = (
            f"<table><caption>{escape(caption)}</caption><thead><tr>{top}</tr></thead>"
            f"<tbody>{''.join(rows)}</tbody></table>"
            if rows
            else ""
        )

    def clear(self) -> None:
        """No bars and no pairs."""
        with self.figure.batch_update():
            for trace in self.figure.data:
                trace.x, trace.y = [], []
        self.table.value = ""


def _called(code: str) -> str:
    found = language(code)
    return f"{found.name} ({found.native})" if found.native != found.name else found.name


def _nothing() -> Any:
    import numpy as np

    return np.zeros(1, dtype=np.float32)
