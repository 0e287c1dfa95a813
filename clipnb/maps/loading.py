"""A map is read from its folder, and refused by name where anything of it is missing, damaged or newer."""

from __future__ import annotations

import json
import os
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipnb.errors import StoreError
from clipnb.maps.folder import AXES, AXIS_NAMES, FORMAT, NEIGHBOURS, NOTE, POINTS, ROWS
from clipnb.maps.frames import framed
from clipnb.maps.options import OPTIONS, number, seed_number, whole
from clipnb.maps.pca import Axes
from clipnb.maps.projection import Projection
from clipnb.maps.source import Source
from clipnb.types import Embeddings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load"]

DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
FORCES = {"spread": 0.01, "learning_rate": 0, "repulsion_strength": 0}
"""Settings by which a new point is moved, and the least that they can be."""


def load(folder: str | os.PathLike[str]) -> Projection:
    """See :meth:`clipnb.Projection.load`."""
    import pandas as pd

    home = Path(folder).expanduser()
    try:
        note = json.loads((home / NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{home}: no map was saved here, there is no {NOTE}") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{home / NOTE} cannot be read: {error}") from error
    if not isinstance(note, dict) or note.get("format") != FORMAT:
        raise StoreError(f"{home / NOTE}: not a map in format {FORMAT}; a newer clipnb may have written it")
    method = note.get("method")
    if not isinstance(method, str) or method not in OPTIONS:
        raise StoreError(f"{home / NOTE}: method {method!r}; a newer clipnb may have written it")
    try:
        seed = None if note["seed"] is None else seed_number(note["seed"])
        points = pd.read_parquet(home / POINTS, engine="pyarrow", page_checksum_verification=True)
        coords = _matrix(points)
        params = _settings(note["params"], method, coords.shape[1])
        if len(coords) != note.get("points", len(coords)):
            raise ValueError(f"{POINTS} has {len(coords)} points instead of {note['points']}")
        source = _source(home, note["rows"], coords.shape[1])
        if method == "pca" and source is not None and source.axes is None:
            raise ValueError(f"there is no {AXES}")
        return Projection(
            coords, tuple(map(str, points["id"])), method, params, seed, source, dict(note["seconds"])
        )  # fmt: skip
    except DAMAGE as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{home}: a file of this map is missing or damaged: {error}") from error


def _settings(params: Any, method: str, components: int) -> dict[str, Any]:
    """The settings of a map, refused where a new point could not be placed by them."""
    if not isinstance(params, dict):
        raise TypeError(f"params are a {type(params).__name__}")
    if method == "umap" and params:  # a map that was put together by hand may have none
        for name, least in FORCES.items():
            number(name, params.get(name, least), least)
        number("min_dist", params["min_dist"], 0)
    if "n_neighbors" in params or (method == "umap" and params):
        whole("n_neighbors", params["n_neighbors"], 1)
    if not np.isfinite(framed(np.zeros((1, components), dtype=np.float32), params)).all():
        raise ValueError("the frame is not finite")
    return params


def _matrix(points: pd.DataFrame) -> Any:
    names = [*AXIS_NAMES[:2], *(name for name in AXIS_NAMES[2:] if name in points)]
    coords = np.ascontiguousarray(points[names].to_numpy(np.float32))
    if not np.isfinite(coords).all():
        raise ValueError(f"{POINTS} has coordinates that are not finite")
    coords.setflags(write=False)
    return coords


def _source(home: Path, rows: dict[str, Any], components: int) -> Source | None:
    if rows["kept"] == "none":
        return None
    if rows["kept"] not in ("copy", "reference"):
        raise ValueError(f"rows are kept as {rows['kept']!r}")
    for name in rows.get("files", ()):
        if not (home / name).is_file():
            raise ValueError(f"there is no {name}")
    given, folders = None, (os.path.normpath(home.parent / rows.get("relative", "")), os.fspath(rows.get("folder", "")))
    held = _arrays(home / ROWS)
    coords, count = held["coords"], int(rows["count"])
    if rows["kept"] == "copy":
        given = Embeddings(held["vectors"], tuple(held["ids"].tolist()), rows["modality"], rows["model"])
        count = len(given)
    if coords.shape != (count, components) or not np.isfinite(coords).all():
        raise ValueError(f"{ROWS} has coordinates {list(coords.shape)} of {count} rows in {components} dimensions")
    neighbours = axes = None
    if (home / NEIGHBOURS).is_file():
        held = _arrays(home / NEIGHBOURS)
        index, distances = neighbours = held["index"], held["distances"]
        if index.shape != distances.shape or len(index) != count or index.min() < 0 or index.max() >= count:
            raise ValueError(f"{NEIGHBOURS} is about other rows")
    if (home / AXES).is_file():
        held = _arrays(home / AXES)
        axes = Axes(held["mean"], held["directions"], held["variances"], float(held["total"]))
        if len(axes.directions) != components or axes.directions.shape[1:] != axes.mean.shape:
            raise ValueError(f"{AXES} is of another map")
    return Source(given, coords, neighbours, axes, folders, str(rows.get("fingerprint", "")))


def _arrays(path: Path) -> dict[str, Any]:
    """Everything in an npz file; anything else is refused, and so is what was pickled."""
    with path.open("rb") as file:  # numpy leaves a damaged file open
        if file.read(2) != b"PK":
            raise ValueError(f"{path.name} is no npz file")
        file.seek(0)
        with np.load(file, allow_pickle=False) as held:
            return dict(held)
