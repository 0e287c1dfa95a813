"""Time and memory of a text classifier for ImageNet: 1,000 class names in 80 templates, on the embedded model.

    python benchmarks/prompts.py [--model NAME] [--classes imagenet-1k] [--templates imagenet-80]

Each run starts without the cache; the last line is the same classifier taken from it. Threads that wait for each other
make a busy machine look far slower than its share: OMP_NUM_THREADS=1 tells how much work there is.
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import time

import clipnb


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=None, help="default: the embedded model")
    parser.add_argument("--classes", default="imagenet-1k")
    parser.add_argument("--templates", default="imagenet-80")
    parser.add_argument("--runs", type=int, default=2)
    options = parser.parse_args()

    model = clipnb.load(options.model) if options.model else clipnb.load()
    prompts = clipnb.Prompts(options.classes, options.templates)
    texts = sum(map(len, prompts.texts))
    model.encode_text(prompts.texts[0])  # what is opened and compiled once is not timed
    print(f"{model.name} on {platform.machine()}, {os.cpu_count()} cores; {len(prompts):,} classes, {texts:,} texts")
    before = peak()
    for run in range(options.runs):
        clipnb.prompts.prompts.forget(model)
        cpu = time.process_time()
        seconds = timed(lambda: prompts.encode(model, progress=True))
        cpu = time.process_time() - cpu
        speed = f"{texts / seconds:,.0f} texts/s"
        print(f"run {run + 1}: {seconds:.1f} s ({cpu:.1f} s of processor), {speed}, peak {peak() - before:+.0f} MB")
    print(f"from the cache: {1000 * timed(lambda: prompts.encode(model)):.0f} ms")


def timed(call) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak() -> float:
    """The most memory this process ever held, in MB; Linux counts it in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
