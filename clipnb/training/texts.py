"""Sentences as tokens, in little memory, and the order in which they are learned from."""

from __future__ import annotations

import functools
import warnings
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import TextTooLong, TruncatedText, quote
from clipnb.models.towers import Arrays, padded
from clipnb.training.student import Student

__all__ = ["Batches", "TokenTable"]

BLOCK = 4096
NEIGHBOURS = 32
"""Batches that are sorted by length together, so that little is padded."""


class TokenTable:
    """The tokens of many texts, four bytes each.

    Args:
        student: whose tokenizer.
        texts: what it reads.
        languages: a code a text, by which cut texts are counted.
        truncate: cut at the student's context with one warning, instead of raising.

    Raises:
        TextTooLong: only with ``truncate=False``; names the text.
    """

    def __init__(self, student: Student, texts: Sequence[str], languages: Sequence[str], truncate: bool) -> None:
        self._pad = int(student.tokenizer.pad_token_id)
        limit, parts, cut = student.context_length, [], Counter[str]()
        lengths: list[int] = []
        for start in range(0, len(texts), BLOCK):
            block = list(texts[start : start + BLOCK])
            rows = student.token_rows(block)
            long = [i for i, row in enumerate(rows) if len(row) > limit]
            if long and not truncate:
                raise TextTooLong(
                    f"text {start + long[0]}, {quote(block[long[0]])}: {len(rows[long[0]])} tokens > {limit}, the "
                    "student's context; pass truncate=True to cut such texts"
                )
            for i, row in zip(long, student.cut_rows([block[i] for i in long]) if long else [], strict=True):
                rows[i] = row
                cut[languages[start + i]] += 1
            lengths += map(len, rows)
            parts.append(np.fromiter((token for row in rows for token in row), dtype=np.int32))
        if cut:
            counted, all_ = ", ".join(f"{code} {cut[code]}" for code in sorted(cut)), sum(cut.values())
            message = f"{all_} of {len(texts)} texts cut at the student's {limit} tokens: {counted}"
            warnings.warn(message, TruncatedText, stacklevel=4)
        self.cut = dict(cut)
        self.lengths = np.array(lengths, dtype=np.int32)
        self._ends = np.cumsum(self.lengths, dtype=np.int64)
        self._flat = np.concatenate(parts)

    def __len__(self) -> int:
        return len(self.lengths)

    def batch(self, indices: ArrayLike) -> Arrays:
        """``input_ids`` and ``attention_mask``, int64 [text, token], padded to the longest."""
        chosen = np.asarray(indices)
        ends = self._ends[chosen]
        spans = zip(ends - self.lengths[chosen], ends, strict=True)
        return padded([self._flat[start:end].tolist() for start, end in spans], self._pad)


class Batches:
    """Which texts each step learns from: every text once an epoch, texts of like length together.

    The order depends on the seed and on nothing that happened before, so that a run can go on from any step.

    Args:
        lengths: tokens of each text.
        size: texts in a batch; the last of an epoch may have fewer.
        seed: of the order.
    """

    def __init__(self, lengths: NDArray[np.int32], size: int, seed: int) -> None:
        self._lengths, self._size, self._seed = lengths, size, seed
        self.per_epoch = -(-len(lengths) // size)
        self._order = functools.lru_cache(maxsize=1)(self._epoch)

    def __getitem__(self, step: int) -> NDArray[np.intp]:
        epoch, place = divmod(step, self.per_epoch)
        return self._order(epoch)[place]

    def _epoch(self, epoch: int) -> list[NDArray[np.intp]]:
        random = np.random.default_rng((self._seed, epoch))
        order, found = random.permutation(len(self._lengths)), []
        for start in range(0, len(order), self._size * NEIGHBOURS):
            near = order[start : start + self._size * NEIGHBOURS]
            near = near[np.argsort(self._lengths[near], kind="stable")]
            found += [near[first : first + self._size] for first in range(0, len(near), self._size)]
        return [found[i] for i in random.permutation(len(found))]
