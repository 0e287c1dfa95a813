"""What eight bits cost, as it was measured: said whenever a model is opened in them."""

from __future__ import annotations

import functools
import json
import warnings
from pathlib import Path
from typing import Any

from clipnb.catalog import EMBEDDED
from clipnb.errors import LowerPrecision, UnsupportedOption

__all__ = ["LIMIT", "MEASURED", "measured", "say_loss"]

LIMIT = 0.5
"""Points; int8 is offered as long as every measure of the embedded model's test sets loses less."""

MEASURED = Path(__file__).parents[2] / "data" / "int8.json"
"""Written by benchmarks/int8.py."""


@functools.lru_cache(maxsize=1)
def measured() -> dict[str, Any]:
    """The figures: ``date``, ``largest`` (points) and ``measures``, each with what it was in float32 and in int8."""
    return dict(json.loads(MEASURED.read_text(encoding="utf-8")))


def say_loss(name: str) -> None:
    """Warn of what int8 costs a model; of others than the embedded one nobody here knows.

    Raises:
        UnsupportedOption: it costs the embedded model too much.
    """
    found = measured()
    figures = "; ".join(
        f"{one['style']}: {one['measure']} {one['float32']:.1f} to {one['int8']:.1f}"
        for one in found["measures"]
        if one["named"]
    )
    facts = f"at most {found['largest']:.1f} points on styles it was not trained on ({figures}; {found['date']})"
    if found["largest"] >= LIMIT:
        raise UnsupportedOption(
            f"dtype='int8': it costs {EMBEDDED} {facts}, and {LIMIT} was the limit; leave dtype out"
        )
    words = f"{name} in int8 loses {facts}"
    if name != EMBEDDED:
        words = (
            f"{name} in int8: its loss was not measured; python benchmarks/int8.py --model {name} does that. "
            f"{EMBEDDED} loses {facts}"
        )
    warnings.warn(words, LowerPrecision, stacklevel=3)
