"""Points one under the other, each a button with its picture: for eyes, keyboards and screen readers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import count
from typing import NamedTuple

import ipywidgets as W

__all__ = ["Line", "PointList"]

_serial = count()


class Line(NamedTuple):
    """A point of the list."""

    row: int
    text: str
    uri: str | None
    """Its picture, a ``data:`` address."""
    torn: bool = False


class PointList(W.VBox):
    """A heading and up to so many points; the buttons are made once, for each new one would stay in the kernel.

    Args:
        most: how many points it can show.
        choose: called with the row of a point that is clicked.
    """

    def __init__(self, most: int, choose: Callable[[int], None]) -> None:
        self._prefix = f"clipnb-point-{next(_serial)}"
        self._head, self._style = W.HTML(), W.HTML()
        self._rows: list[int] = []
        self._buttons = [W.Button() for _ in range(most)]
        for i, button in enumerate(self._buttons):
            button.add_class("clipnb-point")
            button.add_class(f"{self._prefix}-{i}")
            button.on_click(lambda _, i=i: choose(self._rows[i]))
        super().__init__([self._style, self._head, *self._buttons])
        self.add_class("clipnb-points")
        self.show("", [])

    @property
    def lines(self) -> list[str]:
        """What the visible buttons say."""
        return [button.description for button in self._buttons[: len(self._rows)]]

    def show(self, heading: str, lines: Sequence[Line]) -> None:
        """These points and no others, under a heading in HTML; without points nothing is seen."""
        lines = lines[: len(self._buttons)]
        self._rows = [line.row for line in lines]
        self._head.value = heading
        rules = [
            f".{self._prefix}-{i}.jupyter-button {{ background-image: url({line.uri}) }}"
            for i, line in enumerate(lines)
            if line.uri
        ]
        self._style.value = f"<style>{' '.join(rules)}</style>"
        for i, button in enumerate(self._buttons):
            seen = i < len(lines)
            button.layout.display = None if seen else "none"
            if seen:
                button.description = button.tooltip = lines[i].text
                button.icon = "unlink" if lines[i].torn else ""
        self._head.layout.display = None if heading else "none"
        self.layout.display = None if lines or heading else "none"
