"""Texts to directions: the mean is right in any pieces, equal texts cost once, and what is remembered is forgotten."""

import gc
import warnings
import weakref

import numpy as np
import pytest
from fakes import FakeClip

import clipnb
from clipnb.errors import TextTooLong, TruncatedText, UnsupportedOption
from clipnb.prompts import Prompts, classifiers, forget


class Counting(FakeClip):
    """Remembers which texts it was asked for."""

    def __init__(self):
        super().__init__()
        self.asked = []

    def encode_text(self, texts, **options):
        self.asked.append(list(texts))
        return super().encode_text(texts, **options)


def oracle(model, texts):
    """The mean of unit rows, one class and one text at a time."""
    means = [np.mean([model.encode_text([text])[0].astype(np.float64) for text in group], axis=0) for group in texts]
    return np.array([mean / np.linalg.norm(mean) for mean in means])


@pytest.mark.parametrize("batch_size", [1, 3, 7, 1000])
def test_the_mean_does_not_depend_on_the_pieces(batch_size):
    rng = np.random.default_rng(0)
    names = {f"class {i}": [f"name {j}" for j in rng.choice(30, size=rng.integers(1, 5), replace=False)]
             for i in range(20)}  # fmt: skip
    prompts = Prompts(names, ["{}", "a {}", "{}"])  # one template twice, names shared by classes
    model = Counting()
    rows = prompts.encode(model, batch_size=batch_size)
    np.testing.assert_allclose(rows.vectors, oracle(FakeClip(), prompts.texts), atol=1e-6)
    asked = [text for texts in model.asked for text in texts]
    assert sorted(asked) == sorted({text for group in prompts.texts for text in group})
    assert max(map(len, model.asked)) <= batch_size
    assert rows.ids == tuple(names)


def test_a_classifier_is_made_once():
    model, prompts = Counting(), Prompts(["stone", "wood"], "photo")
    first = prompts.encode(model)
    calls = len(model.asked)
    again = Prompts(["stone", "wood"], list(prompts.templates)).encode(model)
    assert len(model.asked) == calls
    np.testing.assert_array_equal(again.vectors, first.vectors)
    prompts.encode(model, cache=False)
    assert len(model.asked) == 2 * calls
    Prompts({"x": ["stone"], "y": ["wood"]}, "photo").encode(model)  # other classes, the same sentences
    assert len(model.asked) == 2 * calls
    Prompts(["wood", "stone"], "photo").encode(model)
    Prompts(["stone", "wood"], "plain").encode(model)
    Prompts(["stone"], "photo", {"stone": ["wood"]}).encode(model)
    assert len(model.asked) == 2 * calls + 3


def test_forgetting():
    model, other, prompts = Counting(), Counting(), Prompts(["stone"])
    for each in (model, other):
        prompts.encode(each)
    forget(model)
    for each in (model, other):
        prompts.encode(each)
    assert (len(model.asked), len(other.asked)) == (2, 1)
    forget()
    prompts.encode(other)
    assert len(other.asked) == 2


def test_a_model_that_is_gone_leaves_nothing():
    model = FakeClip()
    Prompts(["stone"]).encode(model)
    assert model in classifiers._CACHES
    gone = weakref.ref(model)
    kept = len(classifiers._CACHES)
    del model
    gc.collect()
    assert gone() is None
    assert len(classifiers._CACHES) < kept


def test_a_model_that_cannot_be_remembered_works():
    class Unhashable(Counting):
        __hash__ = None

        def __eq__(self, other):
            return self is other

    model = Unhashable()
    for _ in range(2):
        Prompts(["stone"]).encode(model)
    assert len(model.asked) == 2


def test_the_memory_is_bounded(monkeypatch):
    monkeypatch.setattr(classifiers, "KEPT_BYTES", 3 * 8 * 4)  # three rows of eight floats
    model = Counting()
    for name in ("a", "b", "c", "a", "d"):  # a is used again, so b goes
        Prompts([name]).encode(model)
    assert len(model.asked) == 4
    Prompts(["a"]).encode(model)
    assert len(model.asked) == 4
    Prompts(["b"]).encode(model)
    assert len(model.asked) == 5
    Prompts(["p", "q", "r", "s"]).encode(model)  # larger than all there is
    Prompts(["a"]).encode(model)
    assert len(model.asked) == 6


def test_what_was_kept_cannot_be_changed():
    model, prompts = FakeClip(), Prompts(["stone"])
    rows = prompts.encode(model).vectors
    with pytest.raises(ValueError, match="read-only"):
        rows[0] = 0
    np.testing.assert_allclose(prompts.encode(model).vectors, oracle(model, prompts.texts), atol=1e-6)


def test_long_texts():
    class Cutting(FakeClip):
        def encode_text(self, texts, *, truncate=False, **options):
            if truncate:
                warnings.warn("cut", TruncatedText, stacklevel=2)
            return super().encode_text(texts, truncate=truncate, **options)

    model, prompts = Cutting(), Prompts(["word", "two words"], ["{}", "a " * 12 + "{}"])
    with pytest.raises(TextTooLong, match="text 1"):
        prompts.encode(model)
    with pytest.raises(TextTooLong, match="counted from sentence 1 of 4 different ones"):
        prompts.encode(model, batch_size=1)
    for _ in range(2):  # said every time: what was cut is not remembered
        with pytest.warns(TruncatedText, match="cut"):
            prompts.encode(model, truncate=True)
    Prompts(["word"]).encode(model, truncate=True)  # nothing is cut, nothing is said


def test_bad_batch_size():
    with pytest.raises(UnsupportedOption, match="batch_size=0"):
        Prompts(["a"]).encode(FakeClip(), batch_size=0)


@pytest.mark.parametrize(("silenced", "shown"), [("0", True), ("1", False)])
def test_a_bar_where_it_is_wanted(silenced, shown, monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", silenced)
    Prompts(["stone", "wood"]).encode(FakeClip(), progress=True, batch_size=1)
    assert ("texts" in capsys.readouterr().err) == shown
    Prompts(["brick"]).encode(FakeClip())
    assert capsys.readouterr().err == ""


def test_a_real_tower(tiny):
    prompts = clipnb.Prompts(["cat", "dog"], "photo", {"cat": ["kitten"]})
    np.testing.assert_allclose(prompts.encode(tiny, batch_size=5).vectors, oracle(tiny, prompts.texts), atol=1e-5)
