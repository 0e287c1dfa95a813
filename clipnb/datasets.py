"""Pictures and words that ship in the package: emoji in several drawing styles, named in over a hundred languages.

And the names of published data sets' classes, see :mod:`clipnb.prompts.sets`; and readers of parallel corpora
that others publish, see :mod:`clipnb.corpora`: xtd10, xm3600, multi30k, flickr30k_cn, coco_cn, babel_imagenet, and
parallel_table for any table with a column a language. They read what lies on disk.
"""

from __future__ import annotations

import functools
import importlib
import json
import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipnb.errors import UnknownConcept, UnknownLanguage, UnknownStyle, nearest
from clipnb.images import on_white
from clipnb.prompts.sets import ClassNames, TemplateSet, classnames, prompt_sets, templates

if TYPE_CHECKING:
    import pandas as pd

    from clipnb.corpora import babel_imagenet, coco_cn, flickr30k_cn, multi30k, parallel_table, xm3600, xtd10
    from clipnb.corpus import Corpus

__all__ = [
    "ClassNames",
    "EmojiSet",
    "TemplateSet",
    "babel_imagenet",
    "classnames",
    "coco_cn",
    "emoji",
    "emoji_languages",
    "emoji_styles",
    "flickr30k_cn",
    "multi30k",
    "parallel_table",
    "photos",
    "prompt_sets",
    "templates",
    "xm3600",
    "xtd10",
]

_READERS = ("babel_imagenet", "coco_cn", "flickr30k_cn", "multi30k", "parallel_table", "xm3600", "xtd10")

FOLDER = Path(__file__).parent / "data" / "emoji"
TILE, COLUMNS = 64, 40
"""Pixels along the edge of a picture, and pictures in a row of a sheet."""


def __getattr__(name: str) -> Any:
    if name in _READERS:
        return getattr(importlib.import_module("clipnb.corpora"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


@functools.lru_cache(maxsize=1)
def _index() -> dict[str, Any]:
    return dict(json.loads((FOLDER / "concepts.json").read_text(encoding="utf-8")))


@functools.lru_cache(maxsize=1)
def _locales() -> dict[str, dict[str, list[str]]]:
    with lzma.open(FOLDER / "names.json.xz", "rt", encoding="utf-8") as file:
        return dict(json.load(file)["locales"])


@functools.lru_cache(maxsize=8)
def _sheet(style: str) -> Image.Image:
    with Image.open(FOLDER / f"{style}.webp") as sheet:
        return sheet.convert("RGBA")


def emoji_languages() -> dict[str, int]:
    """The languages of the names, CLDR locale codes, with the number of emoji named in each."""
    return {code: len(names) for code, names in _locales().items()}


def emoji_styles() -> pd.DataFrame:
    """The drawing styles: a row each, with title, author, licence, url, role in the training, and pictures."""
    import pandas as pd

    rows = {name: {**facts, "pictures": len(facts["rows"])} for name, facts in _index()["styles"].items()}
    return pd.DataFrame.from_dict(rows, orient="index")[["title", "author", "licence", "url", "role", "pictures"]]


class Tiles(Sequence[Image.Image]):
    """Pictures cut out of a sheet when they are asked for: 64 x 64 pixels, RGB on white."""

    def __init__(self, style: str, tiles: Sequence[int]) -> None:
        self._style, self._tiles = style, tuple(tiles)

    def __len__(self) -> int:
        return len(self._tiles)

    @overload
    def __getitem__(self, index: int) -> Image.Image: ...
    @overload
    def __getitem__(self, index: slice) -> Tiles: ...
    def __getitem__(self, index: int | slice) -> Image.Image | Tiles:
        if isinstance(index, slice):
            return Tiles(self._style, self._tiles[index])
        return on_white(self.rgba(index))

    def rgba(self, index: int) -> Image.Image:
        """The picture with its transparency, RGBA."""
        row, column = divmod(self._tiles[index], COLUMNS)
        left, top = column * TILE, row * TILE
        return _sheet(self._style).crop((left, top, left + TILE, top + TILE))


@dataclass(frozen=True, eq=False)
class EmojiSet:
    """Emoji of one style, with their names: rows in the order of Unicode.

    Attributes:
        style: the drawing style.
        languages: CLDR codes of the columns of ``names``.
        concepts: position of each row in Unicode's list.
        images: a sequence of 64 x 64 RGB pictures on white, decoded when asked for.
    """

    style: str
    languages: tuple[str, ...]
    concepts: tuple[int, ...]
    images: Tiles

    def __len__(self) -> int:
        return len(self.concepts)

    def __repr__(self) -> str:
        return f"EmojiSet({self.style!r}, {len(self)} emoji, languages={list(self.languages)})"

    def _column(self, key: str) -> list[Any]:
        table = _index()["concepts"]
        return [table[i][key] for i in self.concepts]

    @property
    def emojis(self) -> tuple[str, ...]:
        """The characters."""
        return tuple(self._column("emoji"))

    @property
    def codes(self) -> tuple[str, ...]:
        """The code points in hexadecimal, joined by hyphens."""
        return tuple(self._column("code"))

    @property
    def groups(self) -> tuple[str, ...]:
        """Unicode's groups, such as ``animals & nature``."""
        return tuple(self._column("group"))

    @property
    def subgroups(self) -> tuple[str, ...]:
        """Unicode's subgroups, such as ``animal-mammal``."""
        return tuple(self._column("subgroup"))

    @property
    def held_out(self) -> NDArray[np.bool_]:
        """Whether the embedded model never saw this concept, neither drawn nor named, bool [emoji]."""
        return np.array(self._column("held_out"), dtype=bool)

    @property
    def names(self) -> pd.DataFrame:
        """The names, a row per emoji (the index) and a column per language; missing where CLDR has none."""
        import pandas as pd

        columns = {code: [self._words(code, i)[:1] for i in self.concepts] for code in self.languages}
        table = {code: [word[0] if word else np.nan for word in words] for code, words in columns.items()}
        return pd.DataFrame(table, index=pd.Index(self.emojis, name="emoji"), dtype=object)

    @property
    def keywords(self) -> dict[str, list[tuple[str, ...]]]:
        """keywords[language][row], the words that CLDR gives beside the name; empty where it has none."""
        return {code: [tuple(self._words(code, i)[1:]) for i in self.concepts] for code in self.languages}

    @staticmethod
    def _words(code: str, concept: int) -> list[str]:
        return _locales()[code].get(str(concept), [])

    @property
    def attribution(self) -> str:
        """Who drew and who named these, and under which licence, in one line."""
        facts = _index()["styles"][self.style]
        return (
            f"Pictures: {facts['title']}, {facts['author']}, {facts['licence']}, {facts['url']}. "
            "Names: Unicode CLDR, Unicode-3.0."
        )

    def corpus(self, *, keywords: bool = False) -> Corpus:
        """The pictures with their names as captions; where CLDR has no name, there is no caption.

        Args:
            keywords: the words that CLDR gives beside the name are further captions, where they differ from it.
        """
        from clipnb.corpus import Corpus

        captions: dict[str, tuple[str, ...]] = {}
        image_of: dict[str, tuple[int, ...]] = {}
        for code in self.languages:
            found = []
            for row, concept in enumerate(self.concepts):
                words = dict.fromkeys(self._words(code, concept))
                found += [(word, row) for word in list(words)[: None if keywords else 1]]
            captions[code] = tuple(word for word, _ in found)
            image_of[code] = tuple(row for _, row in found)
        licence = f"pictures {_index()['styles'][self.style]['licence']}, names Unicode-3.0"
        return Corpus(f"emoji {self.style}", self.images, self.emojis, captions, image_of, self.attribution, licence)

    def thumbnail(self, row: int) -> Image.Image:
        """The picture of a row with its transparency, 64 x 64 RGBA."""
        return self.images.rgba(row)

    def take(self, rows: Iterable[int]) -> EmojiSet:
        """These rows, in this order."""
        chosen = [range(len(self))[int(row)] for row in rows]
        tiles = Tiles(self.style, [self.images._tiles[row] for row in chosen])
        return EmojiSet(self.style, self.languages, tuple(self.concepts[row] for row in chosen), tiles)

    def select(
        self,
        *,
        group: str | None = None,
        subgroup: str | None = None,
        emojis: Sequence[str] | None = None,
        names: Sequence[str] | None = None,
    ) -> EmojiSet:
        """The rows that satisfy every condition given.

        Args:
            group: one of Unicode's groups, in any case.
            subgroup: one of Unicode's subgroups.
            emojis: characters or codes; the result keeps their order.
            names: English names; the result keeps their order.

        Raises:
            UnknownConcept: names the first that is not in this set, and the nearest that are.
        """
        chosen = list(range(len(self)))
        for what, wanted, values in (("group", group, self.groups), ("subgroup", subgroup, self.subgroups)):
            if wanted is None:
                continue
            if wanted.casefold() not in {value.casefold() for value in values}:
                known = f" Known: {', '.join(sorted(set(values)))}." if what == "group" else ""
                raise UnknownConcept(f"no {what} {wanted!r} in this set.{nearest(wanted, values)}{known}")
            chosen = [row for row in chosen if values[row].casefold() == wanted.casefold()]
        for key, words in (("emoji", emojis), ("name", names)):
            if words is not None:
                kept = set(chosen)
                chosen = [row for row in self._find(key, words) if row in kept]
        return self.take(chosen)

    def _find(self, key: str, wanted: Sequence[str]) -> list[int]:
        """Rows by emoji or code, or by English name."""
        keys = ("emoji", "code") if key == "emoji" else ("name",)
        place = {_plain(value): row for column in keys for row, value in enumerate(self._column(column))}
        for entry in [wanted] if isinstance(wanted, str) else wanted:
            if _plain(entry) not in place:
                raise UnknownConcept(
                    f"no {key} {entry!r} among these {len(self)} {self.style} emoji.{nearest(entry, place)}"
                )
        return [place[_plain(entry)] for entry in ([wanted] if isinstance(wanted, str) else wanted)]


def _plain(text: str) -> str:
    """Case and the invisible variation selector make no difference."""
    return str(text).casefold().replace("\ufe0f", "")


def emoji(
    style: str = "fluent",
    languages: Sequence[str] = ("en",),
    concepts: Sequence[str] | None = None,
    held_out: bool | None = None,
) -> EmojiSet:
    """The emoji of one drawing style.

    Args:
        style: see :func:`emoji_styles`. ``fluent``, the default, was never shown to the embedded model in training.
        languages: CLDR codes for ``names`` and ``keywords``, see :func:`emoji_languages`.
        concepts: only these, as characters, codes or English names, in this order.
        held_out: True: only the concepts that the embedded model never saw; False: only the others.

    Raises:
        UnknownStyle, UnknownLanguage, UnknownConcept: each names the nearest that are known.
    """
    styles = _index()["styles"]
    if style not in styles:
        raise UnknownStyle(f"no style {style!r}.{nearest(style, styles)} Known: {', '.join(styles)}.")
    codes = (languages,) if isinstance(languages, str) else tuple(languages)
    if codes != ("en",):
        for code in codes:
            if code not in _locales():
                raise UnknownLanguage(
                    f"no emoji names in {code!r}.{nearest(code, _locales())} All: clipnb.datasets.emoji_languages()"
                )
    rows = styles[style]["rows"]
    found = EmojiSet(style, codes, tuple(rows), Tiles(style, range(len(rows))))
    if concepts is not None:
        rows_of = [_either(found, concept) for concept in concepts]
        found = found.take(rows_of)
    if held_out is not None:
        found = found.take(np.flatnonzero(found.held_out == held_out).tolist())
    return found


def _either(found: EmojiSet, concept: str) -> int:
    """The row of a character, a code or an English name."""
    try:
        return found._find("emoji", [concept])[0]
    except UnknownConcept:
        return found._find("name", [concept])[0]


def photos() -> dict[str, Image.Image]:
    """Three small photographs by name (cat, coffee, rocket), RGB; free of rights, see data/photos/SOURCES.md."""
    folder = FOLDER.parent / "photos"
    return {path.stem: Image.open(path).convert("RGB") for path in sorted(folder.glob("*.jpg"))}
