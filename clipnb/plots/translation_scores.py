"""How near sentences are to their translations, beside sentences that do not belong together."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import EmptyInput, WrongType
from clipnb.plots.palette import OKABE_ITO, OTHER, heading, plain, template

__all__ = ["translation_histogram"]

_STEPS = 60


def translation_histogram(
    scores: Any,
    marked: Mapping[str, float] | None = None,
    *,
    title: str | None = None,
    width: int = 720,
    height: int = 320,
    mode: str = "light",
) -> go.Figure:
    """The cosines of translations and of shuffled pairs, in shares of each, and marked ones as diamonds.

    Args:
        scores: a `TranslationScores`: ``true`` and ``null``.
        marked: cosines of chosen pairs, by their names.
        title: above the figure, if any.
        width: in CSS pixels.
        height: in CSS pixels.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongType, EmptyInput: the scores are something else, or of no pairs.
    """
    if not (hasattr(scores, "true") and hasattr(scores, "null")):
        raise WrongType(f"expected a TranslationScores, got a {type(scores).__name__}; see clipnb.aligning")
    true, null = (np.asarray(values, dtype=float) for values in (scores.true, scores.null))
    if not len(true):
        raise EmptyInput("no pairs of sentences to draw")
    every = np.concatenate([true, null])
    room = max(0.02, 0.03 * float(np.ptp(every)))
    edges = np.linspace(float(every.min()) - 1e-6, float(every.max()) + 1e-6, _STEPS + 1)
    blue = OKABE_ITO[0 if mode == "light" else 5]  # the darker one is lost on a dark page
    figure = go.Figure()
    for name, values, colour in (("shuffled pairs", null, OTHER), ("translations", true, blue)):
        counts = np.histogram(values, edges)[0]
        share = counts / max(1, len(values))
        figure.add_trace(
            go.Bar(
                x=((edges[:-1] + edges[1:]) / 2).tolist(),
                y=share.tolist(),
                width=float(edges[1] - edges[0]),
                name=f"{name} ({len(values):,})",
                marker={"color": colour, "line": {"width": 0}},
                opacity=0.65,
                hovertemplate="%{x:.2f}: %{y:.1%}<extra>" + name + "</extra>",
            )
        )
    chosen = marked or {}
    figure.add_trace(
        go.Scatter(
            x=[float(value) for value in chosen.values()],
            y=[0.0] * len(chosen),
            mode="markers",
            name=f"chosen ({len(chosen):,})",
            showlegend=bool(chosen),
            cliponaxis=False,
            customdata=[plain(name, None) for name in chosen],
            hovertemplate="%{customdata}: %{x:.3f}<extra></extra>",
            marker={"symbol": "diamond", "size": 10, "color": OKABE_ITO[1]},
        )
    )
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height,
        barmode="overlay",
        bargap=0,
        margin={"l": 62, "r": 20, "t": 66 if title else 40, "b": 48},
        xaxis={
            "title": {"text": "cosine of two sentences"},
            "range": [float(edges[0]) - room, float(edges[-1]) + room],
            "zeroline": False,
        },
        yaxis={"title": {"text": "share of the pairs"}, "tickformat": ".0%", "rangemode": "tozero"},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom"},
    )
    return figure
