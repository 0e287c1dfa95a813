"""The alignment panel and the translation tester without a browser: set a trait or a control, look at another."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from fakes import COLOURS, FakeClip
from PIL import Image

from clipnb import errors, plots
from clipnb.aligning import translation_scores
from clipnb.corpus import Corpus, encode_corpus
from clipnb.images import image_id
from clipnb.types import Embeddings
from clipnb.widgets import AlignmentPanel, TranslationTester
from clipnb.widgets.landing import land, read_sentences

NAMES = ["red", "green", "blue", "yellow", "white", "black"]
PICTURES = [Image.new("RGB", (8, 8), COLOURS[name]) for name in NAMES]


@pytest.fixture
def corpus():
    """Six colours in English; four in German and Arabic, of which the model knows two and one; one has two captions."""
    captions = {
        "en": (*NAMES, "red again"),
        "de": ("rot", "grün", "blau", "gelb"),
        "ar": ("أحمر", "أخضر", "أزرق", "أصفر"),
        "sv": ("svart",),
    }
    image_of = {"en": (*range(6), 0), "de": (0, 1, 2, 3), "ar": (0, 1, 2, 3), "sv": (5,)}
    return Corpus("colours", PICTURES, tuple(f"{name}.png" for name in NAMES), captions, image_of)


# --- how the field is read ------------------------------------------------------------------------------------------


def test_lines_may_name_their_language():
    text = "sv: en katt\n\n  plain: words \nzh-hant： 貓\njp:猫\nxq: what\nhttp://x\nar : قطة"
    found, remarks = read_sentences(text)
    assert [tuple(each) for each in found] == [
        ("en katt", "sv"),
        ("plain: words", None),
        ("貓", "zh-Hant"),
        ("猫", "ja"),
        ("xq: what", None),
        ("http://x", None),
        ("قطة", "ar"),
    ]
    assert len(remarks) == 1
    assert "“xq”" in remarks[0]
    assert read_sentences(" \n") == ([], [])
    assert read_sentences("sv: \nkatt") == ([("katt", None)], ["The line of “sv” has no words."])


def test_landings_are_those_of_a_loop():
    rng = np.random.default_rng(0)
    texts, images = (Embeddings(rng.normal(size=(n, 4))).vectors for n in (5, 30))
    found = land(texts, images, k=6, target=7)
    for i, row in enumerate(texts @ images.T):
        best = sorted(range(30), key=lambda j: -row[j])
        assert found.first[i].tolist() == best[:6]
        assert found.ranks[i] == 1 + best.index(7)
        assert found.to_target[i] == pytest.approx(row[7], abs=1e-6)
        for j in range(5):
            assert found.overlap[i, j] == len(set(best[:6]) & set(found.first[j].tolist()))
            assert found.cosines[i, j] == pytest.approx(float(texts[i] @ texts[j]), abs=1e-6)
    assert land(texts, images).ranks[0] == 1  # what the first sentence finds


def test_ties_count_against_the_target():
    images = np.repeat(np.eye(3, dtype=np.float32)[:1], 4, axis=0)
    assert land(images[:1], images, target=0).ranks.tolist() == [4]


# --- the alignment panel --------------------------------------------------------------------------------------------


@pytest.fixture
def panel(corpus):
    return AlignmentPanel(FakeClip(), corpus, "en: red\nde: rot\nzh: 红\nsv: röd", k=3)


def test_the_same_colour_lands_on_the_same_picture(panel):
    assert [each["code"] for each in panel.sentences] == ["en", "de", "zh", "sv"]
    cosines = np.array(panel.cosines)
    np.testing.assert_allclose(cosines[:3, :3], 1, atol=1e-6)
    assert cosines[0, 3] < 0.9  # the model does not know the Swedish word
    assert [row[0] for row in panel.retrieved[:3]] == [0, 0, 0]
    assert panel.ranks[:3] == [1, 1, 1]
    assert panel.overlap[0][:3] == [3, 3, 3]
    assert "find “red” first" in panel.status
    json.dumps([panel.cosines, panel.ranks, panel.overlap, panel.retrieved])


def test_a_line_typed_is_a_line_encoded(panel):
    model = panel._model
    before = model.text_calls
    panel.view.sentences.value = "en: red\nblue\nar: أزرق"
    assert panel.text == "en: red\nblue\nar: أزرق"
    assert model.text_calls == before + 1
    assert [row[0] for row in panel.retrieved] == [0, 2, 2]
    panel.text = "blue"
    assert model.text_calls == before + 1
    assert panel.view.sentences.value == "blue"
    assert model.image_calls == 1
    assert "It finds “blue” first" in panel.status
    assert panel.view.matrix.value == ""


def test_languages_have_their_direction_and_fonts(panel):
    panel.text = "ar: أزرق\nja: 青 <b>\nplain"
    table = panel.view.table.value
    assert '<bdi lang="ar" dir="rtl">أزرق</bdi>' in table
    assert '<bdi lang="ja" dir="ltr">青 &lt;b&gt;</bdi>' in table
    assert '<bdi dir="auto">plain</bdi>' in table
    assert "Arabic · ar" in table
    assert table.count("<img") == 9
    assert table.count('class="clipnb-target"') == sum(2 in row for row in panel.retrieved)


def test_the_target_by_name_by_trait_and_not_at_all(panel):
    panel.text = "red\ngreen"
    panel.view.target.value = "GREEN"
    assert panel.target == 1
    assert panel.ranks[1] == 1
    assert panel.ranks[0] > 1
    panel.target = 2
    assert panel.view.target.value == "blue"
    panel.view.target.value = ""
    assert panel.target == -1
    assert panel.ranks[0] == 1
    panel.view.target.value = "gren"
    assert "No picture is called “gren”" in panel.status
    assert panel.ranks == []
    panel.target = 99
    assert "no picture 99" in panel.status


def test_the_captions_of_a_picture_can_be_taken(panel):
    panel.take("blue")
    assert panel.text == "en: blue\nde: blau\nar: أزرق"
    assert panel.target == 2
    panel.take(0, ["de"])
    assert panel.text == "de: rot"
    with pytest.raises(errors.NoLabels, match="black"):
        panel.take("black", ["de"])
    with pytest.raises(errors.UnknownConcept, match="99"):
        panel.take(99)
    panel.target = 5
    panel.view.take.click()
    assert panel.text == "en: black\nsv: svart"


def test_problems_are_said(panel):
    panel.text = "  "
    assert "no sentence" in panel.status
    assert panel.cosines == panel.retrieved == []
    assert "clipnb-problem" in panel.view.message.value
    panel.text = "a word " * 40
    assert "tokens" in panel.status
    panel.text = "xq: red"
    assert panel.retrieved[0][0] == 0
    assert "“xq” is no language" in panel.status


def test_the_numbers_as_a_table(panel):
    table = panel.table()
    assert list(table.columns) == ["sentence", "language", "place", "picture", "cosine", "target_rank"]
    assert len(table) == 12
    assert table["picture"][0] == "red"
    assert table.groupby("sentence")["cosine"].apply(lambda values: values.is_monotonic_decreasing).all()


def test_pictures_of_any_form(corpus, tmp_path):
    model = FakeClip()
    path = tmp_path / "one.png"
    PICTURES[0].save(path)
    assert AlignmentPanel(model, [path, PICTURES[1]], "red").names == (image_id(path, 0), image_id(PICTURES[1], 1))
    assert AlignmentPanel(model, [path, PICTURES[1]], "red", names=["a", "a"]).names == ("a", "a (2)")
    encoded = encode_corpus(model, corpus, progress=False)
    calls = model.image_calls
    panel = AlignmentPanel(model, encoded, ["red", "blue"])
    assert model.image_calls == calls
    assert [row[0] for row in panel.retrieved] == [0, 2]
    assert panel.view.table.value.count("<img") == 10


@pytest.mark.parametrize(
    ("images", "error", "words"),
    [
        ([], errors.EmptyInput, "no pictures"),
        ("photos", errors.WrongType, "glob"),
        (7, errors.WrongType, "int"),
    ],
)
def test_what_is_no_picture_is_refused(images, error, words):
    with pytest.raises(error, match=words):
        AlignmentPanel(FakeClip(), images, "red")


def test_what_else_is_refused(corpus):
    with pytest.raises(errors.WrongType, match="open the model"):
        AlignmentPanel("RN50", corpus)
    with pytest.raises(errors.UnsupportedOption, match="k=0"):
        AlignmentPanel(FakeClip(), corpus, k=0)
    with pytest.raises(errors.WrongShape, match="names"):
        AlignmentPanel(FakeClip(), corpus, names=["a"])
    with pytest.raises(errors.UnknownLanguage, match="'ja'"):
        AlignmentPanel(FakeClip(), corpus, languages=["ja"])
    other = encode_corpus(FakeClip(), corpus, progress=False)
    model = FakeClip()
    model.name = "another"
    with pytest.raises(errors.InvalidEmbeddings, match="another"):
        AlignmentPanel(model, other)
    with pytest.raises(errors.NoImageTower, match="pictures"):
        AlignmentPanel(FakeClip(), encode_corpus(FakeClip(), corpus, images=False, progress=False))


# --- the translation tester -----------------------------------------------------------------------------------------


@pytest.fixture
def tester(corpus):
    return TranslationTester(FakeClip(), corpus, "de")


def cosines(corpus, a, b):
    """Of the first captions, by picture, in a loop."""
    model, found = FakeClip(), {}
    for place in range(6):
        texts = [corpus.texts_of(code)[place] for code in (a, b)]
        if all(texts):
            one, two = model.encode_text([texts[0][0], texts[1][0]])
            found[place] = float(one @ two)
    return found


def test_it_begins_with_a_verdict_of_all_pairs(tester, corpus):
    assert (tester.language, tester.pivot) == ("de", "en")
    expected = cosines(corpus, "de", "en")
    assert tester.numbers["pairs"] == 4
    assert tester.numbers["cosine"] == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
    rows = [FakeClip().encode_text([corpus.captions[code][i] for i in range(4)]) for code in ("de", "en")]
    scores = translation_scores(*rows)
    assert tester.numbers["null"] == pytest.approx(scores.null_mean, abs=1e-6)
    assert tester.numbers["auc"] == pytest.approx(scores.auc)
    assert "German sentences" in tester.status
    assert "English" in tester.status
    assert "guessing" in tester.status  # and both on the picture
    assert list(tester.view.figure.data[1].y) == pytest.approx(plots.translation_histogram(scores).data[1].y)


def test_chosen_pictures_stand_among_all_shuffled_pairs(tester, corpus):
    tester.view.pictures.value = (0, 2)
    assert tester.pictures == [0, 2]
    expected = cosines(corpus, "de", "en")
    assert tester.numbers["cosine"] == pytest.approx((expected[0] + expected[2]) / 2, abs=1e-6)
    assert 0 <= tester.numbers["percentile"] <= 1
    assert "2 chosen pairs in German and English" in tester.status
    assert len(tester.view.figure.data[2].x) == 2
    assert tester.view.table.value.count("<tr>") == 3
    tester.pictures = [0]
    assert "have a cosine of 1.00" in tester.status
    assert tester.numbers["pairs"] == 1
    tester.pictures = []
    assert "percentile" not in tester.numbers
    assert len(tester.view.figure.data[2].x) == 0


def test_the_pairs_that_lie_farthest_apart_come_first(tester, corpus):
    table = tester.table()
    expected = cosines(corpus, "de", "en")
    assert list(table["picture"]) == [NAMES[i] for i in sorted(expected, key=expected.get)]
    assert table["above"].between(0, 1).all()
    assert isinstance(table, pd.DataFrame)
    assert '<bdi lang="de" dir="ltr">' in tester.view.table.value


def test_another_language_is_encoded_once(tester):
    model = tester._model
    calls = model.text_calls
    tester.view.language.value = "ar"
    assert tester.language == "ar"
    assert model.text_calls == calls + 1
    assert '<bdi lang="ar" dir="rtl">' in tester.view.table.value
    tester.pivot = "deu"  # any way of writing a code
    assert tester.pivot == "de"
    assert tester.view.pivot.value == "de"
    assert model.text_calls == calls + 1
    assert model.image_calls == 1
    assert "German" in tester.status


def test_what_cannot_be_tested_is_said(tester):
    tester.language = "en"
    assert "Both languages are the same" in tester.status
    assert tester.numbers == {}
    tester.language = "nonsense"
    assert "nonsense" in tester.status
    tester.language = "fr"
    assert "fr" in tester.status
    tester.language, tester.pivot = "sv", "de"
    assert "No picture has a sentence both in Swedish and in German" in tester.status
    tester.pivot = "en"
    assert tester.numbers["pairs"] == 1
    assert tester.numbers["null"] is None
    json.dumps(tester.numbers)
    tester.language = "de"
    tester.pictures = [5]
    assert "“black”" in tester.status
    tester.pictures = [77]
    assert "no picture 77" in tester.status
    assert len(tester.view.figure.data[0].x) == 0


def test_it_works_on_rows_alone(corpus, tester):
    encoded = encode_corpus(FakeClip(), corpus, progress=False)
    other = TranslationTester(None, encoded, "de")
    assert other.numbers == tester.numbers
    texts = TranslationTester(None, encode_corpus(FakeClip(), corpus, images=False, progress=False), "de")
    assert texts.numbers == pytest.approx(tester.numbers)
    assert "guessing" not in texts.status


def test_what_is_no_corpus_is_refused(corpus):
    with pytest.raises(errors.WrongType, match="Corpus"):
        TranslationTester(FakeClip(), PICTURES)
    with pytest.raises(errors.WrongType, match="model"):
        TranslationTester(None, corpus)
    with pytest.raises(errors.CorpusError, match="two languages"):
        TranslationTester(FakeClip(), corpus.select(languages=["de"]))
    with pytest.raises(errors.UnknownLanguage, match="'ja'"):
        TranslationTester(FakeClip(), corpus, "ja")


def test_the_histogram_holds_shares_of_each_kind():
    rng = np.random.default_rng(0)
    scores = translation_scores(rng.normal(size=(40, 8)), rng.normal(size=(40, 8)))
    figure = plots.translation_histogram(scores, {"<one>": 0.5})
    for trace in figure.data[:2]:
        assert sum(trace.y) == pytest.approx(1)
    assert figure.data[2].customdata[0] == "&lt;one&gt;"
    with pytest.raises(errors.WrongType, match="TranslationScores"):
        plots.translation_histogram([0.1])
