"""search(): exact, over rows in memory and on disk, asked with vectors, texts and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from PIL import Image
from sklearn.neighbors import NearestNeighbors

import clipnb
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongType
from clipnb.similarity import nearest_rows
from clipnb.types import unit_rows

RNG = np.random.default_rng(0)
ROWS, ASKED = unit_rows(RNG.normal(size=(500, 8))), unit_rows(RNG.normal(size=(20, 8)))


def peer(rows, queries, k):
    """scikit-learn's nearest neighbours by cosine."""
    far, index = NearestNeighbors(n_neighbors=k, metric="cosine", algorithm="brute").fit(rows).kneighbors(queries)
    return index, 1 - far


def in_blocks(rows, size):
    return ((start, rows[start : start + size]) for start in range(0, len(rows), size))


@pytest.mark.parametrize("size", [1, 3, 64, 500])
@pytest.mark.parametrize("k", [1, 10, 500])
def test_rows_in_blocks_are_those_of_scikit_learn(size, k):
    found = nearest_rows(ASKED, in_blocks(ROWS, size), k)
    index, cosines = peer(ROWS, ASKED, k)
    np.testing.assert_array_equal(found.rows, index)
    np.testing.assert_allclose(found.cosine, cosines, atol=1e-6)


@pytest.mark.parametrize("size", [1, 7, 100, 1000])
def test_equal_rows_come_in_their_order_wherever_the_blocks_end(size):
    rows = unit_rows(RNG.normal(size=(40, 96)))[RNG.integers(40, size=1000)]
    found = nearest_rows(rows[:25], in_blocks(rows, size), 15)
    for query, index in zip(rows[:25], found.rows, strict=True):
        exact = (rows.astype(np.float64) @ query.astype(np.float64)).round(9)
        assert index.tolist() == np.lexsort((np.arange(1000), -exact))[:15].tolist()


def test_a_thousand_times_the_same_row():
    found = nearest_rows(ASKED[:3], in_blocks(np.repeat(ROWS[:1], 1000, axis=0), 300), 4)
    assert found.rows.tolist() == [[0, 1, 2, 3]] * 3


def test_what_stands_beside_a_query_does_not_matter():
    together = nearest_rows(ASKED, in_blocks(ROWS, 64), 5)
    for i in range(len(ASKED)):
        alone = nearest_rows(ASKED[i : i + 1], in_blocks(ROWS, 500), 5)
        np.testing.assert_array_equal(alone.rows[0], together.rows[i])
        np.testing.assert_array_equal(alone.cosine[0], together.cosine[i])


def test_search_lists_the_nearest_rows():
    items = clipnb.Embeddings(ROWS, tuple(f"b{i}" for i in range(500)), "image", "m")
    table = clipnb.search(items, ASKED[0], k=3)
    assert list(table.columns) == ["query", "rank", "id", "cosine"]
    assert table["id"].tolist() == [f"b{i}" for i in peer(ROWS, ASKED[:1], 3)[0][0]]
    two = clipnb.search(items, clipnb.Embeddings(ASKED[:2], ("x", "y"), "text", "m"), k=2)
    assert two["query"].tolist() == ["x", "x", "y", "y"]
    assert two["rank"].tolist() == [1, 2, 1, 2]
    assert len(clipnb.search(items, ASKED[0], k=900)) == 500


def test_rows_on_disk_stay_there(stored):
    table = clipnb.search(stored, ASKED, k=7)
    assert table["id"].tolist() == [f"row {i}" for i in peer(ROWS, ASKED, 7)[0].ravel()]
    assert "vectors" not in vars(stored)
    assert "ids" not in vars(stored)


def test_a_model_encodes_texts_and_pictures():
    model = FakeClip()
    names = ("red", "green", "blue")
    items = clipnb.Embeddings(model.encode_text(names), names, "text", model.name)
    best = clipnb.search(items, ["rot", "أزرق"], k=1, model=model)
    assert best[["query", "id"]].to_numpy().tolist() == [["rot", "red"], ["أزرق", "blue"]]
    assert clipnb.search(items, "grün", k=1, model=model)["id"].item() == "green"
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    for query in (red, [red], np.asarray(red)):
        assert clipnb.search(items, query, k=1, model=model)["id"].item() == "red"
    for query in (items[1], items.vectors[1], items.vectors[1:2], items.vectors[1].tolist(), list(items.vectors[1:2])):
        assert clipnb.search(items, query, k=1, model=model)["id"].item() == "green"


def test_a_column_of_a_table_is_a_list_of_texts():
    model = FakeClip()
    names = ("red", "green", "blue")
    items = clipnb.Embeddings(model.encode_text(names), names, "text", model.name)
    for query in (pd.Series(["rot", "grün"], index=[7, 3]), pd.Index(["rot", "grün"]), np.array(["rot", "grün"])):
        assert clipnb.search(items, query, k=1, model=model)["id"].tolist() == ["red", "green"]
        with pytest.raises(WrongType, match="'rot'; say who reads it"):
            clipnb.search(items, query)


def test_a_query_of_no_known_kind_is_named():
    model = FakeClip()
    items = clipnb.Embeddings(model.encode_text(["red"]), ("red",), "text", model.name)
    picture = Image.new("RGB", (8, 8))
    for query in (picture, [picture], Path("a.png"), b"bytes", None, {"a": 1}):
        with pytest.raises(WrongType, match=r"expected vectors, or texts or pictures .*model=model"):
            clipnb.search(items, query)
    for query in (["red", picture], [picture, "red"], ["red", None]):
        with pytest.raises(WrongType, match="texts and other things"):
            clipnb.search(items, query, model=model)
    for query in ([], (), pd.Series([], dtype=str)):
        with pytest.raises(EmptyInput, match="no query"):
            clipnb.search(items, query)


def test_search_refuses_what_it_cannot_compare():
    items = clipnb.Embeddings(ROWS, model="m")
    for query in ("a cat", ["a cat"]):
        with pytest.raises(WrongType, match="'a cat'; say who reads it"):
            clipnb.search(items, query)
    with pytest.raises(WrongType, match="ndarray"):
        clipnb.search(ROWS, ASKED[0])
    with pytest.raises(WrongType, match="model= is a str"):
        clipnb.search(items, "a cat", model="clipnb/emoji")
    with pytest.raises(InvalidEmbeddings, match="from 'n', the embeddings from 'm'"):
        clipnb.search(items, clipnb.Embeddings(ASKED, model="n"))
    with pytest.raises(InvalidEmbeddings, match="'fake/colours', the embeddings from 'm'"):
        clipnb.search(items, "red", model=FakeClip())
    with pytest.raises(InvalidEmbeddings, match="3 columns with 8"):
        clipnb.search(items, [1.0, 2.0, 3.0])
    with pytest.raises(InvalidEmbeddings, match="different lengths"):
        clipnb.search(items, [[1.0, 2.0], [3.0]])
    with pytest.raises(EmptyInput, match="no query"):
        clipnb.search(items, np.empty((0, 8)))
    with pytest.raises(EmptyInput, match="nothing to search in"):
        clipnb.search(clipnb.Embeddings(np.empty((0, 8))), ASKED[0])
    for k in (0, -1, 2.5, True):
        with pytest.raises(UnsupportedOption, match="k="):
            clipnb.search(items, ASKED[0], k=k)


@pytest.fixture
def stored(tmp_path):
    return stored_rows(tmp_path / "rows")


def stored_rows(folder, rows=ROWS, shard_rows=120):
    """Rows in a folder, as ``embed(out=folder)`` leaves them."""
    from clipnb.store import Store, digest

    store = Store(folder)
    with store.locked():
        store.start({"model": "", "dim": rows.shape[1], "modality": "image", "shard_rows": shard_rows})
        for first in range(0, len(rows), shard_rows):
            part = rows[first : first + shard_rows]
            places = list(range(first, first + len(part)))
            ids = [f"row {place}" for place in places]
            store.write(first // shard_rows, first, ids, places, part, [], digest(ids))
        store.finish(store.shards(), {"rows": len(rows), "errors": 0, "items": len(rows)})
    return clipnb.open_embeddings(folder)
