"""What every panel does: say what happened in words, and change its own controls without an answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import ipywidgets as W
import traitlets as T

from clipnb.errors import ClipnbError
from clipnb.widgets.colab import enable_widgets_on_colab

__all__ = ["Panel", "View"]


class View(Protocol):
    """The looks of a panel: its widgets, and a place for a sentence."""

    @property
    def children(self) -> tuple[W.Widget, ...]:
        """What the panel shows."""

    def say(self, words: str, problem: bool) -> None:
        """Show a sentence; as a problem, in another colour."""


class Panel(W.VBox):
    """A view with traits. Whatever goes wrong is said in ``status`` and on the panel, in words.

    Args:
        view: what it looks like.
        name: its class for style sheet and tests is ``clipnb-NAME``.

    Traits:
        status (str, read-only): what the panel says.
    """

    status = T.Unicode(read_only=True)
    _quiet = False

    def __init__(self, view: View, name: str) -> None:
        enable_widgets_on_colab()
        self._view = view
        super().__init__(view.children)
        self.add_class("clipnb-panel")
        self.add_class(f"clipnb-{name}")

    def _say(self, words: str, *, problem: bool = False) -> None:
        self.set_trait("status", words)
        self._view.say(words, problem)

    def _fail(self, error: Exception) -> None:
        """Our own errors say what to do; of others that is all one can say: a panel has no place for a traceback."""
        self._say(str(error) if isinstance(error, ClipnbError) else f"That did not work: {error}", problem=True)

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """While it lasts, ``_quiet`` is true: what is written to controls and traits is answered once, afterwards."""
        before, self._quiet = self._quiet, True
        try:
            yield
        finally:
            self._quiet = before
