"""How many pictures and texts go into one pass: what the memory of the device holds, and its caches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from clipnb.errors import UnsupportedOption
from clipnb.models.towers import Arrays, ImageTower, TextTower, on_device
from clipnb.types import FloatArray

__all__ = ["batch_size", "halving", "text_batches"]

ON_PROCESSOR = 16
"""Of 1 to 64 the fastest, with ViT-B/32 and the embedded model on an AMD EPYC, one thread or two (2026-11-23): 32 took
5 to 12 % more time, 8 up to 5 %. Of ViT-L/14 (three of its layers) 1 to 16 were within 8 %, and 32 took 45 % more: the
arrays between the layers leave the caches and get fresh pages."""
ON_GPU = 1024
TOKENS_ON_PROCESSOR = 1024
"""As pictures: with a text tower of ViT-B/32's size 512 took 5 % less time, 2048 16 % more and 4096 39 % more; with the
embedded model 512 to 2048 are alike (one thread, 2026-11-23)."""
TOKENS_ON_GPU = 16_384
ACTIVATIONS = 64
"""Bytes in flight for each byte of float32 pixels: a rule of thumb, on the safe side."""


def batch_size(tower: ImageTower) -> int:
    """Pictures in one pass.

    On a GPU it is measured: eight pictures go through, and half of the free memory is filled with what they took. On a
    processor 16, or fewer if an eighth of the available memory does not hold them.
    """
    device = next(tower.module.parameters()).device
    if device.type == "cuda":
        return _measured(tower, device)
    pixels = 3 * 4 * tower.image_size**2
    fits = available() // 8 // (pixels * ACTIVATIONS)
    return int(min(max(fits, 1), ON_PROCESSOR))


def _measured(tower: ImageTower, device: torch.device) -> int:
    from PIL import Image

    edge = max(tower.image_size, 32)
    sample = tower.pixels([Image.new("RGB", (edge, edge))] * 8)
    inputs = on_device(sample, tower.module)
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode():
        tower.features(inputs)
    each = max(torch.cuda.max_memory_allocated(device) - before, 1) / 8
    free, _ = torch.cuda.mem_get_info(device)
    return int(2 ** np.clip(np.floor(np.log2(max(free / 2 / each, 1))), 0, np.log2(ON_GPU)))


def text_batches(tower: TextTower, rows: Sequence[Sequence[int]]) -> list[NDArray[np.intp]]:
    """Which texts go together, as positions in ``rows``: of like length, and as many as stay under a number of tokens.

    The padding counts, be it up to the longest of the batch or, in families that pad so, up to one length for all.
    """
    processor = next(tower.module.parameters()).device.type == "cpu"
    budget = TOKENS_ON_PROCESSOR if processor else TOKENS_ON_GPU
    lengths = np.array([len(row) for row in rows])
    order = np.argsort(lengths, kind="stable")
    shortest = tower.batch([rows[order[0]]])["input_ids"].shape[1]
    padded = np.maximum(lengths[order], shortest)
    batches, start = [], 0
    for stop in range(1, len(order) + 1):
        if stop == len(order) or (stop + 1 - start) * padded[stop] > budget:
            batches.append(order[start:stop])
            start = stop
    return batches


def available() -> int:
    """Bytes of memory that a process may still take; a generous guess where the system does not say."""
    meminfo = Path("/proc/meminfo")
    if meminfo.exists():
        for line in meminfo.read_text(encoding="ascii", errors="replace").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, ValueError, OSError):
        return 8 << 30


def halving(features: Callable[[Arrays], FloatArray], batch: Arrays) -> FloatArray:
    """The features of a batch; of its halves, one after the other, where the device's memory does not hold it.

    Raises:
        UnsupportedOption: not even one item fits.
    """
    try:
        return features(batch)
    except torch.OutOfMemoryError as error:
        count = len(next(iter(batch.values())))
        if count == 1:
            raise UnsupportedOption(
                "the memory of the device does not hold one item beside the model; pass dtype='bfloat16' to load, "
                "or take another device"
            ) from error
        parts: Sequence[Any] = [slice(None, count // 2), slice(count // 2, None)]
        return np.concatenate([halving(features, {k: v[part] for k, v in batch.items()}) for part in parts])
