"""How long maps take to draw and how large they are, beside plotly's own: ``python benchmarks/figures.py [--rounds 5]``

From the arrays to the figure's JSON, which is what a page is sent; in turns, the median of the rounds. Processor time
stands beside the elapsed one, which grows with whatever else the machine does. The points lie in forty round groups;
labels are ASCII, one a point.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import plotly
import plotly.express as px

from clipnb import plots


def made(count: int) -> dict[str, Any]:
    """Points [count, 2] with a group, a label and a value each."""
    rng = np.random.default_rng(0)
    centres, widths = 6 * rng.normal(size=(40, 2)), rng.uniform(0.2, 1.5, 40)
    which = rng.integers(0, 40, count)
    points = (centres[which] + rng.normal(size=(count, 2)) * widths[which, None]).astype(np.float32)
    return {
        "points": points,
        "groups": [f"group {n % 12}" for n in which],
        "labels": [f"point number {n}" for n in range(count)],
        "values": np.hypot(*points.T),
    }


def contenders() -> dict[str, Callable[[], Any]]:
    """A figure each."""
    some, many = made(100_000), made(1_000_000)
    x, y = some["points"].T
    return {
        "100,000 points: plots.scatter": lambda: plots.scatter(some["points"], some["labels"], some["groups"]),
        "100,000 points: the same, 30 named": lambda: plots.scatter(
            some["points"], some["labels"], some["groups"], named=30
        ),
        "100,000 points: plotly.express.scatter": lambda: px.scatter(
            x=x, y=y, color=some["groups"], hover_name=some["labels"], render_mode="webgl"
        ),
        "1,000,000 points: plots.density": lambda: plots.density(many["points"]),
        "1,000,000 points: the same by group": lambda: plots.density(many["points"], many["groups"]),
        "1,000,000 points: by group, 20 named": lambda: plots.density(
            many["points"], many["groups"], labels=many["labels"], named=20
        ),
        "1,000,000 points: the mean of values": lambda: plots.density(many["points"], values=many["values"]),
        "1,000,000 points: plotly.express.density_heatmap": lambda: px.density_heatmap(
            x=many["points"][:, 0], y=many["points"][:, 1], nbinsx=200, nbinsy=200
        ),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    runs = contenders()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in runs}
    sizes: dict[str, int] = {}
    for turn in range(rounds + 1):
        for name, draw in runs.items():
            start = time.perf_counter(), time.process_time()
            sizes[name] = len(draw().to_json())
            if turn:  # the first warms up
                seconds[name].append((time.perf_counter() - start[0], time.process_time() - start[1]))
    print(f"plotly {plotly.__version__}, numpy {np.__version__}, {rounds} rounds")
    print("| | elapsed, s | processor, s | MB |\n|---|---|---|---|")
    for name, taken in seconds.items():
        elapsed, busy = (statistics.median(column) for column in zip(*taken, strict=True))
        print(f"| {name} | {elapsed:.2f} | {busy:.2f} | {sizes[name] / 1e6:.1f} |")


if __name__ == "__main__":
    main()
