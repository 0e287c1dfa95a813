"""The window on a map: how large it is, what part of the plane it shows, and how much room the legend takes."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.plots.palette import heading, template, text_columns

__all__ = ["NARROW", "Window", "legend_room", "open_window"]

#: Below this width, in pixels, legend and colour bar go under the map.
NARROW = 600
_COLUMN = 7.2
"""Pixels of a column of text, rather too many than too few."""
_QUIET = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}


@dataclass(frozen=True)
class Window:
    """A part of the plane in pixels, a unit as long upwards as sideways.

    Attributes:
        low: the corner at the bottom left, in the map's units.
        high: the corner at the top right.
        inner: width and height of the map itself, in pixels.
        layout: plotly's.
        below: where a colour bar goes under the map, in heights of the map; None: beside it.
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    inner: tuple[float, float]
    layout: dict[str, Any]
    below: float | None = None

    @property
    def scale(self) -> float:
        """Pixels a unit."""
        return float(self.inner[0] / (self.high[0] - self.low[0]))

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """[point, 2] from the bottom left."""
        return np.asarray((points - self.low) * self.scale)


def open_window(
    points: NDArray[np.float64],
    *,
    axis: str,
    title: str | None,
    head: bool,
    entries: Sequence[str],
    bar: str | None,
    notes: Sequence[str],
    edge: float,
    width: int,
    height: int | None,
    mode: str,
) -> Window:
    """The window for these points [point, 2 or 3]; in three dimensions its layout alone counts.

    Args:
        points: of the map.
        axis: its name.
        title: above the figure, if any.
        head: a line stands above the map.
        entries: of the legend.
        bar: the title of a colour bar, if there is one.
        notes: lines below the map.
        edge: room around the points, in the map's units.
        width: in CSS pixels.
        height: in CSS pixels; None: what the shape of the map needs.
        mode: "light" or "dark".
    """
    narrow = width < NARROW
    lines = [line for note in notes for line in textwrap.wrap(note, max(20, int((width - 48) / 5.9)))]
    right, tall, legend = legend_room(entries, narrow or bar is not None, width)
    if bar is not None and not narrow:
        right = max(right, 76, int(_COLUMN * text_columns(bar)) + 24)
    # From the top: the axis, the lines, the colour bar, the legend.
    above = 36 + 16 * len(lines)
    under = above + (66 if bar is not None and narrow else 0)
    margin = {"l": 36, "r": right, "t": 64 if title or head else 36, "b": under + tall + 4}
    low, high = points.min(axis=0)[:2], points.max(axis=0)[:2]
    span = np.maximum(high - low + 2 * edge, 0.0)
    if not span.max() > 0:
        span = np.ones(2)
    across = max(1.0, float(width - margin["l"] - margin["r"]))
    if height is None:
        up = across * span[1] / span[0] if span[0] > 0 else np.inf
        height = int(np.clip(margin["t"] + margin["b"] + 1.06 * up, 420, 760)) if points.shape[1] == 2 else 640
    inner = across, max(1.0, float(height - margin["t"] - margin["b"]))
    if tall:
        legend["y"] = -under / inner[1]
    # A twentieth of the map stays free around the points.
    scale = 0.94 * min(size / s for size, s in zip(inner, span, strict=True) if s > 0)
    middle, half = (low + high) / 2, np.array(inner) / (2 * scale)
    layout: dict[str, Any] = {
        "template": template(mode),
        "title": heading(title),
        "width": width,
        "height": height,
        "margin": margin,
        "legend": legend,
    }
    if lines:
        layout["annotations"] = [
            {
                "text": "<br>".join(lines), "xref": "paper", "yref": "paper", "x": 0, "y": 0, "yshift": -30,
                "xanchor": "left", "yanchor": "top", "align": "left", "showarrow": False, "font": {"size": 11},
            }
        ]  # fmt: skip
    if points.shape[1] == 3:
        named = {f"{letter}axis": dict(title={"text": f"{axis} {i + 1}"}, **_QUIET) for i, letter in enumerate("xyz")}
        # A step back from plotly's own place, from where the names of the axes are cut off.
        eye = dict.fromkeys("xyz", 1.9 if narrow else 1.5)
        layout["scene"] = dict(aspectmode="data", camera={"eye": eye}, **named)
    else:
        low, high = middle - half, middle + half
        layout["xaxis"] = dict(title={"text": f"{axis} 1"}, range=[float(low[0]), float(high[0])], **_QUIET)
        layout["yaxis"] = dict(title={"text": f"{axis} 2"}, range=[float(low[1]), float(high[1])], **_QUIET)
        # One unit is as long upwards as sideways, else the map would stretch distances.
        layout["yaxis"] |= {"scaleanchor": "x", "scaleratio": 1}
    return Window(low, high, inner, layout, -above / inner[1] if bar is not None and narrow else None)


def legend_room(entries: Sequence[str], below: bool, width: int) -> tuple[int, int, dict[str, Any]]:
    """The margin that it takes on the right and at the bottom, and how plotly is told; below, all but its y."""
    legend: dict[str, Any] = {"itemsizing": "constant", "tracegroupgap": 0, "traceorder": "normal"}
    if not entries:
        return 16, 0, legend
    widest = int(_COLUMN * max(text_columns(unescape(entry)) for entry in entries)) + 46
    if not below:
        return widest + 8, 0, legend | {"x": 1.0, "xanchor": "left", "y": 1.0}
    rows = -(-len(entries) // max(1, (width - 24) // widest))
    legend |= {"orientation": "h", "x": 0, "xanchor": "left", "yanchor": "top"}
    return 16, 20 * rows + 6, legend
