"""What the alignment panel looks like: a field of sentences, where they land, and how near they are to each other."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import ipywidgets as W

from clipnb.languages import language
from clipnb.plots.palette import shorten
from clipnb.widgets.controls import field, named, spoken, stylesheet
from clipnb.widgets.landing import Sentence

__all__ = ["AlignmentView", "Found", "sentence_html"]


class Found(NamedTuple):
    """A picture that a sentence finds."""

    name: str
    uri: str | None
    cosine: float
    is_target: bool


class AlignmentView:
    """The controls and tables of the panel, each with a class by which style sheet and tests find it.

    Args:
        names: of the pictures, to choose from.
        with_captions: offer to write the captions of the chosen picture into the field.
    """

    def __init__(self, names: Sequence[str], with_captions: bool) -> None:
        self.sentences = field(
            W.Textarea(description="Sentences, one a line; “sv: …” names the language", rows=6), "sentences"
        )
        self.target = field(
            W.Combobox(description="The picture they are about", options=tuple(names), ensure_option=False), "target"
        )
        self.target.placeholder = "what the first one finds"
        self.take = named(W.Button(description="Write its captions here", icon="pencil"), "take")
        self.take.layout.display = None if with_captions else "none"
        self.message, self.table, self.matrix = (named(W.HTML(), name) for name in ("status", "landings", "scores"))
        self._input = named(W.VBox([self.sentences, self.target, self.take]), "input")
        self._output = named(W.VBox([self.message, self.table, self.matrix]), "output")

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """The style sheet, what goes in and what comes out."""
        return stylesheet(), named(W.Box([self._input, self._output]), "columns")

    def say(self, words: str, problem: bool) -> None:
        """A sentence above the tables."""
        self.message.value = spoken(words, problem)

    def show_landings(
        self,
        sentences: Sequence[Sentence],
        found: Sequence[Sequence[Found]],
        ranks: Sequence[str],
        shared: Sequence[str],
    ) -> None:
        """A row a sentence: its words, its language, the pictures it finds, the place of the target, the overlap."""
        heads = ("", "Finds", "Place of the picture", "Shared with the first")
        rows = [
            f'<tr><th scope="row">{sentence_html(sentence)}<small>{_called(sentence)}</small></th>'
            f'<td><div class="clipnb-found">{"".join(map(_figure, pictures))}</div></td>'
            f"<td>{escape(rank)}</td><td>{escape(common)}</td></tr>"
            for sentence, pictures, rank, common in zip(sentences, found, ranks, shared, strict=True)
        ]
        self.table.value = _table(heads, rows)

    def show_matrix(self, sentences: Sequence[Sentence], cosines: Sequence[Sequence[float]]) -> None:
        """The cosines of the sentences with each other; nothing for a single one."""
        if len(sentences) < 2:
            self.matrix.value = ""
            return
        heads = ["cosine", *(str(i + 1) for i in range(len(sentences)))]
        rows = [
            f'<tr><th scope="row">{i + 1} {sentence_html(sentence, 40)}</th>'
            + "".join(f"<td>{value:.2f}</td>" for value in row)
            + "</tr>"
            for i, (sentence, row) in enumerate(zip(sentences, cosines, strict=True))
        ]
        self.matrix.value = _table(heads, rows)

    def clear(self) -> None:
        """No tables."""
        self.table.value = self.matrix.value = ""


def sentence_html(sentence: Sentence, limit: int = 120) -> str:
    """The words with their language and direction, by which the browser chooses fonts and sides."""
    text = escape(shorten(sentence.text, limit))
    if sentence.code is None:
        return f'<bdi dir="auto">{text}</bdi>'
    found = language(sentence.code)
    return f'<bdi lang="{escape(found.code)}" dir="{found.direction}">{text}</bdi>'


def _called(sentence: Sentence) -> str:
    return "" if sentence.code is None else f"{escape(language(sentence.code).name)} · {escape(sentence.code)}"


def _figure(found: Found) -> str:
    name = escape(found.name, quote=True)
    kind = ' class="clipnb-target"' if found.is_target else ""
    if found.uri is None:
        image = f'<div class="clipnb-missing" title="{name}">{name}</div>'
    else:
        image = f'<img alt="{name}" title="{name}" src="{found.uri}">'
    return f"<figure{kind}>{image}<figcaption>{found.cosine:.2f}</figcaption></figure>"


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    top = "".join(f'<th scope="col">{escape(head)}</th>' for head in heads)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
