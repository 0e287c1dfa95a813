"""Maps of a model's space: its points laid out on a plane or in a room, and how far the layout can be trusted."""

from __future__ import annotations

from clipnb.maps.projecting import project
from clipnb.maps.projection import Projection

__all__ = ["Projection", "project"]
