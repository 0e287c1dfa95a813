"""How well a student does on sentences that it did not learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.training.pairs import ParallelTexts
from clipnb.types import FloatArray, unit_rows

__all__ = ["ranks_of", "validate"]

BLOCK = 512


def ranks_of(rows: ArrayLike, items: ArrayLike, truth: ArrayLike) -> NDArray[np.intp]:
    """How many items are nearer to each row than its own, or equally near, intp [row].

    Args:
        rows: unit rows [row, dim].
        items: unit rows [item, dim].
        truth: the item of each row, its index.
    """
    own = np.asarray(truth)
    left, right = np.asarray(rows), np.asarray(items)
    ranks = np.empty(len(left), dtype=np.intp)
    for start in range(0, len(left), BLOCK):
        sim = left[start : start + BLOCK] @ right.T
        best = sim[np.arange(len(sim)), own[start : start + BLOCK]]
        ranks[start : start + BLOCK] = (sim >= best[:, None]).sum(axis=1) - 1
    return ranks


def validate(
    encode: Callable[[Sequence[int]], FloatArray], pairs: ParallelTexts, targets: FloatArray, step: int
) -> list[dict[str, float | int | str]]:
    """A row per language.

    Args:
        encode: raw features [text, dim] of the texts with these numbers.
        pairs: what is tested.
        targets: the teacher's rows of its sources, [pair, dim].
        step: after which this is.
    """
    rows, aims = unit_rows(encode(range(len(pairs)))), unit_rows(targets)
    first: dict[str, int] = {}
    for i, source in enumerate(pairs.sources):
        first.setdefault(source, i)
    number = {source: n for n, source in enumerate(first)}
    own = np.array([number[source] for source in pairs.sources])
    ranks = ranks_of(rows, aims[list(first.values())], own)
    cosines = np.einsum("ij,ij->i", rows, aims)
    codes, found = np.array(pairs.languages), []
    for code in dict.fromkeys(pairs.languages):
        chosen = codes == code
        entry: dict[str, float | int | str] = {"step": step, "language": code, "texts": int(chosen.sum())}
        entry["cosine"] = round(float(cosines[chosen].mean()), 6)
        for k in (1, 10):
            entry[f"recall@{k}"] = round(float((ranks[chosen] < k).mean()), 6)
        found.append({**entry, "sources": len(first)})
    return found
