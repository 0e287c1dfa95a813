"""What class names and templates have to be, checked before any work is done."""

from __future__ import annotations

import os
import string
from collections import Counter
from collections.abc import Iterable, Sequence, Set
from pathlib import Path

from clipnb.errors import BadTemplate, DuplicateLabels, EmptyLabels, WrongType, nearest
from clipnb.prompts import files, sets
from clipnb.prompts.sets import TEMPLATES, ClassNames

__all__ = ["Templates", "check_apart", "check_classnames", "check_once", "check_templates", "check_text", "check_words"]

Templates = str | os.PathLike[str] | Sequence[str]


def check_classnames(classnames: Sequence[str]) -> tuple[str, ...]:
    """The class names as a tuple; ClassNames stay what they are.

    Raises:
        WrongType: not a list, or something in it is not a text.
        EmptyLabels: none, or a blank one.
        DuplicateLabels: the same name twice; it would share its own probability.
    """
    if isinstance(classnames, (str, bytes)):
        known = sets.set_names("classnames")
        hint = f" A set has a name of its own.{nearest(classnames, known)}" if isinstance(classnames, str) else ""
        raise WrongType(f"classnames is one text, {classnames!r}; expected a list of texts: [{classnames!r}].{hint}")
    try:
        names = classnames if isinstance(classnames, ClassNames) else tuple(classnames)
    except TypeError as error:
        raise WrongType(f"classnames is a {type(classnames).__name__}; expected a list of texts") from error
    if not names:
        raise EmptyLabels("the list of labels is empty; give at least one")
    for position, name in enumerate(names):
        check_text(name, f"label {position}")
    check_once(names, "labels")
    return names


def check_templates(templates: Templates) -> tuple[str, ...]:
    """The templates as a tuple, from a list, the name of a set or a file.

    Raises:
        BadTemplate: none, an unknown set, or a template without one place for the label; names it, and its line.
        PromptFileError, WrongType: the file cannot be read; not a list of texts.
    """
    if isinstance(templates, str) and templates in TEMPLATES:
        return tuple(TEMPLATES[templates])
    if isinstance(templates, (str, os.PathLike)):
        if not files.is_file(templates):
            first = ", ".join(name for name in TEMPLATES if "-" not in name)
            raise BadTemplate(
                f"no set of templates is called {templates!r}; known: {first} and others, see "
                f"clipnb.datasets.prompt_sets().{nearest(str(templates), TEMPLATES)} One's own go into a list: "
                f"[{templates!r}]"
            )
        entries = files.read_templates(Path(templates))
        return tuple(_check_template(text, f"{where}: template {text!r}") for text, where in entries)
    try:
        given = tuple(templates)
    except TypeError as error:
        raise WrongType(f"templates is a {type(templates).__name__}; expected a list of texts with one {{}}") from error
    if not given:
        raise BadTemplate("the list of templates is empty; '{}' alone stands for the bare label")
    return tuple(_check_template(template, f"template {template!r}") for template in given)


def _check_template(template: str, called: str) -> str:
    if not isinstance(template, str):
        raise WrongType(f"{called} is a {type(template).__name__}; expected a text with one {{}}")
    try:
        fields = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
    except ValueError as error:
        raise BadTemplate(f"{called}: {error}; expected a text with one {{}}") from error
    if fields not in ([("", "", None)], [("", "", "")]):
        raise BadTemplate(f"{called} has {len(fields)} places for the label; expected exactly one {{}}")
    return template


def check_words(name: str, words: Sequence[str]) -> tuple[str, ...]:
    """The names of one class as a tuple; raises WrongType or EmptyLabels, with the class."""
    if isinstance(words, (str, bytes)) or not isinstance(words, Iterable):
        raise WrongType(f"the names of class {name!r} are {words!r}; expected a list of texts: [{words!r}]")
    given = tuple(words)
    if not given:
        raise EmptyLabels(f"the list of names of class {name!r} is empty; give at least one")
    for position, word in enumerate(given):
        check_text(word, f"name {position} of class {name!r}")
    return given


def check_text(text: object, called: str) -> None:
    """Raise WrongType or EmptyLabels unless it is a text that says something."""
    if not isinstance(text, str):
        raise WrongType(f"{called} is {text!r}, a {type(text).__name__}; expected a text")
    if not text.strip():
        raise EmptyLabels(f"{called} is blank: {text!r}")


def check_apart(name: str, words: Sequence[str], classes: Set[str]) -> None:
    """Raise DuplicateLabels if a class of several names goes by the name of another class as well."""
    others = classes & set(words) - {name}
    if others and len(words) > 1:  # a single name may be a published one, which two classes share
        raise DuplicateLabels(
            f"{', '.join(map(repr, sorted(others)))}, a name of class {name!r}, is a class of its own; leave it out of "
            "one of them"
        )


def check_once(texts: Sequence[str], called: str) -> None:
    """Raise DuplicateLabels if two of the texts are the same but for white space."""
    # Tokenizers drop the white space around, so these are the same label too.
    twice = [text for text, count in Counter(" ".join(text.split()) for text in texts).items() if count > 1]
    if twice:
        raise DuplicateLabels(f"{called} stand more than once: {', '.join(map(repr, twice))}; keep one of each")
