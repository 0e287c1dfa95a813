"""What several models make of the same pictures and texts: one small heatmap a model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

import plotly.graph_objects as go
from PIL import Image

from clipnb.errors import UnsupportedOption
from clipnb.plots.arrays import same_length
from clipnb.plots.palette import SEQUENTIAL, heading, plain, template, text_columns
from clipnb.plots.thumbnails import layout_image

if TYPE_CHECKING:
    from clipnb.comparison import Comparison, ModelFacts

_THUMB, _GAP, _BAR = 40, 28, 110
_COLUMN = 31  # as narrow as a number can be read in
_TRUE = "#D55E00"


def comparison_heatmaps(
    comparison: Comparison,
    images: Sequence[Image.Image] | None = None,
    *,
    values: Literal["probability", "cosine"] = "probability",
    across: int | None = None,
    names: Sequence[str] | None = None,
    title: str | None = None,
    width: int = 960,
    mode: str = "light",
) -> go.Figure:
    """One heatmap image x text a model, side by side; the true text of an image, where it is known, is outlined.

    Probabilities share one scale of colours, from 0 to 100%. Above each heatmap stands how they came about: a softmax
    shares 100% among the texts of an image, a sigmoid gives every pair a probability of its own. Cosines of different
    models are not comparable: each model gets the range of its own, named above it.

    Args:
        comparison: what `clipnb.compare` returns.
        images: one PIL image a row, drawn beside the rows.
        values: "probability" or "cosine".
        across: heatmaps in a row; default: as many as leave their columns readable, three at most.
        names: what to call the rows; default: the images' ids, of a path the file's name.
        title: above the figure, if any.
        width: in CSS pixels; the height follows from the numbers of images and models.
        mode: "light" or "dark", the page it is for.
    """
    if values not in ("probability", "cosine"):
        raise UnsupportedOption(f"values={values!r}; expected 'probability' or 'cosine'")
    rows, columns, count = len(comparison.image_ids), len(comparison.texts), len(comparison)
    same_length("images", images, rows)
    same_length("names", names, rows)
    called = [plain(name, 18) for name in names or (PurePath(i).name or i for i in comparison.image_ids)]
    texts = [plain(text, 20) for text in comparison.texts]

    cell = 44 if rows <= 12 else max(6, 528 // rows)
    with_pictures = images is not None and cell >= _THUMB
    left = 24 + int(7.4 * max(map(text_columns, called))) + (_THUMB + 12 if with_pictures else 0)
    room = width - left - _BAR
    across = _across(count, columns, room) if across is None else max(1, min(across, count))
    down = -(-count // across)
    panel = (room - (across - 1) * _GAP) / across
    longest = max(map(text_columns, texts))
    slant = longest * 7.4 > panel / columns
    bottom = 16 + (int(5.0 * longest) + 12 if slant else 24)
    spreads = [_colours(comparison, model, values) for model in comparison.models]
    heads = [
        _head(model, comparison.facts[model], values, spread, panel)
        for model, spread in zip(comparison.models, spreads, strict=True)
    ]
    above = 16 + 18 * max(map(len, heads))
    top, note = 44 if title else 8, 26 if comparison.labels is not None else 6
    height = down * (above + cell * rows + bottom) + note
    figure = go.Figure()
    for k, model in enumerate(comparison.models):
        line, place = divmod(k, across)
        x0 = place * (panel + _GAP) / room
        y1 = 1 - (line * (above + cell * rows + bottom) + above) / height
        x, y = _axis("x", k), _axis("y", k)
        figure.add_trace(_heatmap(comparison, model, values, spreads[k], panel / columns, cell))
        figure.data[-1].update(xaxis=x, yaxis=y, showscale=k == 0)
        if k == 0:
            figure.data[0].colorbar.update(y=y1, len=max(120, cell * rows))
        figure.update_layout(
            {
                _axis("xaxis", k): _names(y, texts, [x0, x0 + panel / room], tickangle=-40 if slant else 0),
                _axis("yaxis", k): {
                    **_names(x, called, [max(0.0, y1 - cell * rows / height), y1], showticklabels=place == 0),
                    "range": [rows - 0.5, -0.5],
                    "ticks": "outside",
                    "ticklen": (_THUMB + 10 if with_pictures else 4) if place == 0 else 0,
                    "tickcolor": "rgba(0,0,0,0)",
                },
            }
        )
        figure.add_annotation(
            text="<br>".join(heads[k]), xref="paper", yref="paper", x=x0, y=y1, yshift=4, xanchor="left",
            yanchor="bottom", align="left", showarrow=False,
        )  # fmt: skip
        _outline_truth(figure, comparison, x, y)
        if images is not None and with_pictures and place == 0:
            for i, picture in enumerate(images):
                figure.add_layout_image(
                    layout_image(
                        picture, size=2 * _THUMB, xref="paper", yref=y, x=-6 / room, y=i, xanchor="right",
                        yanchor="middle", sizex=_THUMB / room, sizey=_THUMB / cell,
                    )
                )  # fmt: skip
    if comparison.labels is not None:
        _explain_outline(figure)
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height + top + 8,
        margin={"l": left, "r": _BAR, "t": top, "b": 8},
    )
    return figure


def _across(count: int, columns: int, room: float) -> int:
    """Heatmaps in a row: three at most, fewer where a column would become too narrow for its number."""
    fitting = [n for n in (3, 2) if n <= count and (room - (n - 1) * _GAP) / n / columns >= _COLUMN]
    if 2 in fitting and count in (2, 4):
        return 2
    return fitting[0] if fitting else 1


def _colours(comparison: Comparison, model: str, values: str) -> tuple[float, float]:
    """The values of the darkest and the lightest colour."""
    if values == "probability":
        return 0.0, 1.0
    sim = comparison[model].similarity
    return float(sim.min()), float(sim.max())


def _heatmap(
    comparison: Comparison, model: str, values: str, spread: tuple[float, float], wide: float, high: float
) -> go.Heatmap:
    result, shares = comparison[model], values == "probability"
    ids, texts = ([plain(t, None) for t in names] for names in (comparison.image_ids, comparison.texts))
    hover = [
        [(i, t, float(result.probabilities[r, c]), float(result.similarity[r, c])) for c, t in enumerate(texts)]
        for r, i in enumerate(ids)
    ]
    numbers = "%{z:.0%}" if shares else "%{z:.2f}"
    low, top = spread[0], max(spread[1], spread[0] + 1e-6)
    scale = (
        {"tickformat": ".0%", "dtick": 0.25} if shares else {"tickvals": [low, top], "ticktext": ["lowest", "highest"]}
    )
    return go.Heatmap(
        z=result.probabilities if shares else result.similarity,
        x=list(range(len(texts))),
        y=list(range(len(ids))),
        zmin=low,
        zmax=top,
        name=plain(model, None),
        customdata=hover,
        hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>probability %{customdata[2]:.2%}, "
        "cosine %{customdata[3]:.3f}<extra>" + plain(model, None) + "</extra>",
        xgap=1,
        ygap=1,
        colorscale=SEQUENTIAL,
        texttemplate=numbers if wide >= _COLUMN and high >= 18 else None,
        textfont={"size": 13 if wide >= 42 else 11},
        colorbar={
            "title": {"text": values if shares else "cosine,<br>by model", "font": {"size": 13}},
            "thickness": 14,
            "outlinewidth": 0,
            "lenmode": "pixels",
            "yanchor": "top",
            "xpad": 16,
            "ypad": 0,
            **scale,
        },
    )


def _head(model: str, facts: ModelFacts, values: str, spread: tuple[float, float], panel: float) -> list[str]:
    """The lines above a heatmap: the model's name in full, and what its numbers are."""
    if values == "cosine":
        words = f"cosines from {spread[0]:.2f} to {spread[1]:.2f}"
    else:
        words = "softmax: rows share 100%" if facts.softmax else "sigmoid: each pair by itself"
    cut = [f"texts cut at {facts.context_length} tokens: {len(facts.cut_texts)}"] if facts.cut_texts else []
    return [*(f"<b>{plain(line, None)}</b>" for line in wrapped(model, int(panel / 8))), words, *cut]


def wrapped(name: str, limit: int) -> list[str]:
    """A model's name in lines of at most `limit` columns, broken after its marks and spaces where it has any there."""
    lines = [""]
    for part in re.findall(r"[^-/_ ]*[-/_ ]|[^-/_ ]+", name):
        if lines[-1] and text_columns(lines[-1] + part.rstrip()) > limit:
            lines.append("")
        for letter in part:
            if text_columns(lines[-1] + letter) > limit and letter != " ":
                lines.append("")
            lines[-1] += letter
    return lines


def _outline_truth(figure: go.Figure, comparison: Comparison, x: str, y: str) -> None:
    column = {text: j for j, text in enumerate(comparison.texts)}
    for i, label in enumerate(comparison.labels or ()):
        j = column[label]
        figure.add_shape(
            type="rect", xref=x, yref=y, x0=j - 0.47, x1=j + 0.47, y0=i - 0.45, y1=i + 0.45,
            line={"color": _TRUE, "width": 3}, layer="above",
        )  # fmt: skip


def _explain_outline(figure: go.Figure) -> None:
    """What the outline means, at the bottom left."""
    place = {"xref": "paper", "yref": "paper"}
    figure.add_shape(
        type="rect", xsizemode="pixel", ysizemode="pixel", xanchor=0, yanchor=0, x0=1, x1=19, y0=3, y1=17,
        line={"color": _TRUE, "width": 3}, **place,
    )  # fmt: skip
    figure.add_annotation(
        text="the true text of the picture", x=0, y=0, xshift=24, yshift=10, xanchor="left", yanchor="middle",
        showarrow=False, **place,
    )  # fmt: skip


def _names(anchor: str, text: Sequence[str], domain: list[float], **more: Any) -> dict[str, Any]:
    return {
        "anchor": anchor,
        "domain": domain,
        "range": [-0.5, len(text) - 0.5],
        "tickvals": list(range(len(text))),
        "ticktext": list(text),
        "showgrid": False,
        "zeroline": False,
        **more,
    }


def _axis(letter: str, k: int) -> str:
    return f"{letter}{k + 1}" if k else letter
