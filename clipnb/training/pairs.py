"""What a student learns from: a sentence for the teacher, and the same in any language for the student."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from clipnb.corpus import Corpus
from clipnb.errors import CorpusError, EmptyInput, UnsupportedOption, WrongType, quote
from clipnb.languages import language

__all__ = ["ParallelTexts", "parallel_texts"]


@dataclass(frozen=True, eq=False)
class ParallelTexts:
    """Pairs of sentences: entry ``i`` of each tuple belongs to pair ``i``.

    Attributes:
        sources: what the teacher reads, as a rule English.
        texts: what the student reads.
        languages: the code of the language of each text.
        unpaired: texts, by language, whose picture has no sentence for the teacher; they are not among the pairs.

    Raises:
        CorpusError: the tuples differ in length.
        EmptyInput: there are no pairs, or a sentence is blank.
        WrongType: a sentence is no text.
        UnknownLanguage: a code is unknown.
    """

    sources: tuple[str, ...]
    texts: tuple[str, ...]
    languages: tuple[str, ...]
    unpaired: Mapping[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not len(self.sources) == len(self.texts) == len(self.languages):
            raise CorpusError(
                f"{len(self.sources)} sources, {len(self.texts)} texts and {len(self.languages)} languages; "
                "expected one of each a pair"
            )
        if not self.texts:
            raise EmptyInput("no pairs of sentences")
        for column in ("sources", "texts"):
            for i, text in enumerate(getattr(self, column)):
                if not isinstance(text, str):
                    raise WrongType(f"pair {i}: {text!r} among the {column} is a {type(text).__name__}, not a text")
                if not text.strip():
                    raise EmptyInput(f"pair {i}: blank among the {column}, beside {self.sources[i]!r}; leave it out")
        codes = {given: language(given).code for given in set(self.languages)}
        object.__setattr__(self, "languages", tuple(codes[given] for given in self.languages))

    def __len__(self) -> int:
        return len(self.texts)

    def __repr__(self) -> str:
        left = f"; {sum(self.unpaired.values())} texts without a source left out" if self.unpaired else ""
        counted = ", ".join(f"{code} {count}" for code, count in Counter(self.languages).most_common(8))
        return f"ParallelTexts({len(self)} pairs: {counted}{', ...' if len(set(self.languages)) > 8 else ''}{left})"

    def take(self, rows: Iterable[int]) -> ParallelTexts:
        """These pairs, in this order."""
        chosen = list(rows)
        sources, texts, codes = (
            tuple(column[row] for row in chosen) for column in (self.sources, self.texts, self.languages)
        )
        return ParallelTexts(sources, texts, codes)

    def split(self, share: float, seed: int = 0) -> tuple[ParallelTexts, ParallelTexts]:
        """Pairs to learn from, and pairs to be tested on: no source is on both sides.

        Args:
            share: of the sources that go to the second part, between 0 and 1.
            seed: which ones.

        Raises:
            UnsupportedOption: no such share.
            EmptyInput: one of the parts would be empty.
        """
        if not 0 < share < 1:
            raise UnsupportedOption(f"validation={share}: expected a share of the sources, between 0 and 1")
        known = sorted(set(self.sources))
        apart = set(np.random.default_rng(seed).permutation(len(known))[: round(share * len(known))].tolist())
        held = {source for i, source in enumerate(known) if i in apart}
        if not 0 < len(held) < len(known):
            raise EmptyInput(f"validation={share}: of {len(known)} sources that leaves one part empty")
        inside = [source in held for source in self.sources]
        return (
            self.take([i for i, there in enumerate(inside) if not there]),
            self.take([i for i, there in enumerate(inside) if there]),
        )

    def digest(self) -> str:
        """A fingerprint of the pairs in their order."""
        found = hashlib.sha256()
        for row in zip(self.sources, self.texts, self.languages, strict=True):
            found.update("\0".join(row).encode("utf-8", "surrogatepass") + b"\1")
        return found.hexdigest()[:32]


def parallel_texts(
    given: Corpus | ParallelTexts | Iterable[Sequence[str]],
    *,
    pivot: str = "en",
    languages: str | Sequence[str] | None = None,
    combinations: bool = False,
) -> ParallelTexts:
    """Pairs from whatever holds parallel sentences.

    Args:
        given: a :class:`clipnb.Corpus` (any table with a column a language becomes one by
            :func:`clipnb.datasets.parallel_table`); or triples of source, text and language.
        pivot: of a corpus, the language that the teacher reads. Its own sentences are paired with themselves.
        languages: of a corpus, what the student reads. Default: all, the pivot's among them.
        combinations: a text goes with every sentence of the pivot on the same picture; default: with the first.

    Raises:
        UnknownLanguage: the corpus does not have a language, or the pivot.
        CorpusError: an entry is no triple.
        ClipnbError: what :class:`ParallelTexts` raises.
    """
    if isinstance(given, ParallelTexts):
        return given
    if not isinstance(given, Corpus):
        return _triples(given)
    reads = given.texts_of(pivot)
    wanted = given.languages if languages is None else [languages] if isinstance(languages, str) else languages
    rows: list[tuple[str, str, str]] = []
    unpaired: dict[str, int] = {}
    for code in dict.fromkeys(map(given.code, wanted)):
        for text, place in zip(given.captions[code], given.image_of[code], strict=True):
            if code == given.code(pivot):
                rows.append((text, text, code))
            elif not reads[place]:
                unpaired[code] = unpaired.get(code, 0) + 1
            else:
                rows += [(source, text, code) for source in reads[place][: None if combinations else 1]]
    if not rows:
        raise EmptyInput(f"{given.name}: no picture with a sentence in {pivot!r} and in one of {list(wanted)}")
    sources, texts, codes = zip(*rows, strict=True)
    return ParallelTexts(sources, texts, codes, unpaired)


def _triples(given: Any) -> ParallelTexts:
    if isinstance(given, (str, bytes)) or not isinstance(given, Iterable):
        raise WrongType(
            f"parallel sentences are a clipnb.Corpus or triples of source, text and language, not a "
            f"{type(given).__name__}; clipnb.datasets.parallel_table reads tables"
        )
    rows = []
    for i, entry in enumerate(given):
        if isinstance(entry, str) or not isinstance(entry, Sequence) or len(entry) != 3:
            raise CorpusError(f"pair {i} is {quote(repr(entry))}; expected source, text and language")
        rows.append(tuple(entry))
    if not rows:
        raise EmptyInput("no pairs of sentences")
    sources, texts, codes = zip(*rows, strict=True)
    return ParallelTexts(sources, texts, codes)
