"""Few-shot methods against scikit-learn, loops and the papers' formulas; the draw, the split, bad input."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, log_loss

import clipnb
from clipnb import errors
from clipnb.fewshot.adapters import (
    ALPHAS,
    BETAS,
    DEFAULT_C,
    Probe,
    TipAdapter,
    accuracy_and_loss,
    log_softmax,
    search_c,
)
from clipnb.fewshot.classifying import draw_shots
from clipnb.types import Embeddings, Failure, unit_rows

CLASSES = ["mat", "hat", "bat", "rat"]


def clusters(seed: int, count: int, classes: int = 4, spread: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Rows around one centre a class, the same centres for every seed."""
    centres = np.random.default_rng(99).normal(size=(classes, FakeClip.dim))
    labels = np.tile(np.arange(classes), -(-count // classes))[:count]
    noise = np.random.default_rng(seed).normal(scale=spread, size=(count, FakeClip.dim))
    return unit_rows(centres[labels] + noise), labels.astype(np.int64)


@pytest.fixture(scope="module")
def train() -> tuple[Embeddings, list[str]]:
    vectors, labels = clusters(0, 80)
    return Embeddings(vectors, modality="image", model=FakeClip.name), [CLASSES[j] for j in labels]


@pytest.fixture(scope="module")
def test() -> tuple[Embeddings, list[str]]:
    vectors, labels = clusters(1, 60)
    ids = tuple(f"picture {i}" for i in range(60))
    return Embeddings(vectors, ids, "image", FakeClip.name), [CLASSES[j] for j in labels]


# --- the classifiers ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("c", [0.01, 1.0, 100.0])
def test_probe_is_scikit_learns_regression(classes, c):
    rows, labels = clusters(3, 60, classes)
    asked, _ = clusters(4, 20, classes)
    reference = LogisticRegression(C=c, max_iter=1000).fit(rows.astype(float), labels)
    found = np.exp(log_softmax(Probe.fit(rows, labels, classes, c).logits(asked)))
    np.testing.assert_allclose(found, reference.predict_proba(asked.astype(float)), atol=1e-6)


def test_probe_is_where_the_stated_objective_is_flat():
    rows, labels = clusters(3, 60)
    probe, c = Probe.fit(rows, labels, 4, 0.5), 0.5
    error = np.exp(log_softmax(probe.logits(rows))) - np.eye(4)[labels]
    gradient = c * error.T @ rows.astype(float) + probe.weights
    assert np.abs(gradient).max() < 1e-2 * np.abs(c * error).sum()
    assert np.abs(c * error.sum(axis=0)).max() < 1e-2


def test_tip_adapter_is_the_papers_formula():
    rows, labels = clusters(5, 12)
    asked, _ = clusters(6, 7)
    texts = unit_rows(np.random.default_rng(7).normal(size=(4, FakeClip.dim)))
    found = TipAdapter(rows, labels, texts, 100.0, alpha=1.3, beta=4.2).logits(asked, block=3)
    for i, row in enumerate(asked.astype(float)):
        for j in range(4):
            total = 100.0 * sum(a * b for a, b in zip(row, texts[j].astype(float), strict=True))
            for key, label in zip(rows.astype(float), labels, strict=True):
                affinity = sum(a * b for a, b in zip(row, key, strict=True))
                total += 1.3 * math.exp(-4.2 * (1 - affinity)) * (label == j)
            assert found[i, j] == pytest.approx(total, rel=1e-5)
    # As its authors write it: (-1 * (beta - beta * affinity)).exp() @ cache_values, times alpha, plus the CLIP logits.
    affinity = asked.astype(float) @ rows.astype(float).T
    official = np.exp(-1 * (4.2 - 4.2 * affinity)) @ np.eye(4)[labels] * 1.3 + 100.0 * asked @ texts.T
    np.testing.assert_allclose(found, official, rtol=1e-5)


def test_search_of_tip_adapter_finds_the_best_of_the_grid():
    rows, labels = clusters(5, 24)
    held, truth = clusters(8, 30)
    texts = unit_rows(np.random.default_rng(7).normal(size=(4, FakeClip.dim)))
    found = TipAdapter(rows, labels, texts, 20.0).searched(held, truth)
    scores = {
        (alpha, beta): accuracy_and_loss(TipAdapter(rows, labels, texts, 20.0, alpha, beta).logits(held), truth)
        for alpha in ALPHAS
        for beta in BETAS
    }
    best = max(accuracy for accuracy, _ in scores.values())
    accuracy, loss = scores[found.alpha, found.beta]
    assert accuracy == best
    assert loss == pytest.approx(min(loss for a, loss in scores.values() if a == best))


def test_accuracy_and_loss_are_scikit_learns():
    logits = np.random.default_rng(0).normal(size=(50, 4))
    labels = np.random.default_rng(1).integers(0, 4, 50)
    odds = np.exp(logits)
    accuracy, loss = accuracy_and_loss(logits, labels)
    assert accuracy == pytest.approx(accuracy_score(labels, logits.argmax(axis=1)))
    assert loss == pytest.approx(log_loss(labels, odds / odds.sum(axis=1, keepdims=True)))


@pytest.mark.parametrize("peak", [-6.0, -3.3, 0.0, 0.62, 5.9, 6.0])
def test_search_finds_the_peak_in_fifteen_fits(peak):
    calls = []

    def score(c: float) -> tuple[float, float]:
        calls.append(c)
        return -abs(math.log10(c) - peak), 0.0

    best, tried = search_c(score)
    grid = np.linspace(-6, 6, 97)
    assert math.log10(best) == pytest.approx(grid[np.abs(grid - peak).argmin()])
    assert len(calls) == len(set(calls)) == len(tried) <= 15
    np.testing.assert_allclose(calls[:7], 10.0 ** np.arange(-6, 7, 2))
    assert all(-6 - 1e-9 <= math.log10(c) <= 6 + 1e-9 for c in calls)


def test_search_breaks_ties_by_loss_then_by_the_smaller_c():
    best, _ = search_c(lambda c: (1.0, abs(math.log10(c) - 2)))
    assert best == pytest.approx(100)
    best, _ = search_c(lambda c: (1.0, 0.0))
    assert best == pytest.approx(1e-6)


# --- few_shot -------------------------------------------------------------------------------------------------------


def test_without_shots_it_is_zero_shot(train, test):
    model = FakeClip()
    found = clipnb.few_shot(model, *train, test[0], CLASSES, shots=0, test_labels=test[1])
    expected = clipnb.zero_shot(model, test[0], CLASSES, labels=test[1])
    np.testing.assert_allclose(found.probabilities, expected.probabilities, atol=1e-6)
    assert found.metrics() == pytest.approx(expected.metrics(), abs=1e-6)
    assert found.method == "zero-shot"


def test_linear_probe_is_the_regression_at_the_c_it_names(train, test):
    found = clipnb.few_shot(FakeClip(), *train, test[0], CLASSES, test_labels=test[1])
    assert found.method.startswith("linear_probe, 20 shots, C=")
    assert "chosen by 20 held-out pictures" in found.method
    c = float(found.method.split("C=")[1].split()[0])
    column = [CLASSES.index(label) for label in train[1]]
    reference = LogisticRegression(C=c, max_iter=1000).fit(train[0].vectors.astype(float), column)
    np.testing.assert_allclose(found.probabilities, reference.predict_proba(test[0].vectors.astype(float)), atol=2e-2)
    assert found.image_ids == test[0].ids
    assert found.model == FakeClip.name
    assert found.metrics()["top1"] > 0.6
    cosines = test[0].vectors @ FakeClip().encode_text(CLASSES).T
    np.testing.assert_allclose(found.similarity, cosines, atol=1e-6)


def test_order_is_the_methods_and_not_the_cosines(train, test):
    for method in ("linear_probe", "tip_adapter"):
        found = clipnb.few_shot(FakeClip(), *train, test[0], CLASSES, method=method, test_labels=test[1])
        np.testing.assert_array_equal(found.predicted, found.probabilities.argmax(axis=1))
        assert (found.predicted != found.similarity.argmax(axis=1)).any()
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=1e-5)


def test_tip_adapter_is_the_formula_at_the_settings_it_names(train, test):
    model = FakeClip()
    found = clipnb.few_shot(model, *train, test[0], CLASSES, method="tip_adapter", shots=4, seed=3)
    alpha, beta = (float(found.method.split(f"{name}=")[1].split(",")[0].split()[0]) for name in ("alpha", "beta"))
    column = np.array([CLASSES.index(label) for label in train[1]])
    chosen = draw_shots(column, CLASSES, 4, 3)
    keys, values = train[0].vectors[chosen].astype(float), np.eye(4)[column[chosen]]
    asked = test[0].vectors.astype(float)
    texts = model.encode_text(CLASSES).astype(float)
    logits = alpha * np.exp(-beta * (1 - asked @ keys.T)) @ values + model.logit_scale * asked @ texts.T
    odds = np.exp(logits - logits.max(axis=1, keepdims=True))
    np.testing.assert_allclose(found.probabilities, odds / odds.sum(axis=1, keepdims=True), atol=1e-4)


def test_one_shot_takes_the_defaults_and_says_so(train, test):
    found = clipnb.few_shot(FakeClip(), *train, test[0], CLASSES, shots=1)
    assert found.method == f"linear_probe, 1 shot, C={DEFAULT_C:g} (by default: one picture a class, none to hold out)"
    found = clipnb.few_shot(FakeClip(), *train, test[0], CLASSES, shots=1, method="tip_adapter")
    assert found.method.startswith("tip_adapter, 1 shot, alpha=1, beta=5.5 (by default")
    assert found.labels is None


def test_the_same_seed_gives_the_same_result(train, test):
    first, again, other = (
        clipnb.few_shot(FakeClip(), *train, test[0], CLASSES, shots=2, seed=seed).probabilities for seed in (5, 5, 6)
    )
    np.testing.assert_array_equal(first, again)
    assert np.abs(first - other).max() > 0.01


def test_draws_are_even_and_grow_by_inclusion():
    labels = np.random.default_rng(0).integers(0, 3, 90)
    names = ["a", "b", "c"]
    few, more = draw_shots(labels, names, 4, 7), draw_shots(labels, names, 8, 7)
    assert set(few) < set(more)
    np.testing.assert_array_equal(np.bincount(labels[more]), [8, 8, 8])
    assert set(draw_shots(labels, names, 4, 8)) != set(few)
    np.testing.assert_array_equal(draw_shots(labels, names, None, 7), np.arange(90))


def test_settings_are_chosen_without_the_test_pictures(train, test):
    """The same settings, whatever is asked."""
    whole = clipnb.few_shot(FakeClip(), *train, test[0], CLASSES, shots=8)
    part = clipnb.few_shot(FakeClip(), *train, test[0][:3], CLASSES, shots=8)
    assert whole.method == part.method
    np.testing.assert_allclose(whole.probabilities[:3], part.probabilities, atol=1e-6)


def test_pictures_are_encoded_only_if_drawn():
    model = FakeClip()
    colours = ["red", "green", "blue"]
    squares = [Image.new("RGB", (8, 8), colour) for colour in colours for _ in range(20)]
    seen = []
    encode = model.encode_image
    model.encode_image = lambda images, **options: seen.extend(images) or encode(images, **options)
    found = clipnb.few_shot(
        model, squares, [c for c in colours for _ in range(20)], squares[::20], colours, shots=2, test_labels=colours
    )
    assert len(seen) == 3 * 2 + 3
    assert found.metrics()["top1"] == 1


def test_a_folder_brings_its_labels_and_its_failures(tmp_path):
    for colour in ("red", "green", "blue"):
        (tmp_path / colour).mkdir()
        for i in range(3):
            Image.new("RGB", (8, 8), colour).save(tmp_path / colour / f"{i}.png")
    (tmp_path / "red" / "broken.png").write_bytes(b"no picture")
    test = [Image.new("RGB", (8, 8), (200, 10, 10))]
    found = clipnb.few_shot(FakeClip(), tmp_path, "folder", test, ["red", "green", "blue"], shots=2)
    assert found.predictions == ["red"]
    assert "1 training pictures could not be read" in found.method
    assert "broken.png" in found.method
    known = [*test, *test, *[Image.new("RGB", (8, 8), "blue")] * 2]
    turned = clipnb.few_shot(FakeClip(), known, ["red", "red", "blue", "blue"], tmp_path, ["red", "blue"])
    assert len(turned) == 9
    assert turned.errors["id"].str.contains("broken").all()
    assert len(turned.errors) == 1


def test_labels_of_pictures_that_have_no_row_are_left_out(train, test):
    lost = (Failure("x.png", 1, "damaged"),)
    rows = Embeddings(train[0].vectors, modality="image", model=FakeClip.name, failures=lost)
    labels = [train[1][0], "hat", *train[1][1:]]
    found = clipnb.few_shot(FakeClip(), rows, labels, test[0], CLASSES, shots=2)
    plain = clipnb.few_shot(FakeClip(), *train, test[0], CLASSES, shots=2)
    np.testing.assert_array_equal(found.probabilities, plain.probabilities)
    assert "x.png" in found.method


# --- bad input ------------------------------------------------------------------------------------------------------


def test_classes_with_too_few_examples_are_named(train, test):
    labels = [label if label != "rat" or i > 10 else "mat" for i, label in enumerate(train[1])]
    with pytest.raises(errors.TooFewExamples, match=r"1 of 4 classes with fewer than 20 examples: 'rat' \(18\)"):
        clipnb.few_shot(FakeClip(), train[0], labels, test[0], CLASSES, shots=20)
    with pytest.raises(errors.TooFewExamples, match=r"1 of 5 classes without any example: 'cow' \(0\)"):
        clipnb.few_shot(FakeClip(), *train, test[0], [*CLASSES, "cow"])
    with pytest.raises(errors.TooFewExamples, match="'mat' is the only class"):
        clipnb.few_shot(FakeClip(), train[0], ["mat"] * 80, test[0], ["mat"])


def test_wrong_input_is_named(train, test):
    model = FakeClip()
    call = clipnb.few_shot
    with pytest.raises(errors.NoLabels, match="train_labels"):
        call(model, train[0], None, test[0], CLASSES)
    with pytest.raises(errors.UnknownLabel, match="79 labels for 80"):
        call(model, train[0], train[1][:-1], test[0], CLASSES)
    with pytest.raises(errors.UnknownLabel, match="'moth'"):
        call(model, train[0], ["moth", *train[1][1:]], test[0], CLASSES)
    with pytest.raises(errors.UnknownLabel, match="'moth'"):
        call(model, *train, test[0], CLASSES, test_labels=["moth"] * 60)
    with pytest.raises(errors.InvalidEmbeddings, match="test: rows of the model 'other'"):
        call(model, *train, Embeddings(test[0].vectors, model="other"), CLASSES)
    with pytest.raises(errors.InvalidEmbeddings, match="train: 5 columns"):
        call(model, Embeddings(train[0].vectors[:, :5]), train[1], test[0], CLASSES)
    with pytest.raises(errors.InvalidEmbeddings, match="test: rows of texts"):
        call(model, *train, Embeddings(test[0].vectors, modality="text"), CLASSES)
    with pytest.raises(errors.InvalidEmbeddings, match="not finite"):
        Embeddings(np.full((2, 8), np.nan))
    with pytest.raises(errors.EmptyInput):
        call(model, [], [], test[0], CLASSES)
    with pytest.raises(errors.UnsupportedOption, match="tip_adapter"):
        call(model, *train, test[0], CLASSES, method="tip-adapter")
    for validation in (0, 1, 2.0):
        with pytest.raises(errors.UnsupportedOption, match="validation"):
            call(model, *train, test[0], CLASSES, validation=validation)
    for shots in (-1, 1.5, True):
        with pytest.raises(errors.UnsupportedOption, match="shots"):
            call(model, *train, test[0], CLASSES, shots=shots)
    with pytest.raises(errors.WrongType, match=r"clipnb\.load"):
        call("ViT-B/32", *train, test[0], CLASSES)


# --- the curve ------------------------------------------------------------------------------------------------------


def test_curve_has_a_row_a_run_and_agrees_with_few_shot(train, test):
    model = FakeClip()
    frame = clipnb.learning_curve(model, *train, *test, CLASSES, shots=(0, 1, 4), seeds=(0, 1))
    assert len(frame) == 1 + 2 * 2 * 2
    assert frame["seed"].isna().sum() == 1
    for row in frame.itertuples():
        single = clipnb.few_shot(
            model, *train, test[0], CLASSES, test_labels=test[1], shots=row.shots,
            method="linear_probe" if row.method == "zero-shot" else row.method, seed=row.seed if row.shots else 0,
        )  # fmt: skip
        scores = single.metrics()
        assert row.top1 == pytest.approx(scores["top1"])
        assert row.mean_per_class_recall == pytest.approx(scores["mean_per_class_recall"])
        assert row.settings == single.method
    assert frame.attrs["failures"] == []


def test_curve_encodes_everything_once():
    model = FakeClip()
    colours = ["red", "green", "blue"]
    squares = [Image.new("RGB", (8, 8), colour) for colour in colours for _ in range(5)]
    labels = [colour for colour in colours for _ in range(5)]
    clipnb.learning_curve(model, squares, labels, squares, labels, colours, shots=(0, 1, 2, 4))
    assert model.image_calls == 2
    assert model.text_calls == 1


def test_curve_refuses_before_any_work(train, test):
    model = FakeClip()
    squares = [Image.new("RGB", (8, 8), "red")] * 80
    with pytest.raises(errors.TooFewExamples, match="fewer than 21 examples"):
        clipnb.learning_curve(model, squares, train[1], squares[:60], test[1], CLASSES, shots=(0, 21))
    assert model.image_calls == model.text_calls == 0
    with pytest.raises(errors.NoLabels, match="test_labels"):
        clipnb.learning_curve(model, *train, test[0], None, CLASSES)
    with pytest.raises(errors.WrongType, match="methods is one text"):
        clipnb.learning_curve(model, *train, *test, CLASSES, methods="linear_probe")
    with pytest.raises(errors.UnsupportedOption, match="at least one"):
        clipnb.learning_curve(model, *train, *test, CLASSES, shots=())
    with pytest.raises(errors.UnsupportedOption, match="method='tree'"):
        clipnb.learning_curve(model, *train, *test, CLASSES, methods=["tree"])


def test_curve_in_words():
    runs = [("zero-shot", 0, 0.5), ("linear_probe", 1, 0.3), ("linear_probe", 2, 0.6), ("linear_probe", 4, 0.5),
            ("linear_probe", 8, 0.7), ("linear_probe", 8, 0.8), ("tip_adapter", 1, 0.4)]  # fmt: skip
    frame = pd.DataFrame(runs, columns=["method", "shots", "top1"])
    said = clipnb.explain_curve(frame)
    assert "Zero-shot, without any labelled picture, scores 50.0%." in said
    # Ahead at 2, level at 4: from 8 on it stays ahead.
    assert "A linear probe reaches 75.0% with 8 a class and is ahead of it from 8 on." in said
    assert "Tip-Adapter reaches 40.0% with 1 a class and never gets ahead." in said
    assert clipnb.explain_curve(frame[frame["shots"] > 0]).startswith("A linear probe reaches 75.0% with 8 a class.")
    with pytest.raises(errors.UnsupportedOption, match="metric='f1'"):
        clipnb.explain_curve(frame, "f1")
