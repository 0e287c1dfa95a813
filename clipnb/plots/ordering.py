"""The order of the classes in a confusion matrix: what is confused with each other stands side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import UnknownLabel
from clipnb.plots.arrays import same_length

__all__ = ["class_groups", "class_order"]


def class_groups(classnames: Sequence[str], groups: Mapping[str, str] | Sequence[str] | None) -> list[str] | None:
    """One group a class, from a mapping or a list; None where there are none.

    Raises:
        UnknownLabel: names the classes that the mapping leaves out.
        WrongShape: a list of another length.
    """
    if groups is None:
        return None
    if isinstance(groups, Mapping):
        missing = [name for name in classnames if name not in groups]
        if missing:
            shown = ", ".join(map(repr, missing[:5])) + (", ..." if len(missing) > 5 else "")
            raise UnknownLabel(f"groups has no group for {len(missing)} of {len(classnames)} classes: {shown}")
        return [str(groups[name]) for name in classnames]
    same_length("groups", groups, len(classnames))
    return [str(group) for group in groups]


def class_order(counts: NDArray[np.int64], groups: Sequence[str] | None = None) -> list[int]:
    """Positions of the classes in the order in which a confusion matrix is easiest to read.

    Groups keep the order of their first classes. Within a group, or among all classes where there are no groups, the
    order is that of the leaves of a hierarchical clustering (average linkage) by how often two classes are taken for
    each other, so that confusions gather in blocks along the diagonal. Classes that nothing is confused with keep
    their order and come last.

    Args:
        counts: images, [true class, predicted class].
        groups: one a class.
    """
    totals = np.maximum(counts.sum(axis=1, keepdims=True), 1)
    share = counts / totals
    closeness = share + share.T
    np.fill_diagonal(closeness, 0)
    order: list[int] = []
    for group in dict.fromkeys(groups) if groups is not None else [None]:
        members = np.array([i for i in range(len(counts)) if groups is None or groups[i] == group])
        order += [int(i) for i in members[_leaves(closeness[np.ix_(members, members)])]]
    return order


def _leaves(closeness: NDArray[np.float64]) -> NDArray[np.intp]:
    """The leaves of the clustering of these classes, those without any closeness last."""
    alone = ~closeness.any(axis=1)
    joined = np.flatnonzero(~alone)
    if len(joined) > 2:
        from sklearn.cluster import AgglomerativeClustering

        distance = 2.0 - closeness[np.ix_(joined, joined)]
        np.fill_diagonal(distance, 0)
        tree = AgglomerativeClustering(n_clusters=1, metric="precomputed", linkage="average").fit(distance).children_
        joined = joined[_left_to_right(tree)]
    return np.concatenate([joined, np.flatnonzero(alone)])


def _left_to_right(tree: NDArray[np.int64]) -> list[int]:
    """The leaves of a tree, int [merge, 2]: numbers below merges + 1 are leaves, the others merges in their order."""
    count = len(tree) + 1
    order, waiting = [], [2 * count - 2]
    while waiting:
        node = waiting.pop()
        if node < count:
            order.append(node)
        else:
            left, right = tree[node - count].tolist()
            waiting += [right, left]
    return order
