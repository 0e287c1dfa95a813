"""One colour a point, as a number: what a graphics card wants instead of a string."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from plotly.colors import sample_colorscale, unlabel_rgb

from clipnb.plots.palette import OTHER, colours, shorten
from clipnb.plots.shades import sequential

__all__ = ["Colouring", "coloured", "rgba"]

_STEPS = 256
# Of the grey that stands for no value. Not a whole number: where all codes are whole, they are taken for groups.
_NONE = 1.0005

RGBA = list[float]


@dataclass(frozen=True)
class Colouring:
    """The colours of the points of a map.

    Attributes:
        codes: float32 [point]. Of groups the number of the colour; of values a share of the way through the palette,
            never a whole number.
        palette: RGBA from 0 to 1.
        continuous: whether the codes are shares.
        legend: as HTML.
    """

    codes: NDArray[np.float32]
    palette: list[RGBA]
    continuous: bool
    legend: str


def rgba(colour: str) -> RGBA:
    """``"#0072B2"`` as four numbers from 0 to 1."""
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] + [1.0]


def coloured(
    count: int,
    groups: Sequence[str] | None = None,
    values: ArrayLike | None = None,
    value_name: str = "",
    mode: str = "light",
) -> Colouring:
    """The colours of ``count`` points by group or by value; all alike without either.

    The ten largest groups have a colour each, in the order of `clipnb.plots.scatter`; smaller ones share grey. Points
    whose value is not finite are grey too, and the legend counts them. Values can be coloured for a page of either
    kind, mode="auto".
    """
    if values is not None:
        return _by_value(np.asarray(values, dtype=np.float64), value_name, mode)
    if groups is not None:
        return _by_group(groups, mode)
    return Colouring(np.zeros(count, np.float32), [rgba(colours([""], mode)[""])], False, "")


def _by_group(groups: Sequence[str], mode: str) -> Colouring:
    # By hash: sorting a million strings takes seconds.
    found, uniques = pd.factorize(np.array([str(group) for group in groups], dtype=object))
    names = [str(name) for name in uniques]
    counts = np.bincount(found, minlength=len(names))
    largest_first = sorted(range(len(names)), key=lambda code: (-counts[code], names[code]))
    painted = colours([names[code] for code in largest_first], mode)
    wheel = list(dict.fromkeys(painted.values()))
    code_of = np.array([wheel.index(painted[name]) for name in names], np.float32)
    entries = [(painted[names[code]], escape(shorten(names[code], 32))) for code in largest_first]
    own = [entry for entry in entries if entry[0] != OTHER]
    if len(own) < len(entries):
        rest = len(entries) - len(own)
        own.append((OTHER, f"{rest} other {'group' if rest == 1 else 'groups'}"))
    items = "".join(f"<li><i style='background: {colour}'></i><bdi>{name}</bdi></li>" for colour, name in own)
    shown = f"<ul aria-label='groups'>{items}</ul>" if any(names) else ""
    return Colouring(code_of[found], [rgba(colour) for colour in wheel], False, shown)


def _by_value(values: NDArray[np.float64], name: str, mode: str) -> Colouring:
    known = np.isfinite(values)
    low, high = (float(values[known].min()), float(values[known].max())) if known.any() else (0.0, 0.0)
    share = (values - low) / (high - low) if high > low else np.full(len(values), 0.5)
    codes = np.where(known, np.clip(share, 1e-4, 1.0) * (_STEPS - 0.5) / _STEPS, _NONE).astype(np.float32)
    ramp = sample_colorscale(sequential(mode), np.linspace(0, 1, _STEPS))
    palette = [[channel / 255 for channel in unlabel_rgb(colour)] + [1.0] for colour in ramp]
    gradient = ", ".join([*ramp[:: _STEPS // 8], ramp[-1]])
    missing = int(len(values) - known.sum())
    words = f"{escape(name or 'value')}: {low:.3g}<i class='clipnb-ramp' style='background: linear-gradient("
    legend = f"<ul><li>{words}to right, {gradient})'></i>{high:.3g}</li>"
    if missing:
        legend += f"<li><i style='background: {OTHER}'></i>no value ({missing:,})</li>"
    return Colouring(codes, [*palette, rgba(OTHER)], True, legend + "</ul>")
