"""The parts of a training: pairs, the teacher's rows on disk, batches, ranks, the rate."""

import numpy as np
import pytest
from fakes import FakeClip
from sklearn.metrics.pairwise import cosine_similarity

from clipnb import Corpus
from clipnb.errors import (
    CorpusError,
    EmptyInput,
    InvalidEmbeddings,
    StoreError,
    UnknownLanguage,
    UnsupportedOption,
    WrongType,
)
from clipnb.training import ParallelTexts, TeacherCache, parallel_texts, teacher_cache
from clipnb.training.schedule import rate
from clipnb.training.texts import Batches
from clipnb.training.validating import validate

CORPUS = Corpus(
    "four",
    (),
    ("a", "b", "c", "d"),
    {"en": ("one", "uno", "two", "four"), "sv": ("ett", "två", "tre", "fyra", "IV")},
    {"en": (0, 0, 1, 3), "sv": (0, 1, 2, 3, 3)},
)


# --- pairs ---


def test_pairs_of_a_corpus():
    pairs = parallel_texts(CORPUS)
    english = [("one", "one"), ("uno", "uno"), ("two", "two"), ("four", "four")]
    swedish = [("one", "ett"), ("two", "två"), ("four", "fyra"), ("four", "IV")]
    assert list(zip(pairs.sources, pairs.texts, strict=True)) == english + swedish
    assert pairs.languages == ("en",) * 4 + ("sv",) * 4
    assert pairs.unpaired == {"sv": 1}  # tre: its picture has no English
    assert "1 texts without a source" in repr(pairs)
    every = parallel_texts(CORPUS, languages="sv", combinations=True)
    assert list(zip(every.sources, every.texts, strict=True))[:2] == [("one", "ett"), ("uno", "ett")]
    other = parallel_texts(CORPUS, pivot="sv", languages=["en"])
    assert other.sources == ("ett", "ett", "två", "fyra")
    assert parallel_texts(pairs) is pairs
    with pytest.raises(UnknownLanguage, match="no captions in 'de'"):
        parallel_texts(CORPUS, languages=["de"])
    with pytest.raises(UnknownLanguage):
        parallel_texts(CORPUS, pivot="de")


def test_pairs_of_triples():
    pairs = parallel_texts([("cat", "katt", "sv"), ["cat", "chat", "fr"], ("cat", "猫", "jp")])
    assert pairs.languages == ("sv", "fr", "ja")
    for given, error, words in [
        ([("cat", "katt")], CorpusError, "pair 0 .*expected source, text and language"),
        (["cat"], CorpusError, "pair 0"),
        ([], EmptyInput, "no pairs"),
        ("cat", WrongType, "triples"),
        (3, WrongType, "parallel_table"),
        ([("cat", " ", "sv")], EmptyInput, "pair 0: blank among the texts, beside 'cat'"),
        ([("cat", "katt", "sv"), (None, "hund", "sv")], WrongType, "pair 1: None among the sources"),
        ([("cat", "katt", "xx-nope")], UnknownLanguage, "xx-nope"),
    ]:
        with pytest.raises(error, match=words):
            parallel_texts(given)
    with pytest.raises(CorpusError, match="2 sources, 1 texts"):
        ParallelTexts(("a", "b"), ("c",), ("sv",))


def test_no_source_is_on_both_sides():
    pairs = parallel_texts([(f"s{i % 20}", f"t{i}", "sv") for i in range(100)])
    learn, test = pairs.split(0.25, seed=3)
    assert len(set(test.sources)) == 5
    assert not set(learn.sources) & set(test.sources)
    assert sorted(learn.texts + test.texts) == sorted(pairs.texts)
    assert pairs.split(0.25, seed=3)[1].digest() == test.digest() != pairs.split(0.25, seed=4)[1].digest()
    with pytest.raises(EmptyInput, match="leaves one part empty"):
        pairs.split(0.001)
    for share in (0.0, 1.0, -0.2, float("nan")):
        with pytest.raises(UnsupportedOption, match=f"validation={share}"):
            pairs.split(share)


# --- the teacher's rows ---


def test_rows_as_the_teacher_gives_them(tmp_path, monkeypatch):
    monkeypatch.setattr(teacher_cache, "SHARD", 4)
    monkeypatch.setattr(teacher_cache, "BLOCK", 3)
    teacher, texts = FakeClip(), [f"thing {i}" for i in range(11)]
    cache = TeacherCache(tmp_path, teacher)
    rows = cache.rows([*texts, *texts[:3]])
    expected = teacher.encode_text([*texts, *texts[:3]], normalize=False)
    np.testing.assert_array_equal(rows[range(14)], expected)
    np.testing.assert_array_equal(rows[[12, 0, 7, 7]], expected[[12, 0, 7, 7]])
    assert len(list(tmp_path.glob("rows-*.npy"))) == 3
    again, calls = TeacherCache(tmp_path, teacher), teacher.text_calls
    np.testing.assert_array_equal(again.rows(texts[::-1])[range(11)], expected[:11][::-1])
    assert teacher.text_calls == calls  # nothing was encoded
    again.rows(["something new"])
    assert teacher.text_calls == calls + 1


def test_rows_without_their_list_are_void(tmp_path):
    cache = TeacherCache(tmp_path, FakeClip())
    cache.rows(["one", "two"])
    (tmp_path / "rows-000000.json").unlink()  # as a kill between the two files leaves it
    cache = TeacherCache(tmp_path, FakeClip())
    assert len(cache) == 0
    cache.rows(["three"])
    assert len(TeacherCache(tmp_path, FakeClip())) == 1


def test_another_teacher_and_damage(tmp_path):
    class Other(FakeClip):
        def encode_text(self, texts, **options):
            return super().encode_text(texts, **options) * 1.5

    TeacherCache(tmp_path, FakeClip()).rows(["one"])
    with pytest.raises(StoreError, match=r"another teacher, 'fake/colours'; choose another cache="):
        TeacherCache(tmp_path, Other())
    (tmp_path / "rows-000000.npy").write_bytes(b"half")
    with pytest.raises(StoreError, match=r"rows-000000.json: cannot be read"):
        TeacherCache(tmp_path, FakeClip())
    (tmp_path / "teacher.json").write_text("{")
    with pytest.raises(StoreError, match=r"teacher\.json"):
        TeacherCache(tmp_path, FakeClip())


def test_rows_that_are_no_numbers(tmp_path):
    class Overflowing(FakeClip):
        def encode_text(self, texts, **options):
            return super().encode_text(texts, **options) * (np.inf if "one" in texts else 1)

    cache = TeacherCache(tmp_path, Overflowing())
    with pytest.raises(InvalidEmbeddings, match="row of 'one' is not finite"):
        cache.rows(["one"])


# --- batches, the rate ---


def test_every_text_once_an_epoch():
    lengths = np.random.default_rng(0).integers(3, 40, 103).astype(np.int32)
    batches = Batches(lengths, 10, seed=5)
    assert batches.per_epoch == 11
    epochs = [[batches[11 * epoch + i] for i in range(11)] for epoch in range(3)]
    for epoch in epochs:
        np.testing.assert_array_equal(np.sort(np.concatenate(epoch)), np.arange(103))
    assert not np.array_equal(np.concatenate(epochs[0]), np.concatenate(epochs[1]))
    fresh = Batches(lengths, 10, seed=5)
    np.testing.assert_array_equal(fresh[25], epochs[2][3])  # whatever was asked before
    assert not np.array_equal(np.concatenate([Batches(lengths, 10, seed=6)[i] for i in range(11)]), epochs[0])
    spread = np.mean([np.ptp(lengths[batch]) for batch in epochs[0]])
    assert spread < 0.5 * np.ptp(lengths)  # like lengths go together


def test_the_rate_rises_and_falls():
    rates = [rate(step, 100, 2.0, 0.1) for step in range(100)]
    np.testing.assert_allclose(rates[:10], np.arange(1, 11) / 10 * 2)
    np.testing.assert_allclose(rates[10:], 1 + np.cos(np.pi * np.arange(90) / 90))
    assert rate(0, 1, 2.0, 0.0) == 2.0


# --- validation ---


def test_ranks_and_recall_by_another_way():
    random = np.random.default_rng(1)
    sources = [f"s{i % 30}" for i in range(700)]
    languages = ["sv" if i % 3 else "de" for i in range(700)]
    aims = {source: random.normal(size=12) for source in sorted(set(sources))}
    targets = np.array([aims[source] for source in sources], dtype=np.float32)
    rows = (targets + random.normal(size=targets.shape) * 1.5).astype(np.float32)
    pairs = ParallelTexts(tuple(sources), tuple(f"t{i}" for i in range(700)), tuple(languages))
    found = {entry["language"]: entry for entry in validate(lambda indices: rows[list(indices)], pairs, targets, 4)}
    names = sorted(aims)
    sim = cosine_similarity(rows, np.array([aims[name] for name in names]))
    order = np.argsort(-sim, axis=1)
    for code in ("sv", "de"):
        mine = [i for i in range(700) if languages[i] == code]
        own = [names.index(sources[i]) for i in mine]
        assert (found[code]["step"], found[code]["texts"], found[code]["sources"]) == (4, len(mine), 30)
        assert found[code]["cosine"] == pytest.approx(
            np.mean([sim[i, j] for i, j in zip(mine, own, strict=True)]), abs=1e-5
        )
        for k in (1, 10):
            right = np.mean([j in order[i, :k] for i, j in zip(mine, own, strict=True)])
            assert 0.1 < right < 1
            assert found[code][f"recall@{k}"] == pytest.approx(right, abs=1e-6)


def test_equal_rows_count_against_the_student():
    pairs = ParallelTexts(("a", "b", "c"), ("x", "y", "z"), ("sv",) * 3)
    (found,) = validate(lambda chosen: np.ones((len(chosen), 2)), pairs, np.ones((3, 2)), 0)
    assert (found["cosine"], found["recall@1"], found["recall@10"]) == (1.0, 0.0, 1.0)
