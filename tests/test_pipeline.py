"""Prepared pictures become unit rows together, and bad ones do not spoil the others of their batch."""

from __future__ import annotations

import numpy as np
import pytest

from clipnb.errors import InvalidEmbeddings, UnreadableImage
from clipnb.pipeline import images
from clipnb.sources import Item


class Numbers:
    """Pictures are their own features; one is no picture."""

    def batch_size(self):
        return 4

    def prepare(self, value, name):
        if value is None:
            raise UnreadableImage(f"{name}: no picture")
        return value

    def encode(self, prepared):
        return np.array(prepared, dtype=np.float32)


@pytest.mark.parametrize("bad", [[0.0, 0.0], [np.nan, 1.0], [np.inf, 1.0]])
def test_a_row_without_a_direction_among_good_ones(bad):
    values = [[3.0, 4.0], bad, None, [0.0, 2.0], [5.0, 0.0], [1.0, 1.0], [8.0, 6.0]]
    items = (Item(str(i), value) for i, value in enumerate(values))
    outcomes = list(images(items, Numbers(), batch_size=None, workers=1))
    expected = [[0.6, 0.8], None, None, [0, 1], [1, 0], [0.5**0.5] * 2, [0.8, 0.6]]
    for outcome, wanted in zip(outcomes, expected, strict=True):
        assert (outcome.row is None) == (wanted is None)
        if wanted is not None:
            np.testing.assert_allclose(outcome.row, wanted, atol=1e-7)
    assert isinstance(outcomes[1].error, InvalidEmbeddings)
    assert "zero or not finite" in str(outcomes[1].error)
    assert str(outcomes[2].error) == "2: no picture"
