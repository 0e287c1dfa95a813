"""Class names put into sentences, and the sentences of a class put together again."""

from __future__ import annotations

import string
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from clipnb.errors import BadTemplate, DuplicateLabels, EmptyLabels, WrongType, nearest
from clipnb.types import ClipModel, Embeddings, unit_rows

__all__ = ["TEMPLATES", "Prompts", "check_classnames"]

TEMPLATES: dict[str, tuple[str, ...]] = {
    "plain": ("{}",),
    "photo": ("a photo of a {}.", "a blurry photo of a {}.", "a close-up photo of a {}.", "a photo of the {}."),
    "emoji": ("{}", "an emoji of a {}", "a drawing of a {}", "an icon of a {}"),
}
"""Named sets of templates. The photographic ones follow OpenAI's for ImageNet."""


def check_classnames(classnames: Sequence[str]) -> tuple[str, ...]:
    """The class names as a tuple.

    Raises:
        WrongType: not a list, or something in it is not a text.
        EmptyLabels: none, or a blank one.
        DuplicateLabels: the same name twice; it would share its own probability.
    """
    if isinstance(classnames, (str, bytes)):
        raise WrongType(f"classnames is one text, {classnames!r}; expected a list of texts: [{classnames!r}]")
    try:
        names = tuple(classnames)
    except TypeError as error:
        raise WrongType(f"classnames is a {type(classnames).__name__}; expected a list of texts") from error
    if not names:
        raise EmptyLabels("the list of labels is empty; give at least one")
    for position, name in enumerate(names):
        if not isinstance(name, str):
            raise WrongType(f"label {position} is {name!r}, a {type(name).__name__}; expected a text")
        if not name.strip():
            raise EmptyLabels(f"label {position} is blank: {name!r}")
    # Tokenizers drop the white space around, so these are the same label too.
    twice = [name for name, count in Counter(" ".join(name.split()) for name in names).items() if count > 1]
    if twice:
        raise DuplicateLabels(f"labels stand more than once: {', '.join(map(repr, twice))}; keep one of each")
    return names


def _check_templates(templates: str | Sequence[str]) -> tuple[str, ...]:
    if isinstance(templates, str):
        if templates not in TEMPLATES:
            raise BadTemplate(
                f"no set of templates is called {templates!r}; known: {', '.join(TEMPLATES)}."
                f"{nearest(templates, TEMPLATES)} One's own go into a list: [{templates!r}]"
            )
        return TEMPLATES[templates]
    given = tuple(templates)
    if not given:
        raise BadTemplate("the list of templates is empty; '{}' alone stands for the bare label")
    for template in given:
        if not isinstance(template, str):
            raise WrongType(f"template {template!r} is a {type(template).__name__}; expected a text with one {{}}")
        try:
            fields = [name for _, name, _, _ in string.Formatter().parse(template) if name is not None]
        except ValueError as error:
            raise BadTemplate(f"template {template!r}: {error}; expected a text with one {{}}") from error
        if fields != [""]:
            raise BadTemplate(
                f"template {template!r} has {len(fields)} places for the label; expected exactly one {{}}"
            )
    return given


@dataclass(frozen=True)
class Prompts:
    """The texts that stand for each class: every class name in every template.

    Attributes:
        classnames: what to tell apart; in any language the model knows.
        templates: sentences with one ``{}``, or the name of a set in :data:`TEMPLATES`.

    Raises:
        EmptyLabels, DuplicateLabels, BadTemplate, WrongType: each names the label or the template.
    """

    classnames: tuple[str, ...]
    templates: tuple[str, ...] = ("{}",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "classnames", check_classnames(self.classnames))
        object.__setattr__(self, "templates", _check_templates(self.templates))

    @classmethod
    def of(cls, classnames: Prompts | Sequence[str], templates: str | Sequence[str] | None = None) -> Prompts:
        """Prompts from a list of names and a list, or a named set, of templates; Prompts pass through."""
        if isinstance(classnames, Prompts):
            return classnames if templates is None else cls(classnames.classnames, _check_templates(templates))
        return cls(check_classnames(classnames), _check_templates("plain" if templates is None else templates))

    def __len__(self) -> int:
        return len(self.classnames)

    @property
    def texts(self) -> list[list[str]]:
        """texts[class][template]."""
        return [[template.format(name) for template in self.templates] for name in self.classnames]

    def encode(self, model: ClipModel, *, truncate: bool = False) -> Embeddings:
        """One direction per class, the mean of its templates' unit vectors made a unit vector again.

        Ensembling in embedding space: Radford et al. 2021, "Learning Transferable Visual Models From Natural
        Language Supervision", section 3.1.4.

        Raises:
            TextTooLong: a text exceeds the model's context, and ``truncate`` is False.
        """
        flat = [text for texts in self.texts for text in texts]
        vectors = unit_rows(model.encode_text(flat, truncate=truncate))
        mean = vectors.reshape(len(self), len(self.templates), -1).mean(axis=1, dtype=np.float64)
        return Embeddings(mean.astype(np.float32), self.classnames, "text", model.name)
