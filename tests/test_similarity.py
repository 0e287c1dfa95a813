import numpy as np
import pytest
from sklearn.metrics.pairwise import cosine_similarity

from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption
from clipnb.similarity import cosine, top_k
from clipnb.types import Embeddings

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(30, 8)), RNG.normal(size=(50, 8))


def test_cosine_is_that_of_scikit_learn():
    np.testing.assert_allclose(cosine(A, B), cosine_similarity(A, B), atol=1e-6)
    assert cosine(A, A).max() <= 1


@pytest.mark.parametrize("k", [1, 7, 50, 80])
@pytest.mark.parametrize("block", [1, 7, 4096])
def test_top_k_is_the_sorted_matrix(k, block):
    index, scores = top_k(A, B, k, block=block)
    expected = np.argsort(-cosine_similarity(A, B), axis=1)[:, :k]
    np.testing.assert_array_equal(index, expected)
    np.testing.assert_allclose(scores, np.take_along_axis(cosine_similarity(A, B), expected, axis=1), atol=1e-6)


def test_equal_cosines_keep_the_order_of_the_items():
    items = np.repeat([[1.0, 0.0], [0.0, 1.0]], 4, axis=0)
    index, _ = top_k([[0.0, 2.0]], items, 6)
    assert index.tolist() == [[4, 5, 6, 7, 0, 1]]


def test_embeddings_are_compared_by_their_rows():
    rows, items = Embeddings(A), Embeddings(B)
    np.testing.assert_array_equal(cosine(rows, items), cosine(A, B))
    np.testing.assert_array_equal(top_k(rows, items, 3).rows, top_k(A, B, 3).rows)


def test_no_queries_have_no_neighbours():
    rows, cosines = top_k(np.empty((0, 8)), B, 3)
    assert rows.shape == cosines.shape == (0, 3)


def test_bad_numbers():
    with pytest.raises(InvalidEmbeddings, match="8 columns with 5"):
        cosine(A, RNG.normal(size=(3, 5)))
    with pytest.raises(UnsupportedOption, match="k=0"):
        top_k(A, B, 0)
    with pytest.raises(EmptyInput, match="no items"):
        top_k(A, np.empty((0, 8)), 1)
