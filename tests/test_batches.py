"""Which texts go together, and what happens where the device's memory is too small."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from clipnb.errors import UnsupportedOption
from clipnb.models import memory
from clipnb.models.memory import halving, text_batches
from clipnb.models.towers import padded


def tower(fixed=None, device="cpu"):
    """A text tower that pads to the longest, or to a fixed length."""
    weight = SimpleNamespace(device=SimpleNamespace(type=device))
    return SimpleNamespace(
        module=SimpleNamespace(parameters=lambda: iter([weight])), batch=lambda rows: padded(rows, 0, fixed)
    )


def texts(count=3000, longest=77):
    lengths = np.random.default_rng(0).integers(2, longest + 1, count)
    return [[1] * length for length in lengths]


@pytest.mark.parametrize(("fixed", "device"), [(None, "cpu"), (80, "cpu"), (None, "cuda")])
def test_every_text_once_and_never_more_tokens_than_allowed(fixed, device):
    rows, made = texts(), tower(fixed, device)
    budget = memory.TOKENS_ON_PROCESSOR if device == "cpu" else memory.TOKENS_ON_GPU
    batches = text_batches(made, rows)
    assert sorted(np.concatenate(batches)) == list(range(len(rows)))
    sizes = [made.batch([rows[i] for i in batch])["input_ids"].size for batch in batches]
    assert max(sizes) <= budget
    # Full ones: the next text would not have fitted.
    for batch, following in itertools.pairwise(batches):
        longest = max(len(rows[following[0]]), fixed or 0)
        assert (len(batch) + 1) * longest > budget


def test_little_padding():
    rows = texts()
    tokens = sum(map(len, rows))
    computed = sum(padded([rows[i] for i in batch], 0)["input_ids"].size for batch in text_batches(tower(), rows))
    assert tokens <= computed < 1.03 * tokens


def test_a_text_longer_than_the_budget_goes_alone(monkeypatch):
    monkeypatch.setattr(memory, "TOKENS_ON_PROCESSOR", 10)
    assert [list(batch) for batch in text_batches(tower(), [[1] * 30, [1] * 4, [1] * 4, [1] * 25])] == [
        [1, 2],
        [3],
        [0],
    ]
    assert [list(batch) for batch in text_batches(tower(), [[1]])] == [[0]]


def test_halves_where_the_memory_is_too_small():
    taken = []

    def features(batch):
        if len(batch["input_ids"]) > 3:
            raise torch.OutOfMemoryError("out of memory")
        taken.append(len(batch["input_ids"]))
        return batch["input_ids"].astype(np.float32)

    rows = np.arange(20).reshape(10, 2)
    np.testing.assert_array_equal(halving(features, {"input_ids": rows}), rows)
    assert taken == [2, 3, 2, 3]


def test_not_even_one_fits():
    def features(batch):
        raise torch.OutOfMemoryError("out of memory")

    with pytest.raises(UnsupportedOption, match="does not hold one item"):
        halving(features, {"input_ids": np.ones((3, 2))})
