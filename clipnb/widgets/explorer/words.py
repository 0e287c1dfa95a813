"""The words for a selection: texts that are encoded once, when they are first needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, WrongType
from clipnb.exploring import Vocabulary, names_of_things, rank_texts
from clipnb.types import Embeddings
from clipnb.widgets.explorer.spaces import Space

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Words"]


class Words:
    """Texts to describe a selection with.

    Args:
        texts: candidates in any language, as texts or as Embeddings whose ids are the texts; None: names of things in
            the languages that the model reads.

    Raises:
        WrongType, EmptyInput: no list of texts, or none in it.
    """

    def __init__(self, texts: Sequence[str] | Embeddings | None) -> None:
        if isinstance(texts, str):
            raise WrongType(f"texts is one text, {texts!r}; expected a list of texts, or Embeddings")
        if not (texts is None or isinstance(texts, (Embeddings, Iterable))):
            raise WrongType(f"texts is a {type(texts).__name__}; expected a list of texts, or Embeddings")
        self._given: Embeddings | None = None
        self._vocabulary: Vocabulary | None = None
        if isinstance(texts, Embeddings):
            self._given = texts
        elif texts is not None:
            self._vocabulary = Vocabulary(tuple(dict.fromkeys(map(str, texts))))
        if texts is not None and not len(self._given or self._vocabulary or ()):
            raise EmptyInput("texts is empty; give some to choose words from, or None for names of things")
        self._own = texts is not None
        self._rows: dict[int, tuple[Embeddings, Vocabulary]] = {}

    def can(self, space: Space) -> bool:
        """Whether there are words for this space: texts that are encoded, or a model to encode them."""
        return space.knows_rows and (self._given is not None or space.model is not None)

    def waiting(self, space: Space) -> int:
        """How many texts have to be encoded first."""
        if self._given is not None or id(space) in self._rows or not self.can(space):
            return 0
        return len(self._texts(space))

    def of(
        self, space: Space, rows: NDArray[np.intp], k: int, done: Callable[[int], object] = lambda n: None
    ) -> pd.DataFrame:
        """What distinguishes the rows from the rest of the map; see :func:`clipnb.representative_texts`.

        Returns:
            Its table, with a column language where the texts' languages are known.
        """
        texts, known = self._encoded(space, done)
        count, own = len(space.rows), rows[rows < len(space.rows)]
        here = space.vectors(rows.tolist()).mean(axis=0, dtype=np.float64)
        elsewhere = None
        if len(own) < count:  # the sum of all less that of the selection: no copy of the rest
            elsewhere = (space.total - space.vectors(own.tolist()).sum(axis=0, dtype=np.float64)) / (count - len(own))
        found = rank_texts(space.texts(texts), here, elsewhere, k, one_of=known.about or None)
        if known.languages:
            code = dict(zip(known.texts, known.languages, strict=True))
            found.insert(1, "language", [code[text] for text in found["text"]])
        if known.about:
            of = dict(zip(known.texts, known.about, strict=True))
            english = {
                about: text
                for text, about, code in zip(known.texts, known.about, known.languages, strict=True)
                if code == "en"
            }
            found.insert(2, "in English", [english.get(of[text], "") for text in found["text"]])
        return found

    def _texts(self, space: Space) -> Vocabulary:
        if self._vocabulary is None:
            self._vocabulary = names_of_things(getattr(space.model, "languages", ()))
        return self._vocabulary

    def _encoded(self, space: Space, done: Callable[[int], object]) -> tuple[Embeddings, Vocabulary]:
        if self._given is not None:
            if self._given.dim != space.rows.dim:
                raise InvalidEmbeddings(
                    f"texts have {self._given.dim} columns, the rows of {space.name} {space.rows.dim}: two models?"
                )
            return self._given, Vocabulary(self._given.ids)
        if id(space) not in self._rows:
            texts: Any = self._texts(space)
            self._rows[id(space)] = texts.encode(space.model, done), texts
        return self._rows[id(space)]

    @property
    def code(self) -> str | None:
        """How Python gets the vocabulary again; None where texts were given."""
        return None if self._own else "clipnb.exploring.names_of_things(model.languages)"
