"""TowerComparison: recall by language and model, beside what others have published."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from clipnb.catalog import find
from clipnb.corpus import Corpus, EncodedCorpus
from clipnb.errors import UnknownLanguage, UnknownModel, UnsupportedOption, nearest
from clipnb.languages import language
from clipnb.retrieval import Ranks, Resampling, recall_rows
from clipnb.text_towers.published import DIRECTIONS, PublishedTable, of_corpus
from clipnb.types import ClipModel, Embeddings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TowerComparison", "TowerFacts"]


@dataclass(frozen=True)
class TowerFacts:
    """What has to be known of a model to read its numbers.

    Attributes:
        name: under which it was loaded.
        image_tower: by which the pictures were encoded.
        published_as: the name under which numbers of its weights are looked for.
        dim: columns of its features.
        context_length: tokens per text.
        made_for: the languages its texts were trained on; empty where nobody says.
        random: a stand-in for practice, whose numbers say nothing of the real model.
        truncated: texts that were cut at the context, by language.
    """

    name: str
    image_tower: str
    published_as: str
    dim: int
    context_length: int
    made_for: frozenset[str]
    random: bool
    truncated: Mapping[str, int]

    @classmethod
    def of(cls, model: ClipModel, tower: str, encoded: EncodedCorpus, published_as: str | None) -> TowerFacts:
        """The facts of a model that has just encoded a corpus."""
        from clipnb.models.practice import MARK

        plain = model.name.removesuffix(MARK)
        entry = find(plain)
        return cls(
            model.name,
            tower,
            published_as or (entry.name if entry else plain),
            model.dim,
            model.context_length,
            _codes(model.languages),
            plain != model.name,
            dict(encoded.truncated),
        )


@dataclass(frozen=True, eq=False)
class TowerComparison:
    """How well the texts of several models find the pictures of a corpus. Made by :func:`clipnb.compare_text_towers`.

    Attributes:
        corpus: with the languages that were asked.
        ranks: the place of the right answer for every query, by model and language.
        facts: by model.
        images: the rows of the pictures, by image tower; a later comparison takes them as ``images=``.
        ks: of recall@k, rising.
        resampling: for the intervals.
    """

    corpus: Corpus
    ranks: Mapping[str, Mapping[str, Ranks]]
    facts: Mapping[str, TowerFacts]
    images: Mapping[str, Embeddings]
    ks: tuple[int, ...]
    resampling: Resampling

    def __repr__(self) -> str:
        return (
            f"TowerComparison({', '.join(self.models)} on {self.corpus.name}: {len(self.corpus)} pictures, "
            f"{len(self.languages)} languages)"
        )

    @property
    def models(self) -> tuple[str, ...]:
        """What the models are called here."""
        return tuple(self.ranks)

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes, in the order of the corpus."""
        return self.corpus.languages

    @cached_property
    def recall(self) -> pd.DataFrame:
        """Everything measured, tidy.

        Columns model, language, direction, k, recall, low, high (interval over pictures, 95 %), chance (the recall of
        guessing), queries, items (among which was searched), made_for (whether the model was made for the language;
        missing where nobody says). Ties count against the query.
        """
        import pandas as pd

        rows: list[tuple[Any, ...]] = []
        for model, by_language in self.ranks.items():
            known = self.facts[model].made_for
            for code, ranks in by_language.items():
                mine = _covers(known, code) if known else None
                found = recall_rows(ranks, len(self.corpus), self.ks, self.resampling)
                rows += [(model, code, *row, mine) for row in found]
        names = ["model", "language", "direction", "k", "recall", "low", "high", "chance", "queries", "items"]
        return pd.DataFrame(rows, columns=[*names, "made_for"]).astype({"made_for": "boolean"})

    @property
    def published(self) -> pd.DataFrame:
        """What others have published of these models on this corpus, in the languages that were asked.

        Columns model (as it is called here), column (whose number), language, direction, k, recall, source, note. The
        numbers are of the whole corpus; the note says so where fewer pictures were searched here.
        """
        import pandas as pd

        rows = []
        for model, table in self._tables():
            note = table.note
            if table.pictures != len(self.corpus):
                note = f"of {table.pictures} pictures, and here there are {len(self.corpus)}" + (note and f"; {note}")
            for code, recall in table.of(self.facts[model].published_as).items():
                if code in self.languages:
                    rows.append((model, table.column, code, table.direction, table.k, recall, table.source, note))
        columns = ["model", "column", "language", "direction", "k", "recall", "source", "note"]
        return pd.DataFrame(rows, columns=columns)

    def table(
        self, k: int | None = None, direction: str = "text_to_image", *, published: bool = True, names: bool = False
    ) -> pd.DataFrame:
        """Recall@k in percent, languages x models, as published tables are printed.

        Args:
            k: one of :attr:`ks`; default: the largest.
            direction: ``"text_to_image"`` or ``"image_to_text"``.
            published: put others' numbers beside the measured ones.
            names: languages by their English names instead of their codes.

        Returns:
            A table with two rows of headings: the model, and ``measured`` (``random`` for a stand-in with random
            weights) or whose published number it is. NaN where nothing is published.

        Raises:
            UnsupportedOption: a k or a direction that was not measured.
        """
        import pandas as pd

        k = self._checked(k, direction)
        columns: dict[tuple[str, str], pd.Series] = {}
        ours = self._of(self.recall, k, direction)
        theirs = self._of(self.published, k, direction)
        for model in self.models:
            head = "random" if self.facts[model].random else "measured"
            columns[model, head] = ours[ours["model"] == model].set_index("language")["recall"]
            if published:
                for whose, part in theirs[theirs["model"] == model].groupby("column", sort=False):
                    columns[model, str(whose)] = part.set_index("language")["recall"]
        table = pd.DataFrame(columns, index=pd.Index(self.languages, name="language", dtype=object)).mul(100).round(1)
        table.columns = pd.MultiIndex.from_tuples(list(columns), names=["model", f"R@{k}"])
        return table.rename(index=lambda code: language(code).name) if names else table

    def summary(self, k: int | None = None) -> pd.DataFrame:
        """A row a model.

        Returns:
            A table indexed by model with the columns image_tower, weights (``"random"`` for a stand-in, else ``"as
            loaded"``), dim, context_length, made_for (how many of the languages asked it was made for; missing where
            nobody says), text_to_image and image_to_text (recall@k, the mean over the languages), best and worst (the
            languages of most and least text-to-image recall), truncated (texts cut).
        """
        import pandas as pd

        k = self._checked(k, DIRECTIONS[0])
        rows = []
        for model, facts in self.facts.items():
            of_model = self.recall[(self.recall["model"] == model) & (self.recall["k"] == k)]
            means = of_model.groupby("direction")["recall"].mean()
            to_image = of_model[of_model["direction"] == DIRECTIONS[0]].set_index("language")["recall"]
            row = {
                "image_tower": facts.image_tower,
                "weights": "random" if facts.random else "as loaded",
                "dim": facts.dim,
                "context_length": facts.context_length,
                "made_for": sum(_covers(facts.made_for, code) for code in self.languages) if facts.made_for else None,
                **{direction: float(means[direction]) for direction in DIRECTIONS},
                "best": str(to_image.idxmax()),
                "worst": str(to_image.idxmin()),
                "truncated": sum(facts.truncated.values()),
            }
            rows.append(row)
        table = pd.DataFrame(rows, index=pd.Index(self.models, name="model", dtype=object))
        return table.astype({"made_for": "Int64"})

    def difference(self, a: str, b: str, k: int | None = None, direction: str = "text_to_image") -> pd.DataFrame:
        """Recall of one model less that of another, on the very same queries.

        The interval is of the difference, resampled picture by picture, and so narrower than those of the two models
        look: a hard picture is hard for both.

        Returns:
            A table indexed by language: columns of ``a`` and of ``b`` by their names, difference (a - b), low, high.

        Raises:
            UnknownModel, UnsupportedOption: not compared, or not measured.
        """
        import pandas as pd

        for model in (a, b):
            if model not in self.ranks:
                there = ", ".join(map(repr, self.models))
                raise UnknownModel(f"{model!r} was not compared; there are {there}.{nearest(model, self.models)}")
        k = self._checked(k, direction)
        rows = []
        for code in self.languages:
            hits = [getattr(self.ranks[model][code], direction) <= k for model in (a, b)]
            ranks = self.ranks[a][code]
            groups = ranks.image_of if direction == DIRECTIONS[0] else ranks.pictures
            apart = hits[0].astype(np.float64) - hits[1]
            low, high = self.resampling.interval(apart, groups)
            rows.append((hits[0].mean(), hits[1].mean(), apart.mean(), low[0], high[0]))
        index = pd.Index(self.languages, name="language", dtype=object)
        return pd.DataFrame(rows, index=index, columns=[a, b, "difference", "low", "high"])

    def beside_published(self) -> pd.DataFrame:
        """Every published number beside the measured one.

        Returns:
            Columns model, column (whose number), language, direction, k, published, measured, low, high, difference
            (measured - published), within (whether the published number lies in the interval), note. Stand-ins with
            random weights are left out: nothing is measured of their models.
        """
        keys = ["model", "language", "direction", "k"]
        theirs = self.published.rename(columns={"recall": "published"})
        random = [model for model, facts in self.facts.items() if facts.random]
        both = theirs[~theirs["model"].isin(random)].merge(self.recall.rename(columns={"recall": "measured"}), on=keys)
        both["difference"] = both["measured"] - both["published"]
        both["within"] = (both["low"] <= both["published"]) & (both["published"] <= both["high"])
        first = ["model", "column", "language", "direction", "k", "published", "measured", "low", "high"]
        return both[[*first, "difference", "within", "note"]]

    def _tables(self) -> list[tuple[str, PublishedTable]]:
        tables = of_corpus(self.corpus.name)
        return [(model, table) for model in self.models for table in tables]

    def _checked(self, k: int | None, direction: str) -> int:
        if direction not in DIRECTIONS:
            raise UnsupportedOption(f"direction={direction!r}; expected one of {', '.join(DIRECTIONS)}")
        if k is not None and k not in self.ks:
            raise UnsupportedOption(f"recall@{k} was not measured; there is k {', '.join(map(str, self.ks))}, pass ks=")
        return self.ks[-1] if k is None else k

    @staticmethod
    def _of(table: pd.DataFrame, k: int, direction: str) -> pd.DataFrame:
        return table[(table["k"] == k) & (table["direction"] == direction)]


def _codes(given: Iterable[str]) -> frozenset[str]:
    """Codes as the package writes them."""
    found = set()
    for code in given:
        with contextlib.suppress(UnknownLanguage):  # a name of the catalog's that CLDR does not have is asked by nobody
            found.add(language(code).code)
    return frozenset(found)


def _covers(known: frozenset[str], code: str) -> bool:
    """Whether the languages include one, or it without its region or script: a model for pt is one for pt-PT."""
    return code in known or code.split("-")[0] in known
