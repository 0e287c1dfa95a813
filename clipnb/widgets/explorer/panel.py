"""The map explorer: look at points, select them, search among them and add pictures of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import traitlets as T

from clipnb.maps import Projection
from clipnb.modality import Joint
from clipnb.types import ClipModel, Embeddings
from clipnb.widgets.explorer.adding import Adding
from clipnb.widgets.explorer.colour_menu import SEARCH, ColourMenu
from clipnb.widgets.explorer.contents import Contents, maps_of
from clipnb.widgets.explorer.drawing import canvas_of
from clipnb.widgets.explorer.explorer_code import explorer_lines
from clipnb.widgets.explorer.searching import Searching
from clipnb.widgets.explorer.selecting import Selecting
from clipnb.widgets.explorer.spaces import Space, spaces_of
from clipnb.widgets.explorer.view import FOUND, ExplorerView
from clipnb.widgets.explorer.words import Words
from clipnb.widgets.pictures import Entry

__all__ = ["MapExplorer"]


class MapExplorer(Searching, Selecting, Adding):
    """A map to look into: what a point is, what lies near it, what a part of the map has in common, where words lead.

    - **Point** at a dot: its picture, its name and its nearest neighbours in the model's space, not on the map; those
      that the map shows elsewhere are marked as torn. A click holds the point until it is clicked again.
    - **Draw** around dots: their table, and the words that distinguish them from the rest of the map
      (:func:`clipnb.representative_texts`).
    - **Search** in any language that the model reads: rings around the nearest points, and a list of them. On a map of
      centred rows (:func:`clipnb.joint`) the query is centred as its texts were; on a raw joint map texts come first,
      since all texts are nearer to a text than pictures are.
    - **Add** pictures, by the button or dropped onto the map: stars, placed by ``projection.transform``.

    Several maps of the same points are shown side by side, and a point or a selection is lit in all. Neighbours, search
    and words are then of the space that the menu says.

    Args:
        projection: a map, or several of the same points.
        model: that made the rows, for search, words and new pictures; a list with several maps.
        images: a list of what `encode_image` takes (None for a point without), an `EmojiSet`, a folder in which the ids
            are paths, or a function from row to picture. With ``joint`` a list may be of its pictures alone.
        labels: one name a point; default: the emoji's names, or the ids, of files without their common folder.
        groups: one a point, or several lists by their name.
        values: one number a point, or several lists by their name.
        modality: "image" or "text" for each point.
        texts: candidates for words, in any language, as a list or as Embeddings whose ids are the texts; default: names
            of things in up to four languages of the model, encoded when they are first needed.
        joint: that the map was made from.
        renderer: "plotly"; "jupyter-scatter", which ``clipnb[scatter]`` brings; "auto": plotly up to 100,000 points.
        mode: "light" or "dark", the page that the map is drawn for; "auto": it follows the notebook's theme.
        height: of the map in CSS pixels; default: by its shape.

    Traits:
        shown (int): the point that is looked at, -1: none; points that were added count on after the map's.
        held (bool): the pointer does not change it.
        selected (list of int): the selected points.
        query (str): what is searched for; "" for nothing.
        hits (list of int): the points with rings, the best first.
        colour_by (str): an entry of `colourings`.
        space (int): of which map's space neighbours, search and words are.
        near (list of int, read-only): the nearest neighbours of the shown point.
        words (list of str, read-only): that distinguish the selection.
        added (list of str, read-only): names of the pictures that were added.
        status (str, read-only): what the panel says.
    """

    colour_by = T.Unicode()
    space = T.Int(0)

    def __init__(
        self,
        projection: Projection | Sequence[Projection],
        *,
        model: ClipModel | Sequence[ClipModel | None] | None = None,
        images: Any = None,
        labels: Sequence[str] | None = None,
        groups: Sequence[str] | Mapping[str, Sequence[str]] | None = None,
        values: Any = None,
        modality: Sequence[str] | None = None,
        texts: Sequence[str] | Embeddings | None = None,
        joint: Joint | None = None,
        renderer: str = "auto",
        mode: str = "auto",
        height: int | None = None,
    ) -> None:
        maps = maps_of(projection)
        self._spaces = spaces_of(maps, model, joint)
        self._contents = Contents(maps[0].ids, images, labels, groups, values, modality, joint)
        self._words, self._new = Words(texts), list[Entry]()
        self._searchable = any(each.model is not None and each.knows_rows for each in self._spaces)
        self._menu = ColourMenu(self._contents, self._spaces, self._searchable)
        first = self._menu.names[0]
        self.canvas = canvas_of(maps, self._contents, self._menu.of(first, None), renderer, mode, height)
        names = [each.name for each in self._spaces]
        self.view = ExplorerView(self.canvas, self._menu.names, names, self._searchable, self._choose, mode == "auto")
        self._quiet = True
        super().__init__(self.view, "explorer")
        self.colour_by = first
        self._connect()
        self._quiet = False
        self._show_point()
        self._write_code()
        self._say(self._welcome())

    def __repr__(self) -> str:
        maps = f"{len(self._spaces)} maps, " if len(self._spaces) > 1 else ""
        return f"MapExplorer({maps}{len(self)} points, {len(self.selected)} selected)"

    @property
    def colourings(self) -> tuple[str, ...]:
        """What the points can be coloured by."""
        return tuple(self._menu.names)

    # -- from controls and the map to traits ------------------------------------------------------

    def _connect(self) -> None:
        view, canvas = self.view, self.canvas
        canvas.on_point(self._point)
        canvas.on_click(self._click)
        canvas.on_select(lambda rows: setattr(self, "selected", rows))
        view.query.observe(lambda change: setattr(self, "query", change.new), "value")
        view.search.on_click(lambda _: self._search_again())
        view.colour.observe(lambda change: setattr(self, "colour_by", change.new), "value")
        view.space.observe(lambda _: setattr(self, "space", view.space.index), "index")
        view.take_hits.on_click(lambda _: setattr(self, "selected", sorted(self.hits)))
        view.clear_hits.on_click(lambda _: self._clear_search())
        view.deselect.on_click(lambda _: setattr(self, "selected", []))
        view.save.on_click(lambda _: self._save_as_told())
        view.upload.observe(lambda _: self._take_uploads(), "value")
        view.drop.on_files(self._take_files)
        view.drop.observe(lambda change: self._say(change.new, problem=True) if change.new else None, "problem")
        T.link((view.hold, "value"), (self, "held"))

    # -- colours, spaces --------------------------------------------------------------------------

    def _recolour(self) -> None:
        if self.colour_by == SEARCH:
            self._colour()

    @T.observe("colour_by")
    def _colour(self, _change: Any = None) -> None:
        if self._quiet:
            return
        try:
            slow = self._menu.is_slow(self.colour_by)
            if slow:
                self._say(f"Counting neighbours of {self._contents.count:,} points: this takes a while, once.")
            self.canvas.colour(**self._menu.of(self.colour_by, self._cosines))
            if slow:
                self._say(f"The points are coloured by: {self.colour_by}.")
        except Exception as error:
            self._fail(error)
            return
        if self.view.colour.value != self.colour_by:
            self.view.colour.value = self.colour_by

    @T.observe("space")
    def _change_space(self, _change: Any) -> None:
        if not 0 <= self.space < len(self._spaces):
            self._say(f"There is no map {self.space}: there are {len(self._spaces)}, from 0.", problem=True)
            return
        self.view.space.index = self.space
        if self._quiet:
            return
        self._show_point()
        if self.query.strip():
            self._search()
        if self.selected:
            self._select(None)

    def _here(self) -> Space:
        return self._spaces[self.space if 0 <= self.space < len(self._spaces) else 0]

    # -- what it shows, to take away --------------------------------------------------------------

    def code(self) -> str:
        """Python lines that make the map, the selection, the search, the words and the places of added pictures again.

        What the lines cannot know (rows in memory, a model that was not opened by `clipnb.load`) they expect under a
        name that a comment says.
        """
        return explorer_lines(
            self._spaces,
            self._spaces.index(self._here()),
            selected=[row for row in self.selected if 0 <= row < self._contents.count],
            query=" ".join(self.query.split()) if self._cosines is not None else "",
            k=len(self.hits) or FOUND,
            words=len(self.words),
            texts=self._words.code,
            added=self._added_code(),
        )

    def _write_code(self) -> None:
        self.view.write_code(self.code())
