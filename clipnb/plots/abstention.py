"""What a model gains by keeping silent when it is not sure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import EmptyInput, WrongType
from clipnb.plots.palette import colours, heading, ink, plain, template

__all__ = ["abstention_curve"]

_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
_POINTS = 1000


def abstention_curve(
    result: Any, *, title: str | None = None, width: int = 720, height: int = 400, mode: str = "light"
) -> go.Figure:
    """Accuracy over the share of pictures that is answered, the surest first.

    At the right end every picture is answered and the curve is at top-1 accuracy; towards the left the model answers
    only above a rising threshold of confidence, which the hover text says. A curve that rises to the left means that
    confidence knows something of being right.

    Args:
        result: a `ZeroShot` with labels, an `Abstention` (`result.abstention()`), or a mapping from name to either,
            a curve each.
        title: above the figure, if any.
        width: in CSS pixels.
        height: in CSS pixels.
        mode: "light" or "dark", the page it is for.
    """
    several = isinstance(result, Mapping)
    curves = {str(k): _curve(v) for k, v in result.items()} if several else {"": _curve(result)}
    if not curves:
        raise EmptyInput("there is no curve to draw: the mapping is empty")
    palette = colours(list(curves), mode)
    figure = go.Figure()
    for i, (name, curve) in enumerate(curves.items()):
        points = curve.table(_POINTS)
        figure.add_trace(
            go.Scatter(
                x=points["coverage"],
                y=points["accuracy"],
                customdata=points["threshold"],
                mode="lines" if len(points) > 20 else "lines+markers",
                line={"color": palette[name], "dash": _DASHES[i % len(_DASHES)], "width": 2.5},
                name=plain(name, 32),
                hovertemplate="answered %{x:.1%}, of these right %{y:.1%}<br>confidence from %{customdata:.1%}"
                + f"<extra>{plain(name, None)}</extra>",
            )
        )
    if not several:
        curve = curves[""]
        every = float(curve.accuracy[-1])
        figure.add_shape(
            type="line", xref="paper", yref="y", x0=0, x1=1, y0=every, y1=every,
            line={"color": ink(mode), "width": 1.5, "dash": "dot"},
        )  # fmt: skip
        figure.add_annotation(
            text=f"everything answered: {every:.1%} right", xref="paper", x=0, xshift=6, y=every, xanchor="left",
            yanchor="top", showarrow=False,
        )  # fmt: skip
    lowest = min(float(np.min(curve.accuracy)) for curve in curves.values())
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height,
        margin={"l": 70, "r": 24, "t": 56 if title else 20, "b": 54},
        xaxis={"range": [0, 1.01], "tickformat": ".0%", "title": {"text": "pictures answered"}},
        yaxis={"range": [max(0.0, lowest - 0.1), 1.01], "tickformat": ".0%", "title": {"text": "of these right"}},
        showlegend=several,
    )
    return figure


def _curve(value: Any) -> Any:
    curve = value.abstention() if callable(getattr(value, "abstention", None)) else value
    if not all(hasattr(curve, name) for name in ("threshold", "coverage", "accuracy", "table")):
        raise WrongType(f"expected a ZeroShot with labels or an Abstention, not {type(value).__name__}")
    return curve
