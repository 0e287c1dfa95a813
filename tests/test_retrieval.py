"""Ranks and recall: compared with loops, with scipy's distributions and with scikit-learn."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import top_k_accuracy_score

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.retrieval import Resampling, chance, checked_ks, first_texts, recall_rows, retrieval_ranks
from clipnb.types import unit_rows


def made(pictures=23, texts=60, dim=6, seed=0):
    rng = np.random.default_rng(seed)
    image_of = rng.integers(0, pictures - 3, texts)  # the last three pictures have no text
    images = unit_rows(rng.normal(size=(pictures, dim)))
    return images, unit_rows(images[image_of] + rng.normal(size=(texts, dim))), image_of


def by_loops(images, texts, image_of):
    """The same ranks, one cosine at a time."""
    cosine = [[float(np.dot(text, image)) for image in images] for text in texts]
    to_image = []
    for t, row in enumerate(cosine):
        to_image.append(1 + sum(c >= row[image_of[t]] - 1e-6 for j, c in enumerate(row) if j != image_of[t]))
    to_text = []
    for j in sorted(set(image_of)):
        best = max(cosine[t][j] for t in range(len(texts)) if image_of[t] == j)
        to_text.append(1 + sum(cosine[t][j] >= best - 1e-6 for t in range(len(texts)) if image_of[t] != j))
    return to_image, to_text


@pytest.mark.parametrize("block", [None, 1, 7, 60])
def test_ranks_are_those_of_a_loop_whatever_the_block(block):
    images, texts, image_of = made()
    ranks = retrieval_ranks(images, texts, image_of, block=block)
    to_image, to_text = by_loops(images, texts, image_of)
    assert ranks.text_to_image.tolist() == to_image
    assert ranks.image_to_text.tolist() == to_text
    assert ranks.pictures.tolist() == sorted(set(image_of.tolist()))


def test_ties_count_against_the_query():
    images = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], dtype=float)  # the first two are one picture twice
    texts = images[[0, 2, 2, 3]] * 7
    ranks = retrieval_ranks(images, texts, [0, 2, 3, 3])  # the third text is wrong: it is equal to the second
    assert ranks.text_to_image.tolist() == [2, 1, 4, 1]
    # Picture 2 has its text as near as the wrong one of picture 3, whose other text is alone in front.
    assert ranks.image_to_text.tolist() == [1, 2, 1]


def test_equal_rows_are_ties_wherever_they_stand_in_the_matrix_product():
    """A product may round the same row differently near its edge; the tolerance covers that."""
    rng = np.random.default_rng(1)
    one = rng.normal(size=(1, 129))
    images = np.repeat(one, 37, axis=0)
    ranks = retrieval_ranks(images, one + 0.1 * rng.normal(size=(5, 129)), [0, 9, 18, 30, 36])
    assert (ranks.text_to_image == 37).all()


def test_recall_agrees_with_scikit_learn_where_there_are_no_ties():
    images, texts, image_of = made(seed=3)
    rows = recall_rows(retrieval_ranks(images, texts, image_of), len(images), (1, 3, 10), Resampling(0))
    found = {(direction, k): recall for direction, k, recall, *_ in rows}
    to_text = np.array(by_loops(images, texts, image_of)[1])
    for k in (1, 3, 10):
        one = top_k_accuracy_score(image_of, texts @ images.T, k=k, labels=np.arange(len(images)))
        assert found["text_to_image", k] == pytest.approx(one)
        assert found["image_to_text", k] == pytest.approx((to_text <= k).mean())
    assert np.isnan([row[3] for row in rows]).all()  # no resamples, no interval


def test_chance_is_hypergeometric_and_what_random_rows_reach():
    right = [1, 1, 4, 7]
    expected = np.mean([1 - stats.hypergeom.pmf(0, 50, c, 5) for c in right])
    assert chance(5, 50, right) == pytest.approx(expected)
    assert chance(50, 50, [1]) == chance(60, 50, [2]) == 1.0
    rng = np.random.default_rng(0)
    ranks = retrieval_ranks(rng.normal(size=(400, 32)), rng.normal(size=(1200, 32)), np.arange(1200) // 3)
    for direction, k, recall, low, high, guess, queries, _ in recall_rows(ranks, 400, (10, 100), Resampling(500)):
        assert abs(recall - guess) < 4 * np.sqrt(guess / queries), (direction, k)
        assert low <= recall <= high


def test_the_interval_is_that_of_the_binomial_distribution():
    """With one text a picture, the sum of a resample's hits is Binomial(n, recall), in closed form."""
    hits = np.arange(400) < 120
    low, high = Resampling(4000, seed=1).interval(hits, np.arange(400))
    assert low[0] == pytest.approx(stats.binom.ppf(0.025, 400, 0.3) / 400, abs=0.006)
    assert high[0] == pytest.approx(stats.binom.ppf(0.975, 400, 0.3) / 400, abs=0.006)


def test_texts_of_one_picture_are_drawn_together():
    """Five copies of every text say nothing new: the interval stays, and does not shrink by the root of five."""
    hits = np.random.default_rng(0).random((100, 2)) < 0.5
    once = Resampling(300).resampled(hits, np.arange(100))
    copied = Resampling(300).resampled(np.repeat(hits, 5, axis=0), np.repeat(np.arange(100), 5))
    np.testing.assert_allclose(once, copied, rtol=1e-12)


def test_resamples_are_ratios_of_sums_by_a_loop():
    values, groups = np.arange(7.0) ** 2, np.array([4, 4, 9, 9, 9, 30, 2])
    found = Resampling(50, seed=5)
    means = found.resampled(values, groups)[:, 0]
    (weights,) = found._weights(4)
    names = [2, 4, 9, 30]
    for draw, mean in zip(weights, means, strict=True):
        drawn = [v for name, times in zip(names, draw, strict=True) for v in list(values[groups == name]) * int(times)]
        assert mean == pytest.approx(np.mean(drawn))
    assert (weights.sum(axis=1) == 4).all()
    assert not np.array_equal(means, Resampling(50, seed=6).resampled(values, groups)[:, 0])


def test_draws_in_pieces_are_kept_only_where_they_fit(monkeypatch):
    import clipnb.retrieval as retrieval

    hits = np.random.default_rng(0).random(50) < 0.4
    whole = Resampling(40)
    expected = whole.resampled(hits, np.arange(50))
    assert list(whole._kept) == [50]
    monkeypatch.setattr(retrieval, "CACHED_CELLS", 1000)
    large = Resampling(40)
    np.testing.assert_array_equal(large.resampled(hits, np.arange(50)), expected)
    assert not large._kept
    large.resampled(hits[:20], np.arange(20))
    large.resampled(hits[:15], np.arange(15))
    assert list(large._kept) == [15]  # room for one of the two


def test_first_texts():
    pictures, first = first_texts(np.array([5, 2, 5, 0, 2]))
    assert pictures.tolist() == [0, 2, 5]
    assert first.tolist() == [3, 1, 0]


def test_what_does_not_fit_is_named():
    images, texts, image_of = made()
    with pytest.raises(EmptyInput, match="0 pictures and 60 texts"):
        retrieval_ranks(images[:0], texts, image_of)
    with pytest.raises(InvalidEmbeddings, match="6 columns, texts 5"):
        retrieval_ranks(images, texts[:, :5], image_of)
    with pytest.raises(WrongShape, match="one picture for each of 60"):
        retrieval_ranks(images, texts, image_of[1:])
    with pytest.raises(WrongShape, match="there are 23 pictures"):
        retrieval_ranks(images, texts, image_of + 10)
    with pytest.raises(EmptyInput, match="ks is empty"):
        checked_ks(())
    for wrong in (0, 1.5, True):
        with pytest.raises(UnsupportedOption, match="whole numbers from 1"):
            checked_ks((wrong,))
    with pytest.raises(UnsupportedOption, match="k='a'"):
        checked_ks((1, "a"))
    for seed in (-1, 0.5, None):
        with pytest.raises(UnsupportedOption, match=f"seed={seed}"):
            Resampling(seed=seed)
    with pytest.raises(WrongType, match="ks=10; expected several"):
        checked_ks(10)
    assert checked_ks((10, 1, 1)) == (1, 10)
    with pytest.raises(UnsupportedOption, match="bootstrap=-1"):
        Resampling(-1)
