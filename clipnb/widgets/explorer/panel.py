"""The map explorer: look at points, select them, search among them and add pictures of one's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import traitlets as T
from numpy.typing import NDArray

from clipnb.errors import ClipnbError, EmptyInput, UnsupportedOption
from clipnb.exploring import Selection, nearby
from clipnb.maps import Projection
from clipnb.modality import Joint
from clipnb.plots.palette import isolated, shorten
from clipnb.plots.thumbnails import data_uri
from clipnb.types import ClipModel, Embeddings, FloatArray
from clipnb.widgets.explorer.colour_menu import SEARCH, ColourMenu
from clipnb.widgets.explorer.contents import Contents, maps_of
from clipnb.widgets.explorer.drawing import canvas_of
from clipnb.widgets.explorer.explorer_code import explorer_lines
from clipnb.widgets.explorer.point_list import Line
from clipnb.widgets.explorer.spaces import Space, spaces_of
from clipnb.widgets.explorer.view import FOUND, NEAREST, ExplorerView
from clipnb.widgets.explorer.words import Words
from clipnb.widgets.panel import Panel
from clipnb.widgets.pictures import Entry, from_list, from_uploads
from clipnb.widgets.uploads import forget, uploaded

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MapExplorer"]

_WORDS = 10
_AT_ONCE_UP_TO = 100_000_000
"""Numbers in the rows of a map up to which neighbours are looked for while the pointer moves."""


class MapExplorer(Panel):
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
        labels: one name a point; default: the emoji's names, or the ids.
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

    shown = T.Int(-1)
    held = T.Bool(False)
    selected = T.List(T.Int())
    query = T.Unicode("")
    hits = T.List(T.Int())
    colour_by = T.Unicode()
    space = T.Int(0)
    near = T.List(T.Int(), read_only=True)
    words = T.List(T.Unicode(), read_only=True)
    added = T.List(T.Unicode(), read_only=True)

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
        self._cosines: FloatArray | None = None
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

    def __len__(self) -> int:
        """Points, with those that were added."""
        return self._contents.count + len(self._new)

    @property
    def colourings(self) -> tuple[str, ...]:
        """What the points can be coloured by."""
        return tuple(self._menu.names)

    @property
    def selection(self) -> Selection:
        """The selected points: ``.rows``, ``.ids``, ``.table()``, ``.save("some.csv")``."""
        rows, of = self.selected, self._contents
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

    # -- from controls and the map to traits ------------------------------------------------------

    def _connect(self) -> None:
        view, canvas = self.view, self.canvas
        canvas.on_point(self._point)
        canvas.on_click(self._click)
        canvas.on_select(lambda rows: setattr(self, "selected", np.asarray(rows).tolist()))
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

    def _point(self, row: int) -> None:
        if not self.held:
            self.shown = row

    def _click(self, row: int) -> None:
        again = self.held and self.shown == row
        self.shown = row
        self.held = not again

    def _choose(self, row: int) -> None:
        self.held = True
        self.shown = row

    def _take_uploads(self) -> None:
        files = uploaded(self.view.upload.value)
        if files:
            forget(self.view.upload)
            self._take_files(files)

    def _take_files(self, files: Sequence[tuple[str, bytes]]) -> None:
        left = self.view.drop.problem  # of files of the same drop that never came
        try:
            entries, refused = from_uploads(files)
            self._add(entries, refused, left)
        except Exception as error:  # a panel has nowhere to show a traceback
            self._fail(error)

    def _save_as_told(self) -> None:
        try:
            path = self.selection.save(self.view.path.value.strip())
        except Exception as error:
            self._fail(error)
            return
        self._say(f"The selection is in {path}.")

    # -- points -----------------------------------------------------------------------------------

    @T.observe("shown")
    def _show_point(self, _change: Any = None) -> None:
        if self._quiet:
            return
        self.set_trait("near", [])
        self.view.near.show("", [])
        row = self.shown
        if row == -1:
            self.canvas.show(-1)
            self.view.show_point("", None, [])
            return
        try:
            self._check([row])
            self.canvas.show(row)
            self._draw_card(row)
            self._draw_near(row)
        except Exception as error:
            self._fail(error)

    def _draw_card(self, row: int) -> None:
        of = self._contents
        if row >= of.count:
            entry = self._new[row - of.count]
            self.view.show_point(entry.name, data_uri(entry.picture, 256), [("", "added to the map")])
            return
        facts = [(f"{name}:", groups[row]) for name, groups in of.groups.items()]
        facts += [(f"{name}:", f"{values[row]:.3g}") for name, values in of.values.items()]
        if of.modality is not None and len(set(of.modality)) > 1:
            facts.append(("", {"image": "a picture", "text": "a text"}.get(of.modality[row], of.modality[row])))
        remark = ""
        try:
            picture = of.picture(row)
        except ClipnbError as error:
            picture, remark = None, f"Its picture cannot be shown. {error}"
        self.view.show_point(of.labels[row], None if picture is None else data_uri(picture, 256), facts, remark)

    def _draw_near(self, row: int) -> None:
        here = self._here()
        if not here.knows_rows or not (self.held or len(here.rows) * here.rows.dim <= _AT_ONCE_UP_TO):
            return
        found = here.near_point(row, NEAREST)
        self.set_trait("near", found.rows.tolist())
        where = "" if len(self._spaces) == 1 else f" of {here.name}"
        lost = int(found.torn.sum())
        said = f"<b>Nearest in the model’s space{where}</b>"
        if lost:
            said += f"<small>{lost} of {len(found.rows)} torn: the map shows them elsewhere</small>"
        lines = [
            Line(i, self._line(i, cosine) + (" · torn" if torn else ""), self._thumbnail(i), bool(torn))
            for i, cosine, torn in zip(found.rows.tolist(), found.cosines, found.torn, strict=True)
        ]
        self.view.near.show(said, lines)

    @T.observe("held")
    def _hold(self, _change: Any) -> None:
        self.view.hold.description = "Held: let go" if self.held else "Hold this point"
        if not self._quiet and self.held and self.shown >= 0 and not self.near:
            self._show_point()

    # -- search -----------------------------------------------------------------------------------

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
            found = nearby(vector, here.rows, FOUND)
            self._cosines = np.concatenate([block @ vector for _, block in here.rows.blocks()])
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
            if self.colour_by == SEARCH and known is not None:
                self._colour()
            self._write_code()
        except Exception as error:
            self._fail(error)

    # -- selection --------------------------------------------------------------------------------

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
            self.canvas.select(self.selected)
            self._write_code()
            if not self.selected:
                self.view.show_selection("", None)
                self._say(self._welcome())
                return
            sentence = self._count_words()
            self.view.show_selection(sentence, self.selection.table())
            self._say(sentence)
            self._find_words()
            self._write_code()
        except Exception as error:
            self._fail(error)

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

    # -- colours, spaces --------------------------------------------------------------------------

    @T.observe("colour_by")
    def _colour(self, _change: Any = None) -> None:
        if self._quiet:
            return
        try:
            chosen = self._menu.of(self.colour_by, self._cosines)
            self.canvas.colour(**chosen)
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

    # -- new pictures -----------------------------------------------------------------------------

    def add(self, images: Sequence[Any], names: Sequence[str] | None = None) -> list[int]:
        """Put pictures on the map, as stars.

        Args:
            images: what `encode_image` takes; those that cannot be read are named in `status`.
            names: one a picture; default: its path, or its place.

        Returns:
            Their rows, which count on after the map's points.

        Raises:
            EmptyInput: none of them can be read.
            UnsupportedOption: a map has no model, or does not know its rows.
        """
        before = len(self)
        self._add(*from_list(images, names))
        return list(range(before, len(self)))

    def _add(self, entries: Sequence[Entry], refused: Sequence[str], left: str = "") -> None:
        problem = f"{_listed(refused)} cannot be read as a picture: choose PNG, JPEG, WebP or GIF. " if refused else ""
        problem = f"{left} {problem}".strip()
        if not entries:
            raise EmptyInput(problem or "There is no picture to add.")
        pictures = [entry.picture for entry in entries]
        without = [space.name for space in self._spaces if space.model is None]
        if without and len(self._spaces) > 1:
            raise UnsupportedOption(
                f"A new picture goes onto every map, and {_listed(without)} has no model: give the panel one a map, "
                "model=[…]"
            )
        vectors = [space.images(pictures) for space in self._spaces]
        coords = [space.put(rows) for space, rows in zip(self._spaces, vectors, strict=True)]
        first = len(self)
        self._new += entries
        names = [entry.name for entry in entries]
        self.canvas.add(coords if len(coords) > 1 else coords[0], names)
        self.set_trait("added", [*self.added, *names])
        self._choose(len(self) - 1)
        said = [f"{isolated(name)} lies nearest to {self._nearest_of(first + i)}." for i, name in enumerate(names)]
        self._say(" ".join([*([problem] if problem else []), *said[:3]]), problem=bool(problem))

    def _nearest_of(self, row: int) -> str:
        found = self._here().near_point(row, 1)
        return f"{isolated(self._name(int(found.rows[0])))} (cosine {found.cosines[0]:.2f})"

    # -- what it shows, to take away --------------------------------------------------------------

    def code(self) -> str:
        """Python lines that make the map, the selection, the search and the words again.

        What the lines cannot know (rows in memory, a model that was not opened by `clipnb.load`) they expect under a
        name that a comment says. Pictures that were added are left out.
        """
        return explorer_lines(
            self._spaces,
            self._spaces.index(self._here()),
            selected=[row for row in self.selected if row < self._contents.count],
            query=" ".join(self.query.split()) if self._cosines is not None else "",
            k=len(self.hits) or FOUND,
            words=len(self.words),
            texts=self._words.code,
        )

    def table(self) -> pd.DataFrame:
        """The selection's table, see `Selection.table`."""
        return self.selection.table()

    def _write_code(self) -> None:
        self.view.write_code(self.code())

    # -- words about points -----------------------------------------------------------------------

    def _welcome(self) -> str:
        count = f"{len(self):,} points"
        if self.canvas_is_in_space:
            return f"{count} in space: point at one, or search. A lasso needs a map on a plane, n_components=2."
        return f"{count}. Point at one to see it, click to hold it, draw around several to select them."

    @property
    def canvas_is_in_space(self) -> bool:
        """Whether the map has three dimensions, so that nothing can be lassoed."""
        return self._spaces[0].projection.coords.shape[1] == 3

    def _name(self, row: int) -> str:
        count = self._contents.count
        return self._contents.labels[row] if row < count else self._new[row - count].name

    def _line(self, row: int, cosine: float | None) -> str:
        name = isolated(shorten(self._name(row), 48))
        return name if cosine is None else f"{cosine:.2f}  {name}"

    def _thumbnail(self, row: int) -> str | None:
        count = self._contents.count
        return self._contents.thumbnail(row) if row < count else data_uri(self._new[row - count].picture, 80)

    def _check(self, rows: Sequence[int] | NDArray[np.intp]) -> None:
        wrong = [row for row in rows if not 0 <= row < len(self)]
        if wrong:
            raise UnsupportedOption(f"There is no point {wrong[0]}: there are {len(self):,}, from 0.")


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"“{name}”" for name in names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"


def _free(name: str) -> str:
    """A column's name that is not one of the table's own."""
    return f"{name} (given)" if name in ("row", "id", "label", "modality", "cosine") else name
