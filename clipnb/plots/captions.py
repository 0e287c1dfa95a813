"""A picture with its captions in many languages, each in its own script and direction, and their scores."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from clipnb.corpus import EncodedCorpus
from clipnb.errors import EmptyInput, UnsupportedOption, WrongShape, WrongType
from clipnb.languages import language
from clipnb.plots.arrays import same_length
from clipnb.plots.concepts import concept_of
from clipnb.plots.families import family_order
from clipnb.plots.marking import add_words
from clipnb.plots.palette import OKABE_ITO, heading, ink, plain, template, text_columns
from clipnb.plots.scripts import directed, font_of, lines_of, name_of, shown
from clipnb.plots.thumbnails import layout_image
from clipnb.similarity import cosine

__all__ = ["picture_captions"]

_PICTURE, _SCORES, _LINE = 168, 150, 18


def picture_captions(
    picture: Any,
    captions: Any,
    scores: Mapping[str, float] | Sequence[float] | None = None,
    *,
    null: float | None = None,
    order: Literal["score", "family", "given"] = "score",
    names: Literal["english", "native", "code"] = "english",
    score: str = "cosine",
    title: str | None = None,
    width: int = 920,
    mode: str = "light",
) -> go.Figure:
    """A picture, and a line for each of its captions: the language, the words, their score as a number and a bar.

    Right-to-left captions stand at the right of their column, and every caption has the fonts of its language. Captions
    take up to two lines; what is cut is whole on hovering over the bar.

    Args:
        picture: a PIL image; or an `EncodedCorpus`, and the scores are the cosines of its rows.
        captions: a mapping from language codes to texts, or pairs (code, text), where a language may come several
            times; with an `EncodedCorpus` the picture's id or place.
        scores: one a caption, by code or in the order of the captions; None: there are no bars.
        null: the score of unrelated pictures and texts, as a dotted line.
        order: "score": the best first; "family": relatives side by side; "given".
        names: how a language is called: "english", "native", or "code".
        score: the name of the scores.
        title: above the figure, if any.
        width: in CSS pixels; the height follows from the captions.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongType, WrongShape, EmptyInput, UnknownLanguage, UnsupportedOption, CorpusError: each names the argument.
    """
    if order not in ("score", "family", "given"):
        raise UnsupportedOption(f"order={order!r}; expected 'score', 'family' or 'given'")
    if isinstance(picture, EncodedCorpus):
        concept = concept_of(picture, captions)
        picture, captions = concept.picture, concept.texts
        if scores is None and concept.picture_row is not None:
            scores = cosine(concept.picture_row[None], concept.rows)[0].tolist()
    if picture is not None and not isinstance(picture, Image.Image):
        raise WrongType(f"the picture is a {type(picture).__name__}; expected a PIL image or an EncodedCorpus")
    pairs = _pairs(captions)
    values = _values(pairs, scores)
    pairs, values = _ordered(pairs, values, order)

    called = [directed(plain(name_of(code, names), 24), code if names == "native" else "en") for code, _ in pairs]
    beside = 16 + (_PICTURE + 20 if picture is not None else 0)
    name_room = 14 + int(7 * max(map(text_columns, called)))
    bars = _SCORES + 24 if values is not None else 16
    room = max(160, width - beside - name_room - bars - 24)
    columns = int(room / 7.4)
    counts = [len(lines_of(text, columns)) for _, text in pairs]
    # A row's height is in lines, so that y counts pixels from the top.
    heights = np.array([_LINE * lines + 10 for lines in counts])
    middle = np.cumsum(heights) - heights / 2
    inner = max(int(heights.sum()), _PICTURE if picture is not None else 0)
    top, below = (46 if title else 12) + (24 if values is not None else 0), 14
    left, right = beside + name_room + room + 24, 24 if values is not None else 16
    span = max(1, width - left - right)
    figure = go.Figure()
    if values is not None:
        figure.add_trace(_bars(pairs, values, middle, score))
        _write_scores(figure, values, middle, null, score, span, mode)
    words = []
    for (code, text), name, y in zip(pairs, called, middle, strict=True):
        rtl = language(code).right_to_left
        look: dict[str, Any] = {"xref": "paper", "x": 0, "y": float(y), "yanchor": "middle", "showarrow": False}
        at = {"xanchor": "left", "xshift": beside - left}
        words.append({"text": name, "font": {"family": font_of(code)}, "opacity": 0.75, **look, **at})
        start = "right" if rtl else "left"
        at = {"xanchor": start, "align": start, "xshift": beside + name_room - left + (room if rtl else 0)}
        font = {"family": font_of(code), "size": 14}
        words.append({"text": shown(text, code, columns), "font": font, **look, **at})
    add_words(figure, words)
    if picture is not None:
        figure.add_layout_image(
            layout_image(
                picture, size=2 * _PICTURE, xref="paper", yref="paper", x=(16 - left) / span, y=1, yanchor="top",
                sizex=_PICTURE / span, sizey=_PICTURE / inner,
            )
        )  # fmt: skip
    bare = {"visible": False, "fixedrange": True}
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=top + inner + below,
        margin={"l": left, "r": right, "t": top, "b": below},
        showlegend=False,
        xaxis={**bare, "range": _reach(values, null)},
        yaxis={**bare, "range": [inner, 0]},
    )
    return figure


def _pairs(captions: Any) -> list[tuple[str, str]]:
    """(code, text) of each caption, the codes in their usual form."""
    listed = list(captions.items()) if isinstance(captions, Mapping) else list(captions)
    found: list[tuple[str, str]] = []
    for entry in listed:
        if isinstance(entry, str) or len(entry) != 2:
            raise WrongType(f"captions holds {entry!r}; expected a mapping from codes to texts, or pairs (code, text)")
        code, texts = entry
        found += [(language(code).code, text) for text in ([texts] if isinstance(texts, str) else texts)]
    if not found:
        raise EmptyInput("there is no caption to show: captions is empty")
    for code, text in found:
        if not isinstance(text, str) or not text.strip():
            raise EmptyInput(f"the caption in {code!r} is {text!r}; expected a text, leave out what there is none of")
    return found


def _values(pairs: Sequence[tuple[str, str]], scores: Any) -> np.ndarray | None:
    if scores is None:
        return None
    if isinstance(scores, Mapping):
        by_code = {language(code).code: value for code, value in scores.items()}
        codes = [code for code, _ in pairs]
        missing = [code for code in codes if code not in by_code]
        if missing:
            raise WrongShape(f"scores has none for {', '.join(map(repr, missing[:5]))}")
        if len(set(codes)) < len(codes):
            raise WrongShape("a language has several captions: give scores as a list, one a caption")
        scores = [by_code[code] for code in codes]
    same_length("scores", scores, len(pairs))
    return np.asarray(scores, dtype=float)


def _ordered(
    pairs: list[tuple[str, str]], values: np.ndarray | None, order: str
) -> tuple[list[tuple[str, str]], np.ndarray | None]:
    chosen = list(range(len(pairs)))
    if order == "score" and values is not None:
        chosen = np.argsort(-values, kind="stable").tolist()
    elif order == "family":
        place = {code: i for i, code in enumerate(family_order(list(dict.fromkeys(code for code, _ in pairs))))}
        chosen.sort(key=lambda i: place[pairs[i][0]])
    return [pairs[i] for i in chosen], None if values is None else values[chosen]


def _reach(values: np.ndarray | None, null: float | None) -> list[float]:
    if values is None:
        return [0.0, 1.0]
    known = [0.0, *values[np.isfinite(values)].tolist(), *([] if null is None else [null])]
    low, high = min(known), max(known)
    room = 0.42 * ((high - low) or 1.0)  # for the numbers
    return [low - (room if low < 0 else 0.0), high + room]


def _bars(pairs: Sequence[tuple[str, str]], values: np.ndarray, middle: np.ndarray, score: str) -> go.Bar:
    return go.Bar(
        x=values.tolist(),
        y=middle.tolist(),
        width=12,
        orientation="h",
        marker={"color": OKABE_ITO[0], "line": {"width": 0}},
        text=[f"{value:.3f}" for value in values],
        textposition="outside",
        textfont={"size": 11},
        constraintext="none",  # else it shrinks to the bar
        cliponaxis=False,
        customdata=[[plain(language(code).name, None), directed(plain(text, None), code)] for code, text in pairs],
        hovertemplate=f"%{{customdata[0]}}<br>%{{customdata[1]}}<br>{plain(score)} %{{x:.3f}}<extra></extra>",
    )


def _write_scores(
    figure: go.Figure, values: np.ndarray, middle: np.ndarray, null: float | None, score: str, span: int, mode: str
) -> None:
    """The name of the scores, the line of nothing, and that of unrelated pairs."""
    line = {"color": ink(mode), "width": 1}
    figure.add_shape(type="line", yref="paper", x0=0, x1=0, y0=0, y1=1, line=line, opacity=0.4)
    words = plain(score)
    if null is not None:
        figure.add_shape(type="line", yref="paper", x0=null, x1=null, y0=0, y1=1, line={**line, "dash": "dot"})
        words += f" (dotted: unrelated, {null:.2f})"
    figure.add_annotation(
        text=words, xref="paper", yref="paper", x=1, y=1, yshift=4, xanchor="right", yanchor="bottom", showarrow=False,
        font={"size": 12},
    )  # fmt: skip
