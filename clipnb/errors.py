"""The package's own errors and warnings. Each message names the input and says what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "ApproximateSearch",
    "AssumedActivation",
    "BadTemplate",
    "BaselineMismatch",
    "ClipnbError",
    "CorpusError",
    "DuplicateLabels",
    "EmptyInput",
    "EmptyLabels",
    "FolderBusy",
    "InvalidEmbeddings",
    "LowerPrecision",
    "MissingExtra",
    "ModelFolderError",
    "ModelUnavailable",
    "NoImageTower",
    "NoLabels",
    "PromptFileError",
    "RandomWeights",
    "SourceError",
    "StoreError",
    "TextTooLong",
    "TooFewExamples",
    "TruncatedText",
    "UnknownColumn",
    "UnknownConcept",
    "UnknownFamily",
    "UnknownLabel",
    "UnknownLanguage",
    "UnknownModel",
    "UnknownPromptSet",
    "UnknownStyle",
    "UnreadableImage",
    "UnsafeCheckpoint",
    "UnsupportedModel",
    "UnsupportedOption",
    "UnusedIndex",
    "WrongShape",
    "WrongType",
    "nearest",
    "quote",
]


class ClipnbError(Exception):
    """The root of every error that this package raises on purpose."""


class WrongType(ClipnbError, TypeError):
    """A value is of a type that the function does not take."""


class WrongShape(ClipnbError, ValueError):
    """An array has the wrong number of axes, or two inputs that belong together differ in length."""


class EmptyInput(ClipnbError, ValueError):
    """A list that must hold something is empty."""


class EmptyLabels(EmptyInput):
    """The list of labels is empty, or one of the labels is blank."""


class DuplicateLabels(ClipnbError, ValueError):
    """The same label stands twice in the list."""


class UnknownLabel(ClipnbError, ValueError):
    """The true label of a picture is not among the class names, or there is not one per picture."""


class NoLabels(ClipnbError, ValueError):
    """A score was asked for, and the true labels were not given."""


class TooFewExamples(ClipnbError, ValueError):
    """A class has fewer labelled examples than a method, or the call, needs."""


class BadTemplate(ClipnbError, ValueError):
    """A prompt template has no place for the label, or more than one."""


class PromptFileError(ClipnbError, ValueError):
    """A file of class names or templates is missing, or cannot be read as one."""


class UnknownPromptSet(ClipnbError, ValueError):
    """No set of class names, or of templates, has this name."""


class TextTooLong(ClipnbError, ValueError):
    """A text has more tokens than the model's context."""


class UnreadableImage(ClipnbError, ValueError):
    """A picture cannot be read: missing, damaged, empty, too large or in a format without a defined range."""


class InvalidEmbeddings(ClipnbError, ValueError):
    """Embeddings with rows that are zero or not finite, of the wrong shape, or too few of them."""


class UnknownModel(ClipnbError, ValueError):
    """No model of this name is known."""


class UnknownFamily(ClipnbError, ValueError):
    """No family of models has this name."""


class UnsupportedModel(ClipnbError, NotImplementedError):
    """The model is known, and this version cannot load it yet."""


class NoImageTower(ClipnbError, ValueError):
    """A text-only checkpoint whose image tower is not known, or was not wanted."""


class UnsafeCheckpoint(ClipnbError, ValueError):
    """Reading the checkpoint would run code that it carries, and the caller has not consented."""


class ModelUnavailable(ClipnbError, OSError):
    """The model is not on this machine, and its home could not be reached."""


class ModelFolderError(ClipnbError, OSError):
    """A model's folder is missing, incomplete or damaged."""


class SourceError(ClipnbError, ValueError):
    """What was given to be embedded cannot be read, or not be told apart."""


class CorpusError(ClipnbError, ValueError):
    """A parallel corpus contradicts itself, or its files are not in the layout that was expected."""


class UnknownColumn(ClipnbError, ValueError):
    """A table has no such column, or none that can be guessed."""


class StoreError(ClipnbError, OSError):
    """A folder of embeddings cannot be written or read, or belongs to something else."""


class FolderBusy(StoreError):
    """Another run writes into the same folder."""


class UnsupportedOption(ClipnbError, ValueError):
    """A keyword argument has a value that this version, this model or this machine does not support."""


class UnknownStyle(ClipnbError, ValueError):
    """No emoji drawing style of this name ships with the package."""


class UnknownLanguage(ClipnbError, ValueError):
    """No language has this code, or a corpus, the emoji names or the known models do not have this language."""


class UnknownConcept(ClipnbError, ValueError):
    """No such emoji, code, name or group in the set."""


class MissingExtra(ClipnbError, ImportError):
    """An optional package is not installed."""


class AssumedActivation(UserWarning):
    """A file of weights does not say its activation, QuickGELU or GELU, and one was assumed."""


class BaselineMismatch(UserWarning):
    """Cosines are compared with those of texts in other templates."""


class ApproximateSearch(UserWarning):
    """Rows were found by an index that misses some; the message says how many, where that was measured."""


class UnusedIndex(UserWarning):
    """The index beside some rows cannot be used, and all of them were searched; the message says why."""


class LowerPrecision(UserWarning):
    """A model was opened in a precision that costs accuracy; the message says how much, where that was measured."""


class RandomWeights(UserWarning):
    """A model for practice was opened: its files are in the form of the real one's, its weights are random."""


class TruncatedText(UserWarning):
    """Texts were cut at the model's context length, because the call allowed it."""


def nearest(name: str, known: Iterable[str]) -> str:
    """`` Did you mean 'a' or 'b'?`` for the known names that look most like ``name``, or an empty string."""
    folded = {entry.casefold(): entry for entry in known}
    close = difflib.get_close_matches(str(name).casefold(), folded, n=3, cutoff=0.5)
    return f" Did you mean {' or '.join(repr(folded[entry]) for entry in close)}?" if close else ""


def quote(text: str, limit: int = 40) -> str:
    """The text between quotes, shortened for a message."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")
