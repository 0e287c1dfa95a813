"""The corpus itself: which sentence, in which language, belongs to which picture."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from clipnb.corpus.parts import Chosen, Pairs, Problem
from clipnb.errors import CorpusError, EmptyInput, UnknownLanguage, WrongType, nearest, quote
from clipnb.languages import language

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Corpus"]


@dataclass(frozen=True, eq=False)
class Corpus:
    """Pictures, each with no, one or several sentences in every language.

    Attributes:
        name: of the corpus.
        images: what ``encode_image`` takes, one a picture; empty where the corpus is text alone.
        image_ids: one a picture, each once. Where there are no pictures, what the sentences are about.
        captions: the sentences by the code of their language, which is brought into the form of
            :func:`clipnb.languages.language`.
        image_of: the index of the picture of each sentence, by the same codes.
        source: where it comes from.
        licence: under which terms.
        notes: what the reader found wrong in the files; :attr:`problems` shows them as a table.

    Raises:
        UnknownLanguage: a code is unknown.
        CorpusError: the parts contradict each other, or a picture stands twice in ``image_ids``.
        EmptyInput: no pictures, no languages, a language without sentences, or a sentence without text.
    """

    name: str
    images: Sequence[Any]
    image_ids: tuple[str, ...]
    captions: Mapping[str, tuple[str, ...]]
    image_of: Mapping[str, tuple[int, ...]]
    source: str = ""
    licence: str = ""
    notes: tuple[Problem, ...] = ()

    def __post_init__(self) -> None:
        if isinstance(self.image_ids, str):
            raise WrongType(f"image_ids is one text, {self.image_ids!r}; expected one id a picture")
        ids = tuple(str(name) for name in self.image_ids)
        if not ids:
            raise EmptyInput(f"{self.name}: no pictures")
        if len(self.images) not in (0, len(ids)):
            raise CorpusError(f"{self.name}: {len(self.images)} pictures and {len(ids)} image_ids; expected one each")
        places: dict[str, int] = {}
        for place, name in enumerate(ids):
            if places.setdefault(name, place) != place:
                raise CorpusError(
                    f"{self.name}: the picture {name!r} stands twice, as {places[name]} and as {place}; give it once, "
                    "with several captions"
                )
        if set(self.captions) != set(self.image_of):
            raise CorpusError(
                f"{self.name}: captions in {sorted(self.captions)}, but image_of for {sorted(self.image_of)}"
            )
        if not self.captions:
            raise EmptyInput(f"{self.name}: no languages")
        captions: dict[str, tuple[str, ...]] = {}
        image_of: dict[str, tuple[int, ...]] = {}
        for given, texts in self.captions.items():
            code = language(given).code
            if code in captions:
                raise CorpusError(f"{self.name}: {given!r} and another code both mean {code!r}; join their captions")
            captions[code], image_of[code] = self._checked(given, texts, self.image_of[given], len(ids))
        for field, value in (("image_ids", ids), ("captions", captions), ("image_of", image_of)):
            object.__setattr__(self, field, value)

    def _checked(
        self, code: str, texts: Iterable[str], places: Iterable[int], pictures: int
    ) -> tuple[tuple[str, ...], tuple[int, ...]]:
        if isinstance(texts, str):
            raise WrongType(f"{self.name}: the captions in {code!r} are one text; expected a list of them")
        try:
            found, indices = tuple(texts), tuple(map(operator.index, places))
        except TypeError as error:
            raise WrongType(f"{self.name}: image_of[{code!r}]: {error}; expected the index of a picture") from error
        if not found:
            raise EmptyInput(f"{self.name}: no caption in {code!r}; leave that language out")
        if len(found) != len(indices):
            raise CorpusError(
                f"{self.name}: {len(found)} captions in {code!r}, and image_of has {len(indices)} entries; expected "
                "one each"
            )
        for i, (text, place) in enumerate(zip(found, indices, strict=True)):
            if not isinstance(text, str):
                raise WrongType(f"{self.name}: caption {i} in {code!r} is {text!r}, a {type(text).__name__}")
            if not text.strip():
                raise EmptyInput(f"{self.name}: caption {i} in {code!r}, of picture {place}, is blank; leave it out")
            if not 0 <= place < pictures:
                raise CorpusError(
                    f"{self.name}: caption {i} in {code!r}, {quote(text)}, belongs to picture {place}, and there are "
                    f"{pictures}"
                )
        return found, indices

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        texts = sum(map(len, self.captions.values()))
        shown = ", ".join(self.languages[:8]) + (", ..." if len(self.languages) > 8 else "")
        what = "pictures" if len(self.images) else "concepts without pictures"
        return f"Corpus({self.name!r}, {len(self)} {what}, {texts} texts in {len(self.captions)} languages: {shown})"

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes of the captions, in the order given."""
        return tuple(self.captions)

    @property
    def problems(self) -> pd.DataFrame:
        """What was wrong in the files: columns where (a file, a column or a picture), line (from 1) and what."""
        import pandas as pd

        table = pd.DataFrame(list(self.notes), columns=list(Problem._fields))
        return table.astype({"line": "Int64"})

    @property
    def missing(self) -> pd.DataFrame:
        """Pictures without a caption: a row per language that has some, with language, count and image_ids."""
        import pandas as pd

        rows = []
        for code, places in self.image_of.items():
            there = set(places)
            absent = tuple(name for i, name in enumerate(self.image_ids) if i not in there)
            if absent:
                rows.append((code, len(absent), absent))
        return pd.DataFrame(rows, columns=["language", "count", "image_ids"])

    def code(self, wanted: str) -> str:
        """The code of a language of this corpus, from any way of writing it.

        Raises:
            UnknownLanguage: it is not among them; with the nearest.
        """
        found = language(wanted).code
        if found not in self.captions:
            raise UnknownLanguage(
                f"{self.name} has no captions in {wanted!r}.{nearest(wanted, self.captions)} It has: "
                f"{', '.join(self.captions)}."
            )
        return found

    def select(
        self,
        *,
        languages: str | Sequence[str] | None = None,
        images: slice | Sequence[int] | Sequence[str] | NDArray[Any] | None = None,
    ) -> Corpus:
        """The corpus of some languages, or of some pictures, in the order given.

        Args:
            languages: codes.
            images: ids of pictures, indices, a slice, or a boolean mask.

        Raises:
            UnknownLanguage, CorpusError: a language or a picture that the corpus does not have.
            EmptyInput: a language has no caption for the pictures that were chosen.
        """
        wanted = self.languages if languages is None else languages
        codes = [self.code(code) for code in ([wanted] if isinstance(wanted, str) else wanted)]
        captions = {code: self.captions[code] for code in codes}
        image_of = {code: self.image_of[code] for code in codes}
        if images is None:
            return replace(self, captions=captions, image_of=image_of)
        rows = self._rows(images)
        new = {old: i for i, old in enumerate(rows)}
        for code in codes:
            kept = [
                (text, new[place]) for text, place in zip(captions[code], image_of[code], strict=True) if place in new
            ]
            if not kept:
                raise EmptyInput(
                    f"{self.name}: no caption in {code!r} for the {len(rows)} chosen pictures; name the other "
                    "languages, languages="
                )
            captions[code] = tuple(text for text, _ in kept)
            image_of[code] = tuple(place for _, place in kept)
        return replace(
            self,
            images=Chosen(self.images, rows) if len(self.images) else (),
            image_ids=tuple(self.image_ids[row] for row in rows),
            captions=captions,
            image_of=image_of,
        )

    def _rows(self, wanted: Any) -> list[int]:
        if isinstance(wanted, (str, int)) or not (isinstance(wanted, slice) or hasattr(wanted, "__getitem__")):
            raise WrongType(f"images={wanted!r}; expected a list of ids or indices, a slice or a mask")
        if not isinstance(wanted, slice) and len(wanted) and isinstance(wanted[0], str):
            place = {name: i for i, name in enumerate(self.image_ids)}
            for name in wanted:
                if name not in place:
                    raise CorpusError(f"{self.name} has no picture {name!r}.{nearest(name, place)}")
            return [place[name] for name in wanted]
        try:
            chosen = wanted if isinstance(wanted, slice) else np.asarray(wanted, dtype=None if len(wanted) else np.intp)
            return [int(row) for row in np.arange(len(self))[chosen]]
        except IndexError as error:
            raise CorpusError(f"{self.name} has {len(self)} pictures: {error}") from error

    def texts_of(self, code: str) -> list[tuple[str, ...]]:
        """The captions of every picture in one language, in the order of the pictures; empty where there is none."""
        code = self.code(code)
        found: list[list[str]] = [[] for _ in self.image_ids]
        for text, place in zip(self.captions[code], self.image_of[code], strict=True):
            found[place].append(text)
        return [tuple(texts) for texts in found]

    def pairs(self, a: str, b: str, *, combinations: bool = False) -> Pairs:
        """Captions of the pictures that have one in both languages.

        Args:
            a: one language.
            b: the other.
            combinations: every caption in ``a`` with every one in ``b``; default: the first with the first.

        Returns:
            Pairs, in the order of the pictures; empty where no picture has captions in both.
        """
        found: list[tuple[str, str, int]] = []
        for place, (left, right) in enumerate(zip(self.texts_of(a), self.texts_of(b), strict=True)):
            if not combinations:
                left, right = left[:1], right[:1]
            found += [(one, other, place) for one in left for other in right]
        return Pairs(
            tuple(one for one, _, _ in found),
            tuple(other for _, other, _ in found),
            np.array([place for _, _, place in found], dtype=np.intp),
        )

    def table(self, *, every: bool = False) -> pd.DataFrame:
        """The captions as a table.

        Args:
            every: a row per caption, with image, language, number (from 0) and text. Default: a row per picture, its id
                as the index, and a column per language with the first caption, missing where there is none.
        """
        import pandas as pd

        texts = {code: self.texts_of(code) for code in self.languages}
        if not every:
            columns = {code: [found[0] if found else None for found in lists] for code, lists in texts.items()}
            return pd.DataFrame(columns, index=pd.Index(self.image_ids, name="image"), dtype=object)
        rows = [
            (name, code, number, text)
            for i, name in enumerate(self.image_ids)
            for code in self.languages
            for number, text in enumerate(texts[code][i])
        ]
        return pd.DataFrame(rows, columns=["image", "language", "number", "text"])
