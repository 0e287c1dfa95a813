"""Searching the map: words in any language lead to points."""

from __future__ import annotations

from typing import Any

import traitlets as T

from clipnb.errors import TextTooLong
from clipnb.exploring import cosines_with, nearby
from clipnb.plots.palette import isolated, shorten
from clipnb.widgets.explorer.explored import Explored, Rows
from clipnb.widgets.explorer.point_list import Line
from clipnb.widgets.explorer.view import FOUND

__all__ = ["Searching"]


class Searching(Explored):
    """What is searched for, and what was found."""

    query = T.Unicode("")
    hits = Rows()

    @T.observe("query")
    def _search(self, _change: Any = None) -> None:
        if self.view.query.value != self.query:
            self.view.query.value = self.query
        if self._quiet:
            return
        text = " ".join(self.query.split())
        if not text:
            self._clear_search()
            return
        try:
            here = self._here()
            vector = here.text(text)
            self._cosines = cosines_with(vector, here.rows)
            found = nearby(vector, here.rows, FOUND)
        except TextTooLong as error:
            self._clear_search(keep_query=True)
            # A reader of the panel has one text, and nowhere to pass an argument.
            size = str(error).removeprefix("text 0, ").removesuffix("; shorten it, or pass truncate=True")
            self._say(f"{size}. The search is too long for the model: take fewer words.", problem=True)
            return
        except Exception as error:
            self._clear_search(keep_query=True)
            self._fail(error)
            return
        with self._quietly():
            self.hits = found.rows.tolist()
        self._draw_hits()
        best = self._name(self.hits[0])
        self._say(f"{isolated(shorten(text, 60))}: nearest is {isolated(best)}, cosine {found.cosines[0]:.2f}.")

    def _search_again(self) -> None:
        if self.view.query.value != self.query:
            self.query = self.view.query.value
        elif not self.query.strip():
            self._say("There is nothing to search for: write a few words, in any language.", problem=True)
        else:
            self._search()

    def _clear_search(self, keep_query: bool = False) -> None:
        self._cosines = None
        with self._quietly():
            self.hits = []
            if not keep_query:
                self.query = ""
        self._draw_hits()
        self._say(self._welcome())

    @T.observe("hits")
    def _mark_hits(self, _change: Any) -> None:
        if not self._quiet:
            self._cosines = None
            self._draw_hits()

    def _draw_hits(self) -> None:
        try:
            self._check(self.hits)
            self.canvas.light(self.hits)
            known = self._cosines
            lines = [
                Line(row, self._line(row, None if known is None else known[row]), self._thumbnail(row))
                for row in self.hits[:FOUND]
            ]
            several = f" in the space of {self._here().name}" if len(self._spaces) > 1 else ""
            self.view.show_hits(f"<b>Found{several}</b>" if lines else "", lines)
            if known is not None:
                self._recolour()
            self._write_code()
        except Exception as error:
            self._fail(error)
