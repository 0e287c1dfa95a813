"""How far another library's layout is, heard from what it prints: neither has another way of saying it."""

from __future__ import annotations

import contextlib
import io
import re
import sys
import threading
from collections.abc import Callable, Iterator

__all__ = ["rounds_heard"]

ROUND = re.compile(r"Iteration:?\s+(\d+)")


class _Ear(io.TextIOBase):
    """Takes what one thread prints, line by line; what others print goes where it would have gone."""

    def __init__(self, done: Callable[[int], object], others: io.TextIOBase) -> None:
        self._done, self._others, self._thread = done, others, threading.get_ident()
        self._line, self._count = "", 0

    def write(self, text: str) -> int:
        if threading.get_ident() != self._thread:
            return self._others.write(text)
        *lines, self._line = (self._line + text).split("\n")
        for line in lines:
            found = ROUND.search(line)
            if found and int(found[1]) > self._count:
                self._done(int(found[1]) - self._count)
                self._count = int(found[1])
        return len(text)

    def flush(self) -> None:
        self._others.flush()


@contextlib.contextmanager
def rounds_heard(done: Callable[[int], object]) -> Iterator[None]:
    """Within, "Iteration 50 ..." on the standard output moves a bar instead of being printed.

    Args:
        done: told how many rounds have passed since it was last called.
    """
    with contextlib.redirect_stdout(_Ear(done, sys.stdout)):  # type: ignore[arg-type]
        yield
