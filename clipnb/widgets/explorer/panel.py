"""The map explorer's panel."""

from __future__ import annotations

from clipnb.widgets.panel import Panel

__all__ = ["MapExplorer"]


class MapExplorer(Panel):
    """A panel on a map."""
