"""The translation tester: does a language's sentence land where another's does, for all pictures or for some?"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as T

from clipnb.corpus import Corpus, EncodedCorpus, encode_corpus
from clipnb.errors import CorpusError, TruncatedText, UnknownLanguage, WrongType
from clipnb.languages import language as language_of
from clipnb.types import ClipModel
from clipnb.widgets.judges import check_model
from clipnb.widgets.landing import Sentence
from clipnb.widgets.panel import Panel
from clipnb.widgets.scenes import Scenes, check_encoded
from clipnb.widgets.translation_view import Pair, TranslationView
from clipnb.widgets.translations import Measured, joined, measure

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TranslationTester"]

_ROWS = 8


class TranslationTester(Panel):
    """Sentences of one language beside those of another about the same pictures, against shuffled pairs.

    A verdict in words, the cosines of true and of shuffled pairs as two outlines, and the pairs: those chosen, or those
    that lie farthest apart.

    Args:
        model: any `ClipModel`; None with an `EncodedCorpus`.
        corpus: a `Corpus` of two languages or more, whose texts are encoded when their language is first chosen; or an
            `EncodedCorpus` of the model.
        language: to begin with; default: the first that is not the pivot.
        pivot: the language beside it; default: English, or the first where there is none.
        seed: of the shuffled pairs and of the intervals.
        mode: "light" or "dark", the page that the bars are drawn for; "auto": they follow the notebook's theme.
        progress: show a bar while the pictures are encoded.

    Traits:
        language (str), pivot (str): codes; setting one to any way of writing a code is as good.
        pictures (list of int): the chosen pictures; none: all.
        numbers (dict, read-only): cosine (mean over the chosen pairs), null (mean over all shuffled pairs), auc, pairs;
            with chosen pictures also percentile (of their mean cosine among the shuffled pairs).
        status (str, read-only): the verdict, or what is wrong.

    Raises:
        WrongType, CorpusError, UnknownLanguage, InvalidEmbeddings: each names the argument.
    """

    language = T.Unicode()
    pivot = T.Unicode()
    pictures = T.List(T.Int())
    numbers: T.Dict[str, Any] = T.Dict(read_only=True)

    def __init__(
        self,
        model: ClipModel | None,
        corpus: Corpus | EncodedCorpus,
        language: str | None = None,
        pivot: str | None = None,
        *,
        seed: int = 0,
        mode: str = "auto",
        progress: bool = True,
    ) -> None:
        if not isinstance(corpus, (Corpus, EncodedCorpus)):
            raise WrongType(f"expected a Corpus or an EncodedCorpus, got a {type(corpus).__name__}")
        if model is not None or isinstance(corpus, Corpus):
            check_model(model)
        if len(corpus.languages) < 2:
            raise CorpusError(
                f"the corpus has texts in {corpus.languages[0]!r} alone; a translation needs two languages"
            )
        known = corpus if isinstance(corpus, Corpus) else corpus.corpus
        if known is None:
            raise CorpusError("the rows say nothing of the sentences: make them with clipnb.encode_corpus")
        self._model, self._seed, self._known = model, seed, known
        self._scenes: Scenes | None = None
        if isinstance(corpus, EncodedCorpus):
            check_encoded(model, corpus)
            self._encoded: EncodedCorpus | None = corpus
        else:
            self._encoded = None
        if len(known.images) and (self._encoded is None or self._encoded.images is not None):
            self._scenes = Scenes(model, corpus, progress=progress)  # type: ignore[arg-type]
        self._parts: dict[str, EncodedCorpus] = {}
        self._found: dict[tuple[str, str], Measured] = {}
        codes = corpus.languages
        beside = corpus.code(pivot) if pivot is not None else "en" if "en" in codes else codes[0]
        chosen = corpus.code(language) if language is not None else next(code for code in codes if code != beside)
        names = list(known.image_ids) if self._scenes is None else self._scenes.names
        self._names = names
        self.view = TranslationView(codes, names, mode)
        self._quiet = True
        super().__init__(self.view, "translation")
        view = self.view
        view.language.observe(lambda change: self._choose("language", change.new), "value")
        view.pivot.observe(lambda change: self._choose("pivot", change.new), "value")
        view.pictures.observe(lambda change: self._choose("pictures", list(change.new)), "value")
        self.language, self.pivot = chosen, beside
        self._show_controls()
        self._quiet = False
        self._update()

    def __repr__(self) -> str:
        return f"TranslationTester({self.language} beside {self.pivot}, {len(self._names)} pictures)"

    def _choose(self, trait: str, value: Any) -> None:
        """What the reader chose; not what the panel itself wrote into a menu."""
        if not self._quiet and value is not None:
            setattr(self, trait, value)

    @T.validate("language", "pivot")
    def _usual_code(self, proposal: Any) -> str:
        """The usual form of a code; what is none stays, and the panel says so."""
        try:
            return language_of(proposal.value).code
        except UnknownLanguage:
            return str(proposal.value)

    @T.observe("language", "pivot", "pictures")
    def _changed(self, _change: Any) -> None:
        if not self._quiet:
            self._show_controls()
            self._update()

    def _show_controls(self) -> None:
        view, codes = self.view, self._known.languages
        with self._quietly():
            for menu, code in ((view.language, self.language), (view.pivot, self.pivot)):
                if code in codes and menu.value != code:
                    menu.value = code
            chosen = tuple(self.pictures)
            if view.pictures.value != chosen and all(0 <= i < len(self._names) for i in chosen):
                view.pictures.value = chosen

    # -- numbers ----------------------------------------------------------------------------------

    def _rows_of(self, code: str) -> EncodedCorpus:
        """The texts of a language as rows, encoded once."""
        if self._encoded is not None:
            return self._encoded.select([code])
        if code not in self._parts:
            assert self._model is not None
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", TruncatedText)  # the verdict says how many were cut
                self._parts[code] = encode_corpus(
                    self._model, self._known, languages=[code], images=False, progress=False
                )
        return self._parts[code]

    def _measured(self) -> Measured:
        """The two languages, computed once."""
        code, pivot = (self._known.code(each) for each in (self.language, self.pivot))
        if code == pivot:
            raise CorpusError("Both languages are the same: choose another one.")
        if (code, pivot) not in self._found:
            mine, beside = self._rows_of(code), self._rows_of(pivot)
            images = self._encoded.images if self._encoded is not None else None
            if self._encoded is None and self._scenes is not None:
                images = self._scenes.embeddings
            pair = joined(mine, beside, images, self._known.select(languages=[code, pivot]))
            self._found[code, pivot] = measure(pair, code, pivot, self._seed)
        return self._found[code, pivot]

    def _update(self) -> None:
        if self._quiet:
            return
        try:
            found = self._measured()
            beyond = [i for i in self.pictures if not 0 <= i < len(self._names)]
            if beyond:
                raise CorpusError(f"There is no picture {beyond[0]}: there are {len(self._names)}, from 0.")
            rows = found.rows(self.pictures, self._names)
            self._show(found, rows)
        except Exception as error:  # a panel has nowhere to show a traceback
            self._fail(error)
            return
        self._say(found.verdict(rows))

    def _show(self, found: Measured, rows: np.ndarray) -> None:
        every = len(rows) == len(found.places)
        marked = {} if every else {self._names[found.places[i]]: float(found.true[i]) for i in rows.tolist()}
        self.view.draw(found.scores, marked)
        order = rows[np.argsort(found.true[rows], kind="stable")]
        caption = "Farthest apart" if every else "Chosen" if len(rows) <= _ROWS else "Chosen, the farthest apart"
        self.view.show_pairs([self._described(found, int(i)) for i in order[:_ROWS]], caption)
        self.set_trait("numbers", found.numbers(rows))

    def _described(self, found: Measured, row: int) -> Pair:
        place, cosine = int(found.places[row]), float(found.true[row])
        mine, beside = (
            Sentence(self._known.captions[code][self._known.image_of[code].index(place)], code)
            for code in (found.code, found.pivot)
        )
        share = float(found.above(cosine))
        uri = None if self._scenes is None else self._scenes.thumbnail(place)
        return Pair(self._names[place], uri, mine, beside, cosine, "" if np.isnan(share) else f"{share:.1%}")

    def _fail(self, error: Exception) -> None:
        """No result is better than the result of other languages."""
        self.set_trait("numbers", {})
        self.view.clear()
        super()._fail(error)

    def table(self) -> pd.DataFrame:
        """The chosen pairs, the farthest apart first.

        Returns:
            Columns picture, sentence, beside, cosine, above (the share of shuffled pairs below it).
        """
        import pandas as pd

        found = self._measured()
        rows = found.rows(self.pictures, self._names)
        order = rows[np.argsort(found.true[rows], kind="stable")]
        pairs = [self._described(found, int(i)) for i in order]
        columns = [(pair.name, pair.mine.text, pair.pivot.text, pair.cosine) for pair in pairs]
        table = pd.DataFrame(columns, columns=["picture", "sentence", "beside", "cosine"])
        return table.assign(above=found.above(found.true[order]))
