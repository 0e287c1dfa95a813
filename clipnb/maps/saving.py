"""A map as a folder: JSON, Parquet and npz, which any version of anything can read."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
import zipfile
import zlib
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipnb.errors import StoreError, UnsupportedOption
from clipnb.maps.frames import framed
from clipnb.maps.options import OPTIONS, number, seed_number, whole
from clipnb.maps.pca import Axes
from clipnb.maps.projection import Projection, Source
from clipnb.stored import StoredEmbeddings
from clipnb.types import Embeddings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["load", "save"]

FORMAT = 1
NOTE = "projection.json"
POINTS, ROWS, NEIGHBOURS, AXES = "points.parquet", "rows.npz", "neighbours.npz", "axes.npz"
AXIS_NAMES = ("x", "y", "z")
DAMAGE = (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, zipfile.BadZipFile, zlib.error)
FORCES = {"spread": 0.01, "learning_rate": 0, "repulsion_strength": 0}
"""Settings by which a new point is moved, and the least that they can be."""
WRITTEN_WITH = ("clipnb", "numpy", "numba", "scikit-learn", "pacmap")


def save(projection: Projection, folder: str | os.PathLike[str], rows: str) -> None:
    """See :meth:`clipnb.Projection.save`. What was there is replaced when everything new is written."""
    target = Path(folder).expanduser()
    if target.exists() and not (target / NOTE).is_file() and (not target.is_dir() or any(target.iterdir())):
        raise StoreError(f"{target} has other things in it; choose an empty folder, or one that a map was saved to")
    kept = _kind(projection.source, rows)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            _write(projection, work, kept)
            work.chmod(0o755)
            if target.exists():
                before = work.with_name(work.name + "-before")
                target.rename(before)
                work.rename(target)
                shutil.rmtree(before)
            else:
                work.rename(target)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    except OSError as error:
        raise StoreError(f"{target}: the map cannot be written ({error.strerror or error})") from error


def _kind(source: Source | None, rows: str) -> str:
    if rows not in ("auto", "copy", "reference", "none"):
        raise UnsupportedOption(f"rows={rows!r}; expected 'auto', 'copy', 'reference' or 'none'")
    if rows == "none":  # rows that are gone are not missed
        return rows
    stored = source is not None and isinstance(source.embeddings, StoredEmbeddings)
    if rows == "reference" and not stored:
        raise UnsupportedOption("rows='reference': the rows lie in no folder of clipnb.embed; use rows='copy'")
    if source is None:
        return "none"
    return rows if rows != "auto" else "reference" if stored else "copy"


def _write(projection: Projection, folder: Path, kept: str) -> None:
    import pandas as pd

    columns = dict(zip(AXIS_NAMES, projection.coords.T, strict=False))
    pd.DataFrame({"id": projection.ids, **columns}).to_parquet(
        folder / POINTS, engine="pyarrow", index=False, write_page_checksum=True
    )
    note: dict[str, Any] = {
        "format": FORMAT,
        "method": projection.method,
        "params": dict(projection.params),
        "seed": projection.seed,
        "seconds": dict(projection.seconds),
        "points": len(projection),
        "rows": {"kept": kept},
        "versions": {"python": platform.python_version(), **_versions()},
    }
    source = projection.source
    if source is not None and kept != "none":
        given = source.embeddings
        note["rows"] |= {"modality": given.modality, "model": given.model, "count": len(given), "dim": given.dim}
        arrays: dict[str, Any] = {"coords": source.coords}
        if isinstance(given, StoredEmbeddings) and kept == "reference":
            # Relative as well, so that the two folders can move together.
            note["rows"] |= {
                "folder": str(Path(given.folder).resolve()),
                "relative": os.path.relpath(given.folder, folder.parent),
                "fingerprint": given.fingerprint,
            }
        else:
            arrays |= {"vectors": given.vectors, "ids": np.array(given.ids, dtype=str)}
        np.savez(folder / ROWS, **arrays)
        if source.neighbours is not None:
            np.savez(folder / NEIGHBOURS, index=source.neighbours[0], distances=source.neighbours[1])
        if source.axes is not None:
            np.savez(folder / AXES, **source.axes._asdict())
        note["rows"]["files"] = sorted(path.name for path in folder.glob("*.npz"))
    text = json.dumps(note, indent=1, ensure_ascii=False, default=_plain)
    (folder / NOTE).write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """What numpy's numbers and arrays are in JSON."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise UnsupportedOption(f"params hold a {type(value).__name__}, which cannot be written as JSON")


def _versions() -> dict[str, str]:
    found = {}
    for name in WRITTEN_WITH:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


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
