"""The axis of a figure whose lines lie one below another, each with its name at the left."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["named_lines"]


def named_lines(names: Sequence[str], **more: Any) -> dict[str, Any]:
    """A plotly y axis for lines at 0, 1, …, from the top; ``more``: what else it has."""
    return {
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        # A clear tick keeps the words off the bars.
        "ticks": "outside",
        "ticklen": 6,
        "tickcolor": "rgba(0,0,0,0)",
        "showgrid": False,
        "zeroline": False,
        **more,
    }
