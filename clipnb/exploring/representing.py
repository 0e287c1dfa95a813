"""Words for a part of a map: the texts that lie nearer to it than to the rest."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, WrongShape, WrongType
from clipnb.similarity import checked_k
from clipnb.types import Embeddings, as_embeddings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["rank_texts", "representative_texts"]


def representative_texts(
    rows: Embeddings | ArrayLike,
    texts: Embeddings,
    k: int = 10,
    against: Embeddings | ArrayLike | None = None,
    *,
    one_of: Sequence[Hashable] | None = None,
) -> pd.DataFrame:
    """The texts that distinguish a selection from the rest of a map, in whatever language they are.

    A text scores its mean cosine with the selection less its mean cosine with the rest: t . (m - r), where m and r are
    the means of the unit rows of the two. What a text has in common with everything drops out: hubs, which are near to
    every picture, and the gap between pictures and texts, which is the same offset in both cosines. It is the centring
    of Suzuki et al. (2013, Centering Similarity Measures to Reduce Hubs, EMNLP), with the rest of the map as the
    centre; CSLS (Conneau et al. 2018) subtracts the mean over the nearest few instead, of which most would be in the
    selection itself here, so that the very words that fit it would be punished for it.

    Args:
        rows: of the selection, [selected, dim].
        texts: candidates, of the same space; their ids are the texts. On a centred map, centred as its texts are
            (``joint.like(texts, "text")``).
        k: how many; all of them where there are fewer.
        against: the rest of the map. None: nothing is subtracted, and what comes out is what is near, hubs included.
        one_of: for each text what it is about; at most one text is taken of each, the best.

    Returns:
        A table, the best first: text, score (the difference), cosine (mean with the selection), elsewhere (mean with
        the rest; NaN without one).

    Raises:
        EmptyInput: no rows, no texts, or an empty rest.
        WrongType: the texts are something else.
        UnsupportedOption: k is no whole number, or less than one.
        InvalidEmbeddings: different widths or models.
        WrongShape: not one entry of ``one_of`` a text.
    """
    if not isinstance(texts, Embeddings):
        raise WrongType(f"expected the texts as Embeddings, whose ids they are, got a {type(texts).__name__}")
    if not len(texts):
        raise EmptyInput("there are no texts to choose from")
    k = checked_k(k, len(texts))
    chosen = as_embeddings(rows)
    rest = None if against is None else as_embeddings(against)
    for name, side in (("the selection", chosen), ("the rest of the map", rest)):
        if side is None:
            continue
        if not len(side):
            raise EmptyInput(f"{name} has no rows")
        if side.dim != texts.dim:
            raise InvalidEmbeddings(f"{name} has {side.dim} columns, the texts {texts.dim}: two different models?")
        if side.model and texts.model and side.model != texts.model:
            raise InvalidEmbeddings(f"{name} is of {side.model!r}, the texts are of {texts.model!r}")
    return rank_texts(texts, _mean(chosen), None if rest is None else _mean(rest), k, one_of=one_of)


def rank_texts(
    texts: Embeddings,
    here: NDArray[np.float64],
    elsewhere: NDArray[np.float64] | None,
    k: int,
    *,
    one_of: Sequence[Hashable] | None = None,
) -> pd.DataFrame:
    """The same as :func:`representative_texts`, of means that are known already.

    Args:
        texts: candidates.
        here: the mean of the unit rows of the selection, [dim].
        elsewhere: that of the rest; None: there is none.
        k: how many.
        one_of: for each text what it is about.

    Raises:
        WrongShape: not one entry of ``one_of`` a text.
    """
    import pandas as pd

    if one_of is not None and len(one_of) != len(texts):
        raise WrongShape(f"one_of has {len(one_of)} entries where {len(texts)} are needed, one a text")
    near = texts.vectors @ here
    far = np.full(len(texts), np.nan) if elsewhere is None else texts.vectors @ elsewhere
    scores = near if elsewhere is None else near - far
    order = np.argsort(-scores, kind="stable")
    if one_of is not None:
        order = _first_of_each(order, one_of)
    best = order[:k]
    names = [texts.ids[i] for i in best]
    return pd.DataFrame({"text": names, "score": scores[best], "cosine": near[best], "elsewhere": far[best]})


def _mean(rows: Embeddings) -> NDArray[np.float64]:
    total = np.zeros(rows.dim)
    for _, block in rows.blocks():
        total += block.sum(axis=0, dtype=np.float64)
    return total / len(rows)


def _first_of_each(order: NDArray[np.intp], keys: Sequence[Hashable]) -> NDArray[np.intp]:
    seen: set[Hashable] = set()
    kept = []
    for i in order.tolist():
        if keys[i] not in seen:
            seen.add(keys[i])
            kept.append(i)
    return np.array(kept, dtype=np.intp)
