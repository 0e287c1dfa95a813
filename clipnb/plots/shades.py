"""Continuous colours that can be read on the page they are for."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

import numpy as np
from numpy.typing import NDArray
from plotly.colors import sample_colorscale

from clipnb.errors import UnsupportedOption, WrongShape, WrongType
from clipnb.plots.palette import OTHER, SEQUENTIAL, ink, page, plain

__all__ = ["as_values", "bar", "bar_lines", "sequential", "strengths"]

# Cividis without the end that is lost on the page; what is left spans 60 of 100 steps of CIELAB's lightness.
_KEPT = {"light": (0.80, 0.0), "dark": (0.24, 1.0), "auto": (0.80, 0.24)}
#: How strong the colour of a group is where there is least of it, so that it can still be told from the page.
FAINTEST = 0.4


def sequential(mode: str = "light") -> list[list[float | str]]:
    """Cividis (Nuñez et al. 2018) for points on a page: the higher the number, the farther from the page's colour.

    The end nearest to the page is left out, so that every colour has a contrast (WCAG 2) of 2 or more with it. On a
    page that may be of either kind ("auto") both ends are, and the higher number is the darker.
    """
    if mode != "auto":
        ink(mode)  # refuses what is no mode
    steps = np.linspace(0, 1, 17)
    low, high = _KEPT[mode]
    return [
        [float(s), c] for s, c in zip(steps, sample_colorscale(SEQUENTIAL, low + (high - low) * steps), strict=True)
    ]


def strengths(colour: str, mode: str = "light") -> tuple[str, str]:
    """A colour where there is least of it, mixed with the page, and where there is most: itself."""
    mine, under = _rgb(colour), _rgb(page(mode))
    faint = np.round(under + FAINTEST * (mine - under)).astype(int)
    return "#{:02X}{:02X}{:02X}".format(*faint), colour


def as_values(values: object, count: int) -> NDArray[np.float64]:
    """One number a point; NaN stands for "no value".

    Raises:
        WrongType, WrongShape: no numbers, or not one a point.
        UnsupportedOption: an infinite one, beside which all others would have the same colour.
    """
    try:
        numbers = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise WrongType(f"values must be numbers, one a point, not {type(values).__name__}") from None
    if numbers.shape != (count,):
        raise WrongShape(f"values have shape {list(numbers.shape)}; expected one for each of {count} points")
    if np.isinf(numbers).any():
        row = int(np.argmax(np.isinf(numbers)))
        raise UnsupportedOption(f"values[{row}] is infinite; cut it off, or put NaN there for a point without a value")
    return numbers


def bar_lines(name: str) -> list[str]:
    """The title of a bar beside a map, in up to three short lines."""
    lines = wrap(name, 14) or [""]
    return [plain(line, 15) for line in (lines if len(lines) <= 3 else [*lines[:2], " ".join(lines[2:])])]


def bar(numbers: NDArray[np.float64], name: str, below: float | None, mode: str) -> dict[str, Any]:
    """The coloraxis for those numbers, its bar beside the map, or under it where ``below`` says how far."""
    known = numbers[np.isfinite(numbers)]
    low, high = (float(known.min()), float(known.max())) if len(known) else (0.0, 1.0)
    if low == high:  # one number everywhere stands in the middle
        low, high = low - 0.5, high + 0.5
    text = plain(name, 40) if below is not None else "<br>".join([*bar_lines(name), _GAP])
    title = {"text": text, "font": {"size": 13}}
    place = (
        {"x": 1.01, "title": title}
        if below is None
        else {"orientation": "h", "x": 0.5, "y": below, "yanchor": "top", "title": {**title, "side": "top"}}
    )
    return {
        "colorscale": sequential(mode), "cmin": low, "cmax": high,
        "colorbar": {"thickness": 14, "outlinewidth": 0, "nticks": 6, **place},
    }  # fmt: skip


#: Between the title and the number at the end of the bar.
_GAP = "<span style='font-size:6px'>\u00a0</span>"
#: The outline of marks with a continuous colour.
OUTLINE = {"width": 0.5, "color": OTHER}


def _rgb(colour: str) -> NDArray[np.float64]:
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)], dtype=float)
