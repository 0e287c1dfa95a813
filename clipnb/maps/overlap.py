"""How far two models, or a model and a map, agree on what is near what."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import EmptyInput, InvalidEmbeddings, WrongShape
from clipnb.maps import neighbours
from clipnb.maps.options import whole
from clipnb.maps.projection import Projection
from clipnb.types import Embeddings, as_embeddings

__all__ = ["neighbourhood_overlap", "shared_neighbours"]

Points = Embeddings | Projection | ArrayLike


def neighbourhood_overlap(a: Points, b: Points, k: int = 10) -> NDArray[np.float64]:
    """For each point the share of its k nearest neighbours that two models, or two maps, have in common.

    Unlike cosines, which every model spreads in its own range, neighbourhoods can be compared between models of any
    width. Two lists drawn at random would share k / (points - 1).

    Args:
        a: Embeddings or rows [point, dim], compared by the cosine; or a Projection, by distances on the map.
        b: the same points, in the same order.
        k: size of a neighbourhood, without the point itself.

    Returns:
        float64 [point], within [0, 1]: 1 where both name the same k, in whatever order; exact up to 50,000 points,
        with neighbours by descent beyond.

    Raises:
        WrongShape: another number of points.
        InvalidEmbeddings: ids that name other points, or the same ones in another order.
        EmptyInput: fewer than two points.
        UnsupportedOption: k is less than one, or as many as there are points.
    """
    first, second = as_points(a), as_points(b)
    same_points([first, second])
    if len(first) < 2:
        raise EmptyInput(f"{len(first)} point{'' if len(first) == 1 else 's'}; neighbourhoods take two or more")
    k = whole("k", k, 1, len(first) - 1, f"with {len(first)} points ")
    return shared_neighbours(_nearest(first, k), _nearest(second, k)) / k


def shared_neighbours(a: NDArray[np.integer], b: NDArray[np.integer]) -> NDArray[np.intp]:
    """How many neighbours two lists [point, k] have in common: int [point]. No index may stand twice in a list."""
    shared = np.empty(len(a), dtype=np.intp)
    for start in range(0, len(a), 8192):
        here = slice(start, start + 8192)
        both = np.sort(np.concatenate([a[here], b[here]], axis=1), axis=1)
        shared[here] = (both[:, 1:] == both[:, :-1]).sum(axis=1)
    return shared


def same_points(given: list[Embeddings | Projection]) -> None:
    """Refuse inputs that are not about the same points, row for row."""
    for n, other in enumerate(given[1:], start=2):
        if len(other) != len(given[0]):
            raise WrongShape(
                f"{len(given[0])} points in the first, {len(other)} in number {n}; expected the same points"
            )
        if other.ids != given[0].ids:
            row = next(i for i, (x, y) in enumerate(zip(given[0].ids, other.ids, strict=True)) if x != y)
            raise InvalidEmbeddings(
                f"row {row} is {given[0].ids[row]!r} in the first and {other.ids[row]!r} in number {n}; "
                "bring both into the same order, and give them the same ids"
            )


def as_points(given: Points) -> Embeddings | Projection:
    """A map as it is, anything else as Embeddings."""
    return given if isinstance(given, Projection) else as_embeddings(given)


def _nearest(points: Embeddings | Projection, k: int) -> NDArray[np.integer]:
    if isinstance(points, Projection):
        return neighbours.on_the_map(points.coords, k)
    exact = len(points) <= neighbours.EXACT_UP_TO
    find = neighbours.among_themselves if exact else lambda rows, many: neighbours.approximate(rows, many, 0)
    return find(points.vectors, k + 1)[0][:, 1:]
