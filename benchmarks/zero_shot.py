"""A million rows against a thousand classes: time and memory. ``python benchmarks/zero_shot.py [--rows 1000000]``

The rows are random, on disk as a memory map, and every one has a true class. What is printed is the time of scoring,
the time of all the metrics, and how far the memory of the process rose above what it was before: in all, and without
the pages of the map, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

import clipnb
from clipnb.scoring import score
from clipnb.types import FloatArray


class Mapped(clipnb.Embeddings):
    """Unit rows in a file, read block by block, as StoredEmbeddings are."""

    def __init__(self, rows: np.ndarray) -> None:
        for name, value in {"vectors": rows, "modality": "image", "model": "", "failures": ()}.items():
            object.__setattr__(self, name, value)
        object.__setattr__(self, "ids", tuple(f"{i:07}.jpg" for i in range(len(rows))))

    def blocks(self, rows: int = 65_536) -> Iterator[tuple[int, FloatArray]]:
        for start in range(0, len(self.vectors), rows):
            yield start, np.asarray(self.vectors[start : start + rows])


def memory() -> tuple[float, float]:
    """Megabytes of this process: all that is resident, and that which is no file's (Linux)."""
    found = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return tuple(int(found[key].split()[0]) / 1024 for key in ("VmRSS", "RssAnon"))


class Watch(threading.Thread):
    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.before = self.peak = memory()
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.005):
            self.peak = tuple(map(max, self.peak, memory()))

    def stop(self) -> tuple[float, float]:
        self.done.set()
        self.join()
        return tuple(peak - before for peak, before in zip(self.peak, self.before, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--classes", type=int, default=1_000)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--keep", type=int, default=10)
    options = parser.parse_args()
    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as work:
        rows = np.memmap(Path(work) / "rows", np.float32, "w+", shape=(options.rows, options.dim))
        for start in range(0, options.rows, 50_000):
            part = rng.standard_normal((min(50_000, options.rows - start), options.dim), dtype=np.float32)
            rows[start : start + len(part)] = part / np.linalg.norm(part, axis=1, keepdims=True)
        rows.flush()
        images = Mapped(np.memmap(Path(work) / "rows", np.float32, "r", shape=rows.shape))
        del rows
        names = tuple(f"class {j}" for j in range(options.classes))
        texts = clipnb.Embeddings(rng.standard_normal((options.classes, options.dim)), names)
        labels = [names[j] for j in rng.integers(0, options.classes, options.rows).tolist()]
        model = clipnb.load("clipnb/emoji", device="cpu")  # for its probabilities
        model.probabilities([[0.0]])
        watch = Watch()
        watch.start()
        start = time.perf_counter()
        result = score(model, images, texts, labels, keep=options.keep, dense=False)
        scored = time.perf_counter() - start
        start = time.perf_counter()
        found = result.metrics()
        result.per_class(), result.confusion(), result.abstention(), result.calibration()
        measured = time.perf_counter() - start
        rise, anonymous = watch.stop()
    assert abs(found["top1"] - 1 / options.classes) < 0.01
    print(f"{options.rows:,} rows x {options.dim} against {options.classes:,} classes, {options.keep} kept")
    print(f"scoring {scored:.1f} s, {options.rows / scored:,.0f} rows a second; all metrics {measured:.1f} s")
    print(f"memory rose by {rise:.0f} MB, {anonymous:.0f} MB of it the process's own, the rest pages of the rows' file")


if __name__ == "__main__":
    main()
