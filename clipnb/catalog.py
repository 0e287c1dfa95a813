"""The known models: what catalog.toml says, with the embedded model's sizes read from its folder."""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import numbers
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb.errors import UnknownFamily, UnknownLanguage, WrongType, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["EMBEDDED", "MODEL_FOLDER", "Entry", "entries", "find", "list_models", "select", "suggest"]

EMBEDDED = "clipnb/emoji"
MODEL_FOLDER = Path(__file__).parent / "data" / "model"
OTHER_CODES = {"iw": "he", "nb": "no", "tl": "fil", "zh-cn": "zh", "zh-hans": "zh", "zh-tw": "zh-Hant", "in": "id"}
"""Codes in use for what CLDR names otherwise."""


@dataclass(frozen=True)
class Entry:
    """One known model; 0 and "" stand for what nobody has published.

    Attributes:
        name: what :func:`clipnb.load` takes.
        family: how the checkpoint is stored, which decides what opens it.
        languages: CLDR codes of the texts it was trained for.
        base_languages: CLDR codes of the texts on which its language model had been trained before.
        language_note: what the codes mean, or how many languages where nobody lists them.
        architecture: of the two towers, or of the text tower.
        dim: columns of the features.
        image_size: edge of the pictures it sees, in pixels; 0 for a text-only checkpoint.
        context_length: tokens per text, with the marks.
        parameters: in millions.
        megabytes: of the weights, to download.
        license: SPDX name; of the code, where the weights have none of their own.
        image_tower: where pictures are encoded, for a text-only checkpoint.
        repo: its repository on the Hub, where that has another name.
        activation: ``quick_gelu`` or ``gelu``, where the files do not say.
        note: anything else.
        source: where these facts come from.
    """

    name: str
    family: str
    languages: tuple[str, ...] = ()
    base_languages: tuple[str, ...] = ()
    language_note: str = ""
    architecture: str = ""
    dim: int = 0
    image_size: int = 0
    context_length: int = 0
    parameters: float = 0
    megabytes: float = 0
    license: str = ""
    image_tower: str = ""
    repo: str = ""
    activation: str = ""
    note: str = ""
    source: str = ""

    @property
    def text_only(self) -> bool:
        """Its pictures are encoded by another checkpoint."""
        return bool(self.image_tower)

    def reads(self, language: str) -> bool:
        """It was trained for texts in a language, or its language model was; of ``pt-BR``, ``pt`` is enough."""
        codes = {*self.languages, *self.base_languages}
        return language in codes or any(code.split("-")[0] == language for code in codes)


@functools.lru_cache(maxsize=1)
def entries() -> dict[str, Entry]:
    """Every known model by name."""
    table = tomllib.loads(Path(__file__).with_name("catalog.toml").read_text(encoding="utf-8"))
    lists, found = table["languages"], {}
    for row in table["models"]:
        for column in ("languages", "base_languages"):
            codes = row.get(column, ())
            row[column] = tuple(lists[codes] if isinstance(codes, str) else codes)
        if row["name"] == EMBEDDED:
            row.update(_folder_facts(MODEL_FOLDER))
        found[row["name"]] = Entry(**row)
    return found


def find(name: str) -> Entry | None:
    """The model of this name, or the one that is read from the repository of this name."""
    by_repo = (entry for entry in entries().values() if entry.repo == name)
    return entries().get(name) or next(by_repo, None)


def _folder_facts(folder: Path) -> dict[str, Any]:
    """The sizes of a model's folder, from its configuration and the header of its weights."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        with (folder / "model.safetensors").open("rb") as weights:
            header = json.loads(weights.read(int.from_bytes(weights.read(8), "little")))
    except (OSError, ValueError):
        return {"note": "missing from this installation"}
    count = sum(math.prod(tensor["shape"]) for name, tensor in header.items() if name != "__metadata__")
    size = sum(file.stat().st_size for file in folder.iterdir() if file.is_file())
    return {
        "dim": config["projection_dim"],
        "image_size": config["vision_config"]["image_size"],
        "context_length": config["text_config"]["max_position_embeddings"],
        "parameters": round(count / 1e6, 1),
        "megabytes": round(size / 1e6, 1),
    }


def suggest(name: str) -> str:
    """`` Did you mean ...?`` for the known names nearest to ``name``, if any.

    Case, marks and a missing owner do not matter, and a part of a name is enough.
    """
    if find(name) is not None:
        return ""
    asked = _letters(name)
    forms = {
        entry.name: {_letters(text) for text in (entry.name, entry.name.rpartition("/")[2], entry.repo)} - {""}
        for entry in entries().values()
    }
    same = [known for known, texts in forms.items() if asked in texts]
    holding = [known for known, texts in forms.items() if len(asked) > 2 and any(asked in text for text in texts)]
    by_form = {text: known for known, texts in forms.items() for text in texts}
    alike = [by_form[text] for text in difflib.get_close_matches(asked, by_form, n=3, cutoff=0.6)]
    close = list(dict.fromkeys(same or holding or alike))[:4]
    return f" Did you mean {' or '.join(map(repr, close))}?" if close else ""


def _letters(text: str) -> str:
    return "".join(letter for letter in text.casefold() if letter.isalnum())


def select(
    *,
    family: str | None = None,
    language: str | None = None,
    max_megabytes: float | None = None,
    text_only: bool | None = None,
    search: str | None = None,
) -> list[Entry]:
    """The known models that fit; arguments and errors as in :func:`list_models`."""
    found = list(entries().values())
    if family is not None:
        families = sorted({entry.family for entry in found})
        if family not in families:
            hint = nearest(family, families)
            raise UnknownFamily(f"family={family!r}: no such family.{hint} There are {', '.join(families)}")
        found = [entry for entry in found if entry.family == family]
    if language is not None:
        code = _language(language)
        found = [entry for entry in found if entry.reads(code)]
    if max_megabytes is not None:
        if isinstance(max_megabytes, bool) or not isinstance(max_megabytes, numbers.Real):
            raise WrongType(f"max_megabytes={max_megabytes!r}: expected a number")
        found = [entry for entry in found if 0 < entry.megabytes <= max_megabytes]
    if text_only is not None:
        if text_only not in (True, False):
            raise WrongType(f"text_only={text_only!r}: expected True, False or None")
        found = [entry for entry in found if entry.text_only == text_only]
    if search is not None:
        words = str(search).casefold().split()
        found = [entry for entry in found if all(word in _searched(entry) for word in words)]
    return found


def _searched(entry: Entry) -> str:
    return " ".join(value for value in dataclasses.asdict(entry).values() if isinstance(value, str)).casefold()


def _language(language: str) -> str:
    """The code as the catalog writes it.

    Raises:
        UnknownLanguage: no known model lists it.
    """
    listed = {code for entry in entries().values() for code in (*entry.languages, *entry.base_languages)}
    known = {code.casefold(): code for code in sorted(listed | {code.split("-")[0] for code in listed})}
    asked = str(language).casefold().replace("_", "-")
    asked = OTHER_CODES.get(asked, asked).casefold()
    if asked not in known:
        hint = nearest(asked, known.values())
        raise UnknownLanguage(
            f"language={language!r}: no known model lists it; codes are like 'de' or 'zh-Hant'.{hint}"
        )
    return known[asked]


def list_models(
    *,
    family: str | None = None,
    language: str | None = None,
    max_megabytes: float | None = None,
    text_only: bool | None = None,
    search: str | None = None,
) -> pd.DataFrame:
    """The known models, a row each: all of them, or those that fit every filter.

    Args:
        family: how the checkpoint is stored, as in the column of that name.
        language: a code such as ``"sw"`` or ``"zh-Hant"``: models that were trained for it, or whose language model
            was (then quality varies). Models whose authors list no languages are left out.
        max_megabytes: the most to download for the model itself, without a paired image tower.
        text_only: True: text towers that are paired with an image tower; False: models with both towers.
        search: words that stand in a row's texts, in any case.

    Returns:
        A table indexed by name with the columns family, architecture, languages (codes, or how many), dim, image_size
        (pixels), context_length (tokens), parameters (millions), megabytes (to download), license, image_tower (the
        pairing of a text-only checkpoint), repo (on the Hub), note and source (of these facts). Numbers that nobody
        has published are missing. It may have no rows.

    Raises:
        UnknownFamily, UnknownLanguage, WrongType: each names the filter and what is nearest.
    """
    import pandas as pd

    found = select(family=family, language=language, max_megabytes=max_megabytes, text_only=text_only, search=search)
    texts = ["family", "architecture", "languages", "license", "image_tower", "repo", "note", "source"]
    numbers = {
        "dim": "Int64",
        "image_size": "Int64",
        "context_length": "Int64",
        "parameters": "Float64",
        "megabytes": "Float64",
    }
    columns = [*texts[:3], *numbers, *texts[3:]]
    rows = [
        {
            **{column: getattr(entry, column) or None for column in numbers},
            **{column: getattr(entry, column) for column in texts},
            "languages": _languages_in_short(entry),
            "repo": "" if entry.name == EMBEDDED else entry.repo or entry.name,
        }
        for entry in found
    ]
    index = pd.Index([entry.name for entry in found], name="name", dtype=object)
    return pd.DataFrame(rows, index=index, columns=columns).astype(numbers)


def _languages_in_short(entry: Entry) -> str:
    """Up to three codes, or how many; what the authors say where they list none."""
    if not entry.languages:
        return entry.language_note.partition(";")[0]
    base = f", base {len(entry.base_languages)}" if entry.base_languages else ""
    few = len(entry.languages) <= 3 and not base
    return ", ".join(entry.languages) if few else f"{len(entry.languages)}{base}"
