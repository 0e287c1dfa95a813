"""Class directions remembered label by label, so that typing one label encodes one label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from clipnb.prompts import Prompts
from clipnb.types import ClipModel, FloatArray

_KEPT = 4096


class TextCache:
    """The text side of a zero-shot classifier: labels and templates in, unit rows out."""

    def __init__(self, model: ClipModel) -> None:
        self._model = model
        self._rows: dict[tuple[str, tuple[str, ...]], FloatArray] = {}

    def rows(self, classnames: Sequence[str], templates: Sequence[str]) -> FloatArray:
        """float32 [class, dim], the directions of `Prompts.encode`; raises what `Prompts` raises."""
        prompts = Prompts.of(classnames, templates)
        keys = [(name, prompts.templates) for name in prompts.classnames]
        new = [name for name, key in zip(prompts.classnames, keys, strict=True) if key not in self._rows]
        if new:
            if len(self._rows) + len(new) > _KEPT:
                self._rows.clear()
                new = list(prompts.classnames)
            vectors = Prompts.of(new, prompts.templates).encode(self._model).vectors
            self._rows.update(((name, prompts.templates), row) for name, row in zip(new, vectors, strict=True))
        return np.stack([self._rows[key] for key in keys])
