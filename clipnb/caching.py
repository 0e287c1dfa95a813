"""Where things that are made once are kept between two processes: compiled code, exported models."""

from __future__ import annotations

import os
import platform
from pathlib import Path

__all__ = ["cache_folder"]


def cache_folder(name: str) -> Path:
    """The folder of that name under ``CLIPNB_CACHE``, else under ``clipnb`` in the user's folder for caches."""
    if os.environ.get("CLIPNB_CACHE"):
        return Path(os.environ["CLIPNB_CACHE"]) / name
    if platform.system() == "Windows":
        base = Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local")
    elif platform.system() == "Darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "clipnb" / name
