"""What each template is worth by itself, beside all of them together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import EmptyInput, UnknownColumn, UnsupportedOption, WrongType
from clipnb.plots.palette import OKABE_ITO, PERCENT, heading, plain, template, text_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["prompt_sensitivity"]

_ALL = "all classes"
_TITLES = {
    "top1": "top-1 accuracy",
    "top5": "top-5 accuracy",
    "probability": "mean probability",
    "cosine": "mean cosine",
}
_ROW = 64


def prompt_sensitivity(
    frame: pd.DataFrame,
    *,
    value: str = "top1",
    k: int | None = 20,
    title: str | None = None,
    width: int = 760,
    mode: str = "light",
) -> go.Figure:
    """A strip a class: a dot for every template alone, a diamond for the ensemble.

    The best and the worst template are named where there is one strip; the others on hovering. Dots are spread up and
    down only so that equal ones can be told apart.

    Args:
        frame: of `clipnb.prompt_sensitivity`.
        value: "top1", "top5", "probability" or "cosine".
        k: at most this many classes, those first whose templates differ most; None for all of them.
        title: above the figure, if any.
        width: in CSS pixels.
        mode: "light" or "dark", the page it is for.
    """
    if value not in _TITLES:
        raise UnsupportedOption(f"value={value!r}; expected one of {', '.join(_TITLES)}")
    if not hasattr(frame, "columns"):
        raise WrongType(f"expected the frame of clipnb.prompt_sensitivity, not {type(frame).__name__}")
    missing = {"template", "kind", "classname", value} - set(frame.columns)
    if missing:
        raise UnknownColumn(f"the frame lacks {', '.join(sorted(missing))}; pass that of clipnb.prompt_sensitivity")
    frame = frame[frame[value].notna()]
    if frame.empty:
        raise EmptyInput(f"no row of the frame has a value for {value}: without labels there is no accuracy")
    frame = frame.assign(strip=frame["classname"].where(frame["classname"].notna(), _ALL))
    strips = _strips(frame, value, k)
    single, ensemble = (frame[frame["kind"] == kind] for kind in ("single", "ensemble"))
    share = value != "cosine"
    words = f"{_TITLES[value]} %{{x:{'.1%' if share else '.3f'}}}"
    blue = OKABE_ITO[0 if mode == "light" else 5]
    at = {name: i for i, name in enumerate(strips)}
    single, ensemble = (part[part["strip"].isin(at)] for part in (single, ensemble))
    rows = single["strip"].map(at).to_numpy(dtype=float)
    figure = go.Figure(
        [
            go.Scatter(
                x=single[value],
                y=rows + _spread(single["strip"], single[value]),
                mode="markers",
                name="one template",
                marker={
                    "color": blue,
                    "size": 9,
                    "opacity": 0.6,
                    "line": {"width": 0},
                },
                customdata=[plain(t, None) for t in single["template"]],
                hovertemplate="%{customdata}<br>" + words + "<extra></extra>",
            ),
            go.Scatter(
                x=ensemble[value],
                y=ensemble["strip"].map(at).to_numpy(dtype=float),
                mode="markers",
                name="all templates together",
                marker={"color": OKABE_ITO[1], "size": 14, "symbol": "diamond", "line": {"width": 0}},
                hovertemplate="all templates together<br>" + words + "<extra></extra>",
            ),
        ]
    )
    alone = len(strips) == 1
    if alone and len(single):
        _name_ends(figure, single, value)
    called = [plain(name) for name in strips]
    left = 24 + int(7.4 * max(map(text_columns, called)))
    top = 84 if title else 52
    row = 150 if alone else _ROW if len(strips) <= 8 else 40
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=top + row * len(strips) + 54,
        margin={"l": left, "r": 40, "t": top, "b": 54},
        legend={"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left"},
        xaxis={"title": {"text": _TITLES[value]}, "tickformat": PERCENT if share else None},
        yaxis={
            "range": [len(strips) - 0.5, -0.5],
            "tickvals": list(range(len(strips))),
            "ticktext": called,
            "zeroline": False,
        },
    )
    return figure


def _strips(frame: pd.DataFrame, value: str, k: int | None) -> list[str]:
    """All classes first, then the classes by how far their templates lie apart."""
    names = list(dict.fromkeys(frame["strip"]))
    reach = frame[frame["kind"] == "single"].groupby("strip")[value].agg(lambda v: v.max() - v.min())
    classes = sorted((n for n in names if n != _ALL), key=lambda n: -reach.get(n, 0.0))
    return [n for n in names if n == _ALL] + (classes if k is None else classes[:k])


def _spread(strip: pd.Series, values: pd.Series) -> np.ndarray:
    """Steps up and down for dots of one strip that lie (to a hundredth of the whole reach) in one place."""
    numbers = values.to_numpy(dtype=float)
    step = (numbers.max() - numbers.min()) / 100 if len(numbers) else 0.0
    bins = np.floor((numbers - numbers.min()) / step).astype(int) if step else np.zeros(len(numbers), dtype=int)
    seen: dict[tuple[str, int], int] = {}
    offsets = np.zeros(len(numbers))
    for i, key in enumerate(zip(strip, bins.tolist(), strict=True)):
        turn = seen.get(key, 0)
        seen[key] = turn + 1
        offsets[i] = 0.07 * ((turn + 1) // 2) * (-1 if turn % 2 else 1)
    return np.clip(offsets, -0.42, 0.42)


def _name_ends(figure: go.Figure, single: pd.DataFrame, value: str) -> None:
    """The words of the worst and of the best template, above and below their dots."""
    ends = [(single[value].idxmin(), "left", 34), (single[value].idxmax(), "right", -34)]
    for index, anchor, away in ends if single[value].nunique() > 1 else ends[:1]:
        figure.add_annotation(
            x=single[value][index], y=0, ax=0, ay=away, text=plain(single["template"][index], 48), xanchor=anchor,
            showarrow=True, arrowhead=0, arrowwidth=1, standoff=5, font={"size": 12},
        )  # fmt: skip
