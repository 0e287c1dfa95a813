"""One model, used by several threads at once."""

import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np

from clipnb.models.clip import Clip


def test_texts_that_are_cut_beside_texts_that_are_not(tiny):
    """A tokenizer of transformers keeps from one call to the next whether it cuts."""
    short, long = ["a cat"] * 20, ["dog " * 400]
    expected = tiny.encode_text(short)

    def cut(_):
        return tiny.tokenize(long, truncate=True)["input_ids"].shape[1]

    def whole(_):
        np.testing.assert_allclose(tiny.encode_text(short), expected, atol=1e-6)
        return tiny.tokenize(short)["input_ids"].shape[1]

    with warnings.catch_warnings(), ThreadPoolExecutor(6) as pool:
        warnings.simplefilter("ignore")
        found = [pool.submit(work, i) for i in range(60) for work in (cut, whole)]
        lengths = {future.result() for future in found}
    assert lengths == {48, 4}


def test_the_tokenizer_has_one_caller_at_a_time():
    inside = []

    class Slow:
        context_length = 3

        def rows(self, texts, *, cut=False):
            inside.append(len(inside))
            assert len(inside) == 1
            time.sleep(0.01)
            inside.clear()
            return [[0] * (3 if cut else 9) for _ in texts]

        def batch(self, rows):
            return {"input_ids": np.array(rows)}

    model = Clip(Slow(), lambda: None, name="slow")
    with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
        warnings.simplefilter("ignore")
        for batch in pool.map(lambda _: model.tokenize(["a"], truncate=True), range(8)):
            assert batch["input_ids"].shape == (1, 3)


def test_the_image_tower_opens_once():
    opened, start = [], threading.Barrier(4)

    def open_image():
        opened.append(1)
        time.sleep(0.05)
        return SimpleNamespace(dim=8, logit_scale=2.0)

    model = Clip(SimpleNamespace(dim=8), open_image, name="slow")

    def scale(_):
        start.wait()
        return model.logit_scale

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(scale, range(4))) == {2.0}
    assert len(opened) == 1
