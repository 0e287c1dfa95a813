"""Translations, texts among texts and the gap between languages: compared with loops, scikit-learn, closed forms."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import roc_auc_score

from clipnb.aligning import centre_distance, centred_rows, separability, text_to_text, translation_scores
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape
from clipnb.types import unit_rows


def two_languages(n=40, dim=8, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    a = unit_rows(rng.normal(size=(n, dim)))
    return a, unit_rows(a + noise * rng.normal(size=(n, dim)) / np.sqrt(dim))


def test_shuffled_pairs_are_all_the_wrong_ones():
    a, b = two_languages()
    scores = translation_scores(3 * a, b)
    cosine = a.astype(np.float64) @ b.T
    wrong = ~np.eye(40, dtype=bool)
    np.testing.assert_allclose(scores.true, np.diag(cosine), atol=1e-6)
    np.testing.assert_allclose(np.sort(scores.null), np.sort(cosine[wrong]), atol=1e-6)
    assert scores.null_mean == pytest.approx(cosine[wrong].mean(), abs=1e-6)
    truth = np.r_[np.ones(40), np.zeros(40 * 39)]
    assert scores.auc == pytest.approx(roc_auc_score(truth, np.r_[np.diag(cosine), cosine[wrong]]), abs=1e-6)


def test_of_many_pairs_some_stand_for_all():
    a, b = two_languages(n=700)
    scores = translation_scores(a, b, seed=3)
    cosine = a.astype(np.float64) @ b.T
    wrong = ~np.eye(700, dtype=bool)
    assert 190_000 < len(scores.null) <= 200_000
    assert scores.null_mean == pytest.approx(cosine[wrong].mean(), abs=1e-6)  # from sums, over all of them
    truth = np.r_[np.ones(700), np.zeros(700 * 699)]
    assert scores.auc == pytest.approx(roc_auc_score(truth, np.r_[np.diag(cosine), cosine[wrong]]), abs=2e-3)
    np.testing.assert_array_equal(scores.null, translation_scores(a, b, seed=3).null)


def test_the_auc_of_equal_languages_and_of_unrelated_ones():
    a, _ = two_languages()
    assert translation_scores(a, a).auc == 1.0
    assert translation_scores(np.ones((9, 4)), np.ones((9, 4))).auc == 0.5  # ties by halves
    rng = np.random.default_rng(0)
    assert translation_scores(rng.normal(size=(300, 64)), rng.normal(size=(300, 64))).auc == pytest.approx(
        0.5, abs=0.05
    )


def test_few_pairs():
    single = translation_scores([[1.0, 0.0]], [[1.0, 1.0]])
    assert single.true.tolist() == pytest.approx([np.sqrt(0.5)])
    assert np.isnan(single.auc)
    assert np.isnan(single.null_mean)
    with pytest.raises(EmptyInput, match="no pairs"):
        translation_scores(np.empty((0, 3)), np.empty((0, 3)))
    with pytest.raises(WrongShape, match="one row each"):
        translation_scores(np.ones((2, 3)), np.ones((3, 3)))


def texts_by_loops(rows, pictures):
    codes = list(rows)
    recall, counts = np.full((len(codes),) * 2, np.nan), np.zeros((len(codes),) * 2, dtype=int)
    for i, a in enumerate(codes):
        for j, b in enumerate(codes):
            hits = []
            for row, picture in zip(rows[a], pictures[a], strict=True):
                if picture in pictures[b]:
                    cosines = {int(p): float(np.dot(row, other)) for p, other in zip(pictures[b], rows[b], strict=True)}
                    right = cosines.pop(int(picture))
                    hits.append(all(c < right - 1e-6 for c in cosines.values()))
            counts[i, j] = len(hits)
            if hits:
                recall[i, j] = np.mean(hits)
    return recall, counts


@pytest.mark.parametrize("cells", [None, 20])
def test_texts_among_texts_of_every_other_language(cells, monkeypatch):
    if cells:
        monkeypatch.setattr("clipnb.aligning.translations.BLOCK_CELLS", cells)  # a row or two at a time
    rng = np.random.default_rng(0)
    things = rng.normal(size=(30, 6))
    pictures = {"en": np.arange(30), "sv": np.arange(0, 30, 2), "th": np.sort(rng.permutation(30)[:21])}
    pictures["fi"] = np.arange(1, 30, 2)  # has nothing in common with sv
    rows = {code: unit_rows(things[p] + 0.7 * rng.normal(size=(len(p), 6))) for code, p in pictures.items()}
    rows["en"][7] = rows["en"][3]  # the same sentence of two pictures: a miss for both
    recall, counts = text_to_text(rows, pictures)
    expected, how_many = texts_by_loops(rows, pictures)
    np.testing.assert_array_equal(counts, how_many)
    np.testing.assert_allclose(recall, expected)
    assert recall[0, 0] == pytest.approx(28 / 30)
    assert np.isnan(recall[1, 3])


@pytest.mark.parametrize(("n", "shift"), [(60, 0.2), (60, 0.0), (12, 0.5)])
def test_the_plane_is_scikit_learns(n, shift):
    """Fewer rows than columns too, where everything hangs on the shrinkage."""
    rng = np.random.default_rng(2)
    a = unit_rows(rng.normal(size=(n, 20)))
    b = unit_rows(a + 0.5 * rng.normal(size=(n, 20)) + shift)
    fold = np.random.default_rng(0).permutation(n) % 5
    right = 0
    for held in range(5):
        fitted = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1)
        fitted.fit(np.r_[a[fold != held], b[fold != held]], np.repeat([0, 1], (fold != held).sum()))
        right += (fitted.predict(a[fold == held]) == 0).sum() + (fitted.predict(b[fold == held]) == 1).sum()
    assert separability(a, b) == pytest.approx(right / (2 * n))


def test_separability_of_clouds_whose_answer_is_known():
    rng = np.random.default_rng(0)
    a = unit_rows(rng.normal(size=(200, 10)))
    assert separability(a, a) == 0.5  # no plane: every row lies on it, and counts half
    flat = unit_rows(a * (np.arange(10) > 0))
    assert separability(flat, unit_rows(flat + np.eye(10)[0])) == 1.0  # all of one at 0, of the other at 0.7
    assert separability(a, unit_rows(rng.normal(size=(200, 10)))) == pytest.approx(0.5, abs=0.1)
    assert np.isnan(separability(a[:9], a[:9]))


def test_a_mere_shift_is_gone_after_centring_and_another_direction_is_not_taken_for_less_than_chance():
    rng = np.random.default_rng(0)
    a = rng.normal(size=(500, 16))
    b = a + 0.3 * rng.normal(size=(500, 16)) + 2 * np.eye(16)[0]
    before, after = separability(a, b), separability(a, b, centre=True)
    assert before > 0.75
    # With the mean of all rows, held-out ones would lie on the wrong side; see the docstring.
    assert after == pytest.approx(0.5, abs=0.06)


def test_distance_of_centres():
    assert centre_distance([[1, 0], [0, 2]], [[0, 1], [3, 0]]) == 0.0
    assert centre_distance([[5, 0]], [[-1, 0]]) == 2.0
    assert centre_distance([[1, 0], [-1, 0]], [[0, 1], [0, 1]]) == pytest.approx(1.0)


def test_centring_is_exact_on_its_closed_form():
    rows = np.array([[1, 0], [0, 1]])
    np.testing.assert_allclose(centred_rows(rows), np.array([[1, -1], [-1, 1]]) / np.sqrt(2), atol=1e-6)
    np.testing.assert_allclose(centred_rows(rows * 9, [0, 0]), rows)
    with pytest.raises(EmptyInput, match="takes two or more"):
        centred_rows(rows[:1])
    with pytest.raises(InvalidEmbeddings, match="all rows the same"):
        centred_rows(np.ones((3, 2)))


def test_what_does_not_fit_is_named():
    with pytest.raises(WrongShape, match="pairs about the same"):
        separability(np.ones((20, 3)), np.ones((21, 3)))
    with pytest.raises(UnsupportedOption, match="folds=1"):
        separability(np.ones((20, 3)), np.ones((20, 3)), folds=1)
