"""The zero-shot panel: pick a picture, write labels in any language, see the probabilities change."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import traitlets as T

from clipnb.datasets import EmojiSet
from clipnb.errors import EmptyInput, EmptyLabels
from clipnb.exporting import write_table
from clipnb.prompts import TEMPLATES
from clipnb.types import ClipModel
from clipnb.widgets.as_code import python_lines
from clipnb.widgets.judges import Judge, Verdict, check_baseline, check_model, judges_of, unused
from clipnb.widgets.numbers import cosine_cells, number_rows
from clipnb.widgets.panel import Panel
from clipnb.widgets.pictures import Entry, bundled, from_emoji, from_list, from_uploads
from clipnb.widgets.template_menu import known_set
from clipnb.widgets.uploads import taken
from clipnb.widgets.zero_shot_view import OWN, ZeroShotView, lines, sentence

if TYPE_CHECKING:
    import pandas as pd

    from clipnb.scores import ScoreBaseline

__all__ = ["ZeroShotPanel"]

_CLASSNAMES = ("cat", "dog", "pizza", "rocket", "flower")


class ZeroShotPanel(Panel):
    """A picture, labels, and the probabilities that one model or several give them.

    Every control is bound to a trait: set one and look at `probabilities`. Whatever goes wrong is
    said in `status` and on the panel, in words.

    Args:
        model: any `ClipModel`, or a list of them, shown side by side; `add_model` adds one later.
        images: what `encode_image` takes, one entry a thumbnail, or an `EmojiSet`; default: eighteen
            emoji in a drawing style that the embedded model has never seen.
        classnames: the labels to begin with.
        templates: a named set (`clipnb.datasets.prompt_sets()` lists them) or a list of sentences with
            one ``{}`` each.
        names: one name a picture; default: its path, or its place.
        baseline: a `ScoreBaseline` of the model, or a mapping from the models' names to theirs: the
            raw cosines then stand under the bars, beside the share of unrelated pairs that they exceed.
        mode: "light" or "dark", the page that the bars are drawn for; "auto": they follow the notebook's theme.

    Traits:
        images (list): setting it replaces the pictures.
        selected (int): index of the chosen picture.
        classnames (list of str): the labels, in any language.
        templates (list of str): the sentences around each label.
        probabilities (list of float, read-only): of the first model, one a label, in the order of
            `classnames`; empty while there is a problem.
        cosines (list of float, read-only): the cosines behind them.
        by_model (dict, read-only): name -> {"probabilities": [...], "cosines": [...]}, of every model
            that has a result.
        status (str, read-only): what the panel says.
    """

    images: T.List[Any] = T.List()
    selected = T.Int(0)
    classnames = T.List(T.Unicode())
    templates = T.List(T.Unicode())
    probabilities = T.List(T.Float(), read_only=True)
    cosines = T.List(T.Float(), read_only=True)
    by_model: T.Dict[str, Any] = T.Dict(read_only=True)

    def __init__(
        self,
        model: ClipModel | Sequence[ClipModel],
        images: Sequence[Any] | EmojiSet | None = None,
        classnames: Sequence[str] = _CLASSNAMES,
        templates: str | Sequence[str] = "plain",
        *,
        names: Sequence[str] | None = None,
        baseline: ScoreBaseline | Mapping[str, ScoreBaseline] | None = None,
        mode: str = "auto",
    ) -> None:
        self._judges = judges_of(model, baseline)
        self._entries: list[Entry] = []
        self._names = list(names or ())
        self._quiet = True
        self.view = ZeroShotView(mode)
        self.view.show_models(self.models)
        super().__init__(self.view, "zero-shot")
        self.classnames = list(classnames)
        self.templates = list(TEMPLATES.get(templates, (templates,)) if isinstance(templates, str) else templates)
        self._connect()
        self._quiet = False
        if images is None or isinstance(images, EmojiSet):
            self._put(bundled() if images is None else from_emoji(images), 0)
        else:
            self.images = list(images)
        if not self.images:
            self._update()

    def __repr__(self) -> str:
        models = f"{len(self._judges)} models, " if len(self._judges) > 1 else ""
        return f"ZeroShotPanel({models}{len(self.images)} pictures, {len(self.classnames)} labels)"

    @property
    def models(self) -> tuple[str, ...]:
        """What the panel calls its models."""
        return tuple(judge.name for judge in self._judges)

    def add_model(self, model: ClipModel, baseline: ScoreBaseline | None = None) -> None:
        """One more model beside those that are here.

        Raises:
            WrongType: not a model, or not a baseline.
            UnknownModel: the baseline of another model.
        """
        check_model(model)
        judge = Judge(model, unused(model.name, self._judges), len(self._judges), baseline)
        if baseline is not None:
            check_baseline(judge, baseline)
        self._judges.append(judge)
        self.view.show_models(self.models)
        self._update()

    # -- from controls to traits ------------------------------------------------------------------

    def _connect(self) -> None:
        view = self.view
        view.upload.observe(lambda _: self._take_uploads(), "value")
        view.drop.on_files(self._take_files)
        view.drop.observe(lambda change: self._say(change.new, problem=True) if change.new else None, "problem")
        view.labels.observe(lambda change: setattr(self, "classnames", lines(change.new)), "value")
        view.template_set.observe(lambda change: self._choose_templates(change.new), "value")
        view.own_templates.observe(lambda change: self._take_templates(lines(change.new)), "value")
        view.save.on_click(lambda _: self._save_as_told())
        T.link((view.picker, "selected"), (self, "selected"))

    def _choose_templates(self, key: str) -> None:
        self.view.show_own_templates(key == OWN)
        if key != OWN:
            self._take_templates(list(TEMPLATES[key]))

    def _take_templates(self, sentences: list[str]) -> None:
        """What the reader chose or wrote; not what the panel itself wrote into the field."""
        if not self._quiet:
            self.templates = sentences

    def _take_uploads(self) -> None:
        if files := taken(self.view.upload):
            self._take_files(files)

    def _take_files(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Adds the pictures that can be read, chooses the last of them, and says which files are none."""
        left = self.view.drop.problem  # of files of the same drop that never came
        new, refused = from_uploads(files)
        if new:
            self._put([*self._entries, *new], len(self._entries) + len(new) - 1)
        self._complain(refused, left)

    def _save_as_told(self) -> None:
        try:
            path = self.save(self.view.path.value.strip(), every=self.view.every.value)
        except Exception as error:  # a panel has nowhere to show a traceback
            super()._fail(error)
            return
        self._say(f"The numbers are in {path}.")

    # -- from traits to controls and results ------------------------------------------------------

    @T.observe("images")
    def _replace_images(self, _change: Any) -> None:
        known = [entry.picture for entry in self._entries]
        if len(known) == len(self.images) and all(a is b for a, b in zip(known, self.images, strict=True)):
            return
        names = self._names if len(self._names) == len(self.images) else None
        self._names = []
        entries, refused = from_list(self.images, names)
        self._entries = entries
        with self._quietly():
            self._show_thumbnails()
            self.selected = max(0, min(self.selected, len(entries) - 1))
        self._update()
        self._complain(refused)

    def _put(self, entries: list[Entry], chosen: int) -> None:
        """These pictures and no others, one of them chosen."""
        self._entries = entries
        with self._quietly():
            self.images = [entry.picture for entry in entries]
            self._show_thumbnails()
            self.selected = chosen
        self._update()

    def _show_thumbnails(self) -> None:
        self.view.picker.show([entry.picture for entry in self._entries], [entry.name for entry in self._entries])

    @T.observe("classnames")
    def _write_labels(self, _change: Any) -> None:
        if lines(self.view.labels.value) != self.classnames:
            self.view.labels.value = "\n".join(self.classnames)
        self._update()

    @T.observe("templates")
    def _write_templates(self, _change: Any) -> None:
        view = self.view
        known = known_set(self.templates, view.template_set.value) or OWN
        # Someone who writes sentences of their own keeps their field, even while these equal a known set.
        if view.template_set.value != OWN or lines(view.own_templates.value) != self.templates:
            with self._quietly():
                view.own_templates.value = "\n".join(self.templates)
                view.template_set.value = known
        view.show_own_templates(view.template_set.value == OWN)
        self._update()

    @T.observe("selected")
    def _update(self, _change: Any = None) -> None:
        """Scores the chosen picture against the labels; every way of failing ends in words."""
        if self._quiet:
            return
        try:
            entry = self._chosen()
            verdicts, problems = self._verdicts(entry)
        except Exception as error:  # a panel has nowhere to show a traceback
            self._fail(error)
            return
        self.view.show_picture(entry.picture, entry.name)
        known = [verdicts.get(name) for name in self.models]
        self.view.draw([None if verdict is None else verdict.probabilities for verdict in known], self.classnames)
        self.view.show_scores(*cosine_cells(self._judges, verdicts, self.classnames, self.templates))
        self.view.write_code(self.code())
        first = known[0]
        self.set_trait("by_model", {name: verdict.lists() for name, verdict in verdicts.items()})
        self.set_trait("cosines", [] if first is None else first.cosines.tolist())
        self.set_trait("probabilities", [] if first is None else first.probabilities.tolist())
        several = len(self._judges) > 1
        said = [
            (f"{name}, " if several else "") + sentence(entry.name, self.classnames, verdict.probabilities.tolist())
            for name, verdict in verdicts.items()
        ]
        self._say(" ".join([*said, *problems]), problem=bool(problems))

    def _verdicts(self, entry: Entry) -> tuple[dict[str, Verdict], list[str]]:
        """Of each model that has a result; of the others, what is wrong. If none has one, the first error."""
        if not self.classnames:
            raise EmptyLabels("There is no label: write at least one.")
        verdicts: dict[str, Verdict] = {}
        errors: dict[str, Exception] = {}
        for judge in self._judges:
            try:
                verdicts[judge.name] = judge.score(entry, self.classnames, self.templates)
            except Exception as error:
                errors[judge.name] = error
        if not verdicts:
            raise next(iter(errors.values()))
        return verdicts, [f"{name} has no result: {error}" for name, error in errors.items()]

    def _chosen(self) -> Entry:
        if not self._entries:
            raise EmptyInput("There is no picture yet: upload one.")
        if not 0 <= self.selected < len(self._entries):
            raise EmptyInput(f"There is no picture {self.selected}: there are {len(self._entries)}, from 0.")
        return self._entries[self.selected]

    def _fail(self, error: Exception) -> None:
        """No result is better than the result of other labels."""
        self.set_trait("probabilities", [])
        self.set_trait("cosines", [])
        self.set_trait("by_model", {})
        self.view.clear()
        super()._fail(error)

    def _complain(self, refused: Sequence[str], also: str = "") -> None:
        if refused:
            names = ", ".join(f"“{name}”" for name in refused)
            also = f"{names} cannot be read as a picture. Choose a PNG, JPEG, WebP or GIF file. {also}".strip()
        if also:
            self._say(also, problem=True)

    # -- what it shows, to take away --------------------------------------------------------------

    def table(self, every: bool = False) -> pd.DataFrame:
        """What the panel shows, as numbers.

        Args:
            every: of all its pictures, not only of the chosen one; those not yet seen are encoded.

        Returns:
            A row for each picture, model and label: image, model, classname, rank (from 1, within picture and model),
            probability, cosine; percentile and z for models with a baseline.

        Raises:
            EmptyInput, EmptyLabels: there is no picture or no label.
            What the models raise, if none of them has a result.
        """
        import pandas as pd

        entries = self._entries if every and self._entries else [self._chosen()]
        parts = [number_rows(entry.name, self._judges, self._verdicts(entry)[0], self.classnames) for entry in entries]
        return pd.concat(parts, ignore_index=True)

    def save(self, path: str | os.PathLike[str], every: bool = False) -> Path:
        """Write `table` to a file: .csv, .tsv, .parquet, .json or .jsonl.

        Raises:
            UnsupportedOption: another ending, or it cannot be written there.
        """
        return write_table(self.table(every), path)

    def code(self) -> str:
        """Python lines that give the same numbers for the chosen picture.

        What the lines cannot know (a picture in memory, a model that was not opened by `clipnb.load`) they expect
        under a name that a comment says.
        """
        entry = self._chosen()
        return python_lines(
            [(judge.name, judge.model) for judge in self._judges],
            entry.code,
            entry.name,
            self.classnames,
            known_set(self.templates, self.view.template_set.value) or self.templates,
            remark=entry.remark,
            with_baseline=len(self._judges) == 1 and self._judges[0].baseline is not None,
        )
