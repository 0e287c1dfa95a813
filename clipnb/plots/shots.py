"""How accuracy grows with the number of labelled pictures a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import EmptyInput, UnknownColumn, UnsupportedOption, WrongType
from clipnb.plots.palette import OKABE_ITO, PERCENT, heading, ink, plain, template

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["learning_curve"]

_LOOKS = (("solid", "circle"), ("dash", "square"), ("dot", "diamond"), ("dashdot", "triangle-up"))
_NAMES = {"linear_probe": "linear probe", "tip_adapter": "Tip-Adapter"}
_TITLES = {"top1": "top-1 accuracy", "top5": "top-5 accuracy", "mean_per_class_recall": "mean per-class recall"}


def learning_curve(
    frame: pd.DataFrame,
    *,
    metric: str = "top1",
    title: str | None = None,
    width: int = 720,
    height: int = 420,
    mode: str = "light",
) -> go.Figure:
    """A line a method: the mean over the seeds, with a band from the worst seed to the best; zero-shot at 0 shots.

    Shots lie on a logarithmic axis, and 0 one step left of 1. After figure 6 of Radford et al. 2021.

    Args:
        frame: of `clipnb.learning_curve`: columns method, shots, and the metric; a row a run.
        metric: the column to draw, a share in 0..1.
        title: above the figure, if any.
        width: in CSS pixels.
        height: in CSS pixels.
        mode: "light" or "dark", the page it is for.
    """
    if not hasattr(frame, "columns"):
        raise WrongType(f"expected the table of clipnb.learning_curve, got a {type(frame).__name__}")
    missing = {"method", "shots", metric} - set(frame.columns)
    if missing:
        raise UnknownColumn(
            f"the table has no column {sorted(missing)[0]!r}, only {', '.join(map(str, frame.columns))}"
        )
    if not len(frame):
        raise EmptyInput("the table of runs is empty: there is nothing to draw")
    if (frame["shots"] < 0).any():
        raise UnsupportedOption(f"shots={frame['shots'].min()}; expected numbers from 0 on")
    zero, runs = frame[frame["shots"] == 0], frame[frame["shots"] > 0]
    figure = go.Figure()
    for i, method in enumerate(dict.fromkeys(runs["method"])):
        mine = runs[runs["method"] == method].groupby("shots", sort=True)[metric]
        _line(figure, i, str(method), mine.agg(["mean", "min", "max", "count"]))
    shots = sorted({int(n) for n in runs["shots"]})
    last = _place(shots[-1]) if shots else 0.0
    if len(zero):
        share = float(zero[metric].mean())
        figure.add_trace(
            go.Scatter(
                x=[-1.0, last],
                y=[share, share],
                name=f"zero-shot ({share:.1%})",
                mode="lines+markers",
                line={"color": ink(mode), "width": 1.5, "dash": "dot"},
                marker={"symbol": "star", "size": [14, 0.1], "color": ink(mode)},
                hovertemplate="zero-shot: %{y:.1%}<extra></extra>",
            )
        )
    ticks = ([0] if len(zero) else []) + shots
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height,
        margin={"l": 66, "r": 24, "t": 56 if title else 24, "b": 52},
        xaxis={
            "title": {"text": "labelled pictures a class (shots)"},
            "tickvals": [_place(n) for n in ticks],
            "ticktext": [str(n) for n in ticks],
            "range": [(-1.0 if len(zero) else _place(shots[0])) - 0.2, last + 0.2],
            "zeroline": False,
        },
        yaxis={"title": {"text": _TITLES.get(metric, metric)}, "tickformat": PERCENT},
        legend={"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom"},
        showlegend=True,
    )
    return figure


def _place(shots: int) -> float:
    return float(np.log2(shots)) if shots else -1.0


def _line(figure: go.Figure, i: int, method: str, runs: Any) -> None:
    colour, (dash, symbol) = OKABE_ITO[i % len(OKABE_ITO)], _LOOKS[i % len(_LOOKS)]
    x = [_place(int(n)) for n in runs.index]
    red, green, blue = (int(colour[j : j + 2], 16) for j in (1, 3, 5))
    if (runs["count"] > 1).any():
        figure.add_trace(
            go.Scatter(
                x=[*x, *x[::-1]],
                y=[*runs["max"], *runs["min"][::-1]],
                fill="toself",
                fillcolor=f"rgba({red},{green},{blue},0.18)",
                line={"width": 0},
                mode="lines",
                hoverinfo="skip",
                showlegend=False,
                legendgroup=method,
            )
        )
    figure.add_trace(
        go.Scatter(
            x=x,
            y=runs["mean"],
            name=_NAMES.get(method, plain(method, 32)),
            legendgroup=method,
            mode="lines+markers",
            line={"color": colour, "dash": dash, "width": 2.5},
            marker={"symbol": symbol, "size": 8},
            customdata=[[int(n), *row] for n, row in zip(runs.index, runs[["min", "max"]].to_numpy(), strict=True)],
            hovertemplate="%{customdata[0]} shots: %{y:.1%} (%{customdata[1]:.1%} to %{customdata[2]:.1%})"
            "<extra>" + plain(method, None) + "</extra>",
        )
    )
