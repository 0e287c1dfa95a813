"""How the notebooks are tested: nbval runs them and compares what they print."""

from __future__ import annotations

import os
from typing import Any

# The kernels inherit these: the same representation of figures as `execute.py` stores, and no progress bars.
os.environ["PLOTLY_RENDERER"] = "plotly_mimetype"
os.environ["TQDM_DISABLE"] = "1"


def pytest_collectstart(collector: Any) -> None:
    """Leaves out of the comparison what differs in the last digit from machine to machine.

    What the figures show is checked by the cells that hold an ``assert``, and the figures
    themselves by tests/test_plots.py.
    """
    if getattr(collector, "skip_compare", None):
        collector.skip_compare += ("application/vnd.plotly.v1+json", "image/png", "image/jpeg", "text/html")
