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
    old: Any, new: Any, start: int, stop: int, indptr: Any, indices: Any, every: Any, due: Any,
    now: int, alpha: float, a: float, b: float, repulsion: float, negatives: int, seed: int,
) -> None:  # fmt: skip
    """Move the points ``start`` to ``stop`` of ``new`` by the forces of ``old``, which stays.

    Stochastic gradient descent on the cross entropy of McInnes, Healy and Melville 2018 (section 3.2): each edge
    attracts once in ``every[edge]`` epochs, and brings ``negatives`` random points that repel. A point's random
    numbers follow from the seed, the epoch and its own number, and it sees the others where they stood before the
    epoch: so it does not matter which thread moves it. (Because all move at once, steps are half as long by default as
    in umap-learn, which moves one after the other; the maps are as good.)

    Args:
        old: float32 [point, 3], the third column zero on a plane.
        new: the same, to be written.
        start: the first point to move.
        stop: the first one not to move.
        indptr: int64 [point + 1], where the edges of a point begin.
        indices: int32 [edge], where they lead.
        every: float32 [edge], epochs between two uses.
        due: float32 [edge], the epoch of the next use; moved on here.
        now: the number of this epoch.
        alpha: the length of a step.
        a: of the curve 1 / (1 + a d^2b).
        b: likewise.
        repulsion: the weight of what repels.
        negatives: random points an attraction.
        seed: of the random numbers.
    """
    count = np.uint64(old.shape[0])
    for i in range(start, stop):
        x, y, z = old[i, 0], old[i, 1], old[i, 2]
        # splitmix64 (Steele, Lea and Flood 2014), begun at a hash of seed, epoch and point: neighbouring counters
        # would give streams that overlap.
        state = np.uint64(seed) * np.uint64(0xD1342543DE82EF95) + np.uint64(now) * count + np.uint64(i)
        state = (state ^ (state >> np.uint64(32))) * np.uint64(0xDABA0B6EB09322E3)
        state = (state ^ (state >> np.uint64(29))) * np.uint64(0xAEF17502108EF2D9)
        state ^= state >> np.uint64(32)
        for e in range(indptr[i], indptr[i + 1]):
            if due[e] > now:
                continue
            due[e] += every[e]
            j = indices[e]
            dx, dy, dz = x - old[j, 0], y - old[j, 1], z - old[j, 2]
            d2 = dx * dx + dy * dy + dz * dz
            if d2 > 0:
                power = d2**b
                pull = np.float32(-2) * a * b * power / (d2 * (a * power + np.float32(1)))
                # Twice: an edge pulls at both of its ends, and stands in the graph in both directions.
                step = np.float32(2) * alpha
                x += step * min(np.float32(4), max(np.float32(-4), pull * dx))
                y += step * min(np.float32(4), max(np.float32(-4), pull * dy))
                z += step * min(np.float32(4), max(np.float32(-4), pull * dz))
            for _ in range(negatives):
                state += np.uint64(0x9E3779B97F4A7C15)
                mixed = (state ^ (state >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                other = np.int64(((mixed >> np.uint64(32)) * count) >> np.uint64(32))
                if other == i:
                    continue
                dx, dy, dz = x - old[other, 0], y - old[other, 1], z - old[other, 2]
                d2 = dx * dx + dy * dy + dz * dz
                if d2 > 0:
                    push = np.float32(2) * repulsion * b / ((np.float32(0.001) + d2) * (a * d2**b + np.float32(1)))
                    x += alpha * min(np.float32(4), max(np.float32(-4), push * dx))
                    y += alpha * min(np.float32(4), max(np.float32(-4), push * dy))
                    z += alpha * min(np.float32(4), max(np.float32(-4), push * dz))
        new[i, 0], new[i, 1], new[i, 2] = x, y, z


_SIGNATURE = "void(f4[:,::1], f4[:,::1], i8, i8, i8[::1], i4[::1], f4[::1], f4[::1], i8, f4, f4, f4, f4, i8, i8)"

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
