"""How often a language's sentences find their picture, a bar a language with its interval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import EmptyInput, UnsupportedOption, WrongType
from clipnb.languages import language
from clipnb.plots.families import family_order, label_runs, run_room, runs
from clipnb.plots.named_lines import named_lines
from clipnb.plots.palette import OKABE_ITO, heading, ink, plain, template, text_columns
from clipnb.plots.scripts import directed, name_of

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["language_recall"]

_WORDS = {"text_to_image": "pictures by sentences", "image_to_text": "sentences by pictures"}
_COLUMNS = {"language", "direction", "k", "recall"}
_BAR, _GAP = 13, 7


def language_recall(
    result: Any,
    *,
    direction: Literal["text_to_image", "image_to_text", "both"] = "text_to_image",
    k: int | Sequence[int] | None = None,
    languages: Sequence[str] | None = None,
    order: Literal["recall", "family", "given"] = "recall",
    names: Literal["english", "native", "code"] = "english",
    title: str | None = None,
    width: int = 760,
    mode: str = "light",
) -> go.Figure:
    """Recall@k by language, with the intervals of the table; a small mark is what guessing would give.

    Args:
        result: an `Alignment`, or its table ``recall``; or a mapping from names to either (before and after, or
            several models), whose bars then stand beside each other.
        direction: pictures found by sentences, sentences found by pictures, or both.
        k: one value or several; default: 10, or the largest there is.
        languages: codes; default: all.
        order: "recall": the best of the first bars first; "family": relatives side by side; "given".
        names: how a language is called, beside its code.
        title: above the figure, if any.
        width: in CSS pixels; the height follows from the number of bars.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongType, EmptyInput, UnsupportedOption, UnknownLanguage: each names the argument.
    """
    for name, value, known in (
        ("direction", direction, (*_WORDS, "both")),
        ("order", order, ("recall", "family", "given")),
        ("names", names, ("english", "native", "code")),
    ):
        if value not in known:
            raise UnsupportedOption(f"{name}={value!r}; expected one of {', '.join(map(repr, known))}")
    frames = {str(name): _frame(each) for name, each in result.items()} if isinstance(result, Mapping) else {}
    frames = frames or {"": _frame(result)}
    series = _series(frames, direction, k)
    codes = _codes(series, languages)
    if order == "recall":
        first = series[0][1]["recall"].reindex(codes).fillna(-1.0)
        codes = [codes[i] for i in np.argsort(-first.to_numpy(), kind="stable")]
    elif order == "family":
        codes = family_order(codes)

    row = _BAR * len(series) + _GAP
    called = [directed(plain(name_of(code, names), 26), code if names == "native" else "en") for code in codes]
    called = [text if names == "code" else f"{text} · {code}" for text, code in zip(called, codes, strict=True)]
    found = runs(codes) if order == "family" else []
    left, right = 30 + int(6.6 * max(map(text_columns, called))), run_room(found) if found else 30
    top = (44 if title else 12) + 24
    figure = go.Figure([_bars(name, part, codes, i, mode) for i, (name, part) in enumerate(series)])
    figure.add_trace(_guessing(series, codes, row, mode))
    figure.data[0].showlegend = len(series) > 1 or isinstance(result, Mapping)
    for run in found[1:]:
        figure.add_shape(
            type="line", xref="paper", x0=0, x1=1, y0=run.start - 0.5, y1=run.start - 0.5,
            line={"color": "rgba(128,128,128,0.6)", "width": 0.7},
        )  # fmt: skip
    label_runs(figure, found, row, "rgba(128,128,128,0.7)")
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=top + row * len(codes) + 52,
        margin={"l": left, "r": right, "t": top, "b": 52},
        bargap=_GAP / row,
        barmode="group",
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "traceorder": "normal"},
        xaxis={"range": [0, 1.01], "tickformat": ".0%", "title": {"text": _what(series)}, "zeroline": True},
        yaxis=named_lines(called, tickfont={"size": 12}),
    )
    return figure


def _frame(result: Any) -> pd.DataFrame:
    # A table has an attribute for each of its columns, recall among them.
    frame = result if hasattr(result, "columns") else getattr(result, "recall", result)
    if not (hasattr(frame, "columns") and set(frame.columns) >= _COLUMNS):
        raise WrongType(
            f"expected an Alignment or its table recall, with {', '.join(sorted(_COLUMNS))}; got a "
            f"{type(result).__name__}"
        )
    if not len(frame):
        raise EmptyInput("the table of recall is empty: a corpus without pictures has none")
    return frame


def _series(
    frames: Mapping[str, pd.DataFrame], direction: str, k: int | Sequence[int] | None
) -> list[tuple[str, pd.DataFrame]]:
    """Name and rows, by language, of every set of bars."""
    there = sorted({int(value) for frame in frames.values() for value in frame["k"]})
    wanted = [10 if 10 in there else there[-1]] if k is None else [k] if isinstance(k, (int, np.integer)) else list(k)
    directions = list(_WORDS) if direction == "both" else [direction]
    found = []
    for name, frame in frames.items():
        for each in directions:
            for number in wanted:
                part = frame[(frame["direction"] == each) & (frame["k"] == number)]
                if not len(part):
                    raise UnsupportedOption(
                        f"no recall for direction={each!r}, k={number}{f' in {name!r}' if name else ''}; there are k "
                        f"{', '.join(map(str, there))}"
                    )
                words = [name] if name else []
                words += [_WORDS[each]] if len(directions) > 1 else []
                words += [f"recall@{number}"] if len(wanted) > 1 or not words else []
                part = part.assign(language=[language(str(code)).code for code in part["language"]])
                part = part.assign(what=f"{_WORDS[each]}, recall@{number}")
                found.append((", ".join(words), part.set_index("language")))
    return found


def _what(series: Sequence[tuple[str, pd.DataFrame]]) -> str:
    """What the axis is of: as much as all bars have in common."""
    kinds = list(dict.fromkeys(str(part["what"].iloc[0]) for _, part in series))
    ends = {kind.rpartition(", ")[2] for kind in kinds}
    return kinds[0] if len(kinds) == 1 else ends.pop() if len(ends) == 1 else "recall"


def _codes(series: Sequence[tuple[str, pd.DataFrame]], languages: Sequence[str] | None) -> list[str]:
    there = list(dict.fromkeys(code for _, part in series for code in part.index))
    if languages is None:
        return there
    wanted = [language(code).code for code in ([languages] if isinstance(languages, str) else languages)]
    for code in wanted:
        if code not in there:
            raise UnsupportedOption(f"languages names {code!r}, which is not in the table: {', '.join(there)}")
    if not wanted:
        raise EmptyInput("languages is empty; name at least one, or leave it out for all")
    return list(dict.fromkeys(wanted))


def _bars(name: str, part: pd.DataFrame, codes: Sequence[str], place: int, mode: str) -> go.Bar:
    part = part.reindex(list(codes))
    recall = part["recall"].to_numpy(dtype=float)
    ends = {side: _column(part, side) for side in ("low", "high")}
    known = np.isfinite(ends["low"]) & np.isfinite(ends["high"])
    up, down = (np.where(known, np.abs(ends[side] - recall), 0.0) for side in ("high", "low"))
    hover = [
        f"{plain(language(code).name, None)} ({code}): {value:.1%}"
        + (f", {low:.1%} to {high:.1%}" if sure else "")
        + (f"<br>{int(queries):,} queries" if np.isfinite(queries) else "")
        for code, value, low, high, sure, queries in zip(
            codes, recall, ends["low"], ends["high"], known, _column(part, "queries"), strict=True
        )
    ]
    wheel = (OKABE_ITO[5 if mode == "light" else 0], *OKABE_ITO[1:5], *OKABE_ITO[6:])
    return go.Bar(
        x=[None if np.isnan(value) else float(value) for value in recall],
        y=list(range(len(codes))),
        orientation="h",
        name=plain(name, 40),
        showlegend=True,
        marker={"color": wheel[place % len(wheel)], "line": {"width": 0}},
        error_x={
            "type": "data", "symmetric": False, "array": up.tolist(), "arrayminus": down.tolist(), "color": ink(mode),
            "thickness": 1.2, "width": 3, "visible": bool(known.any()),
        },
        customdata=hover,
        hovertemplate="%{customdata}<extra>" + plain(name, 40) + "</extra>",
    )  # fmt: skip


def _guessing(series: Sequence[tuple[str, pd.DataFrame]], codes: Sequence[str], row: int, mode: str) -> go.Scatter:
    """The recall of guessing, the largest of a language's bars; without a mark where the table does not say it."""
    every = np.stack([_column(part.reindex(list(codes)), "chance") for _, part in series])
    chance = np.where(np.isfinite(every), every, -1.0).max(axis=0)
    known = np.flatnonzero(chance >= 0)
    return go.Scatter(
        x=chance[known].tolist(),
        y=known.tolist(),
        mode="markers",
        name="guessing",
        showlegend=len(known) > 0,
        marker={"symbol": "line-ns", "size": row - _GAP, "line": {"width": 1.6, "color": ink(mode)}},
        hovertemplate="guessing: %{x:.2%}<extra></extra>",
    )


def _column(part: pd.DataFrame, name: str) -> np.ndarray:
    """A column of numbers; NaN throughout where the table has none of that name."""
    return part[name].to_numpy(dtype=float) if name in part.columns else np.full(len(part), np.nan)
