"""What the panels share: the style sheet, controls with a name and a description above them, sentences."""

from __future__ import annotations

from html import escape
from importlib.resources import files
from typing import Any

import ipywidgets as W


def stylesheet() -> W.HTML:
    """The panels' style sheet, as the first child of each."""
    return W.HTML(f"<style>{(files('clipnb.widgets') / 'panel.css').read_text(encoding='utf-8')}</style>")


def named(widget: Any, *names: str) -> Any:
    """The widget, with classes by which the style sheet and the tests find it."""
    for name in names:
        widget.add_class(f"clipnb-{name}")
    return widget


def field(widget: Any, name: str) -> Any:
    """A control whose description stands above it, as long as it needs to be."""
    widget.style.description_width = "initial"
    return named(widget, name, "field")


def spoken(words: str, problem: bool = False) -> str:
    """HTML of a sentence that screen readers read aloud when it changes."""
    kind = ' class="clipnb-problem"' if problem else ""
    return f'<p role="status" aria-live="polite"{kind}>{escape(words)}</p>'
