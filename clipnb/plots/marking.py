"""Words and lines on a figure, all at once: plotly checks every earlier one again when another is added alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

__all__ = ["add_lines", "add_words"]


def add_words(figure: Any, words: Iterable[dict[str, Any]]) -> None:
    """Annotations of the layout, each as ``add_annotation`` takes it."""
    figure.layout.annotations = [*figure.layout.annotations, *words]


def add_lines(figure: Any, lines: Iterable[dict[str, Any]]) -> None:
    """Shapes of the layout, each as ``add_shape`` takes it."""
    figure.layout.shapes = [*figure.layout.shapes, *lines]
