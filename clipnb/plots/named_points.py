"""Two numbers of each of a few things, with the name beside the mark."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.palette import OKABE_ITO, heading, plain, template, text_columns
from clipnb.plots.placing import place_labels

__all__ = ["named_marks"]

_MARGIN = {"l": 66, "r": 24, "t": 56, "b": 52}


def named_marks(
    x: Any,
    y: Any,
    names: Sequence[str],
    *,
    x_title: str,
    y_title: str,
    title: str | None = None,
    percent: bool = False,
    width: int = 720,
    height: int = 400,
    mode: str = "light",
) -> go.Figure:
    """A mark for each thing at (x, y), named where there is room; every name is shown on hovering.

    Args:
        x: [thing].
        y: [thing].
        names: one a thing, in any script.
        x_title: with the unit where there is one.
        y_title: with the unit where there is one.
        title: above the figure, if any.
        percent: y is a share in 0..1 and is shown in percent, from 0 to 100.
        width: in CSS pixels.
        height: in CSS pixels.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongShape, WrongType, EmptyInput: the arrays do not fit together, or hold no numbers.
    """
    at, up = as_matrix("x", x)[0], as_matrix("y", y)[0]
    same_length("y", up, len(at))
    same_length("names", names, len(at))
    across, upward = _reach(at), (0.0, 1.04) if percent else _reach(up)
    inner = width - _MARGIN["l"] - _MARGIN["r"], height - _MARGIN["t"] - _MARGIN["b"]
    pixels = np.stack(
        [(at - across[0]) / (across[1] - across[0]) * inner[0], (up - upward[0]) / (upward[1] - upward[0]) * inner[1]],
        axis=1,
    )
    words = [plain(name) for name in names]
    sides = place_labels(pixels, [7.0 * text_columns(word) + 4 for word in words], bounds=(0, 0, *inner))
    figure = go.Figure(
        go.Scatter(
            x=at,
            y=up,
            mode="markers+text",
            text=[word if side else "" for word, side in zip(words, sides, strict=True)],
            textposition=[side or "top center" for side in sides],
            customdata=[plain(name, None) for name in names],
            marker={"size": 8, "color": OKABE_ITO[0]},
            hovertemplate="%{customdata}<br>%{x:.4g}: %{y:" + (".1%" if percent else ".3g") + "}<extra></extra>",
        )
    )
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height,
        margin=_MARGIN,
        xaxis={"title": {"text": x_title}, "range": list(across)},
        yaxis={"title": {"text": y_title}, "range": list(upward), "tickformat": ".0%" if percent else None},
        showlegend=False,
    )
    return figure


def _reach(values: np.ndarray) -> tuple[float, float]:
    """The range of an axis, with room at both ends for marks and names."""
    low, high = float(values.min()), float(values.max())
    room = 0.06 * (high - low) or 1.0
    return low - room, high + room
