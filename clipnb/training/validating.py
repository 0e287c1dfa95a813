"""How well a student does on sentences that it did not learn from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from clipnb.retrieval import retrieval_ranks
from clipnb.training.pairs import ParallelTexts
from clipnb.types import FloatArray, unit_rows

__all__ = ["validate"]


def validate(
    encode: Callable[[Sequence[int]], FloatArray], pairs: ParallelTexts, targets: FloatArray, step: int
) -> list[dict[str, float | int | str]]:
    """A row per language. Ties count against the student, see :func:`clipnb.retrieval.retrieval_ranks`.

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
    ranks = retrieval_ranks(aims[list(first.values())], rows, own).text_to_image
    cosines = np.einsum("ij,ij->i", rows, aims)
    codes, found = np.array(pairs.languages), []
    for code in dict.fromkeys(pairs.languages):
        chosen = codes == code
        entry: dict[str, float | int | str] = {"step": step, "language": code, "texts": int(chosen.sum())}
        entry["cosine"] = round(float(cosines[chosen].mean()), 6)
        for k in (1, 10):
            entry[f"recall@{k}"] = round(float((ranks[chosen] <= k).mean()), 6)
        found.append({**entry, "sources": len(first)})
    return found
