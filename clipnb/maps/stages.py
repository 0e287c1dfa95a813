"""What a map is waiting for: one bar a stage, and how long each took."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Stages"]


class Stages:
    """Shows a bar for each stage in turn, and keeps their times.

    Attributes:
        seconds: elapsed, by the name of the stage.
    """

    def __init__(self, progress: bool) -> None:
        # tqdm's bar for notebooks does not read that variable by itself.
        self._silent = not progress or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(
        self, name: str, words: str, total: int | None = None, unit: str = "it"
    ) -> Iterator[Callable[[int], object]]:
        """One stage: ``name`` is its key in ``seconds``, ``words`` what the bar says; yields what moves the bar."""
        from tqdm.auto import tqdm

        start = time.perf_counter()
        with tqdm(total=total, desc=words, unit=unit, leave=False, disable=self._silent) as bar:
            yield bar.update
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)
