"""Crossmodal-3600: pictures from all over the world, captioned by people in 36 languages."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clipnb.corpora.gathering import Gathering, Missing, chosen_languages, codes_of
from clipnb.corpora.reading import Folders, PathLike, existing, read_lines
from clipnb.corpus import Corpus
from clipnb.errors import ClipnbError, CorpusError
from clipnb.languages import language

__all__ = ["xm3600"]


def xm3600(
    folder: PathLike,
    images: PathLike | Sequence[PathLike] | None = None,
    *,
    languages: str | Sequence[str] | None = None,
    locales: str | Sequence[str] | None = None,
    missing: Missing = "raise",
) -> Corpus:
    """Crossmodal-3600 (Thapliyal et al. 2022, arXiv:2205.12522).

    Layout: ``captions.jsonl`` from google.github.io/crossmodal-3600, an object a line with ``image/key``,
    ``image/locale`` (where the picture is from) and, for each of 36 languages, an object whose ``caption`` is a list of
    two or so captions. (``caption/tokenized`` and ``caption/tokenized/lowercase`` beside it are not read.) The pictures
    are ``KEY.jpg`` in the archive of the same page. ``quz`` is Quechua, ``qu`` here.

    Args:
        folder: where ``captions.jsonl`` is, or the file itself.
        images: the folder of the pictures, or that above ``images``. Default: no pictures.
        languages: codes; default: all.
        locales: codes; only the pictures from where these are spoken.
        missing: pictures that are not there raise, or are left out with a line each in ``.problems``.

    Raises:
        CorpusError: names the file and line: no such file, a line that is no JSON or in another layout, not UTF-8, or
            a picture that is not there.
        UnknownLanguage: a language that is not there.
    """
    given = Path(folder).expanduser()
    path = given if given.is_file() else existing(folder, "captions.jsonl", what="Crossmodal-3600")
    found = Gathering("XM3600", "https://google.github.io/crossmodal-3600/", "CC BY 4.0 (captions)")
    records = [
        (number, _record(text, path, number)) for number, text in enumerate(read_lines(path), start=1) if text.strip()
    ]
    names = dict.fromkeys(name for _, record in records for name in record if not name.startswith("image/"))
    wanted = chosen_languages(languages, codes_of(list(names), path), path)
    found.languages(list(wanted))
    from_where = None
    if locales is not None:
        from_where = {language(code).code for code in ([locales] if isinstance(locales, str) else locales)}
    for number, record in records:
        key = record["image/key"]
        if from_where is not None and _locale(record, path, number) not in from_where:
            continue
        if key in found.places:
            first = found.lines[found.places[key]][1]
            found.note(path, number, f"{key} stands on line {first} too: its captions are joined")
        place = found.picture(key, path, number)
        for code, name in wanted.items():
            for text in _captions(record, name, path, number):
                found.caption(code, place, text, path, number)
    if from_where is not None and not found.places:
        raise CorpusError(f"{path}: no picture from {', '.join(sorted(from_where))}")
    if images is not None:
        found.locate(Folders(images, ("images",)), "{}.jpg".format, missing)
    return found.corpus()


def _record(text: str, path: Path, number: int) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError as error:
        raise CorpusError(f"{path}: line {number}: no JSON ({error})") from error
    if not isinstance(record, dict) or not isinstance(record.get("image/key"), str):
        raise CorpusError(f"{path}: line {number}: expected an object with 'image/key', as in captions.jsonl")
    return record


def _locale(record: dict[str, Any], path: Path, number: int) -> str:
    try:
        return language(record.get("image/locale", "")).code
    except ClipnbError as error:
        raise CorpusError(f"{path}: line {number}: 'image/locale': {error}") from error


def _captions(record: dict[str, Any], name: str, path: Path, number: int) -> list[str]:
    """The captions in one language; none where the record does not have it."""
    if name not in record:
        return []
    captions = record[name].get("caption") if isinstance(record[name], dict) else None
    if not isinstance(captions, list) or not all(isinstance(text, str) for text in captions):
        raise CorpusError(f"{path}: line {number}: {name!r} has no list of texts under 'caption'")
    return captions
