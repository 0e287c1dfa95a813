"""Selecting points: their table, and the words that distinguish them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as T

from clipnb.exploring import Selection
from clipnb.plots.palette import isolated
from clipnb.widgets.explorer.explored import Explored, Rows
from clipnb.widgets.explorer.words import Words

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Selecting"]

_WORDS = 10


class Selecting(Explored):
    """The selected points."""

    selected = Rows()
    words = T.List(T.Unicode(), read_only=True)
    _words: Words

    @property
    def selection(self) -> Selection:
        """The selected points: ``.rows``, ``.ids``, ``.table()``, ``.save("some.csv")``.

        Raises:
            UnsupportedOption: `selected` was set to a point that there is not.
        """
        rows, of = self.selected, self._contents
        self._check(rows)
        columns: dict[str, tuple[object, ...]] = {}
        for name, groups in of.groups.items():
            columns[_free(name)] = tuple(groups[row] if row < of.count else "added" for row in rows)
        if of.modality is not None:
            columns["modality"] = tuple(of.modality[row] if row < of.count else "image" for row in rows)
        for name, values in of.values.items():
            columns[_free(name)] = tuple(float(values[row]) if row < of.count else float("nan") for row in rows)
        here = self._here()
        return Selection(
            np.array(rows, dtype=np.intp),
            tuple(of.ids[row] if row < of.count else self._name(row) for row in rows),
            tuple(self._name(row) for row in rows),
            here.vectors(rows) if here.knows_rows else None,
            columns,
        )

    def table(self) -> pd.DataFrame:
        """The selection's table, see `Selection.table`."""
        return self.selection.table()

    @T.observe("selected")
    def _select(self, _change: Any) -> None:
        if self._quiet:
            return
        self.set_trait("words", [])
        self.view.show_words(None)
        try:
            self._check(self.selected)
            with self._quietly():
                self.selected = sorted(set(self.selected))
            self.view.show_selection(self.selection.table() if self.selected else None)
            self._say(self._count_words() if self.selected else self._welcome())
            self.canvas.select(self.selected)  # after what is said: drawing keeps the page from showing it
            if self.selected:
                self._find_words()
        except Exception as error:
            self._fail(error)
        self._write_code()

    def _find_words(self) -> None:
        here = self._here()
        if not self._words.can(here):
            return
        waiting = self._words.waiting(here)
        if waiting:
            self.view.show_progress((0, waiting))
        try:
            found = self._words.of(
                here, np.array(self.selected, dtype=np.intp), _WORDS, lambda n: self.view.show_progress((n, waiting))
            )
        finally:
            self.view.show_progress(None)
        self.set_trait("words", found["text"].tolist())
        self.view.show_words(found)

    def _count_words(self) -> str:
        """How many points are selected, and of which groups most."""
        of, rows = self._contents, self.selected
        points = "1 point is" if len(rows) == 1 else f"{len(rows):,} points are"
        words = f"{points} selected, of {len(self):,}"
        groups = next(iter(of.groups.values()), None)
        own = [groups[row] for row in rows if row < of.count] if groups is not None else []
        if own:
            names, counts = np.unique(own, return_counts=True)
            order = np.argsort(-counts, kind="stable")
            said = [f"{counts[i]:,} {isolated(str(names[i]))}" for i in order[:3]]
            if len(order) > 3:
                others = "another group" if len(order) == 4 else f"{len(order) - 3} other groups"
                said.append(f"{int(counts[order[3:]].sum()):,} of {others}")
            words += f": {', '.join(said)}"
        return words + "."

    def _save_as_told(self) -> None:
        try:
            path = self.selection.save(self.view.path.value.strip())
        except Exception as error:
            self._fail(error)
            return
        self._say(f"The selection is in {path}.")


def _free(name: str) -> str:
    """A column's name that is not one of the table's own."""
    return f"{name} (given)" if name in ("row", "id", "label", "modality", "cosine") else name
