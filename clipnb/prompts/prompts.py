"""Class names put into sentences, and the sentences of a class put together again."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clipnb.errors import DuplicateLabels, PromptFileError, UnknownLabel, UnsupportedOption, WrongType, nearest
from clipnb.prompts import files, sets
from clipnb.prompts.checks import (
    Templates,
    check_apart,
    check_classnames,
    check_once,
    check_templates,
    check_text,
    check_words,
)
from clipnb.prompts.classifiers import class_directions, forget
from clipnb.prompts.sets import TEMPLATES, ClassNames
from clipnb.types import ClipModel, Embeddings

__all__ = ["TEMPLATES", "Prompts", "check_classnames", "check_templates", "forget"]

Names = str | os.PathLike[str] | Sequence[str] | Mapping[str, Sequence[str]]


@dataclass(frozen=True, init=False)
class Prompts:
    """The texts that stand for each class: every name of it in every template.

    Args:
        classnames: what to tell apart, in any language the model knows: a list; the name of a set, such as
            ``"imagenet-1k"``, or :class:`clipnb.datasets.ClassNames`; a file, ``.txt`` with one name a line or
            ``.json``; or a mapping from each class to all its names.
        templates: sentences with one ``{}``; the name of a set, such as ``"imagenet-80"``; or a file of them.
        synonyms: for some classes, names beside their own. The sentences of all names are averaged, and the class
            keeps its name.

    Attributes:
        classnames: the names of the classes, a tuple; ClassNames where they were given.
        templates: the sentences, a tuple.
        words: for each class the names that are put into the sentences.

    Raises:
        EmptyLabels, DuplicateLabels, BadTemplate, UnknownLabel, PromptFileError, WrongType: each names the label, the
        template or the line.
    """

    classnames: tuple[str, ...]
    templates: tuple[str, ...]
    words: tuple[tuple[str, ...], ...]

    def __init__(
        self,
        classnames: Prompts | Names,
        templates: Templates = ("{}",),
        synonyms: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        names, words = _check_names(classnames)
        if not isinstance(synonyms, Mapping | None):
            raise WrongType(f"synonyms is {synonyms!r}; expected a mapping from a class to a list of its other names")
        for name, others in (synonyms or {}).items():
            if name not in names:
                raise UnknownLabel(f"synonyms are given for {name!r}, which is no class.{nearest(name, names)}")
            words[name] = (*words.get(name, (name,)), *check_words(name, others))
        classes = frozenset(names)
        for name, group in words.items():
            check_once(group, f"the names of class {name!r}")
            check_apart(name, group, classes)
        object.__setattr__(self, "classnames", names)
        object.__setattr__(self, "templates", check_templates(templates))
        object.__setattr__(self, "words", tuple(words.get(name, (name,)) for name in names))

    @classmethod
    def of(cls, classnames: Prompts | Names, templates: Templates | None = None) -> Prompts:
        """Prompts from whatever stands for class names and for templates; Prompts pass through."""
        if not isinstance(classnames, Prompts):
            return cls(classnames, "plain" if templates is None else templates)
        if templates is None:
            return classnames
        return cls(classnames, templates)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Prompts:
        """What :meth:`to_file` wrote; or a file of class names alone, for the bare names.

        Raises:
            PromptFileError: the file cannot be read, or has keys that mean nothing here; names the line.
            EmptyLabels, DuplicateLabels, BadTemplate: as for the class.
        """
        found = files.read_names(Path(path))
        if not (isinstance(found, dict) and "classnames" in found):
            return cls(Path(path))
        unknown = set(found) - {"classnames", "templates", "synonyms", "words"}
        if unknown:
            raise PromptFileError(f"{path} has the keys {', '.join(sorted(unknown))}, which mean nothing in Prompts")
        for key, kind in (("classnames", list), ("templates", list), ("synonyms", dict), ("words", dict)):
            if key in found and not isinstance(found[key], kind):
                raise PromptFileError(f"{path}: {key} is a {type(found[key]).__name__}; expected a {kind.__name__}")
        words = found.get("words", {})
        for name in words:
            if name not in found["classnames"]:
                raise PromptFileError(f"{path}: words are given for {name!r}, which is no class")
        named = {name: words.get(name, (name,)) for name in check_classnames(found["classnames"])}
        return cls(named, found.get("templates", ("{}",)), found.get("synonyms"))

    def to_file(self, path: str | os.PathLike[str]) -> None:
        """Write class names, templates and synonyms as JSON, for :meth:`from_file`.

        Raises:
            PromptFileError: the file cannot be written.
        """
        given: dict[str, Any] = {"classnames": list(self.classnames), "templates": list(self.templates)}
        pairs = list(zip(self.classnames, self.words, strict=True))
        if self.synonyms:
            given["synonyms"] = {name: list(others) for name, others in self.synonyms.items()}
        if replaced := {name: list(group) for name, group in pairs if group[0] != name}:
            given["words"] = replaced
        files.write_json(Path(path), given)

    def __len__(self) -> int:
        return len(self.classnames)

    @property
    def synonyms(self) -> dict[str, tuple[str, ...]]:
        """For the classes that have any, the names beside their own."""
        pairs = zip(self.classnames, self.words, strict=True)
        return {name: group[1:] for name, group in pairs if group[0] == name and len(group) > 1}

    @property
    def texts(self) -> list[list[str]]:
        """texts[class], every name of the class in every template; as many as it has names times templates."""
        return [[template.format(word) for word in group for template in self.templates] for group in self.words]

    def encode(
        self,
        model: ClipModel,
        *,
        truncate: bool = False,
        progress: bool = False,
        batch_size: int = 2048,
        cache: bool = True,
    ) -> Embeddings:
        """One direction per class, the mean of its texts' unit vectors made a unit vector again.

        Args:
            model: whose text tower encodes.
            truncate: cut texts at the model's context, with a warning that counts them, instead of raising.
            progress: show a bar over the texts.
            batch_size: texts handed to the model at a time, which bounds the memory.
            cache: keep the result with the model, and take it from there if the same texts were encoded before with
                the same object; 64 MB a model. Whoever changes a model's weights calls
                :func:`clipnb.prompts.forget`.

        Ensembling in embedding space: Radford et al. 2021, "Learning Transferable Visual Models From Natural
        Language Supervision", section 3.1.4.

        Raises:
            TextTooLong: a text exceeds the model's context, and ``truncate`` is False.
            UnsupportedOption: ``batch_size`` is less than one.
        """
        if batch_size < 1:
            raise UnsupportedOption(f"batch_size={batch_size}; expected one or more")
        rows = class_directions(
            model, self.texts, truncate=truncate, progress=progress, batch_size=batch_size, cache=cache
        )
        return Embeddings(rows, self.classnames, "text", model.name)


def _check_names(classnames: Prompts | Names) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The class names, and for those that have them the words that stand in their sentences."""
    given: Any = classnames
    if isinstance(given, Prompts):
        return given.classnames, dict(zip(given.classnames, given.words, strict=True))
    if isinstance(given, str) and given in sets.set_names("classnames"):
        given = sets.classnames(given)
    elif files.is_file(given):
        return _names_of_file(Path(given))
    if isinstance(given, Mapping):
        names = check_classnames(list(given))
        return names, {name: check_words(name, given[name]) for name in names}
    names = check_classnames(given)
    return names, dict(names.words) if isinstance(names, ClassNames) else {}


def _names_of_file(path: Path) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    found = files.read_names(path)
    if isinstance(found, dict):
        if "classnames" in found:
            prompts = Prompts.from_file(path)
            return prompts.classnames, dict(zip(prompts.classnames, prompts.words, strict=True))
        return _check_names(found)
    first: dict[str, str] = {}
    for text, where in found:
        check_text(text, f"{where}: the label")
        plain = " ".join(text.split())
        if plain in first:
            raise DuplicateLabels(f"{where}: the label {text!r} stands already in {first[plain]}; keep one")
        first[plain] = where.removeprefix(f"{path}, ")
    return check_classnames([text for text, _ in found]), {}
