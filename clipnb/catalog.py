"""The known models: what catalog.toml says, with the embedded model's sizes read from its folder."""

from __future__ import annotations

import functools
import json
import math
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb.errors import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EMBEDDED", "MODEL_FOLDER", "Entry", "entries", "list_models", "suggest"]

EMBEDDED = "clipnb/emoji"
MODEL_FOLDER = Path(__file__).parent / "data" / "model"


@dataclass(frozen=True)
class Entry:
    """One known model; 0 stands for a number that nobody has published.

    Attributes:
        name: what :func:`clipnb.load` takes.
        family: how the checkpoint is stored.
        languages: CLDR codes of its texts.
        language_note: how many, where only that is published.
        dim: columns of the features.
        image_size: edge of the pictures it sees, in pixels.
        parameters: in millions.
        megabytes: on disk.
        license: SPDX name; of the code, where the weights have none of their own.
        image_tower: where pictures are encoded, for a text-only checkpoint.
        repo: its repository on the Hub, where that has another name.
        same_as: the same weights in a form that can be loaded.
        loadable: whether this version opens it.
        note: anything else.
    """

    name: str
    family: str
    languages: tuple[str, ...] = ()
    language_note: str = ""
    dim: int = 0
    image_size: int = 0
    parameters: float = 0
    megabytes: float = 0
    license: str = ""
    image_tower: str = ""
    repo: str = ""
    same_as: str = ""
    loadable: bool = False
    note: str = ""


@functools.lru_cache(maxsize=1)
def entries() -> dict[str, Entry]:
    """Every known model by name."""
    table = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))
    found = {}
    for row in table["models"]:
        row["languages"] = tuple(row["languages"])
        if row["name"] == EMBEDDED:
            row.update(_folder_facts(MODEL_FOLDER))
        found[row["name"]] = Entry(**row)
    return found


def _folder_facts(folder: Path) -> dict[str, Any]:
    """The sizes of a model's folder, from its configuration and the header of its weights."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        with (folder / "model.safetensors").open("rb") as weights:
            header = json.loads(weights.read(int.from_bytes(weights.read(8), "little")))
    except (OSError, ValueError):
        return {"loadable": False, "note": "missing from this installation"}
    count = sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return {
        "dim": config["projection_dim"],
        "image_size": config["vision_config"]["image_size"],
        "parameters": round(count / 1e6, 1),
        "megabytes": round(size / 1e6, 1),
    }


def suggest(name: str) -> str:
    """`` Did you mean ...?`` for the known names nearest to ``name``, if any; a part of one is enough."""
    if name in entries():
        return ""
    close = nearest(name, entries())
    holding = [entry for entry in entries() if name.casefold() in entry.casefold()]
    return close or (f" Did you mean {' or '.join(map(repr, holding[:3]))}?" if holding else "")


def list_models() -> pd.DataFrame:
    """The known models, a row each.

    Returns:
        A table indexed by name with the columns family, languages (codes, or how many), dim, image_size
        (pixels), parameters (millions), megabytes (on disk), license, image_tower (the pairing of a text-only
        checkpoint), loadable and note. Numbers that nobody has published are missing.
    """
    import pandas as pd

    rows = []
    for entry in entries().values():
        known = str(len(entry.languages)) if len(entry.languages) > 3 else ", ".join(entry.languages)
        rows.append(
            {
                "name": entry.name,
                "family": entry.family,
                "languages": known or entry.language_note,
                "dim": entry.dim or None,
                "image_size": entry.image_size or None,
                "parameters": entry.parameters or None,
                "megabytes": entry.megabytes or None,
                "license": entry.license,
                "image_tower": entry.image_tower,
                "loadable": entry.loadable,
                "note": entry.note or (f"the same weights: {entry.same_as}" if entry.same_as else ""),
            }
        )
    numbers = {"dim": "Int64", "image_size": "Int64", "parameters": "Float64", "megabytes": "Float64"}
    return pd.DataFrame(rows).set_index("name").astype(numbers)
