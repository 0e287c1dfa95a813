"""alignment(): its tables against loops over one pair at a time, and languages whose answers are known."""

import numpy as np
import pytest
from fakes import FakeClip
from PIL import Image
from scipy import stats
from sklearn.metrics import roc_auc_score

import clipnb
from clipnb.errors import CorpusError, EmptyInput, InvalidEmbeddings, UnknownLanguage, UnsupportedOption, WrongType
from clipnb.types import unit_rows


def encoded(seed=0, noise=(0.6, 0.8, 1.5), pictures=24, dim=8, model="one"):
    """Three languages: en has two texts a picture, sv one, th one of two pictures in three; the last has none."""
    rng = np.random.default_rng(seed)
    things = rng.normal(size=(pictures, dim))
    own = np.arange(pictures - 1)
    image_of = {"en": np.repeat(own, 2), "sv": own[::-1].copy(), "th": own[own % 3 > 0]}
    texts = {
        code: clipnb.Embeddings(things[places] + spread * rng.normal(size=(len(places), dim)), model=model)
        for (code, places), spread in zip(image_of.items(), noise, strict=True)
    }
    tokens = {"en": np.arange(3, 3 + 2 * len(own)), "th": np.full(len(image_of["th"]), 9)}
    return clipnb.EncodedCorpus(
        clipnb.Embeddings(things, model=model), texts, image_of, tokens, {"en": 4, "th": 0}, context_length=45
    )


@pytest.fixture(scope="module")
def found():
    return clipnb.alignment(None, encoded(), bootstrap=200, progress=False)


def first(rows, code):
    """The first text of every picture, by a loop."""
    there = {}
    for row, picture in zip(rows.texts[code].vectors, rows.image_of[code].tolist(), strict=True):
        there.setdefault(picture, row.astype(float))
    return there


def test_recall_is_that_of_a_loop(found):
    rows = found.encoded
    for code in rows.languages:
        sim = rows.texts[code].vectors.astype(float) @ rows.images.vectors.astype(float).T
        of = rows.image_of[code]
        for k in (1, 5, 10):
            hits = [of[t] in np.argsort(-sim[t])[:k] for t in range(len(of))]
            row = found.row(code, "text_to_image", k)
            assert row["recall"] == pytest.approx(np.mean(hits))
            assert row["low"] <= row["recall"] <= row["high"]
            assert (row["queries"], row["items"]) == (len(of), 24)
            assert row["chance"] == pytest.approx(k / 24)
            hits = [any(of[t] == j for t in np.argsort(-sim[:, j])[:k]) for j in sorted(set(of))]
            row = found.row(code, "image_to_text", k)
            assert row["recall"] == pytest.approx(np.mean(hits))
            assert (row["queries"], row["items"]) == (len(set(of)), len(of))
    assert len(found.recall) == 3 * 2 * 3


def test_translations_are_those_of_a_loop(found):
    assert found.pivot == "en"
    pivot = first(found.encoded, "en")
    for code, row in found.translation.set_index("language").iterrows():
        mine = first(found.encoded, code)
        common = sorted(set(mine) & set(pivot))
        true = [mine[p] @ pivot[p] for p in common]
        null = [mine[p] @ pivot[q] for p in common for q in common if p != q]
        assert row["pairs"] == len(common)
        assert row["cosine"] == pytest.approx(np.mean(true), abs=1e-5)
        assert row["null"] == pytest.approx(np.mean(null), abs=1e-5)
        assert row["null_std"] == pytest.approx(np.std(null), abs=1e-5)
        assert row["auc"] == pytest.approx(roc_auc_score([1] * len(true) + [0] * len(null), true + null), abs=1e-5)
        assert row["percentile"] == pytest.approx(stats.percentileofscore(null, np.mean(true)), abs=0.01)
        assert row["low"] < row["cosine"] < row["high"]


def test_cross_is_that_of_a_loop(found):
    for a in found.languages:
        for b in found.languages:
            mine, theirs = first(found.encoded, a), first(found.encoded, b)
            asked = [p for p in mine if p in theirs]
            hits = [max(theirs, key=lambda q, p=p: mine[p] @ theirs[q]) == p for p in asked]
            assert found.cross.loc[a, b] == pytest.approx(np.mean(hits))
            assert found.cross_counts.loc[a, b] == len(asked)


def test_gaps_by_their_definition(found):
    rows = found.encoded
    gaps = found.gaps.set_index(["language", "centred"])
    pivot, images = first(rows, "en"), rows.images.vectors.astype(float)
    for code in rows.languages:
        mine = first(rows, code)
        common = sorted(set(mine) & set(pivot))
        apart = np.mean([mine[p] for p in common], axis=0) - np.mean([pivot[p] for p in common], axis=0)
        assert gaps.loc[(code, False), "to_pivot"] == pytest.approx(np.linalg.norm(apart), abs=1e-5)
        seen = np.mean(list(mine.values()), axis=0) - images[sorted(mine)].mean(axis=0)
        assert gaps.loc[(code, False), "to_images"] == pytest.approx(np.linalg.norm(seen), abs=1e-5)
        assert gaps.loc[(code, False), "pairs"] == len(common)
    assert np.isnan(gaps.loc[("en", False), "separability"])
    assert 0 <= gaps.loc[("sv", False), "separability"] <= 1


def test_tokens_and_what_nobody_counted(found):
    tokens = found.tokens.set_index("language")
    assert list(tokens.index) == ["en", "th"]
    assert tokens.loc["en"].to_dict() == {
        "texts": 46, "mean": 25.5, "median": 25.5, "max": 48, "truncated": 4, "context_length": 45
    }  # fmt: skip


def test_summary_has_every_language_the_best_first(found):
    table = found.summary()
    assert sorted(table.index) == ["en", "sv", "th"]
    assert table["text_to_image@10"].is_monotonic_decreasing
    assert table.loc["sv", "name"] == "Swedish"
    assert np.isnan(table.loc["en", "cosine"])
    assert table.loc["en", "truncated"] == 4
    assert table.loc["sv", "cosine"] == pytest.approx(found.translation.set_index("language").loc["sv", "cosine"])


def test_sentences_say_the_figures(found):
    text = found.sentence("swe")  # any way of writing the code
    row = found.translation.set_index("language").loc["sv"]
    assert text.startswith("Swedish sentences ")
    assert f"the mean cosine is {row['cosine']:.2f}" in text
    assert "English" in text
    assert "among the first 10 of 24" in text
    assert found.sentence("en").endswith("4 of 46 texts were cut at 45 tokens.")
    with pytest.raises(UnknownLanguage, match="no texts in 'fi'"):
        found.sentence("fi")


def test_words_follow_the_figures():
    near = clipnb.alignment(None, encoded(noise=(0, 0, 9)), bootstrap=50, progress=False)
    assert "Swedish sentences land near their English counterparts" in near.sentence("sv")
    assert "about as often" in near.sentence("sv")
    assert "land near" not in near.sentence("th")
    assert "less often than English" in near.sentence("th")


def test_a_language_that_is_only_shifted_comes_back_by_centring():
    """Swedish is English moved by one vector for all texts; Thai is noise, which no shift mends."""
    rng = np.random.default_rng(0)
    things = unit_rows(rng.normal(size=(300, 16)))
    rows = {
        "en": things + 0.05 * rng.normal(size=(300, 16)),
        "sv": things + 0.05 * rng.normal(size=(300, 16)) + 3 * things[0],
        "th": rng.normal(size=(300, 16)),
    }
    corpus = clipnb.EncodedCorpus(
        clipnb.Embeddings(things),
        {code: clipnb.Embeddings(each) for code, each in rows.items()},
        dict.fromkeys(rows, np.arange(300)),
    )
    before = clipnb.alignment(corpus, bootstrap=0, ks=[1], progress=False)
    after = before.centred()
    assert before.row("sv")["recall"] < 0.9 < after.row("sv")["recall"]
    assert after.row("th")["recall"] < 0.05
    gaps = before.gaps.set_index(["language", "centred"])
    assert gaps.loc[("sv", False), "to_pivot"] > 0.5 > 0.1 > gaps.loc[("sv", True), "to_pivot"]
    assert gaps.loc[("sv", False), "separability"] > 0.95
    assert gaps.loc[("sv", True), "separability"] < 0.6
    assert after.is_centred
    assert after.centred() is after
    assert after.gaps is before.gaps
    assert np.isnan(before.recall["low"]).all()


def test_two_models_by_scipys_spearman():
    one, two = encoded(), encoded(seed=5, model="two", dim=5)
    found = clipnb.alignment([one, two], bootstrap=100, progress=False)
    for _, row in found.ranking_correlation.iterrows():
        code = row["language"]
        sims = [rows.texts[code].vectors @ rows.images.vectors.T for rows in (one, two)]
        rho = [stats.spearmanr(a, b).statistic for a, b in zip(*sims, strict=True)]
        assert row["spearman"] == pytest.approx(np.mean(rho), abs=1e-6)
        assert row["low"] < row["spearman"] < row["high"]
        assert (row["queries"], row["undefined"]) == (len(rho), 0)
    assert found.other.model == "two"
    same = clipnb.alignment([one, encoded()], bootstrap=0, ranked_queries=7, progress=False)
    np.testing.assert_allclose(same.ranking_correlation["spearman"], 1.0)
    assert (same.ranking_correlation["queries"] == 7).all()
    assert found.centred().other.is_centred
    shorter = encoded(pictures=21)
    with pytest.raises(CorpusError, match="other pictures"):
        clipnb.alignment([one, shorter], progress=False)


def test_from_a_model_and_a_corpus():
    shades = {"red": (250, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 250)}
    corpus = clipnb.Corpus(
        "colours",
        [Image.new("RGB", (8, 8), shade) for shade in shades.values()],
        tuple(shades),
        {"en": ["red", "green", "blue"], "de": ["rot", "grün"]},
        {"en": [0, 1, 2], "de": [0, 1]},
    )
    found = clipnb.alignment(FakeClip(), corpus, ks=(1,), bootstrap=10, progress=False)
    assert (found.recall["recall"] == 1).all()
    assert found.translation["cosine"].tolist() == [pytest.approx(1.0)]
    assert found.cross.to_numpy().tolist() == [[1, 1], [1, 1]]
    assert found.cross_counts.loc["de", "en"] == 2
    assert found.tokens["mean"].tolist() == [3, 3]
    assert "colours: 2 languages, 3 pictures, pivot en" in repr(found)
    german = clipnb.alignment(FakeClip(), corpus, languages="de", ks=(1,), bootstrap=0, progress=False)
    assert german.languages == ("de",)
    assert german.pivot == "de"  # alone, it is compared with nothing
    assert not len(german.translation)
    assert clipnb.alignment(FakeClip(), corpus, languages="de", pivot="en", progress=False).languages == ("de", "en")
    both = clipnb.alignment([FakeClip(), FakeClip()], corpus, ks=(1,), bootstrap=0, progress=False)
    np.testing.assert_allclose(both.ranking_correlation["spearman"], 1.0)


def test_without_pictures_there_are_translations_alone():
    rows = encoded()
    texts = clipnb.EncodedCorpus(None, rows.texts, rows.image_of)
    found = clipnb.alignment(texts, bootstrap=0, progress=False)
    assert not len(found.recall)
    assert found.gaps["to_images"].isna().all()
    assert found.summary().index[0] == "sv"
    assert "picture" not in found.sentence("sv")
    with pytest.raises(UnsupportedOption, match="if the corpus has pictures"):
        found.row("sv")


def test_languages_without_a_picture_in_common_stay_in_the_tables():
    rows = clipnb.EncodedCorpus(
        clipnb.Embeddings(np.eye(4)),
        {"en": clipnb.Embeddings(np.eye(4)[:2]), "sv": clipnb.Embeddings(np.eye(4)[2:])},
        {"en": [0, 1], "sv": [2, 3]},
    )
    found = clipnb.alignment(rows, progress=False)
    assert found.translation["pairs"].tolist() == [0]
    assert found.translation["auc"].isna().all()
    assert found.cross_counts.loc["sv", "en"] == 0
    assert np.isnan(found.cross.loc["sv", "en"])
    assert np.isnan(found.gaps.set_index(["language", "centred"]).loc[("sv", False), "to_pivot"])
    assert found.sentence("sv").startswith("No picture has a text both in Swedish and in English")


def test_the_same_seed_gives_the_same_and_the_draw_of_pictures_is_bounded():
    rows = encoded()
    one, two, other = (
        clipnb.alignment(rows, cross_pictures=10, gap_pairs=12, seed=seed, bootstrap=50, progress=False)
        for seed in (0, 0, 1)
    )
    assert one.recall.equals(two.recall)
    assert one.cross.equals(two.cross)
    assert one.gaps.equals(two.gaps)
    assert not one.recall["low"].equals(other.recall["low"])
    assert one.cross_counts.to_numpy().max() <= 10
    assert one.gaps["rows"].max() == 12
    assert clipnb.alignment(rows, cross_pictures=None, progress=False).cross_counts.loc["sv", "sv"] == 23


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (("RN50",), WrongType, "open one first"),
        ((FakeClip(),), WrongType, "a model and no corpus"),
        ((FakeClip(), [1]), WrongType, "the corpus is a list"),
        ((FakeClip(), encoded()), InvalidEmbeddings, "encoded by 'one'"),
        (([FakeClip(), FakeClip()], encoded()), WrongType, "give the Corpus itself"),
        ((encoded(), clipnb.Corpus("c", (), ["a"], {"en": ["a"]}, {"en": [0]})), WrongType, "are there already"),
        (([encoded()] * 3,), WrongType, "3 models"),
        ((None,), WrongType, "NoneType"),
    ],
)
def test_what_is_measured_has_to_be_clear(arguments, error, words):
    with pytest.raises(error, match=words):
        clipnb.alignment(*arguments, progress=False)


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"languages": ["sv", "fi"]}, UnknownLanguage, "no texts in 'fi'"),
        ({"pivot": "qq"}, UnknownLanguage, "'qq'"),
        ({"languages": []}, EmptyInput, "languages"),
        ({"ks": ()}, EmptyInput, "ks is empty"),
        ({"bootstrap": -5}, UnsupportedOption, "bootstrap=-5"),
        ({"cross_pictures": 0}, UnsupportedOption, "cross_pictures=0"),
        ({"gap_pairs": 2.5}, UnsupportedOption, "gap_pairs=2.5"),
    ],
)
def test_options_are_checked(options, error, words):
    with pytest.raises(error, match=words):
        clipnb.alignment(encoded(), progress=False, **options)


def test_centring_a_single_text_names_the_language():
    rows = clipnb.EncodedCorpus(
        clipnb.Embeddings(np.eye(3)),
        {"en": clipnb.Embeddings(np.eye(3)), "sv": clipnb.Embeddings(np.eye(3)[:1])},
        {"en": [0, 1, 2], "sv": [0]},
    )
    found = clipnb.alignment(rows, progress=False)
    assert found.sentence("sv").startswith("A single text in Swedish")
    with pytest.raises(EmptyInput, match="sv: 1 rows have no centre"):
        found.centred()
