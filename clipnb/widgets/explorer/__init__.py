"""The map explorer: a panel on one map or several, and the two canvases that draw it.

The canvases share a protocol (`canvas`): plotly up to 100,000 points, jupyter-scatter above.
"""

from __future__ import annotations

from typing import Any

__all__ = ["MapExplorer"]


def __getattr__(name: str) -> Any:
    if name == "MapExplorer":
        from clipnb.widgets.explorer.panel import MapExplorer

        return MapExplorer
    raise AttributeError(f"module 'clipnb.widgets.explorer' has no attribute {name!r}")
