"""What an alignment says of a language, in a sentence or two."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from clipnb.languages import language

if TYPE_CHECKING:
    from clipnb.aligning.result import Alignment

__all__ = ["describe"]

NEAR, APART = 0.95, 0.6
"""Where the words change: true pairs nearer than shuffled ones in 95 of 100 cases, and in less than 60."""


def describe(found: Alignment, code: str) -> str:
    """Whether the sentences of a language lie where the pivot's do, and both on the picture."""
    parts = [_translation(found, code)] if code != found.pivot else []
    if len(found.recall):
        parts.append(_pictures(found, code))
    parts += _cut(found, code)
    return " ".join(part for part in parts if part)


def _translation(found: Alignment, code: str) -> str:
    row = found.translation.set_index("language").loc[code]
    name, pivot = language(code).name, language(found.pivot).name
    if not row["pairs"]:
        return f"No picture has a text both in {name} and in {pivot}, so nothing can be said of their distance."
    if np.isnan(row["auc"]):
        return f"A single text in {name} has one in {pivot} beside it, with a cosine of {row['cosine']:.2f}."
    if row["auc"] >= NEAR:
        where = f"{name} sentences land near their {pivot} counterparts"
    elif row["auc"] >= APART:
        where = f"{name} sentences lean towards their {pivot} counterparts"
    else:
        where = f"{name} sentences do not land where their {pivot} counterparts do"
    return (
        f"{where}: the mean cosine is {row['cosine']:.2f}, of sentences that do not belong together {row['null']:.2f}, "
        f"and a true pair is nearer than such a one in {_percent(row['auc'])} of cases ({row['pairs']:,} pairs)."
    )


def _pictures(found: Alignment, code: str) -> str:
    mine = found.row(code)
    name, pivot = language(code).name, language(found.pivot).name
    subject = f"{name} sentences" if code == found.pivot else "They"
    text = (
        f"{subject} have their picture among the first {mine['k']} of {mine['items']:,} in {_percent(mine['recall'])} "
        f"of cases{_between(mine)}; guessing would give {_percent(mine['chance'])}."
    )
    if code == found.pivot:
        return text
    theirs = found.row(found.pivot)
    if mine["high"] < theirs["low"]:
        verdict = "less often than"
    elif mine["low"] > theirs["high"]:
        verdict = "more often than"
    elif np.isnan(mine["low"]):
        verdict = "beside"
    else:
        verdict = "about as often as, within the intervals,"
    return f"{text} That is {verdict} {pivot}, {_percent(theirs['recall'])}{_between(theirs)}."


def _cut(found: Alignment, code: str) -> list[str]:
    rows = found.tokens[found.tokens["language"] == code]
    if not len(rows) or not rows["truncated"].iloc[0]:
        return []
    row = rows.iloc[0]
    return [f"{row['truncated']:,} of {row['texts']:,} texts were cut at {row['context_length']} tokens."]


def _percent(share: float) -> str:
    """Whole percents; tenths where they would say 0 or 100 of what is neither."""
    whole = f"{100 * share:.0f}"
    return f"{100 * share:.1f} %" if whole in ("0", "100") and 0 < share < 1 else f"{whole} %"


def _between(row: Any) -> str:
    return "" if np.isnan(row["low"]) else f" ({100 * row['low']:.0f} to {100 * row['high']:.0f})"
