"""Maps of a model's space: its points laid out on a plane or in a room, and how far the layout can be trusted."""

from __future__ import annotations

from clipnb.maps.aligned import project_aligned
from clipnb.maps.overlap import neighbourhood_overlap
from clipnb.maps.projecting import project
from clipnb.maps.projection import Projection

__all__ = ["Projection", "neighbourhood_overlap", "project", "project_aligned"]
