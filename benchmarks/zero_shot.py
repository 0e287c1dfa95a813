"""A million rows against a thousand classes: time and memory. ``python benchmarks/zero_shot.py [--rows 1000000]``

The rows are random, in a folder of shards as embed() writes it, read through its map, and every one has a true class.
What is printed is the time of scoring, the time of all the metrics, and how far the memory of the process rose above
what it was before: in all, and without the pages of the map, which the system takes back when it needs them.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

import clipnb
from clipnb.store import Store, digest
from clipnb.zeroshot.scoring import score


def write_rows(folder: Path, rows: int, dim: int, shard_rows: int = 10_000) -> None:
    """Random unit rows in a folder, as ``embed(out=folder)`` leaves them."""
    rng, store = np.random.default_rng(0), Store(folder)
    with store.locked():
        store.start({"model": "", "dim": dim, "modality": "image", "shard_rows": shard_rows})
        for first in range(0, rows, shard_rows):
            part = rng.standard_normal((min(shard_rows, rows - first), dim), dtype=np.float32)
            part /= np.linalg.norm(part, axis=1, keepdims=True)
            places = list(range(first, first + len(part)))
            ids = [f"{place:07}.jpg" for place in places]
            store.write(first // shard_rows, first, ids, places, part, [], digest(ids))
        store.finish(store.shards(), {"rows": rows, "errors": 0, "items": rows})


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
    rng = np.random.default_rng(1)
    with tempfile.TemporaryDirectory() as work:
        write_rows(Path(work), options.rows, options.dim)
        images = clipnb.open_embeddings(work)
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
