"""A corpus as rows of a model: what every figure about languages is computed from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.corpus.parallel import Corpus
from clipnb.errors import CorpusError, EmptyInput, UnknownLanguage, nearest
from clipnb.languages import language
from clipnb.types import Embeddings

__all__ = ["EncodedCorpus"]


@dataclass(frozen=True, eq=False)
class EncodedCorpus:
    """Rows of pictures and of texts, with the picture that each text belongs to.

    Made by :func:`clipnb.encode_corpus`, or by hand from any rows.

    Attributes:
        images: a row a picture; None where there are no pictures.
        texts: rows by the code of their language, in the order of the captions.
        image_of: the picture of each text, its index, intp [text], by the same codes.
        tokens: tokens of each text before any cut, with the marks of start and end, int64 [text]; a language is
            absent where nobody counted.
        truncated: texts that were cut at the model's context, by language; absent likewise.
        context_length: of the model, in tokens; 0 where unknown.
        corpus: what was encoded, if known.

    Raises:
        UnknownLanguage, CorpusError, EmptyInput: the parts contradict each other.
    """

    images: Embeddings | None
    texts: Mapping[str, Embeddings]
    image_of: Mapping[str, NDArray[np.intp]]
    tokens: Mapping[str, NDArray[np.int64]] = field(default_factory=dict)
    truncated: Mapping[str, int] = field(default_factory=dict)
    context_length: int = 0
    corpus: Corpus | None = None

    def __post_init__(self) -> None:
        if not self.texts:
            raise EmptyInput("no texts: an encoded corpus has at least one language")
        if set(self.texts) != set(self.image_of):
            raise CorpusError(f"texts in {sorted(self.texts)}, but image_of for {sorted(self.image_of)}")
        texts = {language(code).code: rows for code, rows in self.texts.items()}
        if len(texts) < len(self.texts):
            raise CorpusError(f"two of the codes {sorted(self.texts)} mean the same language")
        image_of = {language(code).code: self._places(code, places) for code, places in self.image_of.items()}
        tokens = {language(code).code: np.asarray(counts, np.int64) for code, counts in self.tokens.items()}
        for code, counts in tokens.items():
            if code not in texts or len(counts) != len(texts[code]):
                raise CorpusError(f"tokens[{code!r}] has {len(counts)} entries; expected one for each text")
        parts = [*texts.values(), *([] if self.images is None else [self.images])]
        if len({rows.dim for rows in parts}) > 1:
            raise CorpusError(f"rows of different widths, {sorted({rows.dim for rows in parts})}: of two models?")
        truncated = {language(code).code: int(count) for code, count in self.truncated.items()}
        for name, value in (("texts", texts), ("image_of", image_of), ("tokens", tokens), ("truncated", truncated)):
            object.__setattr__(self, name, value)
        if self.corpus is not None:
            self._check_corpus(self.corpus)

    def _check_corpus(self, corpus: Corpus) -> None:
        """Refuse rows of something else: figures look up a row's sentence and picture there."""
        if self.images is not None and len(self.images) != len(corpus):
            raise CorpusError(f"{len(self.images)} rows of pictures, and {corpus.name} has {len(corpus)}")
        for code, places in self.image_of.items():
            if not np.array_equal(places, corpus.image_of[corpus.code(code)]):
                raise CorpusError(f"image_of[{code!r}] is not that of {corpus.name}: other texts, or in another order")

    def _places(self, code: str, given: ArrayLike) -> NDArray[np.intp]:
        found = np.array(given)
        if found.size and found.dtype.kind not in "iu":
            raise CorpusError(f"image_of[{code!r}] holds {found.dtype}; expected the index of each text's picture")
        places = found.astype(np.intp)
        if places.shape != (len(self.texts[code]),):
            raise CorpusError(f"image_of[{code!r}] has shape {list(places.shape)}; expected {[len(self.texts[code])]}")
        known = self.images if self.images is not None else self.corpus
        if len(places) and (places.min() < 0 or (known is not None and places.max() >= len(known))):
            there = "" if known is None else f"; there are {len(known)} pictures"
            raise CorpusError(f"image_of[{code!r}] runs from {places.min()} to {places.max()}{there}")
        places.setflags(write=False)
        return places

    def __repr__(self) -> str:
        of = f" of {self.corpus.name}" if self.corpus is not None else ""
        seen = f"{len(self)} pictures" if self.images is not None else "no pictures"
        texts, dim = sum(map(len, self.texts.values())), next(iter(self.texts.values())).dim
        what = f"{seen}, {texts} texts in {len(self.texts)} languages, dim={dim}"
        return f"EncodedCorpus({self.model or 'rows'}{of}: {what})"

    def __len__(self) -> int:
        """Pictures, or the things that the texts are about."""
        if self.images is not None:
            return len(self.images)
        if self.corpus is not None:
            return len(self.corpus)
        return 1 + max(int(places.max(initial=-1)) for places in self.image_of.values())

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the texts, in the order given."""
        return tuple(self.texts)

    @property
    def model(self) -> str:
        """The name of the model that made the rows; empty where unknown."""
        return next(iter(self.texts.values())).model

    @property
    def image_ids(self) -> tuple[str, ...]:
        """One a picture; numbers where nothing says them."""
        if self.images is not None:
            return self.images.ids
        return self.corpus.image_ids if self.corpus is not None else tuple(map(str, range(len(self))))

    def code(self, wanted: str) -> str:
        """The code of a language that is here, from any way of writing it.

        Raises:
            UnknownLanguage: it is not among them; with the nearest.
        """
        found = language(wanted).code
        if found not in self.texts:
            raise UnknownLanguage(
                f"no texts in {wanted!r}.{nearest(wanted, self.texts)} There are: {', '.join(self.texts)}."
            )
        return found

    def select(self, languages: str | Sequence[str]) -> EncodedCorpus:
        """The rows of some languages, in the order given, with all pictures."""
        codes = [self.code(code) for code in ([languages] if isinstance(languages, str) else languages)]
        return EncodedCorpus(
            self.images,
            {code: self.texts[code] for code in codes},
            {code: self.image_of[code] for code in codes},
            {code: self.tokens[code] for code in codes if code in self.tokens},
            {code: self.truncated[code] for code in codes if code in self.truncated},
            self.context_length,
            None if self.corpus is None else self.corpus.select(languages=codes),
        )
