"""From the lines of a reader to a corpus, with a note for everything that did not go in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from clipnb.corpora.reading import Folders
from clipnb.corpus import Corpus, Problem
from clipnb.errors import CorpusError, UnknownLanguage, UnsupportedOption, nearest
from clipnb.languages import language

__all__ = ["Gathering", "Missing", "chosen_languages", "codes_of"]

Missing = Literal["raise", "leave_out"]


class Gathering:
    """Pictures and captions as a reader comes across them.

    Args:
        name: of the corpus.
        source: where it comes from.
        licence: its terms.
    """

    def __init__(self, name: str, source: str = "", licence: str = "") -> None:
        self.name, self.source, self.licence = name, source, licence
        self.places: dict[str, int] = {}
        self.names: list[str] = []
        self.values: list[Any] = []
        self.lines: list[tuple[str, int | None]] = []
        self.captions: dict[str, list[str]] = {}
        self.image_of: dict[str, list[int]] = {}
        self.notes: list[Problem] = []

    def note(self, where: Path | str, line: int | None, what: str) -> None:
        """A line in the table of problems."""
        self.notes.append(Problem(str(where), line, what))

    def picture(self, name: str, where: Path | str, line: int | None, value: Any = None) -> int:
        """The index of a picture, which is new or known already."""
        if name not in self.places:
            self.places[name] = len(self.places)
            self.names.append(name)
            self.values.append(value)
            self.lines.append((str(where), line))
        return self.places[name]

    def languages(self, codes: Sequence[str]) -> None:
        """The languages to come, also those for which no caption will be found."""
        for code in codes:
            self.captions.setdefault(code, [])
            self.image_of.setdefault(code, [])

    def caption(self, code: str, place: int, text: str, where: Path | str, line: int | None) -> None:
        """A caption of a picture; a blank one becomes a note."""
        text = text.strip().lstrip("\ufeff")
        if not text:
            self.note(where, line, f"blank: a caption in {code} of {self.names[place]} is left out")
            return
        if "\ufffd" in text or "\x00" in text:
            self.note(
                where, line, f"characters were lost when the file was made: {text[:40]!r} ({code}) is kept as it is"
            )
        self.languages([code])
        self.captions[code].append(text)
        self.image_of[code].append(place)

    def locate(self, folders: Folders, file_of: Callable[[str], str], missing: Missing) -> None:
        """Set the path of every picture.

        Raises:
            CorpusError: some are not there, and ``missing`` is ``"raise"``.
        """
        if missing not in ("raise", "leave_out"):
            raise UnsupportedOption(f"missing={missing!r}; expected 'raise' or 'leave_out'")
        absent = []
        for name, place in self.places.items():
            self.values[place] = folders.find(file_of(name))
            if self.values[place] is None:
                absent.append(place)
        if not absent:
            return
        names = self.names
        where, line = self.lines[absent[0]]
        at = where if line is None else f"{where}: line {line}"
        if missing == "raise" or len(absent) == len(names):
            out = "; missing='leave_out' leaves them out, with a line each in .problems"
            raise CorpusError(
                f"{at}: no file {file_of(names[absent[0]])} in {folders}; {len(absent)} of the {len(names)} pictures "
                f"of {self.name} are not there{out if len(absent) < len(names) else ''}"
            )
        for place in absent:
            self.note(*self.lines[place], f"no file {file_of(names[place])} in {folders}: left out, with its captions")
        self._drop(set(absent))

    def _drop(self, gone: set[int]) -> None:
        kept = [place for place in range(len(self.places)) if place not in gone]
        new = {old: i for i, old in enumerate(kept)}
        self.names = [self.names[old] for old in kept]
        self.places = {name: i for i, name in enumerate(self.names)}
        self.values = [self.values[old] for old in kept]
        self.lines = [self.lines[old] for old in kept]
        for code, places in self.image_of.items():
            pairs = [(text, new[p]) for text, p in zip(self.captions[code], places, strict=True) if p in new]
            self.captions[code], self.image_of[code] = [text for text, _ in pairs], [place for _, place in pairs]

    def corpus(self, images: Sequence[Any] | None = None) -> Corpus:
        """What was gathered.

        Args:
            images: the pictures; default: the values given or located, where there are any.

        Raises:
            CorpusError: nothing was found.
        """
        if not self.places:
            raise CorpusError(f"{self.name}: no pictures in the files")
        for code in [code for code, texts in self.captions.items() if not texts]:
            self.note(self.name, None, f"no caption at all in {code}: the language is left out")
            del self.captions[code], self.image_of[code]
        if not self.captions:
            raise CorpusError(f"{self.name}: no captions in the files")
        if images is None:
            images = tuple(self.values) if any(value is not None for value in self.values) else ()
        return Corpus(
            self.name,
            images,
            tuple(self.places),
            {code: tuple(texts) for code, texts in self.captions.items()},
            {code: tuple(places) for code, places in self.image_of.items()},
            self.source,
            self.licence,
            tuple(self.notes),
        )


def chosen_languages(wanted: str | Sequence[str] | None, there: dict[str, str], where: Path | str) -> dict[str, str]:
    """Which of the languages of a corpus to read: codes, each with the name that the files use for it.

    Args:
        wanted: by the caller, in any way of writing; None: all.
        there: the files' names by code.
        where: for the message.

    Raises:
        UnknownLanguage: one that is not there, or is no language.
    """
    if wanted is None:
        return there
    found = {}
    for given in [wanted] if isinstance(wanted, str) else wanted:
        code = language(given).code
        if code not in there:
            raise UnknownLanguage(f"{where} has no {given!r}.{nearest(given, there)} It has: {', '.join(there)}.")
        found[code] = there[code]
    return found


def codes_of(names: Sequence[str], where: Path | str, own: dict[str, str] | None = None) -> dict[str, str]:
    """The files' names for languages, by code.

    Args:
        names: as the files have them.
        where: for the message.
        own: codes that only this corpus uses, or uses otherwise than the standard.

    Raises:
        UnknownLanguage: a name that is no code.
        CorpusError: two names for the same language.
    """
    found: dict[str, str] = {}
    for name in names:
        try:
            code = language((own or {}).get(name, name)).code
        except UnknownLanguage as error:
            raise UnknownLanguage(f"{where}: {error}") from error
        if code in found:
            raise CorpusError(f"{where}: {found[code]!r} and {name!r} both mean {code!r}")
        found[code] = name
    return found
