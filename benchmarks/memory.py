"""Memory over many pictures: does it stay flat? ``python benchmarks/memory.py [--images 100000]``

The pictures are a few hundred files under a hundred thousand names (links), small, so that an hour of decoding does not
hide what grows with their number. The resident memory of the process is noted as the run goes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from inputs import write_pictures
from PIL import Image

import clipnb


def resident() -> float:
    """Megabytes of this process in memory (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1024
    raise RuntimeError("no VmRSS: this script needs Linux")


class Watch(threading.Thread):
    """Notes how much memory was in use at what number of committed items."""

    def __init__(self, out: Path, shard_rows: int) -> None:
        super().__init__(daemon=True)
        self.out, self.shard_rows = out, shard_rows
        self.seen: dict[int, float] = {}
        self.done = threading.Event()

    def run(self) -> None:
        while not self.done.wait(0.5):
            items = len(list(self.out.glob("shard-*.json"))) * self.shard_rows
            self.seen[items] = max(self.seen.get(items, 0.0), resident())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--shard-rows", type=int, default=5_000)
    options = parser.parse_args()
    model = clipnb.load("clipnb/emoji", device="cpu")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work) / "pictures"
        files = write_pictures(Path(work) / "originals", 8)
        folder.mkdir()
        small = []
        for i, path in enumerate(files * 25):
            target = Path(work) / f"small-{i}.jpg"
            Image.open(path).resize((96 + i % 7, 72)).save(target)
            small.append(target)
        for i in range(options.images):
            (folder / f"{i:07d}.jpg").symlink_to(small[i % len(small)])
        out = Path(work) / "rows"
        watch = Watch(out, options.shard_rows)
        watch.start()
        start = time.perf_counter()
        found = clipnb.embed(model, folder, out=out, shard_rows=options.shard_rows, progress=sys.stderr.isatty())
        seconds = time.perf_counter() - start
        watch.done.set()
        watch.join()
        assert len(found) == options.images
    items, memory = np.array([(n, mb) for n, mb in sorted(watch.seen.items()) if n]).T
    print("| items | resident memory, MB |\n|---|---|")
    for i in np.unique(np.linspace(0, len(items) - 1, 11).astype(int)):
        print(f"| {int(items[i]):,} | {memory[i]:.0f} |")
    slope = np.polyfit(items, memory, 1)[0] * 100_000
    print(f"\n{options.images:,} pictures in {seconds:.0f} s; {slope:+.1f} MB for 100,000 more (least squares).")


if __name__ == "__main__":
    main()
