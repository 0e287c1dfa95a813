"""How many pictures go into one pass: what the memory of the device holds."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipnb.errors import UnsupportedOption
from clipnb.models.towers import Arrays, ImageTower
from clipnb.types import FloatArray

__all__ = ["batch_size", "halving"]

ON_PROCESSOR = 16
"""Of 1 to 64 the fastest, with ViT-B/32 and the embedded model on an AMD EPYC, one thread or two (2026-11-23): 32 took
6 to 12 % more time, 8 up to 5 %. Of ViT-L/14 1 to 16 were alike, and 32 took a third more: the arrays between the
layers leave the caches and get fresh pages."""
ON_GPU = 1024
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
    kind = next(tower.module.parameters()).dtype
    inputs = {key: torch.from_numpy(np.ascontiguousarray(value)).to(device) for key, value in sample.items()}
    inputs = {key: value.to(kind) if value.is_floating_point() else value for key, value in inputs.items()}
    before = torch.cuda.memory_allocated(device)
    torch.cuda.reset_peak_memory_stats(device)
    with torch.inference_mode():
        tower.features(inputs)
    each = max(torch.cuda.max_memory_allocated(device) - before, 1) / 8
    free, _ = torch.cuda.mem_get_info(device)
    return int(2 ** np.clip(np.floor(np.log2(max(free / 2 / each, 1))), 0, np.log2(ON_GPU)))


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
        UnsupportedOption: not even one picture fits.
    """
    try:
        return features(batch)
    except torch.OutOfMemoryError as error:
        count = len(next(iter(batch.values())))
        if count == 1:
            raise UnsupportedOption(
                "the memory of the device does not hold one picture beside the model; pass dtype='bfloat16' to load, "
                "or take another device"
            ) from error
        parts: Sequence[Any] = [slice(None, count // 2), slice(count // 2, None)]
        return np.concatenate([halving(features, {k: v[part] for k, v in batch.items()}) for part in parts])
