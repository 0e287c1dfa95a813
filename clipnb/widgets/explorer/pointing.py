"""Pointing at the map: what a point is, and what lies near it."""

from __future__ import annotations

from typing import Any

import traitlets as T

from clipnb.plots.thumbnails import data_uri
from clipnb.widgets.explorer.explored import Explored
from clipnb.widgets.explorer.point_list import Line
from clipnb.widgets.explorer.view import NEAREST

__all__ = ["Pointing"]

_AT_ONCE_UP_TO = 100_000_000
"""Numbers in the rows of a map up to which neighbours are looked for while the pointer moves."""


class Pointing(Explored):
    """The point that is looked at."""

    shown = T.Int(-1)
    held = T.Bool(False)
    near = T.List(T.Int(), read_only=True)

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
        except Exception as error:  # of the reader's own function too
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
