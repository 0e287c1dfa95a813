"""36 languages on 3,600 pictures, two captions each: time and memory. ``python benchmarks/alignment.py``

The rows are random and given, as a model would have made them: XM3600's size. What is printed is the time of each
table, of all of ``clipnb.alignment``, and how far the memory of the process rose above what it was with the rows in it.
"""

from __future__ import annotations

import argparse
import resource
import time
from pathlib import Path

import numpy as np

import clipnb
from clipnb.aligning.tables import (
    Rows,
    Settings,
    cross_tables,
    gap_table,
    recall_table,
    translation_table,
)
from clipnb.languages import known_languages


def random_corpus(languages: int, pictures: int, captions: int, dim: int) -> clipnb.EncodedCorpus:
    """Texts that are their picture and as much noise again."""
    rng = np.random.default_rng(0)
    things = rng.standard_normal((pictures, dim), dtype=np.float32)
    image_of = np.repeat(np.arange(pictures), captions)
    codes = ["en", *(code for code in known_languages() if code != "en")][:languages]
    texts = {}
    for code in codes:
        noise = rng.standard_normal((len(image_of), dim), dtype=np.float32)
        texts[code] = clipnb.Embeddings(things[image_of] + 3 * noise, modality="text")
    return clipnb.EncodedCorpus(clipnb.Embeddings(things), texts, dict.fromkeys(codes, image_of))


def megabytes() -> tuple[float, float]:
    """What is resident now, and the most that ever was (Linux)."""
    lines = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    return int(lines["VmRSS"].split()[0]) / 1024, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def took(what: str, start: float, worked: float) -> str:
    """On a machine that does other things besides, the second figure says more."""
    wall, own = time.perf_counter() - start, time.process_time() - worked
    return f"  {what:18} {wall:6.1f} s, {own:6.1f} s of processor time"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--languages", type=int, default=36)
    parser.add_argument("--pictures", type=int, default=3600)
    parser.add_argument("--captions", type=int, default=2)
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--cross-pictures", type=int, default=1000, help="0: all")
    options = parser.parse_args()
    encoded = random_corpus(options.languages, options.pictures, options.captions, options.dim)
    settings = Settings("en", cross_pictures=options.cross_pictures or None)
    before, _ = megabytes()
    print(
        f"{options.languages} languages, {options.pictures:,} pictures, {options.captions} captions, {options.dim} "
        f"columns: {before:.0f} MB with the rows"
    )
    for table in (recall_table, translation_table, cross_tables, gap_table):
        start, worked = time.perf_counter(), time.process_time()
        table(Rows(encoded), settings)
        print(took(table.__name__, start, worked))
    start, worked = time.perf_counter(), time.process_time()
    found = clipnb.alignment(encoded, cross_pictures=options.cross_pictures or None, progress=False)
    print(took("alignment, all", start, worked))
    print(f"peak memory {megabytes()[1]:.0f} MB, {megabytes()[1] - before:.0f} MB above the rows")
    print(found.summary().iloc[:3, :4].to_string())


if __name__ == "__main__":
    main()
