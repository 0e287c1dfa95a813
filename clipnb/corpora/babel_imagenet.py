"""Babel-ImageNet: the names of ImageNet's classes in some three hundred languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clipnb.corpora.gathering import Gathering, chosen_languages, codes_of
from clipnb.corpora.reading import PathLike
from clipnb.corpus import Corpus
from clipnb.errors import CorpusError

__all__ = ["babel_imagenet"]

CLASSES = 1000
OWN = {
    "ALS": "gsw",  # Wikipedia's code for Alemannic, which is ISO's for a kind of Albanian
    "BAT_SMG": "sgs",
    "BE_X_OLD": "be-tarask",
    "BH": "bih",
    "FIU_VRO": "vro",
    "GMQ_BOT": "x-gmq-bot",
    "NDS_NL": "nds-NL",
    "NRM": "nrf",  # Wikipedia's code for Norman, which is ISO's for Narom
    "ROA_RUP": "rup",
    "SIMPLE": "en-simple",
    "ZH_CLASSICAL": "lzh",
    "ZH_MIN_NAN": "nan",
    "ZH_YUE": "yue",
}
"""Codes of BabelNet and Wikipedia that are not those of BCP 47."""


def babel_imagenet(
    path: PathLike, *, languages: str | Sequence[str] | None = None, english: Sequence[str] | None = None
) -> Corpus:
    """Babel-ImageNet (Geigle et al. 2023, arXiv:2306.08658), as a corpus of concepts without pictures.

    Layout: ``babel_imagenet.json`` or ``babel_imagenet-298.json`` from github.com/gregor-ge/Babel-ImageNet, an object
    with two lists for each language: the classes that have a name in it, by their place among ImageNet's 1,000, and
    those names.

    ``image_ids`` are the places of all 1,000 classes, so that ``image_of[code]`` are ImageNet's own numbers. For a
    zero-shot classification of the pictures of those classes::

        names = babel_imagenet(path, languages=["fr"])
        clipnb.zero_shot(model, pictures, names.captions["fr"])     # column j is class names.image_of["fr"][j]

    Args:
        path: of the file.
        languages: codes; default: all.
        english: the 1,000 English names, which the file does not have, to compare with;
            ``clipnb.datasets.classnames("imagenet-1k").names`` are such.

    Raises:
        CorpusError: names the file and the language: another layout, lists of different lengths, or a class that
            ImageNet does not have.
        UnknownLanguage: a language that the file does not have.
    """
    file = Path(path).expanduser()
    try:
        read = json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CorpusError(f"{file}: cannot be read as JSON ({error})") from error
    if not isinstance(read, dict) or not read:
        raise CorpusError(f"{file}: expected an object with two lists for each language")
    found = Gathering(
        "Babel-ImageNet", "https://github.com/gregor-ge/Babel-ImageNet", "BabelNet's licence, non-commercial"
    )
    for place in range(CLASSES):
        found.picture(str(place), file, None)
    there = codes_of(list(read), file, OWN)
    if english is not None:
        if isinstance(english, str) or len(english) != CLASSES:
            raise CorpusError(f"english has {len(english)} names; expected ImageNet's {CLASSES}")
        found.languages(["en"])
        for place, name in enumerate(english):
            found.caption("en", place, name, "english", place + 1)
        there.pop("en", None)
        wanted = [languages] if isinstance(languages, str) else languages
        languages = None if wanted is None else [code for code in wanted if code != "en"]
    for code, name in chosen_languages(languages, there, file).items():
        found.languages([code])
        seen: dict[str, int] = {}
        for place, text in _entries(read[name], f"{file}: {name}"):
            if seen.setdefault(text, place) != place:
                found.note(file, None, f"{code}: classes {seen[text]} and {place} are both called {text!r}")
            found.caption(code, place, text, f"{file}: {name}", None)
    return found.corpus()


def _entries(entry: Any, where: str) -> list[tuple[int, str]]:
    """Class and name, as the file has them."""
    two = isinstance(entry, list) and len(entry) == 2 and all(isinstance(part, list) for part in entry)
    if not two or len(entry[0]) != len(entry[1]):
        lengths = f", got {len(entry[0])} and {len(entry[1])} entries" if two else ""
        raise CorpusError(f"{where}: expected two lists of the same length, classes and names{lengths}")
    taken = set()
    for place, name in zip(*entry, strict=True):
        if not isinstance(place, int) or isinstance(place, bool) or not 0 <= place < CLASSES:
            raise CorpusError(f"{where}: class {place!r}; expected a whole number from 0 to {CLASSES - 1}")
        if not isinstance(name, str):
            raise CorpusError(f"{where}: the name of class {place} is {name!r}; expected a text")
        if place in taken:
            raise CorpusError(f"{where}: class {place} has two names")
        taken.add(place)
    return list(zip(*entry, strict=True))
