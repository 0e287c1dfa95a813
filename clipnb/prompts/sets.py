"""Published class names and templates: data files that say where they come from, and what holds them."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb.errors import UnknownConcept, UnknownPromptSet, WrongShape, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TEMPLATES", "ClassNames", "TemplateSet", "classnames", "prompt_sets", "set_names", "templates"]

FOLDER = Path(__file__).parents[1] / "data" / "prompts"
KINDS = {"classnames": "class names", "templates": "templates"}
FIRST = ("plain", "photo", "emoji", "imagenet-80", "imagenet-7")
"""Shown before the others."""


class _Texts(tuple[str, ...]):
    """A tuple of texts that knows where it comes from."""

    name: str
    title: str
    source: str
    licence: str
    note: str
    language: str

    def __new__(cls, texts: Iterable[str] = (), /, **_: Any) -> Any:
        """The texts alone; what is known about them is set afterwards."""
        return super().__new__(cls, texts)

    def _facts(self, **facts: str) -> None:
        for key in ("name", "title", "source", "licence", "note", "language"):
            setattr(self, key, facts.get(key, ""))

    def __repr__(self) -> str:
        shown = ", ".join(map(repr, self[:3])) + (", ..." if len(self) > 3 else "")
        return f"{type(self).__name__}({self.name!r}, {len(self)}: {shown})"


class TemplateSet(_Texts):
    """Sentences with one ``{}`` each: a tuple, with name, title, source, licence, note and language.

    ``source`` is an address, or says who wrote them; ``language`` a CLDR code, empty where the set has none.
    """

    def __init__(self, texts: Iterable[str] = (), /, **facts: str) -> None:
        self._facts(**facts)


class ClassNames(_Texts):
    """The names of a data set's classes, in the order of its labels: a tuple of texts, no two alike.

    Attributes:
        keys: what the data set itself calls each class (WordNet ids, folders), or None.
        groups: the superclass of each class, or None.
        words: for some classes, what stands in their sentences instead of the name: several names, which are averaged,
            or the published name where two classes were published under one and brackets tell them apart here.
        name, title, source, licence, note, language: as for :class:`TemplateSet`.

    Raises:
        WrongShape: ``keys`` or ``groups`` are not one a name.
    """

    keys: tuple[str, ...] | None
    groups: tuple[str, ...] | None
    words: Mapping[str, tuple[str, ...]]

    def __init__(
        self,
        texts: Iterable[str] = (),
        /,
        *,
        keys: Iterable[str] | None = None,
        groups: Iterable[str] | None = None,
        words: Mapping[str, Iterable[str]] | None = None,
        **facts: str,
    ) -> None:
        self._facts(**facts)
        self.keys = None if keys is None else tuple(keys)
        self.groups = None if groups is None else tuple(groups)
        self.words = {name: tuple(others) for name, others in (words or {}).items()}
        for what, given in (("keys", self.keys), ("groups", self.groups)):
            if given is not None and len(given) != len(self):
                raise WrongShape(f"{len(given)} {what} for {len(self)} class names; expected one each")

    @property
    def names(self) -> tuple[str, ...]:
        """The names as a plain tuple."""
        return tuple(self)

    @property
    def by_key(self) -> dict[str, str]:
        """The name of each key, such as ``{"n01440764": "tench", ...}``; empty where the classes have no keys."""
        return dict(zip(self.keys or (), self, strict=False))

    def take(self, rows: Iterable[int]) -> ClassNames:
        """These classes, in this order, with all that is known of them."""
        chosen = [range(len(self))[int(row)] for row in rows]
        names = [self[row] for row in chosen]
        return ClassNames(
            names,
            keys=None if self.keys is None else [self.keys[row] for row in chosen],
            groups=None if self.groups is None else [self.groups[row] for row in chosen],
            words={name: self.words[name] for name in names if name in self.words},
            **{key: getattr(self, key) for key in ("name", "title", "source", "licence", "note", "language")},
        )

    def select(self, *, keys: Iterable[str] | None = None, group: str | None = None) -> ClassNames:
        """The classes with these keys, in their order, or of one group.

        Raises:
            UnknownConcept: names the first key or the group that is not here, and the nearest that are.
        """
        rows = list(range(len(self)))
        if group is not None:
            if group not in (self.groups or ()):
                known = f" Known: {', '.join(dict.fromkeys(self.groups))}." if self.groups else " It has no groups."
                raise UnknownConcept(f"no group {group!r} in {self.name!r}.{nearest(group, self.groups or ())}{known}")
            rows = [row for row in rows if (self.groups or ())[row] == group]
        if keys is not None:
            place = {code: row for row, code in enumerate(self.keys or ())}
            wanted = list(keys)
            for code in wanted:
                if code not in place:
                    raise UnknownConcept(f"no class of {self.name!r} has the key {code!r}.{nearest(code, place)}")
            rows = [place[code] for code in wanted if place[code] in set(rows)]
        return self.take(rows)


def set_names(kind: str) -> tuple[str, ...]:
    """The names of the sets of a kind, ``"classnames"`` or ``"templates"``."""
    found = sorted(path.stem for path in (FOLDER / kind).glob("*.json"))
    return tuple(name for name in FIRST if name in found) + tuple(name for name in found if name not in FIRST)


@functools.cache
def _read(kind: str, name: str) -> dict[str, Any]:
    known = set_names(kind)
    if name not in known:
        raise UnknownPromptSet(
            f"no set of {KINDS[kind]} is called {name!r}.{nearest(str(name), known)} Known: {', '.join(known)}"
        )
    return dict(json.loads((FOLDER / kind / f"{name}.json").read_text(encoding="utf-8")))


def classnames(name: str) -> ClassNames:
    """The published names of a data set's classes, such as ``classnames("imagenet-1k")``.

    They are a tuple, so they go wherever a list of names goes. :func:`prompt_sets` lists all sets.

    Raises:
        UnknownPromptSet: names the nearest that are known.
    """
    facts = dict(_read("classnames", name))
    if "of" in facts:  # a part of another set, by keys
        chosen = classnames(facts.pop("of")).select(keys=facts.pop("keys"))
        facts |= {"names": tuple(chosen), "keys": chosen.keys, "groups": chosen.groups, "words": chosen.words}
    return ClassNames(facts.pop("names"), **facts)


def templates(name: str) -> TemplateSet:
    """A published set of templates, such as ``templates("imagenet-80")``; :func:`prompt_sets` lists them.

    Raises:
        UnknownPromptSet: names the nearest that are known.
    """
    facts = dict(_read("templates", name))
    return TemplateSet(facts.pop("templates"), **facts)


def prompt_sets(kind: str | None = None) -> pd.DataFrame:
    """All sets that ship in the package, a row each.

    Columns: kind (``classnames`` or ``templates``), name, title, language, entries, groups (their number), licence,
    source and note.
    """
    import pandas as pd

    rows = []
    for each in KINDS if kind is None else (kind,):
        if each not in KINDS:
            raise UnknownPromptSet(f"no kind of set is called {each!r}; known: {', '.join(KINDS)}")
        for name in set_names(each):
            found: ClassNames | TemplateSet = classnames(name) if each == "classnames" else templates(name)
            groups = len(set(getattr(found, "groups", None) or ()))
            facts = {key: getattr(found, key) for key in ("title", "language", "licence", "source", "note")}
            rows.append({"kind": each, "name": name, "entries": len(found), "groups": groups, **facts})
    order = ["kind", "name", "title", "language", "entries", "groups", "licence", "source", "note"]
    return pd.DataFrame(rows)[order]


class _Templates(Mapping[str, TemplateSet]):
    """All sets of templates by name, read when they are asked for."""

    def __getitem__(self, name: str) -> TemplateSet:
        if not isinstance(name, str) or name not in set_names("templates"):
            raise KeyError(name)
        return templates(name)

    def __iter__(self) -> Iterator[str]:
        return iter(set_names("templates"))

    def __len__(self) -> int:
        return len(set_names("templates"))


TEMPLATES: Mapping[str, TemplateSet] = _Templates()
"""The named sets of templates, as a mapping: ``TEMPLATES["photo"]``."""
