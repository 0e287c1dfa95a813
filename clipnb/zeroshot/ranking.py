"""The leading columns of each row, and the place of one of them: what is kept of scores too many to keep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Leading", "best_columns", "rank_of"]

Scores = NDArray[np.floating[Any]]
FEW = 12
"""Up to so many columns are found by taking the largest out again and again, which beats a sort."""


def best_columns(scores: Scores, k: int) -> NDArray[np.int32]:
    """Columns of the ``k`` largest of each row, best first; equal scores by column. int32 [row, min(k, columns)]."""
    k = min(k, scores.shape[1])
    if k > FEW or not scores.shape[0]:
        return np.argsort(-scores, axis=1, kind="stable")[:, :k].astype(np.int32)
    best = np.empty((len(scores), k), dtype=np.int32)
    rows = np.arange(len(scores))
    left = scores if k == 1 else scores.copy()
    for place in range(k):
        best[:, place] = left.argmax(axis=1)  # of equals the first
        if place + 1 < k:
            left[rows, best[:, place]] = -np.inf
    return best


def rank_of(scores: Scores, columns: NDArray[np.integer[Any]]) -> NDArray[np.int32]:
    """The place of one column in each row, from 1; equal scores by column. int32 [row]."""
    mine = np.take_along_axis(scores, columns[:, None], axis=1)
    # Before a column come the larger ones, and the equal ones that stand left of it.
    ahead = np.count_nonzero(scores > mine, axis=1)
    equal = (scores == mine) & (np.arange(scores.shape[1]) < columns[:, None])
    return (ahead + np.count_nonzero(equal, axis=1) + 1).astype(np.int32)


@dataclass(frozen=True, eq=False)
class Leading:
    """What is kept of each image's row of scores.

    Attributes:
        index: columns of the leading classes, best first, int32 [image, kept].
        cosine: theirs, float32 [image, kept].
        probability: theirs, float32 [image, kept].
        squares: the sum of the squares of all the image's probabilities, float64 [image].
        truth_rank: the place of the true class, from 1, int32 [image]; None where the truth is not known.
        truth_cosine: its cosine, float32 [image]; or None.
        truth_probability: its probability, float32 [image]; or None.
    """

    index: NDArray[np.int32]
    cosine: NDArray[np.float32]
    probability: NDArray[np.float32]
    squares: NDArray[np.float64]
    truth_rank: NDArray[np.int32] | None = None
    truth_cosine: NDArray[np.float32] | None = None
    truth_probability: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.index)

    @classmethod
    def room(cls, images: int, kept: int, labelled: bool) -> Leading:
        """Empty arrays, to be filled block by block with :meth:`put`."""
        one = (images,)
        return cls(
            np.empty((images, kept), dtype=np.int32),
            np.empty((images, kept), dtype=np.float32),
            np.empty((images, kept), dtype=np.float32),
            np.empty(one, dtype=np.float64),
            np.empty(one, dtype=np.int32) if labelled else None,
            np.empty(one, dtype=np.float32) if labelled else None,
            np.empty(one, dtype=np.float32) if labelled else None,
        )

    def put(
        self,
        start: int,
        similarity: Scores,
        probabilities: Scores,
        truth: NDArray[np.integer[Any]] | None = None,
        scores: Scores | None = None,
    ) -> None:
        """Take what is to be kept of the rows from ``start`` on.

        Args:
            start: the first row.
            similarity: cosines [row, class].
            probabilities: [row, class].
            truth: the true column of each row.
            scores: what classes are ranked by, where it is not the cosine, [row, class].
        """
        rows = slice(start, start + len(similarity))
        ranked_by = similarity if scores is None else scores
        best = best_columns(ranked_by, self.index.shape[1])
        self.index[rows] = best
        self.cosine[rows] = np.take_along_axis(similarity, best, axis=1)
        self.probability[rows] = np.take_along_axis(probabilities, best, axis=1)
        self.squares[rows] = np.einsum("ij,ij->i", probabilities, probabilities, dtype=np.float64)
        if self.truth_rank is None or self.truth_cosine is None or self.truth_probability is None or truth is None:
            return
        self.truth_rank[rows] = rank_of(ranked_by, truth)
        self.truth_cosine[rows] = np.take_along_axis(similarity, truth[:, None], axis=1)[:, 0]
        self.truth_probability[rows] = np.take_along_axis(probabilities, truth[:, None], axis=1)[:, 0]
