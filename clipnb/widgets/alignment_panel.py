"""The alignment panel: sentences in any language, how near they are to each other, and on which pictures they land."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as T

from clipnb.errors import EmptyInput, NoLabels, UnknownConcept, UnsupportedOption, nearest
from clipnb.types import ClipModel, FloatArray, unit_rows
from clipnb.widgets.alignment_view import AlignmentView, Found
from clipnb.widgets.judges import check_model
from clipnb.widgets.landing import Landing, Sentence, land, read_sentences
from clipnb.widgets.panel import Panel
from clipnb.widgets.scenes import Scenes

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["AlignmentPanel"]

_TEXT = "en: a slice of pizza\nsv: en bit pizza\nde: ein Stück Pizza\nzh: 一块披萨\nar: شريحة بيتزا"
_REMEMBERED = 2048


class AlignmentPanel(Panel):
    """The same sentence in several languages, or different ones: cosines, what each finds, what they find in common.

    Args:
        model: any `ClipModel`.
        images: what `encode_image` takes, one entry a picture, an `EmojiSet`, a `Corpus`, or an `EncodedCorpus` of the
            model, whose rows are there already; default: the animals and the food of a drawing style that the embedded
            model never saw.
        text: sentences to begin with, one a line; "sv: en katt" says the language, which gives the line its fonts and
            its direction and makes no difference to the model.
        names: one a picture; default: its first caption, its path, or its place.
        languages: whose captions are written into the field when a picture is taken; default: the first six.
        k: pictures shown for each sentence.
        progress: show a bar while the pictures are encoded.

    Traits:
        text (str): the field.
        target (int): the picture that the sentences are about; -1: the one that the first sentence finds.
        sentences (list of dict, read-only): {"text", "code"}; the code is None where the line names no language.
        cosines (list of lists of float, read-only): of the sentences with each other.
        retrieved (list of lists of int, read-only): the first `k` pictures of each sentence.
        ranks (list of int, read-only): the place of the target for each, from 1; ties count against it.
        overlap (list of lists of int, read-only): how many of their first `k` pictures two sentences share.
        status (str, read-only): what the panel says.
    """

    text = T.Unicode()
    target = T.Int(-1)
    sentences: T.List[Any] = T.List(read_only=True)
    cosines: T.List[Any] = T.List(read_only=True)
    retrieved: T.List[Any] = T.List(read_only=True)
    ranks = T.List(T.Int(), read_only=True)
    overlap: T.List[Any] = T.List(read_only=True)

    def __init__(
        self,
        model: ClipModel,
        images: Any = None,
        text: str | Sequence[str] = _TEXT,
        *,
        names: Sequence[str] | None = None,
        languages: Sequence[str] | None = None,
        k: int = 5,
        progress: bool = True,
    ) -> None:
        check_model(model)
        if isinstance(k, bool) or not isinstance(k, int) or k < 1:
            raise UnsupportedOption(f"k={k!r}; expected a whole number from 1")
        self._model, self._k = model, k
        self._scenes = Scenes(model, images, names, progress=progress)
        corpus = self._scenes.corpus
        self._languages = () if corpus is None else corpus.languages[:6]
        if corpus is not None and languages is not None:
            self._languages = tuple(corpus.code(code) for code in languages)
        self._rows: dict[str, FloatArray] = {}
        self.view = AlignmentView(self._scenes.names, corpus is not None)
        self._quiet = True
        super().__init__(self.view, "alignment")
        self.view.sentences.observe(lambda change: setattr(self, "text", change.new), "value")
        self.view.target.observe(lambda change: self._choose(change.new), "value")
        self.view.take.on_click(lambda _: self._take_as_told())
        self.text = text if isinstance(text, str) else "\n".join(text)
        self._quiet = False
        self._update()

    def __repr__(self) -> str:
        return f"AlignmentPanel({len(self.sentences)} sentences, {len(self._scenes)} pictures)"

    @property
    def names(self) -> tuple[str, ...]:
        """What the panel calls the pictures."""
        return tuple(self._scenes.names)

    # -- from controls to traits ------------------------------------------------------------------

    def _choose(self, name: str) -> None:
        if self._quiet:
            return
        if not name.strip():
            self.target = -1
            return
        try:
            self.target = self._place(name)
        except UnknownConcept as error:
            self._fail(error)

    def _place(self, name: str) -> int:
        """A picture by its name, in any case, or by what no other name begins with."""
        wanted, names = name.strip().casefold(), [each.casefold() for each in self._scenes.names]
        if wanted in names:
            return names.index(wanted)
        begun = [i for i, each in enumerate(names) if each.startswith(wanted)]
        if len(begun) == 1:
            return begun[0]
        raise UnknownConcept(f"No picture is called “{name.strip()}”.{nearest(name, self._scenes.names)}")

    def take(self, picture: int | str, languages: Sequence[str] | None = None) -> None:
        """Write the captions of a picture into the field, and make it the target.

        Args:
            picture: its place or its name.
            languages: codes; default: those of the panel.

        Raises:
            NoLabels: the pictures have no captions, or this one has none in these languages.
            UnknownConcept, UnknownLanguage: no such picture or language.
        """
        corpus = self._scenes.corpus
        if corpus is None:
            raise NoLabels("These pictures have no captions; give the panel a Corpus.")
        place = self._place(picture) if isinstance(picture, str) else int(picture)
        if not 0 <= place < len(self._scenes):
            raise UnknownConcept(f"There is no picture {place}: there are {len(self._scenes)}, from 0.")
        codes = self._languages if languages is None else [corpus.code(code) for code in languages]
        found = [
            f"{code}: {' '.join(corpus.captions[code][corpus.image_of[code].index(place)].split())}"
            for code in codes
            if place in corpus.image_of[code]
        ]
        if not found:
            raise NoLabels(f"“{self._scenes.names[place]}” has no caption in {', '.join(codes)}.")
        with self._quietly():
            self.text, self.target = "\n".join(found), place
        self._show_controls()
        self._update()

    def _take_as_told(self) -> None:
        try:
            if self.target < 0 and not self.retrieved:
                raise EmptyInput("Choose the picture first.")
            self.take(self.target if self.target >= 0 else self.retrieved[0][0])
        except Exception as error:  # a panel has nowhere to show a traceback
            super()._fail(error)

    # -- from traits to controls and results ------------------------------------------------------

    @T.observe("text", "target")
    def _changed(self, _change: Any) -> None:
        self._show_controls()
        self._update()

    def _show_controls(self) -> None:
        with self._quietly():
            if self.view.sentences.value != self.text:
                self.view.sentences.value = self.text
            known = 0 <= self.target < len(self._scenes)
            if known or self.target == -1:
                self.view.target.value = self._scenes.names[self.target] if known else ""

    def _update(self) -> None:
        if self._quiet:
            return
        try:
            sentences, remarks = read_sentences(self.text)
            if not sentences:
                raise EmptyInput("There is no sentence: write at least one.")
            if not -1 <= self.target < len(self._scenes):
                raise UnknownConcept(f"There is no picture {self.target}: there are {len(self._scenes)}, from 0.")
            found = land(
                self._encoded(sentences), self._scenes.rows, k=self._k, target=None if self.target < 0 else self.target
            )
            self._show(sentences, found)
        except Exception as error:  # a panel has nowhere to show a traceback
            self._fail(error)
            return
        self._say(" ".join([self._sentence(sentences, found), *remarks]), problem=bool(remarks))

    def _encoded(self, sentences: Sequence[Sentence]) -> FloatArray:
        """Unit rows [sentence, dim]; a line that has not changed is not encoded again."""
        new = list(dict.fromkeys(each.text for each in sentences if each.text not in self._rows))
        if new:
            if len(self._rows) + len(new) > _REMEMBERED:
                self._rows.clear()
                new = list(dict.fromkeys(each.text for each in sentences))
            self._rows.update(zip(new, unit_rows(self._model.encode_text(new)), strict=True))
        return np.stack([self._rows[each.text] for each in sentences])

    def _show(self, sentences: Sequence[Sentence], found: Landing) -> None:
        target = self.target if self.target >= 0 else int(found.first[0, 0])
        pictures = [
            [
                Found(self._scenes.names[place], self._scenes.thumbnail(place), float(score), place == target)
                for place, score in zip(places.tolist(), scores, strict=True)
            ]
            for places, scores in zip(found.first, found.scores, strict=True)
        ]
        ranks = [
            f"{rank} of {len(self._scenes)}, cosine {cosine:.2f}"
            for rank, cosine in zip(found.ranks.tolist(), found.to_target, strict=True)
        ]
        k = found.first.shape[1]
        shared = ["", *(f"{count} of {k}" for count in found.overlap[0, 1:].tolist())]
        self.view.show_landings(sentences, pictures, ranks, shared)
        self.view.show_matrix(sentences, found.cosines.tolist())
        self.set_trait("sentences", [each._asdict() for each in sentences])
        self.set_trait("cosines", found.cosines.tolist())
        self.set_trait("retrieved", found.first.tolist())
        self.set_trait("ranks", found.ranks.tolist())
        self.set_trait("overlap", found.overlap.tolist())

    def _sentence(self, sentences: Sequence[Sentence], found: Landing) -> str:
        """The result in words, for those who do not see the tables."""
        target = self.target if self.target >= 0 else int(found.first[0, 0])
        name, count = self._scenes.names[target], len(sentences)
        if count == 1:
            best = self._scenes.names[int(found.first[0, 0])]
            words = f"It finds “{best}” first, with a cosine of {found.scores[0, 0]:.2f}."
            return (
                words if self.target < 0 else f"{words} “{name}” is at place {found.ranks[0]} of {len(self._scenes)}."
            )
        pairs = found.cosines[np.triu_indices(count, 1)]
        hits, k = int((found.ranks == 1).sum()), found.first.shape[1]
        common = found.overlap[np.triu_indices(count, 1)].mean()
        near = f"{pairs.min():.2f}" if count == 2 else f"from {pairs.min():.2f} to {pairs.max():.2f}"
        head = f"The cosine of the two sentences is {near}." if count == 2 else f"The sentences' cosines run {near}."
        return (
            f"{head} {hits} of {count} find “{name}” first; two of them share {common:.1f} of their first {k} pictures "
            "on average."
        )

    def _fail(self, error: Exception) -> None:
        """No result is better than the result of other sentences."""
        for trait in ("sentences", "cosines", "retrieved", "ranks", "overlap"):
            self.set_trait(trait, [])
        self.view.clear()
        super()._fail(error)

    def table(self) -> pd.DataFrame:
        """What the panel shows: a row for each sentence and picture found.

        Returns:
            Columns sentence, language (a code or None), place (from 1), picture, cosine, target_rank.
        """
        import pandas as pd

        rows = [
            (each["text"], each["code"], place + 1, self._scenes.names[picture], score, rank)
            for each, pictures, rank in zip(self.sentences, self.retrieved, self.ranks, strict=True)
            for place, (picture, score) in enumerate(
                zip(pictures, (self._scenes.rows[pictures] @ self._rows[each["text"]]).tolist(), strict=True)
            )
        ]
        return pd.DataFrame(rows, columns=["sentence", "language", "place", "picture", "cosine", "target_rank"])
