"""What is known of a language by its code: name, script, family, direction."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipnb.errors import UnknownLanguage, WrongType, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

__all__ = ["Language", "by_family", "known_languages", "language"]

RIGHT_TO_LEFT = frozenset({"Adlm", "Arab", "Armi", "Hebr", "Mand", "Nkoo", "Samr", "Syrc", "Thaa"})
"""Scripts (ISO 15924) of this table, and a few others, that run from right to left."""


@dataclass(frozen=True)
class Language:
    """A language, by its code.

    Attributes:
        code: BCP 47, as CLDR writes it: ``sv``, ``zh-Hant``, ``pt-PT``.
        name: in English.
        native: in the language itself; the English name where CLDR has no other.
        script: what it is usually written in, ISO 15924: ``Latn``, ``Deva``, ...
        family: ``Indo-European``, ``Turkic``, ...; a private code is its own.
        branch: ``Germanic``, ``Sinitic``, ...; the family where none is told apart.
        direction: ``ltr`` or ``rtl``.
    """

    code: str
    name: str
    native: str
    script: str
    family: str
    branch: str
    direction: str

    @property
    def right_to_left(self) -> bool:
        """Whether its lines begin on the right."""
        return self.direction == "rtl"


@functools.lru_cache(maxsize=1)
def _table() -> tuple[dict[str, dict[str, str]], dict[str, str]]:
    """The facts by code, and the codes by alias."""
    read: dict[str, Any] = tomllib.loads(
        (Path(__file__).parent / "data" / "languages.toml").read_text(encoding="utf-8")
    )
    return read["languages"], read["aliases"]


def known_languages() -> tuple[str, ...]:
    """The codes of the table, in alphabetical order; :func:`language` takes more: aliases, regions, scripts."""
    return tuple(_table()[0])


def language(code: str) -> Language:
    """The language of a code.

    Case and underscores make no difference; aliases (``jp``, ``iw``, ``eng``, ``zh_CN``) are resolved; a script that is
    the usual one is left out (``eng_Latn`` is ``en``), another one counts (``sr-Latn``); a region that the table does
    not tell apart stays in the code (``en-GB``). A private code, ``x-`` and letters, is taken as it is.

    Raises:
        UnknownLanguage: with the nearest that are known.
        WrongType: the code is no text.
    """
    if not isinstance(code, str):
        raise WrongType(f"a code of a language is a text such as 'sv', got a {type(code).__name__}")
    return _found(code)


@functools.lru_cache(maxsize=4096)
def _found(code: str) -> Language:
    facts, aliases = _table()
    parts = _cased(code)
    whole = "-".join(parts)
    for known in (whole, aliases.get(whole)):
        if known in facts:
            return _made(known, facts[known])
    if parts[0] == "x" and len(parts) > 1 and all(parts):
        return Language(whole, whole, whole, "Zyyy", whole, whole, "ltr")
    base = aliases.get(parts[0], parts[0])
    if base not in facts or _odd(parts[1:]):
        named = [known for known, fact in facts.items() if fact["name"].casefold() == code.strip().casefold()]
        hint = f" The code of {facts[named[0]]['name']} is {named[0]!r}." if named else nearest(code, facts)
        raise UnknownLanguage(
            f"no language has the code {code!r}.{hint} Expected BCP 47, such as 'sv' or 'zh-Hant'; a code of your own "
            "begins with 'x-'"
        )
    rest = [part for part in parts[1:] if part != facts[base]["script"]]
    short = "-".join([base, *rest])
    for known in (short, aliases.get(short)):
        if known in facts:
            return _made(known, facts[known])
    longest = next(
        "-".join([base, *rest[:end]]) for end in range(len(rest), -1, -1) if "-".join([base, *rest[:end]]) in facts
    )
    more = rest[longest.count("-") :]
    script = next((part for part in more if len(part) == 4 and part.isalpha()), facts[longest]["script"])
    found = facts[longest] | {"name": f"{facts[longest]['name']} ({', '.join(more)})", "script": script}
    return _made(short, found)


def _made(code: str, facts: dict[str, str]) -> Language:
    direction = "rtl" if facts["script"] in RIGHT_TO_LEFT else "ltr"
    native, branch = facts.get("native", facts["name"]), facts.get("branch", facts["family"])
    return Language(code, facts["name"], native, facts["script"], facts["family"], branch, direction)


def _cased(code: str) -> list[str]:
    """The subtags in the usual case: ``zh``, ``Hant``, ``TW``; after an ``x`` all of them small."""
    parts = code.strip().replace("_", "-").split("-")
    cased = [parts[0].lower()]
    for part in parts[1:]:
        if "x" in cased:
            cased.append(part.lower())
        elif len(part) == 4 and part.isalpha():
            cased.append(part.title())
        else:
            cased.append(part.upper() if len(part) == 2 else part.lower())
    return cased


def _odd(rest: list[str]) -> bool:
    """Whether a subtag is neither a script, nor a region, nor private (after an ``x``)."""
    for part in rest:
        if part == "x":
            return part == rest[-1]
        script_or_region = (part.isalpha() and len(part) in (2, 4)) or (part.isdigit() and len(part) == 3)
        if not (part.isascii() and script_or_region):
            return True
    return False


def by_family(codes: Iterable[str]) -> tuple[str, ...]:
    """The codes ordered by family, branch and name, so that relatives stand side by side in a figure."""
    return tuple(sorted(codes, key=lambda code: _place(language(code))))


def _place(found: Language) -> tuple[str, str, str, str]:
    return found.family, found.branch, found.name, found.code
