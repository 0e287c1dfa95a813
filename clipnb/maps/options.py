"""What ``project`` can be asked for, and the refusal of everything else."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from clipnb.errors import UnsupportedOption

__all__ = ["OPTIONS", "check", "number", "seed_number", "whole"]

OPTIONS: dict[str, dict[str, Any]] = {
    "umap": {
        "init": "pca", "n_epochs": None, "spread": 1.0, "learning_rate": 0.5, "repulsion_strength": 1.0,
        "neighbors": "auto", "pca": None, "threads": None,
    },
    "pca": {},
    "tsne": {"perplexity": 30.0, "early_exaggeration": 12.0, "learning_rate": "auto", "max_iter": 1000},
    "pacmap": {"MN_ratio": 0.5, "FP_ratio": 2.0, "num_iters": (100, 100, 250)},
}  # fmt: skip
"""What each method takes besides the arguments of all, with the defaults."""

CHOICES = {"init": ("pca", "spectral", "random"), "neighbors": ("auto", "exact", "descent")}


def whole(name: str, value: Any, least: int, most: int | None = None, note: str = "") -> int:
    """The value as an int.

    Args:
        name: of the argument, for the error.
        value: what was given.
        least: the smallest that is allowed.
        most: the largest; None: any.
        note: what the error says before the range, such as "with 60 points ".

    Raises:
        UnsupportedOption: no whole number, or out of range.
    """
    right = isinstance(value, numbers.Integral) and not isinstance(value, bool | np.bool_)
    if not right or value < least or (most is not None and value > most):
        span = f"from {least}" if most is None else f"from {least} to {most}"
        raise UnsupportedOption(f"{name}={value!r}; {note}expected a whole number {span}")
    return int(value)


def seed_number(value: Any, name: str = "seed") -> int:
    """A seed as an int.

    Raises:
        UnsupportedOption: no whole number from 0 to 2^32 - 1.
    """
    try:
        return whole(name, value, 0, 2**32 - 1)
    except UnsupportedOption:
        raise UnsupportedOption(f"{name}={value!r}; expected a whole number from 0 to 2^32 - 1") from None


def number(
    name: str, value: Any, least: float, *, above: bool = False, most: float = math.inf, hint: str = ""
) -> float:
    """The value as a float.

    Args:
        name: of the argument, for the error.
        value: what was given.
        least: the smallest that is allowed; with ``above`` it is not allowed itself.
        above: see there.
        most: the largest that is allowed.
        hint: what the error says of the largest, or of other values.

    Raises:
        UnsupportedOption: no number, not finite, or out of range.
    """
    right = isinstance(value, numbers.Real) and not isinstance(value, bool | np.bool_) and math.isfinite(value)
    if not right or not least <= value <= most or (above and value == least):
        span = f"above {least:g}" if above else f"from {least:g}"
        span += f" to {most:g}" if math.isfinite(most) else ""
        raise UnsupportedOption(f"{name}={value!r}; expected a number {span}{hint}")
    return float(value)


def check(
    method: Any, n_components: Any, metric: Any, seed: Any, n_neighbors: Any, min_dist: Any, options: Mapping[str, Any]
) -> dict[str, Any]:
    """Refuse arguments of :func:`clipnb.project` that are out of range.

    Returns:
        ``n_neighbors``, ``min_dist`` and all options of the method, plain numbers that can be kept as JSON.

    Raises:
        UnsupportedOption: naming the first that is wrong.
    """
    if not isinstance(method, str) or method not in OPTIONS:
        raise UnsupportedOption(f"method={method!r}; expected {', '.join(map(repr, OPTIONS))}")
    if metric != "cosine":
        raise UnsupportedOption(f"metric={metric!r}; expected 'cosine'")
    if isinstance(n_components, bool) or not isinstance(n_components, numbers.Integral) or n_components not in (2, 3):
        raise UnsupportedOption(f"n_components={n_components!r}; expected 2 or 3")
    seed_number(seed)
    unknown = sorted(set(options) - set(OPTIONS[method]))
    if unknown:
        known = ", ".join(OPTIONS[method]) or "none"
        raise UnsupportedOption(f"{unknown[0]}={options[unknown[0]]!r}; the options of {method!r} are: {known}")
    chosen = OPTIONS[method] | dict(options)
    if method == "umap":
        _umap(chosen)
    elif method == "tsne":
        _tsne(chosen)
    elif method == "pacmap":
        _pacmap(chosen)
    spread = chosen.get("spread", 1.0)
    chosen["n_neighbors"] = whole("n_neighbors", n_neighbors, 2)
    chosen["min_dist"] = number("min_dist", min_dist, 0, most=spread, hint=", which is spread")
    return chosen


def _umap(chosen: dict[str, Any]) -> None:
    for name, allowed in CHOICES.items():
        if not isinstance(chosen[name], str) or chosen[name] not in allowed:
            raise UnsupportedOption(f"{name}={chosen[name]!r}; expected {', '.join(map(repr, allowed))}")
    for name in ("n_epochs", "pca", "threads"):
        chosen[name] = None if chosen[name] is None else whole(name, chosen[name], 1)
    # A narrower curve cannot be fitted, and a wider one is no other: only the ratio to min_dist matters.
    chosen["spread"] = number("spread", chosen["spread"], 0.01, most=100)
    chosen["learning_rate"] = number("learning_rate", chosen["learning_rate"], 0, above=True)
    chosen["repulsion_strength"] = number("repulsion_strength", chosen["repulsion_strength"], 0)


def _tsne(chosen: dict[str, Any]) -> None:
    chosen["perplexity"] = number("perplexity", chosen["perplexity"], 1)
    chosen["early_exaggeration"] = number("early_exaggeration", chosen["early_exaggeration"], 1)
    chosen["max_iter"] = whole("max_iter", chosen["max_iter"], 250)
    if not (isinstance(chosen["learning_rate"], str) and chosen["learning_rate"] == "auto"):
        rate = number("learning_rate", chosen["learning_rate"], 0, above=True, hint=", or 'auto'")
        chosen["learning_rate"] = rate


def _pacmap(chosen: dict[str, Any]) -> None:
    chosen["MN_ratio"] = number("MN_ratio", chosen["MN_ratio"], 0)
    chosen["FP_ratio"] = number("FP_ratio", chosen["FP_ratio"], 0, above=True)
    given = chosen["num_iters"]
    rounds = list(given) if isinstance(given, list | tuple | np.ndarray) else []
    if len(rounds) != 3:
        raise UnsupportedOption(f"num_iters={given!r}; expected three numbers of rounds, such as (100, 100, 250)")
    chosen["num_iters"] = [whole("num_iters", each, 0) for each in rounds]
