"""How a map lies in a folder: JSON, Parquet and npz, which any version of anything can read."""

from __future__ import annotations

__all__ = ["AXES", "AXIS_NAMES", "FORMAT", "NEIGHBOURS", "NOTE", "POINTS", "ROWS"]

FORMAT = 1
NOTE = "projection.json"
POINTS, ROWS, NEIGHBOURS, AXES = "points.parquet", "rows.npz", "neighbours.npz", "axes.npz"
AXIS_NAMES = ("x", "y", "z")
