"""Approximate search: what it finds, what it says about that, and the file beside the shards."""

from __future__ import annotations

import gc
import hashlib
import json
import sys
import weakref
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from test_searching import stored_rows

import clipnb
from clipnb.errors import (
    ApproximateSearch,
    EmptyInput,
    FolderBusy,
    InvalidEmbeddings,
    MissingExtra,
    StoreError,
    UnsupportedOption,
    UnusedIndex,
    WrongType,
)
from clipnb.searching import choosing, kept
from clipnb.store import Store
from clipnb.types import unit_rows

QUIET = {"threads": 1, "progress": False}


def clustered(count: int, dim: int = 24, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(60, dim))
    return unit_rows(centres[rng.integers(60, size=count)] + 0.5 * rng.normal(size=(count, dim)))


ROWS = clustered(3000)
ASKED = unit_rows(ROWS[:40] + 0.1 * np.random.default_rng(1).normal(size=(40, 24)))


@pytest.fixture(scope="module")
def made():
    rows = clipnb.Embeddings(ROWS, tuple(f"row {i}" for i in range(len(ROWS))), "image", "m")
    return rows, clipnb.build_index(rows, **QUIET)


@pytest.fixture
def stored(tmp_path):
    return stored_rows(tmp_path / "rows", ROWS, 700)


def by_hand(queries: np.ndarray, k: int) -> np.ndarray:
    return np.argsort(-(queries.astype(np.float64) @ ROWS.T.astype(np.float64)), axis=1, kind="stable")[:, :k]


def ask(rows, query=ASKED, k=10, **more) -> pd.DataFrame:
    with pytest.warns(ApproximateSearch):
        return clipnb.search(rows, query, k, **more)


def test_it_finds_what_it_promised_and_the_cosines_are_exact(made):
    rows, index = made
    table = ask(rows, index=index)
    exact = clipnb.search(rows, ASKED, 10)
    found = table.groupby("query")["id"].agg(set)
    true = exact.groupby("query")["id"].agg(set)
    assert np.mean([len(a & b) / 10 for a, b in zip(found, true, strict=True)]) > 0.9
    both = table.merge(exact, on=["query", "id"])
    assert (both["cosine_x"] == both["cosine_y"]).all()
    assert table.groupby("query")["cosine"].is_monotonic_decreasing.all()
    assert table.groupby("query")["id"].nunique().eq(10).all()


def test_the_recall_is_that_of_a_count_by_hand(made):
    _, index = made
    assert index.recall.own
    assert index.recall.modality == "image"
    assert index.recall.value >= 0.95
    index.effort, kept = 1, index.effort
    try:
        recall = index.measure(clipnb.Embeddings(ASKED, modality="text"), 10)
        found = index.nearest(ASKED, 10).rows
    finally:
        index.effort = kept
    expected = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, by_hand(ASKED, 10), strict=True)])
    assert recall.value == pytest.approx(expected, abs=1e-6)
    assert str(recall) == f"recall@10 {recall.value:.3f}, measured on 40 texts that were asked"


def test_what_is_said_of_its_own_rows_holds_for_new_ones():
    def drawn(count: int, seed: int) -> clipnb.Embeddings:
        return clipnb.Embeddings(np.random.default_rng(seed).normal(size=(count, 64)), modality="image")

    index = clipnb.build_index(drawn(10_000, 0), recall=0.5, **QUIET)
    assert index.recall.value == pytest.approx(index.measure(drawn(500, 1), 10).value, abs=0.03)
    assert len(index.graph) == 10_000
    assert set(index.graph.keys) == set(range(10_000))


def test_the_fewest_rows_that_an_index_takes():
    index = clipnb.build_index(clipnb.Embeddings(ROWS[:11]), **QUIET)
    assert (index.recall.queries, index.recall.at, len(index.graph)) == (1, 10, 11)


def test_a_search_says_how_it_searched(made):
    rows, index = made
    assert clipnb.search(rows, ASKED).attrs == {"index": "exact"}
    with pytest.warns(ApproximateSearch, match=r"3,000 rows: recall@10 .* 256 of its own pictures; check=20"):
        table = clipnb.search(rows, ASKED, 10, index=index)
    assert table.attrs["index"] == "approximate"
    assert table.attrs["recall"] == index.recall.value
    with pytest.warns(ApproximateSearch, match=r"measured on 15 rows that were asked\. index='exact'"):
        checked = clipnb.search(rows, ASKED, 5, index=index, check=15)
    assert checked.attrs["recall_of"].startswith("recall@5")


def test_the_least_effort_that_is_enough(made):
    rows, index = made
    harder = clipnb.build_index(rows, recall=1.0, **QUIET)
    assert harder.effort >= index.effort
    assert harder.recall.value >= index.recall.value
    texts = clipnb.Embeddings(clustered(50, seed=7), modality="text")
    given = clipnb.build_index(rows, queries=texts, **QUIET)
    assert (given.recall.queries, given.recall.own, given.recall.modality) == (50, False, "text")


def test_one_thread_builds_the_same_graph_twice(made):
    rows, index = made
    again = clipnb.build_index(rows, **QUIET)
    np.testing.assert_array_equal(again.nearest(ASKED, 10).rows, index.nearest(ASKED, 10).rows)


def test_one_query_or_many_give_the_same(made):
    _, index = made
    together = index.nearest(ASKED, 10)
    for i in range(5):
        np.testing.assert_array_equal(index.nearest(ASKED[i : i + 1], 10).rows[0], together.rows[i])


def test_equal_rows_in_heaps_are_found():
    rows = clipnb.Embeddings(np.repeat(ROWS[:3], 400, axis=0))
    index = clipnb.build_index(rows, **QUIET)
    found = index.nearest(ROWS[:3], 20)
    np.testing.assert_array_equal(found.rows // 400, np.repeat([[0], [1], [2]], 20, axis=1))
    assert all(len(set(line)) == 20 for line in found.rows.tolist())


# --- on disk -------------------------------------------------------------------------------------------------------


def test_it_lies_beside_the_rows_and_is_mapped(stored):
    index = clipnb.build_index(stored, **QUIET)
    assert Path(index.path).parent == Path(stored.folder)
    again = clipnb.open_embeddings(stored.folder)
    table = ask(again, index="approximate")
    assert table["id"].tolist() == ask(stored, index=index)["id"].tolist()
    assert "vectors" not in vars(again)
    assert "ids" not in vars(again)
    assert clipnb.search(again, ASKED, 2000).attrs["index"] == "exact"  # no help with so many
    again.check()


def test_approximate_builds_where_there_is_none(stored):
    ask(stored, index="approximate")
    assert len(list(Path(stored.folder).glob("search-index*"))) == 2
    clipnb.build_index(stored, **QUIET)
    assert len(list(Path(stored.folder).glob("search-index*"))) == 2
    assert not list(Path(stored.folder).glob("*.partial"))


def test_auto_uses_what_is_there_beyond_a_size_and_never_builds(stored, monkeypatch):
    monkeypatch.setattr(choosing, "LARGE", 1000)
    assert clipnb.search(stored, ASKED).attrs["index"] == "exact"
    assert not list(Path(stored.folder).glob("search-index*"))
    clipnb.build_index(stored, **QUIET)
    again = clipnb.open_embeddings(stored.folder)
    assert ask(again).attrs["index"] == "approximate"
    assert clipnb.search(again, ASKED, index="exact").attrs["index"] == "exact"
    monkeypatch.setattr(choosing, "LARGE", 1_000_000)
    assert clipnb.search(again, ASKED).attrs["index"] == "exact"


def test_it_is_refused_when_the_rows_change(stored, monkeypatch):
    index = clipnb.build_index(stored, **QUIET)
    changed = stored_rows(stored.folder, np.roll(ROWS, 1, axis=0), 700)
    with pytest.raises(StoreError, match="rows have changed since their index was made"):
        clipnb.search(changed, ASKED, index="approximate")
    with pytest.raises(InvalidEmbeddings, match="of other rows"):
        clipnb.search(changed, ASKED, index=index)
    monkeypatch.setattr(choosing, "LARGE", 1000)
    with pytest.warns(UnusedIndex, match="searching all 3,000 rows.*rows have changed") as said:
        assert clipnb.search(changed, ASKED).attrs["index"] == "exact"
    assert said[0].filename == __file__
    clipnb.build_index(changed, **QUIET)
    assert ask(changed).attrs["index"] == "approximate"


@pytest.mark.parametrize("harm", ["short", "gone", "foreign", "words"])
def test_a_damaged_index_is_named(stored, harm, monkeypatch):
    index = clipnb.build_index(stored, **QUIET)
    facts, graph = Path(stored.folder) / "search-index.json", Path(index.path)
    del index
    if harm == "short":
        graph.write_bytes(graph.read_bytes()[:-100])
    elif harm == "gone":
        graph.unlink()
    elif harm == "foreign":
        facts.write_text(json.dumps({"format": "clipnb-search-index/9"}))
    else:
        facts.write_text("{")
    again = clipnb.open_embeddings(stored.folder)
    with pytest.raises(StoreError, match="make it again with build_index"):
        clipnb.search(again, ASKED, index="approximate")
    monkeypatch.setattr(choosing, "LARGE", 1000)
    with pytest.warns(UnusedIndex, match="make it again with build_index"):
        assert clipnb.search(again, ASKED).attrs["index"] == "exact"


NOT_SO = [
    *({name: None} for name in ("fingerprint", "rows", "file", "sha256", "effort", "recall", "seconds")),
    {"file": "../../secret.usearch"},
    {"file": "manifest.json"},
    {"effort": 10**12},
    {"effort": -1},
    {"recall": {}},
    {"recall": {"value": "all", "at": 10, "queries": 256, "own": True, "modality": "image"}},
    {"recall": {"value": 1.0, "at": 10, "queries": 256, "own": True, "modality": ["image"]}},
]


@pytest.mark.parametrize("change", NOT_SO, ids=str)
def test_what_a_foreign_folder_says_of_its_index_is_not_believed(stored, change):
    clipnb.build_index(stored, **QUIET)
    path = Path(stored.folder) / "search-index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StoreError, match=r"search-index\.json: damaged; make it again"):
        kept.kept_index(clipnb.open_embeddings(stored.folder))


def test_a_graph_with_one_other_byte_is_not_walked_through(stored):
    graph = Path(clipnb.build_index(stored, **QUIET).path)
    held = bytearray(graph.read_bytes())
    held[len(held) // 2] ^= 255
    graph.unlink()
    graph.write_bytes(held)
    with pytest.raises(StoreError, match=r"usearch: missing or damaged; make it again"):
        kept.kept_index(clipnb.open_embeddings(stored.folder))


def test_another_file_under_the_name_of_a_graph(stored):
    graph = Path(clipnb.build_index(stored, **QUIET).path)
    graph.unlink()
    graph.write_bytes(b"x" * 1000)
    path = Path(stored.folder) / "search-index.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "sha256": hashlib.sha256(b"x" * 1000).hexdigest()}))
    with pytest.raises(StoreError, match=r"cannot be read .* make it again"):
        kept.kept_index(clipnb.open_embeddings(stored.folder))


def test_no_minutes_are_spent_on_what_cannot_be_kept(stored, monkeypatch):
    monkeypatch.setattr(choosing, "build", lambda *_: pytest.fail("it was built first"))
    with Store(stored.folder).locked(), pytest.raises(FolderBusy):
        clipnb.build_index(stored, **QUIET)


def test_in_memory_it_stays_for_these_rows_and_goes_with_them():
    rows = clipnb.Embeddings(ROWS)
    ask(rows, index="approximate")
    known = len(choosing._known)
    there = weakref.ref(rows)
    del rows
    gc.collect()
    assert there() is None
    assert len(choosing._known) == known - 1


def test_without_the_extra(made, monkeypatch):
    monkeypatch.setitem(sys.modules, "usearch", None)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.raises(MissingExtra, match=r"clipnb\[index\]"):
        clipnb.build_index(made[0])


def test_an_index_that_lies_there_without_the_extra(stored, monkeypatch):
    clipnb.build_index(stored, **QUIET)
    monkeypatch.setattr(choosing, "LARGE", 1000)
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    with pytest.warns(UnusedIndex, match=r"clipnb\[index\]"):
        assert clipnb.search(clipnb.open_embeddings(stored.folder), ASKED).attrs["index"] == "exact"


def test_bad_arguments(made):
    rows, _ = made
    with pytest.raises(UnsupportedOption, match="index='fast'"):
        clipnb.search(rows, ASKED, index="fast")
    with pytest.raises(UnsupportedOption, match="recall=95"):
        clipnb.build_index(rows, recall=95)
    with pytest.raises(EmptyInput, match="10 rows"):
        clipnb.build_index(rows[:10])
    with pytest.raises(InvalidEmbeddings, match="cannot compare 3 columns with 24"):
        clipnb.build_index(rows, queries=clipnb.Embeddings(np.eye(3)))
    for given in (
        {"k": 0},
        {"k": 2.5},
        {"k": True},
        {"recall": "all"},
        {"seed": -1},
        {"seed": "a"},
        {"threads": -1},
        {"threads": 1.5},
    ):
        with pytest.raises(UnsupportedOption, match=f"{next(iter(given))}="):
            clipnb.build_index(rows, **given)
    for check in (-1, "a", 0.5):
        with pytest.raises(UnsupportedOption, match="check="):
            clipnb.search(rows, ASKED, check=check)


def test_queries_that_cannot_be_asked(made):
    rows, index = made
    for ask_it in (
        lambda queries: clipnb.build_index(rows, queries=queries),
        lambda queries: index.measure(queries, 5),
    ):
        with pytest.raises(WrongType, match="as Embeddings, got a ndarray"):
            ask_it(ASKED)
        with pytest.raises(EmptyInput, match="no query"):
            ask_it(clipnb.Embeddings(np.empty((0, 24))))
        with pytest.raises(InvalidEmbeddings, match="from 'n', the embeddings from 'm'"):
            ask_it(clipnb.Embeddings(ASKED, model="n"))
    with pytest.raises(UnsupportedOption, match="k=0"):
        index.measure(clipnb.Embeddings(ASKED), 0)


def test_a_disk_that_refuses_leaves_nothing_behind(stored):
    index = clipnb.build_index(stored, save=False, **QUIET)

    class Refusing:
        def save(self, path):
            Path(path).write_bytes(b"half")
            raise RuntimeError("no space")

    index.graph = Refusing()
    with pytest.raises(StoreError, match="cannot be written"):
        kept.save(index)
    assert not [file.name for file in Path(stored.folder).iterdir() if "search-index" in file.name]
    stored.check()
