"""Where a cosine stands among the cosines of pictures and texts that do not belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import WrongType
from clipnb.plots.palette import OKABE_ITO, OTHER, PERCENT, heading, ink, isolated, plain, template
from clipnb.scores.baseline import percent_words

__all__ = ["score_baseline"]

_STEPS = 70
"""The most steps of an outline."""
_FEW = 20
"""Related pairs below which they are drawn one by one."""


def score_baseline(
    baseline: Any,
    cosines: Mapping[str, float] | Sequence[float] | None = None,
    *,
    related: bool = True,
    title: str | None = None,
    width: int = 720,
    height: int = 400,
    mode: str = "light",
) -> go.Figure:
    """The cosines of unrelated pairs as an outline, those of related pairs beside it, and marked ones as lines.

    Heights are shares of each kind's own pairs per 0.01 of cosine, since there are far more unrelated ones; the fewer
    pairs, the wider the steps (Rice's rule, twice as fine).

    Args:
        baseline: a `ScoreBaseline`.
        cosines: to mark, with names or without; each line tells its percentile among unrelated pairs.
        related: draw the related pairs too, where the baseline has any.
        title: above the figure, if any.
        width: in CSS pixels.
        height: in CSS pixels, without the rows above the figure that the marked cosines take.
        mode: "light" or "dark", the page it is for.
    """
    if not hasattr(baseline, "percentile"):
        raise WrongType(f"expected a ScoreBaseline, got a {type(baseline).__name__}; clipnb.score_baseline makes one")
    marked = _marked(cosines)
    truth = np.asarray(baseline.related, dtype=float) if related else np.empty(0)
    shown = np.concatenate([[baseline.low, baseline.high], truth, list(marked.values())])
    fine = np.linspace(-1, 1, len(baseline.counts) + 1)

    # Steps are whole bins of the baseline, so that no pair is split between two.
    steps = min(_STEPS, 4 * np.cbrt(baseline.n))
    whole = max(1, round((baseline.high - baseline.low) / steps / (fine[1] - fine[0])))
    counts = np.add.reduceat(baseline.counts, np.arange(0, len(baseline.counts), whole))
    edges = np.append(fine[:-1][::whole], 1.0)
    figure = go.Figure(_outline(f"unrelated pairs ({baseline.n:,})", counts, edges, OTHER, "solid"))
    if len(truth) >= _FEW:
        counts, edges = np.histogram(truth, int(min(_STEPS, 4 * np.cbrt(len(truth)))))
        figure.add_trace(_outline(f"related pairs ({len(truth):,})", counts, edges, OKABE_ITO[0], "dash"))
    elif len(truth):
        figure.add_trace(_ticks(truth))
    top = 24 + 20 * len(marked) + (24 if title else 0)
    for row, (name, cosine) in enumerate(sorted(marked.items(), key=lambda item: item[1])):
        # One row of words each, or two near cosines would write over each other.
        lift = 8 + 20 * row
        figure.add_shape(
            type="line", xref="x", yref="paper", x0=cosine, x1=cosine, y0=0, y1=1 + lift / (height - 100),
            line={"color": OKABE_ITO[1], "width": 2},
        )  # fmt: skip
        middle = (shown.min() + shown.max()) / 2
        left = cosine > middle
        figure.add_annotation(
            x=cosine, xref="x", xshift=-5 if left else 5, xanchor="right" if left else "left",
            y=1, yref="paper", yshift=lift, yanchor="middle", showarrow=False, font={"size": 12},
            text=_words(name, cosine, baseline),
        )  # fmt: skip
    room = 0.03 * float(np.ptp(shown))
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height - 24 + top,
        margin={"l": 66, "r": 24, "t": top, "b": 76},
        xaxis={
            "title": {"text": "cosine of a picture and a text"},
            "range": [float(shown.min()) - room, float(shown.max()) + room],
            "zeroline": False,
        },
        yaxis={"title": {"text": "share of pairs per 0.01"}, "rangemode": "tozero", "tickformat": PERCENT},
        # Below, where no marked cosine runs through it.
        legend={"orientation": "h", "x": 0, "y": -52 / (height - 100), "yanchor": "top", "font": {"color": ink(mode)}},
        showlegend=True,
    )
    return figure


def _marked(cosines: Mapping[str, float] | Sequence[float] | None) -> dict[str, float]:
    if cosines is None:
        return {}
    named = cosines if isinstance(cosines, Mapping) else {f"{float(c):.3f}": c for c in np.ravel(cosines)}
    return {str(name): float(value) for name, value in named.items()}


def _words(name: str, cosine: float, baseline: Any) -> str:
    value = f"{cosine:.3f}"
    called = "" if name == value else f"{isolated(plain(name))}: "
    percentile = float(baseline.percentile(cosine))
    above = "all" if percentile >= 100 else "none" if percentile <= 0 else percent_words(percentile)
    return f"{called}{value}, above {above}"


def _outline(name: str, counts: np.ndarray, edges: np.ndarray, colour: str, dash: str) -> go.Scatter:
    share = counts / counts.sum() * (0.01 / np.diff(edges))
    filled = np.flatnonzero(share)
    part = slice(filled[0], filled[-1] + 1)
    share, low, high = share[part], edges[:-1][part], edges[1:][part]
    # Every step by its two corners: exact at any zoom, unlike a line between the middles.
    x = np.column_stack([low, high]).ravel()
    y = np.repeat(share, 2)
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return go.Scatter(
        x=[x[0], *x, x[-1]],
        y=[0, *y, 0],
        name=name,
        mode="lines",
        line={"color": colour, "width": 2, "dash": dash},
        fill="tozeroy",
        fillcolor=f"rgba({red},{green},{blue},0.22)",
        hovertemplate="%{x:.3f}: %{y:.2%}<extra>" + name + "</extra>",
    )


def _ticks(cosines: np.ndarray) -> go.Scatter:
    name = f"related pairs ({len(cosines)})"
    return go.Scatter(
        x=cosines,
        y=np.zeros(len(cosines)),
        name=name,
        mode="markers",
        marker={"symbol": "diamond", "size": 10, "color": OKABE_ITO[0]},
        cliponaxis=False,
        hovertemplate="%{x:.3f}<extra>" + name + "</extra>",
    )
