"""Languages against languages: whose sentences find each other, with relatives side by side."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import UnsupportedOption, WrongShape, WrongType
from clipnb.languages import language
from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.families import Run, family_order, label_runs, run_room, runs
from clipnb.plots.marking import add_lines, add_words
from clipnb.plots.ordering import class_order
from clipnb.plots.palette import SEQUENTIAL, heading, plain, template, text_columns
from clipnb.plots.scripts import name_of

__all__ = ["language_heatmap"]

_LABEL = 11.5
"""Pixels that a line of labels needs."""
_GRID = "rgba(128,128,128,0.7)"


def language_heatmap(
    result: Any,
    languages: Sequence[str] | None = None,
    *,
    order: Literal["family", "clustered", "given"] = "family",
    names: Literal["english", "native", "code"] = "english",
    value: str = "recall@1",
    share: bool = True,
    x_title: str = "found in",
    y_title: str = "asked in",
    title: str | None = None,
    width: int | None = None,
    mode: str = "light",
) -> go.Figure:
    """A coloured table of languages, read from the row to the column, with borders between families and branches.

    Every language is named, at a hundred and more in two or three staggered columns, and so is every family. Dragging a
    box enlarges it; a double click goes back. Cells without a value are left to the page.

    Args:
        result: an `Alignment`, of which ``cross`` is drawn; a square DataFrame whose rows and columns are codes; or an
            array [row, column] with `languages`.
        languages: the codes of an array's rows and columns, or which of a table's to draw.
        order: "family": the largest family first, branch by branch, then by name; "clustered": the same, but within a
            branch those that find each other stand side by side; "given".
        names: how the rows are called, beside their code. Columns have codes.
        value: what is shown, for the colour bar and on hovering.
        share: values are shares within [0, 1], shown in percent; False: numbers without unit, such as cosines.
        x_title: what the columns are.
        y_title: what the rows are.
        title: above the figure, if any.
        width: in CSS pixels; default: 620 to 1100, by the number of languages. Cells are square.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongType, WrongShape, UnknownLanguage, UnsupportedOption: each names the argument.
    """
    if order not in ("family", "clustered", "given"):
        raise UnsupportedOption(f"order={order!r}; expected 'family', 'clustered' or 'given'")
    if names not in ("english", "native", "code"):
        raise UnsupportedOption(f"names={names!r}; expected 'english', 'native' or 'code'")
    values, counts, codes = _unpack(result, languages)
    chosen = _order(values, codes, order)
    values, codes = values[np.ix_(chosen, chosen)], [codes[i] for i in chosen]
    counts = None if counts is None else counts[np.ix_(chosen, chosen)]
    found = runs(codes)

    count = len(codes)
    width = int(np.clip(430 + 22 * count, 620, 1180)) if width is None else width
    right = run_room(found) if order != "given" else 24
    crowded = width - right < 15 * count + 200
    room, letter = (18, 5.4) if crowded else (26, 6.0)
    rows = [_called(code, names, room) for code in codes]
    left_one, below_one = (12 + int(letter * max(map(text_columns, texts))) for texts in (rows, codes))
    levels, cell = _fit(count, width - right - 30, left_one)
    side = cell * count
    left, below = 36 + levels * left_one, 50 + levels * below_one
    above = 74 + (28 if title else 0)
    axis = [f"{language(code).name} ({code})" for code in codes]
    figure = go.Figure(_cells(values, counts, axis, cell, value, share, y_title, x_title, side))
    _draw_borders(figure, found if order != "given" else [], cell, mode)
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=left + round(side) + right,
        height=above + round(side) + below,
        margin={"l": left, "r": right, "t": above, "b": below},
        xaxis=_axis(axis, codes, x_title, levels, below_one, {"tickangle": -90, "side": "bottom"}),
        yaxis=_axis(axis, rows, y_title, levels, left_one, {"autorange": False, "range": [count - 0.5, -0.5]}),
    )
    if levels > 1:
        _stagger(figure, rows, codes, levels, left_one, below_one)
    if order != "given":
        label_runs(figure, found, cell, _GRID, 11 if count <= 60 else 10)
    return figure


def _called(code: str, names: str, room: int) -> str:
    """The name beside the code, which the columns bear; a long name is cut, a code never."""
    return code if names == "code" else f"{plain(name_of(code, names), max(6, room - 3 - len(code)))} · {code}"


def _unpack(result: Any, languages: Sequence[str] | None) -> tuple[np.ndarray, np.ndarray | None, list[str]]:
    """The values, what they were counted over if known, and codes."""
    counts = getattr(result, "cross_counts", None)
    frame = getattr(result, "cross", result)
    if not hasattr(frame, "index") or not hasattr(frame, "columns"):
        if languages is None:
            raise WrongType(
                f"expected an Alignment, a DataFrame by language codes, or an array with languages=; got a "
                f"{type(result).__name__}"
            )
        values = as_matrix("result", frame)
        same_length("languages", languages, len(values))
        codes = [language(code).code for code in languages]
    else:
        codes = [language(str(code)).code for code in frame.index]
        if [language(str(code)).code for code in frame.columns] != codes:
            raise WrongShape("the rows and the columns are not the same languages in the same order")
        values = as_matrix("result", frame.to_numpy())
        counts = None if counts is None else np.asarray(counts)
        if languages is not None:
            wanted = [language(code).code for code in languages]
            missing = [code for code in wanted if code not in codes]
            if missing:
                raise UnsupportedOption(f"languages names {missing[0]!r}, which is not among: {', '.join(codes)}")
            places = [codes.index(code) for code in wanted]
            values, codes = values[np.ix_(places, places)], wanted
            counts = None if counts is None else counts[np.ix_(places, places)]
    if values.shape[0] != values.shape[1]:
        raise WrongShape(f"expected as many rows as columns, got {list(values.shape)}")
    if len(set(codes)) < len(codes):
        raise WrongShape("a language stands twice among the rows")
    return values, counts, codes


def _order(values: np.ndarray, codes: list[str], order: str) -> list[int]:
    if order == "given":
        return list(range(len(codes)))
    at = {code: i for i, code in enumerate(codes)}
    related = [at[code] for code in family_order(codes)]
    if order == "family":
        return related
    closeness = np.nan_to_num(values[np.ix_(related, related)])
    closeness = closeness + closeness.T - min(0.0, 2 * float(closeness.min()))
    kinds = [f"{language(codes[i]).family}, {language(codes[i]).branch}" for i in related]
    return [related[i] for i in class_order(closeness, kinds)]


def _fit(count: int, room: float, label: int) -> tuple[int, float]:
    """Columns of labels, and the side of a cell, when each label has its own line within its column."""
    for levels in (1, 2, 3):
        cell = min(40.0, (room - levels * label) / count)
        if cell * levels >= _LABEL:
            return levels, cell
    return 3, max(_LABEL / 3, cell)


def _cells(
    values: np.ndarray, counts: np.ndarray | None, axis: list[str], cell: float, value: str, share: bool,
    y_title: str, x_title: str, side: float,
) -> go.Heatmap:  # fmt: skip
    filled = np.round(values, 5).astype(object)
    filled[~np.isfinite(values)] = None  # a widget's messages are JSON, which knows no NaN
    number = "%{z:.1%}" if share else "%{z:.3f}"
    hover = f"{y_title}: %{{y}}<br>{x_title}: %{{x}}<br>{plain(value, None)}: {number}"
    return go.Heatmap(
        z=filled.tolist(),
        x=axis,
        y=axis,
        customdata=counts,
        hovertemplate=hover + ("<br>texts: %{customdata}" if counts is not None else "") + "<extra></extra>",
        hoverongaps=False,
        xgap=1 if cell > 12 else 0,
        ygap=1 if cell > 12 else 0,
        zmin=0 if share else None,
        zmax=1 if share else None,
        texttemplate=("%{z:.0%}" if cell >= 34 else None) if share else "%{z:.2f}" if cell >= 34 else None,
        colorscale=SEQUENTIAL,
        # Anchored at its top: at its bottom, plotly would take the figure's own title along.
        colorbar={
            "orientation": "h", "thickness": 10, "outlinewidth": 0, "len": min(240, side), "lenmode": "pixels", "x": 0,
            "xanchor": "left", "y": 1 + 60 / side, "yanchor": "top", "ypad": 0, "tickformat": ".0%" if share else ".2f",
            "title": {"text": plain(value, None), "side": "top"},
        },
    )  # fmt: skip


def _axis(
    axis: list[str], labels: list[str], title: str, levels: int, label: int, more: dict[str, Any]
) -> dict[str, Any]:
    """Ordinary labels where there is room for them, else none: the staggered ones are drawn by hand."""
    return {
        "type": "category",
        "categoryorder": "array",
        "categoryarray": axis,
        "showgrid": False,
        "zeroline": False,
        "tickvals": axis,
        "ticktext": labels,
        "tickfont": {"size": 11},
        "showticklabels": levels == 1,
        "title": {"text": title, "standoff": 8 if levels == 1 else levels * label + 14},
        **more,
    }


def _stagger(
    figure: go.Figure, rows: list[str], columns: list[str], levels: int, left_one: int, below_one: int
) -> None:
    """Labels in several columns, with a line from each of the outer ones to its place."""
    look = {
        "showarrow": True, "arrowhead": 0, "arrowwidth": 0.5, "arrowcolor": _GRID, "font": {"size": 10},
        "borderpad": 0, "standoff": 1,
    }  # fmt: skip
    words = []
    for i, (row, column) in enumerate(zip(rows, columns, strict=True)):
        level = i % levels
        half = 2.8 * text_columns(column)  # a turned text is placed by its middle, whatever its anchor
        at_left = {"xref": "paper", "x": 0, "y": i, "ax": -9 - level * left_one, "ay": 0, "xanchor": "right"}
        below = {"yref": "paper", "y": 0, "x": i, "ax": 0, "ay": 9 + level * below_one + half, "textangle": -90}
        words += [
            {"text": text, "yanchor": "middle", **place, **look} for text, place in ((row, at_left), (column, below))
        ]
    add_words(figure, words)


def _draw_borders(figure: go.Figure, found: Sequence[Run], cell: float, mode: str) -> None:
    """Lines in the colour of the page, which is none of the scale's: families strong, branches fine."""
    page, count = template(mode).layout.paper_bgcolor, found[-1].stop if found else 0
    lines = []
    for before, run in itertools.pairwise(found):
        alone = before.stop - before.start == 1 == run.stop - run.start  # one beside the other, lines would fill them
        strong = before.family != run.family and not alone
        line = {"color": page, "width": min(2.5, cell / 3) if strong else min(1.5, cell / 8)}
        at = run.start - 0.5
        lines.append({"type": "line", "x0": -0.5, "x1": count - 0.5, "y0": at, "y1": at, "line": line})
        lines.append({"type": "line", "x0": at, "x1": at, "y0": -0.5, "y1": count - 0.5, "line": line})
    add_lines(figure, lines)
