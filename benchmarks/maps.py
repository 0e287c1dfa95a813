"""A map from a fresh process, as a notebook's first cell pays for it: ``python benchmarks/maps.py [--quick]``

``--quality`` measures what maps keep instead, and where new rows land; see :func:`compare_quality`.

Every contender is a process of its own, and they take turns. Time is elapsed, from the start of the process to the map;
processor time stands beside it, because elapsed times grow with whatever else the machine does. The data are 512
columns wide: forty groups, each a curved sheet of six dimensions, with noise.

- ``clipnb, nothing compiled``: the cache for compiled code is empty, as after an installation;
- ``clipnb``: the machine code of an earlier process is on disk;
- ``umap-learn``: with the same exact neighbours, one thread (it takes no more where a seed is given);
- ``umap-learn alone``: as its documentation has it; neighbours by descent.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from clipnb.maps.quality import MapQuality

CHILD = """
import json, resource, sys
import numpy as np
rows, contender, out = np.load(sys.argv[1]), sys.argv[2], sys.argv[3]
seconds = {}
if contender.startswith("clipnb"):
    import clipnb
    found = clipnb.project(rows, progress=False)
    coords, seconds = found.coords, dict(found.seconds)
else:
    import warnings
    warnings.simplefilter("ignore")
    import umap
    knn = (None, None, None)
    if contender == "umap-learn":
        from clipnb.maps.neighbours import among_themselves
        knn = among_themselves(rows, 15)
    coords = umap.UMAP(metric="cosine", random_state=0, n_jobs=1, precomputed_knn=knn).fit_transform(rows)
np.save(out, coords)
print(json.dumps([seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024]))
"""

CONTENDERS = ("clipnb, nothing compiled", "clipnb", "umap-learn", "umap-learn alone")
TARGETS = {(1000, "clipnb, nothing compiled"): 10, (10_000, "clipnb, nothing compiled"): 25, (10_000, "clipnb"): 12}
"""Seconds elapsed on two cores."""


def made(count: int, dim: int = 512, groups: int = 40, inner: int = 6) -> np.ndarray:
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(groups, dim))
    sheets = rng.normal(size=(groups, 2 * inner, dim)) / np.sqrt(inner)
    group, where = rng.integers(groups, size=count), rng.uniform(-1, 1, size=(count, inner))
    curved = np.concatenate([where, where**2], axis=1)
    rows = np.stack([centres[g] + c @ sheets[g] for g, c in zip(group, curved, strict=True)])
    rows = rows + rng.normal(scale=0.2, size=rows.shape)
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def timed(contender: str, rows: Path, out: Path, cache: Path) -> tuple[tuple[float, float, int], dict[str, float]]:
    """Elapsed and processor seconds of a fresh process and its peak memory in MB; and the stages that it names."""
    environment = {**os.environ, "CLIPNB_CACHE": str(cache), "TQDM_DISABLE": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(rows), contender, str(out)],
        env=environment, check=True, capture_output=True, text=True,
    )  # fmt: skip
    elapsed = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    seconds, peak = json.loads(child.stdout.splitlines()[-1])
    return (elapsed, cpu, peak), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1000, 10_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, help="these contenders")
    parser.add_argument("--quick", action="store_true", help="one round, without umap-learn")
    parser.add_argument("--quality", action="store_true", help="what the maps keep, over seeds, instead of times")
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    if options.quality:
        compare_quality(1 if options.quick else options.seeds)
        return
    contenders = options.only or (CONTENDERS[:2] if options.quick else CONTENDERS)
    rounds = 1 if options.quick else options.rounds
    print(f"load at the start {os.getloadavg()[0]:.1f}, {len(os.sched_getaffinity(0))} cores\n")
    print("| rows | | elapsed, s | processor, s | target, s | peak, MB | trustworthiness | recall at 15 |")
    print("|---|---|---|---|---|---|---|---|")
    stages = []
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        for count in options.rows:
            rows = made(count)
            np.save(folder / "rows.npy", rows)
            times: dict[str, list[tuple[float, float, int]]] = {name: [] for name in contenders}
            for turn in range(rounds):
                cache = folder / f"cache-{count}-{turn}"
                for name in contenders:
                    measured, parts = timed(name, folder / "rows.npy", folder / f"{name}.npy", cache)
                    times[name].append(measured)
                    if parts:
                        stages.append(f"{count:,} rows, {name}, s: {parts}")
            for name in contenders:
                elapsed, cpu, peak = np.median(times[name], axis=0)
                found = quality(rows, np.load(folder / f"{name}.npy"), sample=1000)
                trust, recall = found["trustworthiness"], found["neighbourhood recall"]
                target = TARGETS.get((count, name), "")
                numbers = f"{elapsed:.1f} | {cpu:.1f} | {target} | {peak:.0f} | {trust:.3f} | {recall:.3f}"
                print(f"| {count:,} | {name} | {numbers} |", flush=True)
    print(f"\nMedians of {rounds}. Load at the end {os.getloadavg()[0]:.1f}.\n\n" + "\n".join(stages))


def quality(rows: np.ndarray, coords: np.ndarray, sample: int = 2000) -> MapQuality:
    import clipnb
    from clipnb.maps.source import Source

    source = Source(clipnb.Embeddings(rows), np.asarray(coords, dtype=np.float32))
    return clipnb.Projection(source.coords, source.embeddings.ids, "umap", source=source).quality(15, sample=sample)


def datasets() -> dict[str, np.ndarray]:
    """Rows of the embedded model, 256 columns, and scikit-learn's digits, 64 columns."""
    from sklearn.datasets import load_digits

    import clipnb

    model, languages = clipnb.load(), ["en", "de", "fr", "es", "zh", "ar", "ru"]
    emoji = clipnb.datasets.emoji("fluent", languages=languages)
    names = list(dict.fromkeys(name for code in languages for name in emoji.names[code]))
    chosen = [names[i] for i in np.random.default_rng(0).permutation(len(names))[:10_000]]
    return {
        "emoji, pictures": model.encode_image(emoji.images),
        "digits": load_digits().data.astype(np.float32),
        "emoji, names in 7 languages": model.encode_text(chosen),
    }


def compare_quality(seeds: int) -> None:
    """What maps keep, and where rows land that were held out: a tenth of them.

    Recall of new rows is the share of the 15 nearest rows of the map that are among the 15 nearest points on it.
    """
    import warnings

    import umap

    import clipnb
    from clipnb.maps.neighbours import nearest

    warnings.simplefilter("ignore")
    shown = ("trustworthiness", "continuity", "neighbourhood recall", "Shepard correlation")
    print(f"means and standard deviations over {seeds} seeds, k = 15\n")
    print(f"| data | | {' | '.join(shown)} | recall of new rows | own place, % of the width |\n|{'---|' * 8}")
    for name, given in datasets().items():
        order = np.random.default_rng(0).permutation(len(given))
        rows = clipnb.Embeddings(given[order]).vectors
        new, old = rows[: len(rows) // 10], rows[len(rows) // 10 :]
        near = nearest(new, old, 15)[0]
        measured: dict[str, list[list[float]]] = {"clipnb": [], "umap-learn": [], 'umap-learn, init="pca"': []}
        for seed in range(seeds):
            for contender, values in measured.items():
                if contender == "clipnb":
                    made = clipnb.project(old, seed=seed, progress=False)
                    coords, place = made.coords, made.transform
                else:
                    init = "pca" if "pca" in contender else "spectral"
                    # With given neighbours it could not place new rows, so it searches for its own.
                    theirs = umap.UMAP(metric="cosine", random_state=seed, n_jobs=1, init=init)
                    coords, place = theirs.fit_transform(old), theirs.transform
                found = quality(old, coords)
                off = np.linalg.norm(place(old[:500] + np.float32(1e-6)) - coords[:500], axis=1)
                values.append([
                    *(found[measure] for measure in shown), recall_of(near, place(new), coords),
                    float(100 * np.median(off) / np.ptp(coords, axis=0).max()),
                ])  # fmt: skip
        for contender, values in measured.items():
            cells = [f"{m:.3f} ± {sd:.3f}" for m, sd in zip(np.mean(values, 0), np.std(values, 0), strict=True)]
            print(f"| {name}, {len(old):,} | {contender} | {' | '.join(cells)} |", flush=True)


def recall_of(near: np.ndarray, places: np.ndarray, coords: np.ndarray) -> float:
    from scipy.spatial import cKDTree

    found = cKDTree(coords).query(places, near.shape[1])[1]
    return float(np.mean([len(set(a) & set(b)) for a, b in zip(near, found, strict=True)])) / near.shape[1]


if __name__ == "__main__":
    main()
