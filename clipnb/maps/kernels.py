"""One epoch of UMAP's layout, compiled; the machine code is kept on disk, so that an installation compiles once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numba
import numpy as np

from clipnb.caching import cache_folder

__all__ = ["compile_now", "epoch", "is_compiled"]


def _compiled(function: Any) -> Any:
    """The function, compiled when first called; kept where ``NUMBA_CACHE_DIR`` says, else in the package's own cache.

    numba's own choices, beside the source or in the user's folder, may both be read-only. Where this one is, too,
    nothing is kept.
    """
    config: Any = numba.config
    before = config.CACHE_DIR
    folder = Path(before) if before else cache_folder("numba")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        keep = os.access(folder, os.W_OK)
    except OSError:
        keep = False
    try:
        config.CACHE_DIR = str(folder) if keep else before
        return numba.njit(nogil=True, fastmath=True, cache=keep)(function)
    finally:
        config.CACHE_DIR = before


def _epoch(
    places: Any, before: Any, heads: Any, tails: Any, every: Any, due: Any, start: int, stop: int,
    now: int, alpha: float, a: float, b: float, repulsion: float, negatives: int, seed: int,
) -> None:  # fmt: skip
    """Let the edges ``start`` to ``stop`` act on the places of their two ends, one edge after the other.

    Stochastic gradient descent on the cross entropy of McInnes, Healy and Melville 2018 (section 3.2): each edge
    attracts once in ``every[edge]`` epochs, which moves both of its ends, and brings ``negatives`` random points that
    repel its head. (That the two ends move together and at once matters: where each moves by itself, by what it saw
    before the epoch, they overshoot, and far groups lose the places that they started from.)

    No other thread may be moving the ends of these edges meanwhile. An edge's random numbers follow from the seed, the
    epoch and its own number, and what repels is seen where it stood before the epoch: so the other edges that are at
    work make no difference.

    Args:
        places: float32 [point, 3], the third column zero on a plane; changed.
        before: the same before the epoch.
        heads: int32 [edge], one end of each.
        tails: int32 [edge], the other.
        every: float32 [edge], epochs between two uses.
        due: float32 [edge], the epoch of the next use; moved on here.
        start: the first edge.
        stop: the first one that is not meant.
        now: the number of this epoch.
        alpha: the length of a step.
        a: of the curve 1 / (1 + a d^2b).
        b: likewise.
        repulsion: the weight of what repels.
        negatives: random points an attraction.
        seed: of the random numbers.
    """
    count, most = np.uint64(places.shape[0]), np.float32(4)
    for e in range(start, stop):
        if due[e] > now:
            continue
        due[e] += every[e]
        i, j = heads[e], tails[e]
        x, y, z = places[i, 0], places[i, 1], places[i, 2]
        dx, dy, dz = x - places[j, 0], y - places[j, 1], z - places[j, 2]
        d2 = dx * dx + dy * dy + dz * dz
        if d2 > 0:
            power = d2**b
            pull = np.float32(-2) * a * b * power / (d2 * (a * power + np.float32(1)))
            dx = alpha * min(most, max(-most, pull * dx))
            dy = alpha * min(most, max(-most, pull * dy))
            dz = alpha * min(most, max(-most, pull * dz))
            x, y, z = x + dx, y + dy, z + dz
            places[j, 0] -= dx
            places[j, 1] -= dy
            places[j, 2] -= dz
        # splitmix64 (Steele, Lea and Flood 2014), begun at a hash of seed, epoch and edge: neighbouring counters
        # would give streams that overlap.
        state = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + (np.uint64(now) << np.uint64(40)) + np.uint64(e)
        state = (state ^ (state >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
        state = (state ^ (state >> np.uint64(29))) * np.uint64(0xAEF17502108EF2D9)
        state ^= state >> np.uint64(32)
        for _ in range(negatives):
            state += np.uint64(0x9E3779B97F4A7C15)
            mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            other = np.int64(((mixed >> np.uint64(32)) * count) >> np.uint64(32))
            if other == i:
                continue
            dx, dy, dz = x - before[other, 0], y - before[other, 1], z - before[other, 2]
            d2 = dx * dx + dy * dy + dz * dz
            if d2 > 0:
                push = np.float32(2) * repulsion * b / ((np.float32(0.001) + d2) * (a * d2**b + np.float32(1)))
                x += alpha * min(most, max(-most, push * dx))
                y += alpha * min(most, max(-most, push * dy))
                z += alpha * min(most, max(-most, push * dz))
        places[i, 0], places[i, 1], places[i, 2] = x, y, z


_SIGNATURE = "void(f4[:,::1], f4[:,::1], i4[::1], i4[::1], f4[::1], f4[::1], i8, i8, i8, f4, f4, f4, f4, i8, i8)"

epoch = _compiled(_epoch)


def is_compiled() -> bool:
    """Whether machine code of this kernel is at hand: in this process, or on disk from an earlier one."""
    if epoch.signatures:
        return True
    path = getattr(epoch.stats, "cache_path", None)
    return path is not None and any(Path(path).glob("kernels._epoch*.nbc"))


def compile_now() -> None:
    """Compile the kernel, or read it from disk; a second call costs nothing."""
    if not epoch.signatures:
        epoch.compile(_SIGNATURE)
