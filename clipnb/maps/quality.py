"""How far a map can be trusted: measures over neighbourhoods and distances, each with its caution."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import UnsupportedOption
from clipnb.maps import neighbours
from clipnb.maps.options import seed_number, whole
from clipnb.maps.projection import Projection
from clipnb.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["MapQuality", "Measure", "measure", "torn"]

PAIRS = 20_000
NAME_WIDTH, TEXT_WIDTH = 22, 76
BLOCK_BYTES = 64e6


class Measure(NamedTuple):
    """One number about a map."""

    name: str
    value: float
    says: str
    caution: str


@dataclass(frozen=True)
class MapQuality:
    """Measures of one map; ``quality["trustworthiness"]`` is a number, ``print(quality)`` says what to make of them.

    Attributes:
        measures: the numbers with their cautions.
        k: size of a neighbourhood.
        sampled: points that were looked at.
        count: points of the map.
    """

    measures: tuple[Measure, ...]
    k: int
    sampled: int
    count: int

    def __getitem__(self, name: str) -> float:
        values = {each.name: each.value for each in self.measures}
        if name not in values:
            raise UnsupportedOption(f"no measure {name!r}; there are {', '.join(values)}")
        return values[name]

    def table(self) -> pd.DataFrame:
        """Columns measure, value, says and caution."""
        import pandas as pd

        return pd.DataFrame(list(self.measures), columns=["measure", "value", "says", "caution"])

    def __str__(self) -> str:
        looked = f"all {self.count:,}" if self.sampled == self.count else f"{self.sampled:,} of {self.count:,}"
        lines = [f"Neighbourhoods of {self.k}, {looked} points looked at"]
        for each in self.measures:
            says = textwrap.wrap(each.says, TEXT_WIDTH)
            caution = textwrap.wrap(f"But: {each.caution}.", TEXT_WIDTH)
            lines.append(f"{each.name:<{NAME_WIDTH}}{each.value:6.3f}  {says[0]}")
            lines += [" " * (NAME_WIDTH + 8) + text for text in (*says[1:], *caution)]
        return "\n".join(lines)

    __repr__ = __str__


def measure(projection: Projection, k: int, *, sample: int, seed: int, seeds: int) -> MapQuality:
    """See :meth:`clipnb.Projection.quality`.

    Trustworthiness and continuity after Venna and Kaski 2001 (over a sample of the points: the same means, over fewer
    of them), the Shepard correlation as Spearman's, over pairs drawn at random.
    """
    vectors, coords = _rows(projection, "quality")
    count = len(coords)
    k = whole("k", k, 1, (count - 1) // 2, f"with {count} points ")
    sample, seed, seeds = whole("sample", sample, 1), seed_number(seed), whole("seeds", seeds, 0)
    if seeds and projection.seed is None:
        raise UnsupportedOption(f"seeds={seeds}; {projection.method} gives one map only, expected 0")
    rng = np.random.default_rng(seed)
    rows = np.sort(rng.permutation(count)[:sample])
    strangers = missing = shared = 0
    for true, shown in _distances(vectors, coords, rows):
        near_true, near_shown = _nearest(true, k), _nearest(shown, k)
        strangers += _beyond(true, near_shown, k)
        missing += _beyond(shown, near_true, k)
        both = np.zeros(true.shape, dtype=bool)
        np.put_along_axis(both, near_true, True, axis=1)
        shared += int(np.take_along_axis(both, near_shown, axis=1).sum())
    scale = 2 / (len(rows) * k * (2 * count - 3 * k - 1))
    chance = k / (count - 1)
    measures = [
        Measure(
            "trustworthiness", 1 - scale * strangers,
            "1: who stands together on the map belongs together; 0.5: chance",
            "strangers far down the list of true neighbours count most, and in large data nearly every map gets 0.9",
        ),
        Measure(
            "continuity", 1 - scale * missing,
            "1: who belongs together stands together on the map; 0.5: chance",
            "an average over all points hides the regions that are torn; see torn()",
        ),
        Measure(
            "neighbourhood recall", shared / (len(rows) * k),
            f"share of the {k} true neighbours among the {k} nearest on the map; chance: {chance:.3g}",
            f"it is strict: number {k + 1} instead of {k} counts as lost; the more points, the smaller the share",
        ),
        Measure(
            "Shepard correlation", _shepard(vectors, coords, rng),
            "1: the order of all distances is kept, far ones included; 0: none of it",
            "it is mostly about far pairs, which UMAP and t-SNE do not try to keep; low is no fault of theirs, "
            "but forbids reading gaps and sizes off the map",
        ),
    ]  # fmt: skip
    if seeds:
        measures += _stability(projection, coords, k, rows, seeds)
    return MapQuality(tuple(measures), k, len(rows), count)


def torn(projection: Projection, k: int, within: int | None) -> NDArray[np.float64]:
    """See :meth:`clipnb.Projection.torn`."""
    vectors, coords = _rows(projection, "torn")
    count = len(coords)
    k = whole("k", k, 1, count - 1, f"with {count} points ")
    within = min(3 * k, count - 1) if within is None else whole("within", within, k, count - 1)
    known = projection.source.neighbours if projection.source else None
    if known is None or known[0].shape[1] < k + 1:
        exact = count <= neighbours.EXACT_UP_TO
        known = neighbours.among_themselves(vectors, k + 1) if exact else neighbours.approximate(vectors, k + 1, 0)
    true = known[0][:, 1 : k + 1]
    lost = np.empty(count)
    for start in range(0, count, 4096):
        here = np.arange(start, min(start + 4096, count))
        shown = neighbours.on_the_map(coords, within, here)
        found = (true[here][:, :, None] == shown[:, None, :]).any(axis=2)
        lost[here] = 1 - found.mean(axis=1)
    return lost


def _rows(projection: Projection, what: str) -> tuple[FloatArray, FloatArray]:
    source = projection.source
    if source is None or len(source.coords) != len(projection.coords):
        raise UnsupportedOption(f"{what} needs one row for each point of the map; make it with clipnb.project")
    return source.embeddings.vectors, projection.coords


def _distances(
    vectors: FloatArray, coords: FloatArray, rows: NDArray[np.intp]
) -> Iterator[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """Distances [row, point] in the space and on the map, in blocks; that of a point to itself is infinite."""
    right, places = vectors.astype(np.float64), coords.astype(np.float64)
    block = max(1, int(BLOCK_BYTES / 8 / len(vectors)))
    for start in range(0, len(rows), block):
        here = rows[start : start + block]
        true = 1 - right[here] @ right.T
        shown = ((places[here][:, None, :] - places) ** 2).sum(axis=2)
        own = (np.arange(len(here)), here)
        true[own] = shown[own] = np.inf
        yield true, shown


def _nearest(distances: NDArray[np.float64], k: int) -> NDArray[np.intp]:
    return np.argpartition(distances, k - 1, axis=1)[:, :k]


def _beyond(distances: NDArray[np.float64], chosen: NDArray[np.intp], k: int) -> int:
    """By how much the ranks of the chosen points exceed k, added up; the nearest point has rank 1."""
    total = 0
    for column in chosen.T:
        own = np.take_along_axis(distances, column[:, None], axis=1)
        ranks = (distances < own).sum(axis=1) + 1
        total += int(np.maximum(ranks - k, 0).sum())
    return total


def _shepard(vectors: FloatArray, coords: FloatArray, rng: np.random.Generator) -> float:
    from scipy.stats import spearmanr

    count = len(coords)
    first = rng.integers(count, size=PAIRS)
    second = (first + rng.integers(1, count, size=PAIRS)) % count  # never itself
    true, shown = np.empty(PAIRS), np.empty(PAIRS)
    for start in range(0, PAIRS, 2000):
        a, b = first[start : start + 2000], second[start : start + 2000]
        true[start : start + 2000] = ((vectors[a].astype(np.float64) - vectors[b]) ** 2).sum(axis=1)
        shown[start : start + 2000] = ((coords[a].astype(np.float64) - coords[b]) ** 2).sum(axis=1)
    return float(spearmanr(true, shown).statistic)


def _stability(projection: Projection, coords: FloatArray, k: int, rows: NDArray[np.intp], seeds: int) -> list[Measure]:
    from scipy.spatial import procrustes

    from clipnb.maps.projecting import again

    own = neighbours.on_the_map(coords, k, rows)
    kept: list[float] = []
    apart: list[float] = []
    for step in range(1, seeds + 1):
        other = again(projection, ((projection.seed or 0) + step) % 2**32).coords
        theirs = neighbours.on_the_map(other, k, rows)
        kept.append(float((own[:, :, None] == theirs[:, None, :]).any(axis=2).mean()))
        apart.append(float(procrustes(coords.astype(np.float64), other.astype(np.float64))[2]))
    words = f"over {seeds} other seed{'s' if seeds > 1 else ''}"
    worst = f"; {min(kept):.3f} with the worst of them" if seeds > 1 else ""
    return [
        Measure(
            "stable neighbours", float(np.mean(kept)),
            f"share of the {k} nearest on the map that stay so {words}{worst}",
            "a map can be stable and wrong: another seed repeats what the method always does",
        ),
        Measure(
            "Procrustes disparity", float(np.mean(apart)),
            f"0: turned, mirrored and scaled, the maps {words} are one; 1: nothing in common",
            "groups that change sides raise it, though all neighbourhoods are kept: their sides mean nothing then",
        ),
    ]  # fmt: skip
