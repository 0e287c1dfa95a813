"""Progress bars, which all look alike and which one variable silences."""

from __future__ import annotations

import os
from typing import Any

__all__ = ["bar"]


def bar(show: bool, what: str, unit: str, items: Any = None, total: int | None = None, initial: int = 0) -> Any:
    """A bar of tqdm, which goes away when it is full; with ``items`` it goes through them.

    Args:
        show: False: a bar that draws nothing.
        what: stands before the bar, such as ``images``.
        unit: what is counted, in the singular.
        items: to go through; None: :meth:`update` counts.
        total: how many there are, where ``items`` does not say.
        initial: how many are done already.
    """
    from tqdm.auto import tqdm

    # tqdm's bar for notebooks does not read that variable by itself.
    silent = not show or os.environ.get("TQDM_DISABLE", "0") not in ("", "0")
    return tqdm(items, total=total, desc=what, unit=unit, initial=initial, leave=False, disable=silent)
