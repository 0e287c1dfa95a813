"""Marks over a map of jupyter-scatter, which itself knows dots only."""

from __future__ import annotations

from pathlib import Path

import anywidget
import traitlets as T

__all__ = ["Marks"]

_HERE = Path(__file__).parent


class Marks(anywidget.AnyWidget):
    """Rings, stars and one name, drawn over the scatter that lies in the same box of the class ``clipnb-large-map``.

    They follow the map when it is moved. It also lets the scatter's drawings wait for each other, and keeps clicks from
    it. Messages: ``{"kind": "drawn"}`` when a drawing has been finished, ``{"kind": "click"}``.

    Traits:
        rings (list of int): rows of the points with a ring.
        stars, names (lists): rows drawn as stars, and what stands beside them.
        at, label (int, str): the point that is pointed at, and its name; at=-1: none.
        shown (int): the point with a mark of its own; -1: none.
        ink, page (str): colours.
        description (str): what a screen reader says of the map.
        wide (int): pixels of the map's width in the browser; 0 before it is drawn.
        dark (bool): whether the page is.
    """

    _esm = _HERE / "large_marks.js"
    _css = _HERE / "large_marks.css"

    rings = T.List(T.Int()).tag(sync=True)
    stars = T.List(T.Int()).tag(sync=True)
    names = T.List(T.Unicode()).tag(sync=True)
    at = T.Int(-1).tag(sync=True)
    shown = T.Int(-1).tag(sync=True)
    label = T.Unicode().tag(sync=True)
    ink = T.Unicode().tag(sync=True)
    page = T.Unicode().tag(sync=True)
    description = T.Unicode().tag(sync=True)
    wide = T.Int(0).tag(sync=True)
    dark = T.Bool(False).tag(sync=True)
