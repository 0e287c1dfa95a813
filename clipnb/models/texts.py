"""Texts to tokens, with the limits checked before a tower sees them."""

from __future__ import annotations

import threading
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from clipnb.errors import EmptyInput, TextTooLong, TruncatedText, WrongType, quote

if TYPE_CHECKING:
    from clipnb.models.towers import TextTower

__all__ = ["check_texts", "token_rows"]

_TOKENIZING = threading.Lock()
"""Whether texts are cut is a state of transformers' tokenizers: a call in another thread would change it midway."""


def check_texts(texts: Sequence[str]) -> list[str]:
    """The texts as a list.

    Raises:
        WrongType: a single text instead of a list, something else in the list, or a text that is no valid Unicode.
        EmptyInput: the list is empty.
    """
    if isinstance(texts, (str, bytes)):
        raise WrongType(f"expected a list of texts, got a single one; put it into a list: [{quote(str(texts))}]")
    try:
        found = list(texts)
    except TypeError as error:
        raise WrongType(f"expected a list of texts, got a {type(texts).__name__}") from error
    if not found:
        raise EmptyInput("the list of texts is empty; give at least one")
    for position, text in enumerate(found):
        if not isinstance(text, str):
            raise WrongType(f"text {position} is {text!r}, a {type(text).__name__}; expected a text")
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise WrongType(f"text {position} is no valid Unicode, {text[:40]!r}: {error.reason}") from error
    return [str(text) for text in found]


def token_rows(
    tower: TextTower, texts: Sequence[str], truncate: bool, languages: Sequence[str] | None
) -> list[list[int]]:
    """The token ids of every text, start and end marks included, without padding.

    Raises:
        WrongType, EmptyInput: see :func:`check_texts`; or ``languages`` has not one code per text.
        TextTooLong: a text has more tokens than the tower's context, and ``truncate`` is False.
    """
    found, limit = check_texts(texts), tower.context_length
    languages = None if languages is None else list(languages)
    if languages is not None and len(languages) != len(found):
        raise WrongType(f"{len(languages)} languages for {len(found)} texts; expected one code each")
    with _TOKENIZING:
        rows = tower.rows(found)
    long = [i for i, row in enumerate(rows) if len(row) > limit]
    if not long:
        return rows
    if not truncate:
        first = long[0]
        more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
        raise TextTooLong(
            f"text {first}, {quote(found[first])}{more}: {len(rows[first])} tokens > {limit}; shorten it, or pass "
            "truncate=True"
        )
    counted = f"{len(long)} of {len(found)} texts cut at {limit} tokens"
    if languages is not None:
        cut, all_ = Counter(languages[i] for i in long), Counter(languages)
        counted += ": " + ", ".join(f"{code} {cut[code]} of {all_[code]}" for code in sorted(cut))
    warnings.warn(counted, TruncatedText, stacklevel=3)
    with _TOKENIZING:
        cut_rows = tower.rows([found[i] for i in long], cut=True)
    for i, row in zip(long, cut_rows, strict=True):
        rows[i] = row
    return rows
