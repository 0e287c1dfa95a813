"""A map is written to a folder, whole or not at all."""

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
from clipnb.maps.folder import AXES, AXIS_NAMES, FORMAT, NEIGHBOURS, NOTE, POINTS, ROWS
from clipnb.stored import StoredEmbeddings

if TYPE_CHECKING:
    from clipnb.maps.projection import Projection
    from clipnb.maps.source import Source

__all__ = ["save"]

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
