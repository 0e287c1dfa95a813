"""PaCMAP (Wang, Huang, Rudin and Shaposhnik 2021) by its authors' package: neighbours, mid-near and further pairs."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np

from clipnb.errors import MissingExtra
from clipnb.maps.listening import rounds_heard
from clipnb.types import FloatArray

__all__ = ["lay_out"]


def lay_out(
    vectors: FloatArray, n_components: int, *, n_neighbors: int, seed: int,
    done: Callable[[int], object] = lambda n: None, **options: Any,
) -> FloatArray:  # fmt: skip
    """float32 [point, component]; ``done`` is told of the rounds that have passed.

    Raises:
        MissingExtra: the package is not installed.
    """
    try:
        import pacmap
    except ImportError as error:
        raise MissingExtra('method="pacmap" needs another package: pip install "clipnb[pacmap]"') from error
    logging.getLogger("pacmap").setLevel(logging.ERROR)  # it remarks on every seed
    with warnings.catch_warnings(), rounds_heard(done):
        warnings.simplefilter("ignore")
        # Distances of unit rows fall as their cosines rise, and its "angular" does not take every size of data.
        layout = pacmap.PaCMAP(
            n_components=n_components, n_neighbors=n_neighbors, random_state=seed, verbose=True, **options
        )  # fmt: skip
        return np.asarray(layout.fit_transform(np.array(vectors), init="pca"), dtype=np.float32)
