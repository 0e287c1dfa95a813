import numpy as np
import pytest
from fakes import FakeClip
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, top_k_accuracy_score

import clipnb
from clipnb.errors import InvalidEmbeddings, NoLabels, UnknownLabel, WrongType

RNG = np.random.default_rng(0)


def some(rows: int = 5, dim: int = 3, **options) -> clipnb.Embeddings:
    return clipnb.Embeddings(RNG.normal(size=(rows, dim)), **options)


def test_a_fake_is_a_clip_model():
    assert isinstance(FakeClip(), clipnb.ClipModel)
    assert not isinstance(object(), clipnb.ClipModel)


def test_rows_are_unit_vectors_whatever_comes_in():
    for vectors in (RNG.normal(size=(4, 3)) * 1e30, np.array([[3, 4]]), np.float16(RNG.normal(size=(4, 3)))):
        embeddings = clipnb.Embeddings(vectors)
        assert embeddings.vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(embeddings.vectors, axis=1), 1, atol=1e-6)


@pytest.mark.parametrize("scale", [1e300, 1e-160, 1e-300])
def test_rows_of_any_size_have_a_direction(scale):
    vectors = RNG.normal(size=(4, 3))
    expected = clipnb.Embeddings(vectors).vectors
    vectors[[1, 3]] *= scale
    before = vectors.copy()
    np.testing.assert_allclose(clipnb.Embeddings(vectors).vectors, expected, atol=1e-7)
    np.testing.assert_array_equal(vectors, before)
    vectors[0] = np.nan
    with pytest.raises(InvalidEmbeddings, match=r"1 of 4 rows .* rows 0\."):
        clipnb.Embeddings(vectors)


def test_the_caller_keeps_its_array_and_the_rows_cannot_be_changed():
    vectors = np.array([[3.0, 4.0]], dtype=np.float32)
    embeddings = clipnb.Embeddings(vectors)
    assert vectors[0, 0] == 3
    with pytest.raises(ValueError, match="read-only"):
        embeddings.vectors[0, 0] = 2


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_rows_without_a_direction_are_named(value):
    vectors = np.ones((6, 2))
    vectors[[2, 4]] = value
    with pytest.raises(InvalidEmbeddings, match=r"2 of 6 rows .* rows 2, 4\."):
        clipnb.Embeddings(vectors)


@pytest.mark.parametrize("vectors", [np.ones(3), np.ones((2, 0)), np.array([["a", "b"]])])
def test_other_shapes_and_types_are_refused(vectors):
    with pytest.raises(InvalidEmbeddings, match=r"expected numbers of shape \[row, dim\]"):
        clipnb.Embeddings(vectors)


def test_ragged_rows_are_refused():
    with pytest.raises(InvalidEmbeddings, match="different lengths"):
        clipnb.Embeddings([[1.0, 2.0], [3.0]])


def test_ids_are_one_per_row():
    assert some(3).ids == ("0", "1", "2")
    with pytest.raises(InvalidEmbeddings, match="3 rows and 2 ids"):
        some(3, ids=("a", "b"))
    with pytest.raises(WrongType, match="one string"):
        some(3, ids="abc")
    with pytest.raises(InvalidEmbeddings, match="modality"):
        some(3, modality="sound")


def test_slicing_keeps_rows_and_ids_together():
    embeddings = some(5, ids=tuple("abcde"), modality="image", model="m")
    for rows in (slice(1, 3), [1, 2], np.array([False, True, True, False, False])):
        part = embeddings[rows]
        assert part.ids == ("b", "c")
        assert (part.modality, part.model, len(part), part.dim) == ("image", "m", 2, 3)
        np.testing.assert_array_equal(part.vectors, embeddings.vectors[1:3])
    assert embeddings[3].ids == ("d",)


def test_concat_joins_what_belongs_together():
    images, texts = some(2, modality="image", model="m"), some(3, modality="text", model="m")
    both = images.concat(texts)
    assert (len(both), both.modality, both.model) == (5, "mixed", "m")
    assert images.concat(images).modality == "image"
    with pytest.raises(InvalidEmbeddings, match="3 columns with 4"):
        images.concat(some(2, dim=4))
    with pytest.raises(InvalidEmbeddings, match="two models, 'm' and 'other'"):
        images.concat(some(2, model="other"))


def result(sim: np.ndarray, labels=None) -> clipnb.ZeroShot:
    names = tuple(f"class {j}" for j in range(sim.shape[1]))
    ids = tuple(f"image {i}" for i in range(len(sim)))
    return clipnb.ZeroShot(sim, FakeClip().probabilities(sim), names, ids, labels)


def test_scores_are_those_of_scikit_learn():
    sim = RNG.uniform(-1, 1, (200, 12)).astype(np.float32)
    truth = RNG.integers(0, 10, 200)  # two classes never occur
    scores = result(sim, tuple(f"class {j}" for j in truth))
    best = sim.argmax(axis=1)
    metrics = scores.metrics()
    assert metrics["top1"] == pytest.approx((best == truth).mean())
    assert metrics["top5"] == pytest.approx(top_k_accuracy_score(truth, sim, k=5, labels=range(12)))
    with pytest.warns(UserWarning, match="y_pred contains classes not in y_true"):
        assert metrics["mean_per_class_recall"] == pytest.approx(balanced_accuracy_score(truth, best))
    np.testing.assert_array_equal(scores.confusion().to_numpy(), confusion_matrix(truth, best, labels=range(12)))
    assert scores.predictions == [f"class {j}" for j in best]


def test_top_lists_the_best_classes_of_every_image():
    scores = result(np.array([[0.1, 0.9, 0.9], [0.3, 0.2, 0.1]], dtype=np.float32))
    table = scores.top(2)
    assert list(table.columns) == ["image", "rank", "classname", "probability", "cosine"]
    assert table["classname"].tolist() == ["class 1", "class 2", "class 0", "class 1"]  # a tie keeps the order
    assert table["rank"].tolist() == [1, 2, 1, 2]
    assert len(scores.top(50)) == 6


def test_scores_without_labels_say_what_to_do():
    for ask in ("metrics", "confusion"):
        with pytest.raises(NoLabels, match="labels="):
            getattr(result(np.ones((2, 2), dtype=np.float32)), ask)()


def test_labels_must_be_known_and_one_per_image():
    with pytest.raises(UnknownLabel, match="'class 7'"):
        result(np.ones((1, 2), dtype=np.float32), ("class 7",))
    with pytest.raises(UnknownLabel, match="1 labels for 2 images"):
        result(np.ones((2, 2), dtype=np.float32), ("class 0",))
