"""What the map explorer looks like: its controls, the card of a point, tables; it knows no model."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets as W

from clipnb.widgets.code_box import CodeBox
from clipnb.widgets.controls import field, named, spoken, stylesheet
from clipnb.widgets.explorer.canvas import Canvas
from clipnb.widgets.explorer.point_list import PointList
from clipnb.widgets.file_drop import FileDrop

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FOUND", "NEAREST", "ExplorerView"]

NEAREST, FOUND, _TABLE_ROWS = 8, 10, 12
_DOWNLOAD_UP_TO = 20_000
_COSINES = ("cosine", "elsewhere")


class ExplorerView:
    """The controls of the panel, each with a class by which style sheet and tests find it.

    Args:
        canvas: the map.
        colours: what the menu of colours offers.
        spaces: names of the maps; one of several is looked at at a time.
        can_search: a model is there, so that texts and pictures can be encoded.
        choose: called with the row of a point that is chosen from a list.
        as_page: the style sheet gives the map the colours of the page.
    """

    def __init__(
        self,
        canvas: Canvas,
        colours: Sequence[str],
        spaces: Sequence[str],
        can_search: bool,
        choose: Callable[[int], None],
        as_page: bool,
    ) -> None:
        self.query = field(W.Text(description="Search in any language", continuous_update=False), "query")
        self.query.placeholder = "a slice of cake · ein Stück Kuchen · 一块蛋糕"
        self.search = named(W.Button(description="Search", icon="search"), "search")
        self.colour = field(W.Dropdown(description="Colour by", options=list(colours)), "colour-by")
        self.space = field(
            W.Dropdown(description="Search and neighbours in the space of", options=list(spaces)), "space"
        )
        self.space.layout.display = None if len(spaces) > 1 else "none"
        for control in (self.query, self.search):
            control.layout.display = None if can_search else "none"
        self.message = named(W.HTML(), "status")
        self.card = named(W.HTML(), "point-card")
        self.hold = named(W.ToggleButton(description="Hold this point", icon="thumb-tack"), "hold")
        self.near = named(PointList(NEAREST, choose), "near")
        self.found = named(PointList(FOUND, choose), "hits")
        self.take_hits = named(W.Button(description="Select these"), "take-hits")
        self.clear_hits = named(W.Button(description="Clear the search"), "clear-hits")
        self.summary, self.words, self.table = (named(W.HTML(), name) for name in ("summary", "words", "chosen"))
        self.progress = named(W.IntProgress(description="Encoding words", min=0, max=1), "encoding")
        self.path = field(W.Text(description="Save the selection as .csv, .parquet or .json"), "path")
        self.path.value = "selection.csv"
        self.save = named(W.Button(description="Save"), "save")
        self.download = named(W.HTML(), "download")
        self.deselect = named(W.Button(description="Select nothing"), "deselect")
        self.upload = named(W.FileUpload(accept="image/*", multiple=True, description="Add your pictures"), "upload")
        self.drop = FileDrop()
        self._box = CodeBox()
        self.show_code, self.code = self._box.button, self._box.lines
        self.write_code = self._box.write
        for control in (self.upload, self.drop):
            control.layout.display = None if can_search else "none"
        self.show_progress(None)
        self._canvas = canvas
        self._as_page = as_page

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """The style sheet; what is asked; the map and the point; what was found and what is selected."""
        asking = named(W.Box([self.query, self.search, self.colour, self.space]), "asking")
        drawing = named(W.VBox([self._canvas.widget, self.drop, self.message]), "drawing")
        if self._as_page:
            named(drawing, "as-page")
        point = named(W.VBox([self.card, self.hold, self.near, self.upload]), "point-side")
        hits = W.Box([self.take_hits, self.clear_hits])
        self._finding = named(W.VBox([self.found, named(hits, "buttons")]), "finding")
        saving = named(W.Box([self.path, self.save, self.download, self.deselect]), "saving")
        both = named(W.Box([self.words, self.table]), "words-and-table")
        self._choosing = named(W.VBox([self.summary, self.progress, both, saving]), "choosing")
        below = named(W.Box([self._finding, self._choosing]), "below")
        self.show_selection(None)
        self.show_hits("", [])
        top = named(W.Box([drawing, point]), "map-and-point")
        return stylesheet(), asking, top, below, self.show_code, self.code

    def say(self, words: str, problem: bool) -> None:
        """A sentence under the map, read aloud by screen readers when it changes."""
        self.message.value = spoken(words, problem)

    def show_point(self, name: str, uri: str | None, facts: Sequence[tuple[str, str]], remark: str = "") -> None:
        """The card of a point: its picture, its name, what is known of it; a remark where the picture is none."""
        self.hold.layout.display = None if name else "none"
        if not name:
            self.card.value = '<p class="clipnb-hint">Point at a dot to see it here. A click holds it.</p>'
            return
        image = f'<img alt="{escape(name, quote=True)}" src="{uri}">' if uri else ""
        if remark:
            image = f'<p class="clipnb-problem">{escape(remark)}</p>'
        lines = "".join(f"<li><span>{escape(k)}</span> <bdi>{escape(v)}</bdi></li>" for k, v in facts)
        self.card.value = f'{image}<p class="clipnb-name" dir="auto">{escape(name)}</p><ul>{lines}</ul>'

    def show_hits(self, heading: str, lines: Sequence[Any]) -> None:
        """The points that a search found."""
        self.found.show(heading, lines)
        self._finding.layout.display = None if lines else "none"

    def show_selection(self, table: pd.DataFrame | None) -> None:
        """The head of the selection's table, and all of it as a file; without points, nothing."""
        self.table.value = self.download.value = self.summary.value = ""
        self.show_words(None)
        self._choosing.layout.display = None if table is not None and len(table) else "none"
        if table is None or not len(table):
            return
        self.summary.value = f"<b>Selected: {len(table):,} {'point' if len(table) == 1 else 'points'}</b>"
        left = len(table) - _TABLE_ROWS
        below = f"<p>… and {left:,} more.</p>" if left > 0 else ""
        columns = [name for name in table.columns if name != "row" and (name != "id" or _tells(table))]
        self.table.value = _html(table.head(_TABLE_ROWS)[columns]) + below
        if len(table) <= _DOWNLOAD_UP_TO:
            content = base64.b64encode(table.to_csv(index=False).encode("utf-8")).decode("ascii")
            self.download.value = (
                f'<a class="clipnb-link" download="selection.csv" href="data:text/csv;charset=utf-8;base64,{content}">'
                "Download as CSV</a>"
            )

    def show_words(self, table: pd.DataFrame | None) -> None:
        """The texts that distinguish the selection."""
        self.words.layout.display = "none" if table is None else None
        if table is None:
            self.words.value = ""
            return
        columns = ("text", "language", "in English", "cosine", "elsewhere")
        shown = table[[name for name in columns if name in table.columns]].rename(columns={"text": "Words for it"})
        if "in English" in shown.columns:  # said once
            shown = shown.assign(**{"in English": shown["in English"].where(shown["language"] != "en", "")})
        self.words.value = _html(shown)

    def show_progress(self, part: tuple[int, int] | None) -> None:
        """How many of how many words have been encoded; None: nothing is waited for."""
        self.progress.layout.display = "none" if part is None else None
        if part is not None:
            self.progress.max, self.progress.value = part[1], part[0]


def _tells(table: pd.DataFrame) -> bool:
    """Whether the ids say anything that the labels do not."""
    return bool((table["id"] != table["label"]).any())


def _html(table: pd.DataFrame) -> str:
    """A table whose numbers are short and whose texts keep their direction."""
    texts = [name for name in table.columns if table[name].dtype.kind not in "fiu"]
    top = "".join(
        f'<th scope="col"{" class=clipnb-text" if name in texts else ""}>{escape(str(name))}</th>'
        for name in table.columns
    )
    rows = []
    for row in table.itertuples(index=False):
        cells = [_cell(str(name), value) for name, value in zip(table.columns, row, strict=True)]
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table><thead><tr>{top}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _cell(name: str, value: object) -> str:
    if isinstance(value, float):
        return f"<td>{value:.2f}</td>" if name in _COSINES else f"<td>{value:.3g}</td>"
    return f'<td class="clipnb-text"><bdi dir="auto">{escape(str(value))}</bdi></td>'
