"""How many pictures of each class are found, with how far that can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import EmptyInput, UnsupportedOption, WrongType
from clipnb.plots.intervals import wilson
from clipnb.plots.named_lines import named_lines
from clipnb.plots.palette import OKABE_ITO, heading, ink, plain, template, text_columns

__all__ = ["class_recall"]

_BAR = 22


def class_recall(
    result: Any,
    *,
    k: int | None = 20,
    lowest: bool = True,
    classes: Sequence[str] | None = None,
    title: str | None = None,
    width: int = 720,
    mode: str = "light",
) -> go.Figure:
    """A bar a class: the share of its pictures that is given its name, with the 95% interval of Wilson (1927).

    The number of pictures stands beside the bar: of three pictures, 67% says little, and the interval shows it. The
    dotted line is the mean over all classes that have pictures, the drawn ones or not.

    Args:
        result: a `ZeroShot` with labels, or the frame of its `per_class()`.
        k: how many classes, None for all.
        lowest: the classes that are found worst, the worst first; False: those found best, the best first.
        classes: these classes in this order, instead of the `k` worst or best.
        title: above the figure, if any.
        width: in CSS pixels; the height follows from the number of bars.
        mode: "light" or "dark", the page it is for.
    """
    if k is not None and k < 1:
        raise UnsupportedOption(f"k={k}; expected one or more, or None for all classes")
    frame = result.per_class() if hasattr(result, "per_class") else result
    if not (hasattr(frame, "columns") and {"recall", "support"} <= set(frame.columns)):
        raise WrongType(f"expected a ZeroShot with labels or the frame of its per_class(), not {type(result).__name__}")
    names, total = list(frame.index), frame["support"].to_numpy()
    right = np.rint(frame["recall"].fillna(0).to_numpy() * total).astype(int)
    known = np.flatnonzero(total)
    if not len(known):
        raise EmptyInput("no class has a picture: there is no recall to draw")
    recall = right / np.maximum(total, 1)
    if classes is None:
        # Among equals those of most pictures come first: of them it is surest.
        order = known[np.lexsort((-total[known], recall[known] if lowest else -recall[known]))][:k]
    else:
        order = np.array([_place(name, names, total) for name in classes])
    share, low, high = recall[order], *wilson(right[order], total[order])
    called = [plain(names[j]) for j in order]
    left = 24 + int(7.4 * max(map(text_columns, called)))
    top = 56 if title else 30
    figure = go.Figure(
        go.Bar(
            x=share,
            y=list(range(len(order))),
            orientation="h",
            marker={"color": OKABE_ITO[5 if mode == "light" else 0], "line": {"width": 0}},
            error_x={
                "type": "data",
                "symmetric": False,
                "array": high - share,
                "arrayminus": share - low,
                "color": ink(mode),
                "thickness": 1.2,
                "width": 3,
            },
            customdata=[[plain(names[j], None), int(right[j]), int(total[j])] for j in order],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]} of %{customdata[2]} pictures, %{x:.1%}<extra></extra>",
            showlegend=False,
        )
    )
    for place, j in enumerate(order):
        figure.add_annotation(
            text=f"{right[j]} of {total[j]}", x=1, xref="paper", xshift=8, y=place, xanchor="left", showarrow=False,
            font={"size": 11},
        )  # fmt: skip
    mean = float(recall[known].mean())
    figure.add_shape(
        type="line", xref="x", yref="paper", x0=mean, x1=mean, y0=0, y1=1,
        line={"color": ink(mode), "width": 1.5, "dash": "dot"},
    )  # fmt: skip
    figure.add_annotation(
        x=mean, y=1, xref="x", yref="paper", text=f"mean of {len(known)} classes {mean:.0%}", showarrow=False,
        yanchor="bottom", xanchor="right" if mean > 0.5 else "left",
    )  # fmt: skip
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=top + _BAR * len(order) + 52,
        margin={"l": left, "r": 84, "t": top, "b": 52},
        bargap=0.25,
        xaxis={"range": [0, 1.01], "tickformat": ".0%", "title": {"text": "recall"}, "zeroline": True},
        yaxis=named_lines(called),
    )
    return figure


def _place(name: str, names: list[str], total: np.ndarray) -> int:
    if name not in names:
        raise UnsupportedOption(f"classes names {name!r}, which is not among the {len(names)} classes of the result")
    if not total[names.index(name)]:
        raise EmptyInput(f"the class {name!r} has no picture: it has no recall")
    return names.index(name)
