"""A map as a folder: JSON, Parquet and npz, which any version of anything can read."""

from __future__ import annotations

import json
import os
import platform
import shutil
import tempfile
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clipnb.errors import StoreError, UnsupportedOption
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
    stored = source is not None and isinstance(source.embeddings, StoredEmbeddings)
    if rows == "reference" and not stored:
        raise UnsupportedOption("rows='reference': the rows lie in no folder of clipnb.embed; use rows='copy'")
    if source is None:
        return "none"
    return rows if rows != "auto" else "reference" if stored else "copy"


def _write(projection: Projection, folder: Path, kept: str) -> None:
    import pandas as pd

    columns = dict(zip(AXIS_NAMES, projection.coords.T, strict=False))
    pd.DataFrame({"id": projection.ids, **columns}).to_parquet(folder / POINTS, index=False)
    note: dict[str, Any] = {
        "format": FORMAT,
        "method": projection.method,
        "params": dict(projection.params),
        "seed": projection.seed,
        "seconds": dict(projection.seconds),
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
            }
        else:
            arrays |= {"vectors": given.vectors, "ids": np.array(given.ids, dtype=str)}
        np.savez(folder / ROWS, **arrays)
        if source.neighbours is not None:
            np.savez(folder / NEIGHBOURS, index=source.neighbours[0], distances=source.neighbours[1])
        if source.axes is not None:
            np.savez(folder / AXES, **source.axes._asdict())
    (folder / NOTE).write_text(json.dumps(note, indent=1, ensure_ascii=False), encoding="utf-8")


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
    try:
        points = pd.read_parquet(home / POINTS)
        return Projection(
            _matrix(points), tuple(map(str, points["id"])), note["method"], note["params"], note["seed"],
            _source(home, note["rows"]), note["seconds"],
        )  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, StoreError):
            raise
        raise StoreError(f"{home}: a file of this map is missing or damaged: {error}") from error


def _matrix(points: pd.DataFrame) -> Any:
    names = [name for name in AXIS_NAMES if name in points]
    coords = np.ascontiguousarray(points[names].to_numpy(np.float32))
    coords.setflags(write=False)
    return coords


def _source(home: Path, rows: dict[str, Any]) -> Source | None:
    if rows["kept"] == "none":
        return None
    given, folders = None, (os.path.normpath(home.parent / rows.get("relative", "")), rows.get("folder", ""))
    with np.load(home / ROWS, allow_pickle=False) as held:
        coords = held["coords"]
        if rows["kept"] == "copy":
            given = Embeddings(held["vectors"], tuple(held["ids"].tolist()), rows["modality"], rows["model"])
    neighbours = None
    if (home / NEIGHBOURS).is_file():
        with np.load(home / NEIGHBOURS, allow_pickle=False) as held:
            neighbours = (held["index"], held["distances"])
    axes = None
    if (home / AXES).is_file():
        with np.load(home / AXES, allow_pickle=False) as held:
            axes = Axes(held["mean"], held["directions"], held["variances"], float(held["total"]))
    return Source(given, coords, neighbours, axes, folders)
