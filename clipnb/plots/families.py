"""Languages in the order of their families, the runs that this makes, and the names of the runs beside an axis."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from clipnb.languages import by_family, language
from clipnb.plots.marking import add_words
from clipnb.plots.palette import plain

__all__ = ["Run", "family_order", "label_runs", "run_room", "runs", "spread"]

_NO_FAMILY = ("Isolate", "Creole", "Constructed")
LINE = 13
"""Pixels from one name to the next."""


class Run(NamedTuple):
    """Neighbours on an axis that belong together: places start to stop - 1."""

    start: int
    stop: int
    family: str
    branch: str

    @property
    def name(self) -> str:
        """The branch, where the family has several here; its family stands at the first of them."""
        return self.branch or self.family


def family_order(codes: Sequence[str]) -> list[str]:
    """The codes with relatives side by side: the largest family first, within it branch by branch, then by name."""
    size = Counter(language(code).family for code in codes)

    def place(code: str) -> tuple[bool, int, str]:
        family = language(code).family
        return family in _NO_FAMILY, -size[family], family

    return sorted(by_family(codes), key=place)


def runs(codes: Sequence[str]) -> list[Run]:
    """The families, and branches where a family has several here, as they follow each other."""
    known = [language(code) for code in codes]
    branches: dict[str, set[str]] = {}
    for each in known:
        branches.setdefault(each.family, set()).add(each.branch)
    kinds = [(each.family, each.branch if len(branches[each.family]) > 1 else "") for each in known]
    starts = [i for i, kind in enumerate(kinds) if i == 0 or kind != kinds[i - 1]]
    return [Run(start, stop, *kinds[start]) for start, stop in pairwise([*starts, len(kinds)])]


def label_runs(figure: Any, found: Sequence[Run], cell: float, mode_line: str, size: int = 11) -> None:
    """The names of the runs at the right of the axis, moved apart where they would lie on each other."""
    wanted = [cell * (run.start + run.stop - 1) / 2 for run in found]
    families = [run.family for run in found]
    words = []
    for i, (run, at, to) in enumerate(zip(found, wanted, spread(wanted, LINE), strict=True)):
        first = i == 0 or families[i - 1] != run.family
        family = f"<b>{plain(run.family)}</b>" if first and run.branch else ""
        text = f"{family} {plain(run.branch)}".strip() if run.branch else f"<b>{plain(run.family)}</b>"
        words.append({
            "text": text, "xref": "paper", "x": 1, "y": (run.start + run.stop - 1) / 2, "ax": 16, "ay": to - at,
            "xanchor": "left", "showarrow": True, "arrowhead": 0, "arrowwidth": 0.8, "arrowcolor": mode_line,
            "standoff": 1, "align": "left", "font": {"size": size}, "captureevents": False,
        })  # fmt: skip
    add_words(figure, words)


def run_room(found: Sequence[Run]) -> int:
    """Pixels that the names of the runs need at the right."""
    longest = max(len(run.family) + 1 + len(run.branch) if run.branch else len(run.family) for run in found)
    return 30 + int(5.8 * longest)


def spread(places: Sequence[float], gap: float) -> list[float]:
    """Rising places moved as little as it takes (least squares) to be `gap` apart: pool adjacent violators."""
    blocks: list[list[float]] = []  # sum of (place - gap * index), count
    for i, place in enumerate(places):
        blocks.append([place - gap * i, 1])
        while len(blocks) > 1 and blocks[-2][0] / blocks[-2][1] > blocks[-1][0] / blocks[-1][1]:
            total, count = blocks.pop()
            blocks[-1][0] += total
            blocks[-1][1] += count
    level = [total / count for total, count in blocks for _ in range(int(count))]
    return [value + gap * i for i, value in enumerate(level)]
