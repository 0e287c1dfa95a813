"""The scores against scikit-learn, and against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics as sk
from sklearn.calibration import calibration_curve

from clipnb import metrics
from clipnb.errors import EmptyInput, UnknownLabel, UnsupportedOption, WrongShape
from clipnb.zeroshot.ranking import Leading, best_columns, rank_of

CLASSES = 7


@pytest.fixture(scope="module")
def case() -> dict[str, np.ndarray]:
    """Three hundred guesses among seven classes, of which the last never occurs."""
    rng = np.random.default_rng(5)
    truth = rng.integers(0, CLASSES - 1, 300)
    logits = rng.normal(size=(300, CLASSES))
    logits[np.arange(300), truth] += 1
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return {"truth": truth, "p": p, "guess": p.argmax(axis=1), "sure": p.max(axis=1)}


def test_accuracy_at_k_is_scikit_learns(case):
    found = metrics.accuracy_at_k(rank_of(case["p"], case["truth"]), (1, 2, 5))
    assert found[1] == pytest.approx(sk.accuracy_score(case["truth"], case["guess"]))
    for k in (2, 5):
        expected = sk.top_k_accuracy_score(case["truth"], case["p"], k=k, labels=range(CLASSES))
        assert found[k] == pytest.approx(expected)


def test_per_class_scores_are_scikit_learns(case):
    truth, guess = case["truth"], case["guess"]
    found = metrics.per_class(truth, guess, CLASSES)
    expected = sk.precision_recall_fscore_support(truth, guess, labels=range(CLASSES), zero_division=np.nan)
    np.testing.assert_allclose(found.precision, expected[0])
    np.testing.assert_allclose(found.recall, expected[1])
    np.testing.assert_allclose(found.f1[:-1], expected[2][:-1])
    np.testing.assert_array_equal(found.support, expected[3])
    np.testing.assert_array_equal(found.predicted, np.bincount(guess, minlength=CLASSES))
    assert np.isnan([found.recall[-1], found.f1[-1]]).all()  # no example: nothing can be said
    there = range(CLASSES - 1)
    assert metrics.macro_f1(truth, guess, CLASSES) == pytest.approx(
        sk.f1_score(truth, guess, average="macro", labels=there)
    )
    assert metrics.mean_per_class_recall(truth, guess, CLASSES) == pytest.approx(
        sk.recall_score(truth, guess, average="macro", labels=there)
    )
    np.testing.assert_array_equal(
        metrics.confusion_counts(truth, guess, CLASSES), sk.confusion_matrix(truth, guess, labels=range(CLASSES))
    )


@pytest.mark.parametrize(("spacing", "strategy"), [("width", "uniform"), ("mass", "quantile")])
def test_the_reliability_curve_is_scikit_learns(case, spacing, strategy):
    right = case["guess"] == case["truth"]
    found = metrics.calibration(case["sure"], right, 10, spacing)
    accuracy, confidence = calibration_curve(right, case["sure"], n_bins=10, strategy=strategy)
    used = found.count > 0
    np.testing.assert_allclose(found.accuracy[used], accuracy)
    np.testing.assert_allclose(found.confidence[used], confidence)
    gaps = np.abs(accuracy - confidence)
    assert found.ece == pytest.approx((gaps * found.count[used]).sum() / 300)
    assert found.mce == pytest.approx(gaps.max())
    assert found.count.sum() == 300
    assert found.table().shape == (len(found.count), 5)


def test_calibration_by_hand():
    # Two bins: (0, 0.5] holds 0.2 and 0.5 with one right; (0.5, 1] holds 0.9, wrong, and 1.0, right.
    found = metrics.calibration([0.2, 0.5, 0.9, 1.0], [False, True, False, True], bins=2)
    np.testing.assert_array_equal(found.count, [2, 2])
    np.testing.assert_allclose(found.confidence, [0.35, 0.95])
    np.testing.assert_allclose(found.accuracy, [0.5, 0.5])
    assert found.ece == pytest.approx((0.15 + 0.45) / 2)
    assert found.mce == pytest.approx(0.45)
    assert metrics.calibration([1.0, 1.0], [True, True]).ece == 0
    assert np.isnan(metrics.calibration([1.0], [True], bins=3).accuracy[:2]).all()


@pytest.mark.parametrize("value", [0.0, 0.5, 1.0])
def test_equal_confidences_fit_into_one_bin_of_equal_mass(value):
    found = metrics.calibration([value] * 4, [True, False, True, True], bins=5, spacing="mass")
    np.testing.assert_array_equal(found.count, [4])
    assert found.ece == pytest.approx(abs(0.75 - value))


def test_abstention_by_hand():
    found = metrics.abstention([0.9, 0.6, 0.6, 0.1], [True, True, False, False])
    np.testing.assert_allclose(found.threshold, [0.9, 0.6, 0.1])  # the two at 0.6 are answered together
    np.testing.assert_allclose(found.coverage, [0.25, 0.75, 1.0])
    np.testing.assert_allclose(found.accuracy, [1.0, 2 / 3, 0.5])
    assert found.area == pytest.approx(0.25 * 1 + 0.5 * 2 / 3 + 0.25 * 0.5)
    assert len(found.table()) == 3
    assert found.table(points=2)["coverage"].tolist() == [0.25, 1.0]


def test_abstention_against_a_loop(case):
    right = case["guess"] == case["truth"]
    found = metrics.abstention(case["sure"], right)
    risks = []
    for threshold, coverage, accuracy in zip(found.threshold, found.coverage, found.accuracy, strict=True):
        answered = case["sure"] >= threshold
        assert coverage == pytest.approx(answered.mean())
        assert accuracy == pytest.approx(right[answered].mean())
        risks.append(1 - accuracy)
    assert found.accuracy[-1] == pytest.approx(right.mean())
    assert found.area == pytest.approx(1 - np.mean(risks))  # no ties: one minus the mean of the selective risks


def test_log_loss_and_brier_score_are_scikit_learns(case):
    of_truth = case["p"][np.arange(300), case["truth"]]
    assert metrics.nll(of_truth) == pytest.approx(sk.log_loss(case["truth"], case["p"], labels=range(CLASSES)))
    hot = np.eye(CLASSES)[case["truth"]]
    expected = ((case["p"] - hot) ** 2).sum(axis=1).mean()
    assert metrics.brier(of_truth, (case["p"] ** 2).sum(axis=1)) == pytest.approx(expected)
    two = case["p"][:, :1]  # of two classes the score is twice scikit-learn's
    both, first = np.hstack([two, 1 - two]), case["truth"] == 0
    mine = metrics.brier(np.where(first, both[:, 0], both[:, 1]), (both**2).sum(axis=1))
    assert mine == pytest.approx(2 * sk.brier_score_loss(first, two[:, 0]))
    assert metrics.nll([0.0]) == pytest.approx(-np.log(metrics.TINY))


@pytest.mark.parametrize(
    ("ask", "error", "said"),
    [
        (lambda: metrics.accuracy_at_k([]), EmptyInput, "ranks is empty"),
        (lambda: metrics.accuracy_at_k([1], (0,)), UnsupportedOption, "k=0"),
        (lambda: metrics.per_class([0, 1], [0], 2), WrongShape, "2 true classes and 1 predictions"),
        (lambda: metrics.per_class([0, 2], [0, 1], 2), UnknownLabel, r"truth\[1\] is 2; expected a class from 0 to 1"),
        (lambda: metrics.per_class([0, 1], [-1, 1], 2), UnknownLabel, r"predicted\[0\] is -1"),
        (lambda: metrics.per_class([0.5], [0.5], 2), WrongShape, "truth is of float64"),
        (lambda: metrics.calibration([0.5, 1.5], [True, True]), UnsupportedOption, r"confidence\[1\] is 1.5"),
        (lambda: metrics.calibration([np.nan], [True]), UnsupportedOption, r"confidence\[0\] is nan"),
        (lambda: metrics.calibration([0.5], [True], bins=0), UnsupportedOption, "bins=0"),
        (lambda: metrics.calibration([0.5], [True], spacing="log"), UnsupportedOption, "spacing='log'"),
        (lambda: metrics.calibration([0.5], []), EmptyInput, "correct is empty"),
        (lambda: metrics.abstention([0.5], [True, True]), WrongShape, "1 confidences and 2 answers"),
        (lambda: metrics.brier([0.5], [0.5, 0.5]), WrongShape, "expected one each"),
        (lambda: metrics.nll([[0.5]]), WrongShape, r"shape \[1, 1\]"),
    ],
)
def test_bad_input_is_named(ask, error, said):
    with pytest.raises(error, match=said):
        ask()


@pytest.mark.parametrize("k", [1, 3, 12, 13, 20, 50])
def test_the_leading_columns_are_those_of_a_stable_sort(k):
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 6, (200, 20)).astype(np.float32)  # full of ties
    before = scores.copy()
    np.testing.assert_array_equal(best_columns(scores, k), np.argsort(-scores, axis=1, kind="stable")[:, :k])
    np.testing.assert_array_equal(scores, before)


def test_ranks_are_places_in_a_stable_sort():
    rng = np.random.default_rng(3)
    scores = rng.integers(0, 4, (300, 9)).astype(np.float32)
    columns = rng.integers(0, 9, 300)
    order = np.argsort(-scores, axis=1, kind="stable")
    np.testing.assert_array_equal(rank_of(scores, columns), (order == columns[:, None]).argmax(axis=1) + 1)


def test_blocks_add_up_to_the_whole():
    rng = np.random.default_rng(4)
    cosines, shares = rng.normal(size=(50, 8)).astype(np.float32), rng.random((50, 8)).astype(np.float32)
    truth = rng.integers(0, 8, 50)
    whole, parts = Leading.room(50, 3, True), Leading.room(50, 3, True)
    whole.put(0, cosines, shares, truth)
    for start in range(0, 50, 7):
        part = slice(start, start + 7)
        parts.put(start, cosines[part], shares[part], truth[part])
    for name in ("index", "cosine", "probability", "squares", "truth_rank", "truth_cosine", "truth_probability"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    np.testing.assert_allclose(whole.squares, (shares.astype(float) ** 2).sum(axis=1))
    np.testing.assert_array_equal(whole.truth_probability, shares[np.arange(50), truth])
