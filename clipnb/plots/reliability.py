"""Is a probability of 80% right eight times in ten? The reliability diagram."""

from __future__ import annotations

from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import WrongType
from clipnb.plots.intervals import wilson
from clipnb.plots.palette import OKABE_ITO, OTHER, PERCENT, heading, ink, template

__all__ = ["reliability_diagram"]


def reliability_diagram(
    result: Any, *, bins: int = 15, title: str | None = None, width: int = 560, mode: str = "light"
) -> go.Figure:
    """Accuracy over confidence, by bins of confidence; below, how many pictures each bin holds.

    Bars under the dotted diagonal: the model is surer than it is right; above it: less sure. Whiskers are 95%
    intervals after Wilson (1927), points stand at the mean confidence of their bin. After DeGroot & Fienberg (1983)
    and Guo et al. (2017), "On Calibration of Modern Neural Networks", figure 1; the expected calibration error, the
    mean distance of the points from the diagonal weighted by their pictures, is in the subtitle.

    Args:
        result: a `ZeroShot` with labels, or a `Calibration` (`result.calibration(...)`).
        bins: of equal width; only for a `ZeroShot`.
        title: above the figure, if any.
        width: in CSS pixels.
        mode: "light" or "dark", the page it is for.
    """
    bars = result.calibration(bins) if callable(getattr(result, "calibration", None)) else result
    if not all(hasattr(bars, name) for name in ("lower", "upper", "count", "confidence", "accuracy", "ece")):
        raise WrongType(f"expected a ZeroShot with labels or a Calibration, not {type(result).__name__}")
    used = np.asarray(bars.count) > 0
    count, lower, upper = (np.asarray(v)[used] for v in (bars.count, bars.lower, bars.upper))
    confidence, accuracy = np.asarray(bars.confidence)[used], np.asarray(bars.accuracy)[used]
    low, high = wilson(np.rint(accuracy * count), count)
    middle, wide = (lower + upper) / 2, upper - lower
    facts = np.stack([lower, upper, count, confidence, accuracy], axis=1)
    hover = (
        "confidence %{customdata[0]:.0%} to %{customdata[1]:.0%}, %{customdata[3]:.1%} on average<br>"
        "right %{customdata[4]:.1%}<br>pictures %{customdata[2]}<extra></extra>"
    )
    common = {"customdata": facts, "hovertemplate": hover, "showlegend": False}
    figure = go.Figure(
        [
            go.Bar(
                x=middle, y=accuracy, width=wide, yaxis="y", name="accuracy",
                marker={"color": OKABE_ITO[5], "opacity": 0.75, "line": {"width": 1, "color": OKABE_ITO[0]}}, **common,
            ),
            go.Scatter(
                x=confidence, y=accuracy, yaxis="y", mode="markers", name="mean confidence and accuracy",
                marker={"color": OKABE_ITO[1], "size": 8},
                error_y={
                    "type": "data", "symmetric": False, "array": high - accuracy, "arrayminus": accuracy - low,
                    "color": ink(mode), "thickness": 1.2, "width": 3,
                },
                **common,
            ),
            go.Bar(
                x=middle, y=count / count.sum(), width=wide, yaxis="y2", name="pictures",
                marker={"color": OTHER, "line": {"width": 0}}, **common,
            ),
        ]
    )  # fmt: skip
    figure.add_shape(
        type="line", x0=0, x1=1, y0=0, y1=1, xref="x", yref="y", line={"color": ink(mode), "width": 1.5, "dash": "dot"}
    )
    words = f"expected calibration error {bars.ece:.3f} over {int(count.sum())} pictures"
    figure.add_annotation(
        text=words, xref="paper", yref="paper", x=0, y=1, yshift=4, xanchor="left", yanchor="bottom", showarrow=False
    )
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=width + 40 + (28 if title else 0),
        margin={"l": 70, "r": 24, "t": 72 if title else 40, "b": 54},
        bargap=0,
        xaxis={
            "range": [0, 1], "tickformat": ".0%", "anchor": "y2",
            "title": {"text": "confidence: probability of the guess"}, "ticks": "outside", "ticklen": 5,
        },
        yaxis={"range": [0, 1.02], "domain": [0.26, 1], "tickformat": ".0%", "title": {"text": "right"}},
        yaxis2={
            "domain": [0, 0.18], "tickformat": PERCENT, "nticks": 3, "rangemode": "tozero",
            "title": {"text": "pictures"},
        },
    )  # fmt: skip
    return figure
