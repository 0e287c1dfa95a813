"""Alignment: where the sentences of each language lie, beside the pivot's and on the pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from clipnb.aligning.tables import (
    Rows,
    Settings,
    cross_tables,
    gap_table,
    ranking_table,
    recall_table,
    token_table,
    translation_table,
)
from clipnb.aligning.words import describe
from clipnb.corpus import EncodedCorpus
from clipnb.errors import UnsupportedOption
from clipnb.languages import language
from clipnb.progress import bar
from clipnb.retrieval import Ranks

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Alignment"]


@dataclass(frozen=True, eq=False)
class Alignment:
    """How the languages of a corpus lie in a model's space. Made by :func:`clipnb.alignment`.

    Attributes:
        encoded: the rows that everything is computed from.
        settings: pivot, seed and the like.
        recall: a row per language, direction (``text_to_image``, ``image_to_text``) and k: recall, low, high (interval
            over pictures, 95 %), chance (the recall of guessing), queries, items (how many there were to find it
            among). Ties count against the query. Without pictures it has no rows.
        translation: a row per language but the pivot: pivot, pairs (pictures with a text in both), cosine (mean over
            the pairs of first texts), low, high, null (mean cosine of shuffled pairs), null_std, auc (how often a
            true pair is nearer than a shuffled one), percentile (of the mean cosine among the shuffled pairs).
        cross: recall@1 of texts among texts, the row's language asking the column's; see ``cross_counts``.
        cross_counts: how many texts each cell of ``cross`` is about.
        gaps: a row per language and centred (False, True): pairs (pictures with a text here and in the pivot),
            to_pivot and to_images (distance of the centres, within [0, 2]), separability (of the sentences from the
            pivot's: cross-validated accuracy of a plane, 0.5: none; NaN for the pivot itself), rows (pairs it was
            computed from). Always of the rows as the model gave them.
        tokens: a row per language whose tokens were counted: texts, mean, median, max, truncated, context_length.
        ranks: the place of the right answer for every query, by language; empty without pictures.
        ranking_correlation: with two models, a row per language: spearman (mean correlation of their rankings of the
            pictures, by text), low, high, queries, undefined (texts for which a model ranks nothing). Else None.
        other: with two models, the alignment of the second one.
        is_centred: whether each language's mean, and the pictures', was taken away first.
    """

    encoded: EncodedCorpus
    settings: Settings
    recall: pd.DataFrame
    translation: pd.DataFrame
    cross: pd.DataFrame
    cross_counts: pd.DataFrame
    gaps: pd.DataFrame
    tokens: pd.DataFrame
    ranks: Mapping[str, Ranks] = field(default_factory=dict)
    ranking_correlation: pd.DataFrame | None = None
    other: Alignment | None = None
    is_centred: bool = False

    @classmethod
    def of(
        cls,
        encoded: EncodedCorpus,
        settings: Settings,
        *,
        other: Alignment | None = None,
        before: Alignment | None = None,
        progress: bool = False,
    ) -> Alignment:
        """Compute every table.

        Args:
            encoded: the rows.
            settings: with the code of the pivot, which is among its languages.
            other: of a second model, on the same texts and pictures in the same order.
            before: what was found without centring; the rows are then centred, and its ``gaps`` and ``tokens`` stay.
            progress: show a bar.
        """
        rows = Rows(encoded, centre=before is not None)
        steps = 3 + (before is None) + (other is not None)
        total, what = steps * len(encoded.languages), f"aligning {encoded.model}".strip()
        with bar(progress, what, "language", total=total) as shown:
            recall, ranks = recall_table(rows, settings, shown)
            translation = translation_table(rows, settings, shown)
            cross, counts = cross_tables(rows, settings, shown)
            gaps = gap_table(rows, settings, shown) if before is None else before.gaps
            tokens = token_table(encoded) if before is None else before.tokens
            ranking = None
            if other is not None:
                ranking = ranking_table(rows, Rows(other.encoded, centre=other.is_centred), settings, shown)
        return cls(
            encoded,
            settings,
            recall,
            translation,
            cross,
            counts,
            gaps,
            tokens,
            ranks,
            ranking,
            other,
            before is not None,
        )

    @property
    def languages(self) -> tuple[str, ...]:
        """The codes, in the order of the corpus."""
        return self.encoded.languages

    @property
    def pivot(self) -> str:
        """The language that the others are compared with."""
        return self.settings.pivot

    @property
    def model(self) -> str:
        """The name of the model; empty where unknown."""
        return self.encoded.model

    @property
    def name(self) -> str:
        """The name of the corpus; empty where unknown."""
        return "" if self.encoded.corpus is None else self.encoded.corpus.name

    def __repr__(self) -> str:
        centred = ", centred" if self.is_centred else ""
        corpus = f" on {self.name}" if self.name else ""
        return (
            f"Alignment({self.model or 'a model'}{corpus}: {len(self.languages)} languages, {len(self.encoded)} "
            f"pictures, pivot {self.pivot}{centred})"
        )

    def centred(self, *, progress: bool = False) -> Alignment:
        """The same again, after the mean of each language's rows, and of the pictures', was taken away.

        The means are those of this very corpus, without any label: what the model could do if its languages were only
        shifted against each other.

        Raises:
            EmptyInput, InvalidEmbeddings: a language has a single text, or the same one throughout.
        """
        if self.is_centred:
            return self
        other = None if self.other is None else self.other.centred(progress=progress)
        return Alignment.of(self.encoded, self.settings, other=other, before=self, progress=progress)

    def summary(self) -> pd.DataFrame:
        """A row per language, the best first.

        Returns:
            A table indexed by language: name, family, recall of each direction at the largest k (``text_to_image@10``),
            cosine, null and auc of the translations, to_pivot and separability (before centring), tokens (mean) and
            truncated. NaN where something does not apply: the pivot has no translation into itself.
        """
        import pandas as pd

        table = pd.DataFrame(index=pd.Index(self.languages, name="language", dtype=object))
        known = [language(code) for code in self.languages]
        table["name"], table["family"] = [each.name for each in known], [each.family for each in known]
        k = self.settings.ks[-1]
        for direction in ("text_to_image", "image_to_text"):
            chosen = self.recall[(self.recall["direction"] == direction) & (self.recall["k"] == k)]
            if len(chosen):
                table[f"{direction}@{k}"] = chosen.set_index("language")["recall"]
        translation, tokens = self.translation.set_index("language"), self.tokens.set_index("language")
        for column in ("cosine", "null", "auc"):
            table[column] = translation[column]
        gaps = self.gaps[~self.gaps["centred"].astype(bool)].set_index("language")
        table["to_pivot"], table["separability"] = gaps["to_pivot"], gaps["separability"]
        table["tokens"], table["truncated"] = tokens["mean"], tokens["truncated"].astype("Int64")
        by = f"text_to_image@{k}" if len(self.recall) else "auc"
        return table.sort_values(by, ascending=False, kind="stable")

    def row(self, code: str, direction: str = "text_to_image", k: int | None = None) -> Mapping[str, Any]:
        """One row of ``recall``.

        Raises:
            UnknownLanguage, UnsupportedOption: no such language, direction or k; or the corpus has no pictures.
        """
        code, k = self.encoded.code(code), self.settings.ks[-1] if k is None else k
        table = self.recall
        found = table[(table["language"] == code) & (table["direction"] == direction) & (table["k"] == k)]
        if not len(found):
            ks = ", ".join(map(str, self.settings.ks))
            raise UnsupportedOption(
                f"no recall for direction={direction!r} and k={k}; there are text_to_image and image_to_text, k {ks}, "
                "if the corpus has pictures"
            )
        return {str(name): value for name, value in found.iloc[0].items()}

    def sentence(self, code: str) -> str:
        """What was found for one language, in words and figures.

        Raises:
            UnknownLanguage: it is not among them.
        """
        return describe(self, self.encoded.code(code))
