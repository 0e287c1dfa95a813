"""Words to describe a map with, where nobody gives any: names of things, in a few languages that the model reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from clipnb.datasets import emoji
from clipnb.types import ClipModel, Embeddings

__all__ = ["Vocabulary", "names_of_things"]

_GROUPS = (
    *("animals & nature", "food & drink", "travel & places", "objects", "activities"),
    "smileys & emotion",
)
_LANGUAGES = ("en", "es", "zh", "ar", "de", "hi", "fr", "ja", "ru", "sw")
_SEVERAL = 4
_AT_ONCE = 128


@dataclass(frozen=True)
class Vocabulary:
    """Texts, with the language of each and what it is about where that is known.

    Attributes:
        texts: none twice.
        languages: a CLDR code a text; empty where nobody says.
        about: for each text what it names, the same for its translations; empty where nobody says.
    """

    texts: tuple[str, ...]
    languages: tuple[str, ...] = field(default=(), repr=False)
    about: tuple[int, ...] = field(default=(), repr=False)

    def __len__(self) -> int:
        return len(self.texts)

    def encode(self, model: ClipModel, done: Callable[[int], object] = lambda n: None) -> Embeddings:
        """A row a text, whose ids are the texts; texts over the model's context raise what the model raises.

        Args:
            model: any.
            done: told how many texts have their row, after each block of 128.
        """
        parts = []
        for start in range(0, len(self), _AT_ONCE):
            parts.append(model.encode_text(list(self.texts[start : start + _AT_ONCE])))
            done(min(start + _AT_ONCE, len(self)))
        return Embeddings(np.concatenate(parts), self.texts, "text", model.name)


def names_of_things(languages: Sequence[str] = ()) -> Vocabulary:
    """The emoji's names of animals, plants, food, places, objects, sports and moods: some thousand a language.

    People, flags and signs are left out: their names are long and much alike.

    Args:
        languages: that the model reads (CLDR codes); English and up to three widespread ones of these are taken,
            English alone where nothing is said.
    """
    codes = ["en", *(code for code in _LANGUAGES[1:] if code in set(languages))][:_SEVERAL]
    things = emoji("twemoji", languages=codes)
    kept = [i for i, group in enumerate(things.groups) if group in _GROUPS]
    seen: dict[str, tuple[str, int]] = {}
    names = things.names
    for code in codes:
        column = names[code].tolist()
        for i in kept:
            if isinstance(column[i], str):
                seen.setdefault(column[i], (code, things.concepts[i]))
    return Vocabulary(tuple(seen), tuple(code for code, _ in seen.values()), tuple(i for _, i in seen.values()))
