"""One picture's probabilities as the softmax's temperature changes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import UnsupportedOption
from clipnb.plots.arrays import same_length
from clipnb.plots.lines import curves
from clipnb.plots.palette import isolated, plain
from clipnb.scores.temperature import softmax_at

__all__ = ["temperature"]

_LOW, _HIGH = 1.0, 1000.0


def temperature(
    cosines: Any,
    classnames: Sequence[str],
    logit_scale: float,
    *,
    k: int = 5,
    title: str | None = None,
    width: int = 720,
    height: int = 400,
    mode: str = "light",
) -> go.Figure:
    """The probabilities of the same cosines at scales from 1 to 1000, the model's own marked.

    The scale is the reciprocal of the softmax's temperature. For models trained with a softmax; SigLIP's sigmoid has a
    bias that goes with its scale.

    Args:
        cosines: [class], of one picture: a row of a `ZeroShot`'s similarity.
        classnames: one per cosine.
        logit_scale: the model's own scale.
        k: how many classes get a line, the nearest first; the softmax is over all of them.
        title: above the figure, if any.
        width: in CSS pixels.
        height: in CSS pixels.
        mode: "light" or "dark", the page it is for.
    """
    scale = float(logit_scale)
    if k < 1 or not (np.isfinite(scale) and scale > 0):
        raise UnsupportedOption(f"k={k}, logit_scale={logit_scale!r}; expected one or more, and a number above 0")
    # Beyond the usual range where a model's own scale lies there.
    low, high = min(_LOW, scale), max(_HIGH, scale)
    scales = np.geomspace(low, high, 181)
    row = np.asarray(cosines, dtype=float)
    probabilities = softmax_at(row, scales)
    same_length("classnames", classnames, len(row))
    order = np.argsort(-row, kind="stable")[:k]
    figure = curves(
        scales,
        {f"{classnames[j]} ({row[j]:.3f})": probabilities[:, j].tolist() for j in order},
        x_title="scale of the cosines (1 / temperature)",
        y_title="probability",
        title=title,
        log_x=True,
        percent=True,
        marker=(scale, f"the model's own scale, {scale:.4g}"),
        width=width,
        height=height,
        mode=mode,
    )
    for trace, j in zip(figure.data, order, strict=True):
        trace.name = f"{isolated(plain(classnames[j]))} ({row[j]:.3f})"  # a long name is cut, its cosine never
    return figure.update_layout(yaxis={"range": [0, 1.02]}, margin={"t": 76 if title else 40}, showlegend=True)
