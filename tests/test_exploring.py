"""The words for a selection, its table, and what lies near a point, each against a computation of its own."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from sklearn.neighbors import NearestNeighbors

import clipnb
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.exploring import Selection, Vocabulary, names_of_things, nearby, rank_texts, representative_texts

RNG = np.random.default_rng(7)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture(scope="module")
def clouds():
    """Two clouds, a text for each, and a hub that is near to both; texts lie off by a gap."""
    one, two = np.eye(6)[0], np.eye(6)[1]
    hub, gap = one + two, 3 * np.eye(6)[5]
    rows = np.concatenate([one + 0.1 * RNG.normal(size=(20, 6)), two + 0.1 * RNG.normal(size=(30, 6))])
    texts = np.stack([hub, one + 0.3 * np.eye(6)[2], two + 0.3 * np.eye(6)[2], np.eye(6)[3]]) + gap
    return clipnb.Embeddings(rows), clipnb.Embeddings(texts, ("hub", "one", "two", "other"), "text")


def test_words_distinguish_and_hubs_fall_out(clouds):
    rows, texts = clouds
    found = representative_texts(rows[:20], texts, k=4, against=rows[20:])
    assert found.columns.tolist() == ["text", "score", "cosine", "elsewhere"]
    assert found["text"].iloc[0] == "one"
    assert found["text"].iloc[-1] == "two"
    pairs = texts.vectors @ rows.vectors.T
    order = [texts.ids.index(text) for text in found["text"]]
    np.testing.assert_allclose(found["cosine"], pairs[order][:, :20].mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found["elsewhere"], pairs[order][:, 20:].mean(axis=1), atol=1e-6)
    np.testing.assert_allclose(found["score"], found["cosine"] - found["elsewhere"], atol=1e-6)
    # What is near is another question, and the hub its answer: there it is no worse than the word itself.
    near = representative_texts(rows[:20], texts, k=4)
    assert near["elsewhere"].isna().all()
    assert near.set_index("text").score["hub"] > found.set_index("text").score["hub"] + 0.1


def test_means_that_are_known_give_the_same(clouds):
    rows, texts = clouds
    whole = representative_texts(rows[:20], texts, k=3, against=rows[20:])
    total = rows.vectors.sum(axis=0, dtype=np.float64)
    here = rows.vectors[:20].mean(axis=0, dtype=np.float64)
    known = rank_texts(texts, here, (total - 20 * here) / 30, 3)
    pd.testing.assert_frame_equal(known, whole)


def test_one_text_of_each_thing(clouds):
    rows, texts = clouds
    found = representative_texts(rows[:20], texts, k=4, against=rows[20:], one_of=["a", "a", "b", "c"])
    assert found["text"].tolist()[0] == "one"
    assert "hub" not in found["text"].tolist()
    assert len(found) == 3


def test_bad_input_for_words(clouds):
    rows, texts = clouds
    for k in (0, 2.5, True, "many"):
        with pytest.raises(UnsupportedOption, match=f"k={k!r}"):
            representative_texts(rows, texts, k)
    for words in (texts.vectors, ["a word"], None):
        with pytest.raises(WrongType, match="expected the texts as Embeddings"):
            representative_texts(rows, words)
    with pytest.raises(InvalidEmbeddings, match="different lengths"):
        representative_texts([[1.0, 2.0], [3.0]], texts)
    with pytest.raises(EmptyInput, match="the selection"):
        representative_texts(rows[[]], texts)
    with pytest.raises(EmptyInput, match="the rest"):
        representative_texts(rows, texts, against=rows[[]])
    with pytest.raises(InvalidEmbeddings, match="5 columns, the texts 6"):
        representative_texts(np.ones((2, 5)), texts)
    with pytest.raises(InvalidEmbeddings, match="'a'"):
        representative_texts(clipnb.Embeddings(rows.vectors, model="a"), clipnb.Embeddings(texts.vectors, model="b"))
    with pytest.raises(WrongShape, match="one_of has 1"):
        representative_texts(rows, texts, one_of=["a"])


def test_nearby_agrees_with_scikit_learn_and_says_what_is_torn():
    rows = clipnb.Embeddings(RNG.normal(size=(60, 5)))
    coords = RNG.normal(size=(60, 2))
    k = 4
    space = NearestNeighbors(n_neighbors=k + 1, metric="cosine").fit(rows.vectors)
    plane = NearestNeighbors(n_neighbors=3 * k + 1).fit(coords)
    for row in (0, 17, 59):
        found = nearby(rows.vectors[row], rows, k, leave_out=row, coords=coords, place=coords[row])
        distances, index = space.kneighbors(rows.vectors[[row]])
        assert found.rows.tolist() == index[0, 1:].tolist()
        np.testing.assert_allclose(found.cosines, 1 - distances[0, 1:], atol=1e-5)
        shown = set(plane.kneighbors(coords[[row]])[1][0, 1:].tolist())
        assert found.torn.tolist() == [i not in shown for i in found.rows.tolist()]
        assert 0 < found.torn.sum() <= k
    assert not nearby(rows.vectors[0], rows, 3).torn.any()


def test_nearby_at_the_edges():
    rows = clipnb.Embeddings(np.eye(3))
    assert nearby([1, 0, 0], rows, 9).rows.tolist() == [0, 1, 2]
    assert nearby([1, 0, 0], rows, 9, leave_out=0).rows.tolist() == [1, 2]
    assert nearby([1, 0, 0], rows[[0]], 2, leave_out=0).rows.tolist() == []
    with pytest.raises(InvalidEmbeddings, match="2 columns, the map's rows 3"):
        nearby([1, 0], rows, 1)
    with pytest.raises(UnsupportedOption):
        nearby([1, 0, 0], rows, 0)


def test_what_lies_near_is_what_a_search_finds_in_the_same_order():
    rng = np.random.default_rng(0)
    for count in (23, 57, 118, 245, 390):
        kinds = rng.normal(size=(count // 7, 256))
        rows = clipnb.Embeddings(kinds[rng.integers(0, len(kinds), count)])  # most rows stand more than once
        for asked in rng.normal(size=(10, 256)):
            found = nearby(asked, rows, 10)
            table = clipnb.search(rows, asked[None], 10)
            assert [rows.ids[row] for row in found.rows] == table["id"].tolist()
            np.testing.assert_array_equal(found.cosines, table["cosine"].to_numpy(np.float32))


def test_a_selection_is_a_table_with_the_most_central_first(tmp_path):
    vectors = unit(np.array([[1.0, 0.0], [1.0, 0.2], [0.0, 1.0]])).astype(np.float32)
    chosen = Selection(np.array([2, 5, 9]), ("a", "b", "c"), ("A", "B", "C"), vectors, {"group": ("x", "y", "x")})
    table = chosen.table()
    assert table.columns.tolist() == ["row", "id", "label", "group", "cosine"]
    centre = vectors.mean(axis=0)
    expected = vectors @ centre / np.linalg.norm(centre)
    assert table["id"].tolist() == [chosen.ids[i] for i in np.argsort(-expected)]
    np.testing.assert_allclose(sorted(table["cosine"]), sorted(expected), atol=1e-6)
    for name, read in {"s.csv": pd.read_csv, "s.parquet": pd.read_parquet}.items():
        again = read(chosen.save(tmp_path / name))
        assert again["row"].tolist() == table["row"].tolist()
        assert again["label"].tolist() == table["label"].tolist()
    with pytest.raises(UnsupportedOption, match="xlsx"):
        chosen.save(tmp_path / "s.xlsx")


def test_a_selection_without_rows_and_an_empty_one():
    assert Selection(np.array([1]), ("a",), ("A",)).table().columns.tolist() == ["row", "id", "label"]
    empty = Selection(np.array([], dtype=int), (), (), np.empty((0, 3), dtype=np.float32))
    assert len(empty) == len(empty.table()) == 0
    opposite = Selection(np.array([0, 1]), ("a", "b"), ("A", "B"), np.array([[1, 0], [-1, 0]], dtype=np.float32))
    assert opposite.table()["cosine"].isna().all()  # a centre without direction


def test_names_of_things_are_told_apart_and_encoded_in_blocks():
    english = names_of_things()
    assert set(english.languages) == {"en"}
    assert {"red apple", "guitar", "dog"} <= set(english.texts)
    several = names_of_things(("sv", "ar", "zh", "de", "hi"))
    assert list(dict.fromkeys(several.languages)) == ["en", "zh", "ar", "de"]
    assert len(set(several.texts)) == len(several) == len(several.about) > 3 * len(english)
    by_thing = dict(zip(several.texts, several.about, strict=True))
    assert by_thing["guitar"] == by_thing["Gitarre"]

    model, seen = FakeClip(), []
    rows = Vocabulary(english.texts[:300]).encode(model, seen.append)
    assert seen == [128, 256, 300]
    assert rows.ids == english.texts[:300]
    np.testing.assert_allclose(rows.vectors, model.encode_text(english.texts[:300]), atol=1e-6)
