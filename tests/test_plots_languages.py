"""Figures of languages, as data: order and borders, every script in its direction, scores, refusals."""

from __future__ import annotations

import json
import unicodedata
from itertools import pairwise

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from PIL import Image
from scipy.optimize import minimize

from clipnb import errors, language, plots
from clipnb.corpus import Corpus, EncodedCorpus
from clipnb.datasets import emoji_languages
from clipnb.plots.families import family_order, runs, spread
from clipnb.plots.palette import text_columns
from clipnb.plots.placing import place_labels
from clipnb.plots.scripts import directed, font_of, lines_of
from clipnb.types import Embeddings

LRI, RLI, FSI, PDI = "\u2066", "\u2067", "\u2068", "\u2069"
SOME = ["ja", "sv", "ar", "en", "he", "zh", "de", "hi", "th", "fi"]
TEXTS = {
    "en": "A cat on <b>two</b> mats.",
    "ar": "قطة على 2 سجادة.",
    "he": "חתול על שטיח.",
    "ja": "二枚の敷物の上にいる猫。",
    "zh": "一只猫",
    "hi": "चटाई पर बिल्ली",
    "th": "แมวบนพรม",
    "sv": "En katt på två mattor",
}


def square(codes, seed=0):
    values = np.random.default_rng(seed).uniform(0.1, 0.9, (len(codes), len(codes)))
    return pd.DataFrame(values, index=pd.Index(codes), columns=pd.Index(codes))


def rows(count, dim=8, seed=0):
    return np.random.default_rng(seed).normal(size=(count, dim))


@pytest.fixture
def picture():
    return Image.new("RGB", (64, 40), "red")


# --- scripts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "start"), [("ar", RLI), ("he", RLI), ("ur", RLI), ("en", LRI), ("ja", LRI), (None, FSI)]
)
def test_texts_stand_between_marks_of_their_direction(code, start):
    assert directed("a.", code) == f"{start}a.{PDI}"


@pytest.mark.parametrize(
    ("code", "first"),
    [
        *[("ja", "Noto Sans CJK JP"), ("ko", "Noto Sans CJK KR"), ("zh", "Noto Sans CJK SC")],
        *[("zh-Hant", "Noto Sans CJK TC"), ("zh-Hant-HK", "Noto Sans CJK HK"), ("ar", "Noto Sans Arabic")],
        *[("fa", "Noto Sans Arabic"), ("hi", "Noto Sans Devanagari"), ("th", "Noto Sans Thai")],
        *[("he", "Noto Sans Hebrew"), ("am", "Noto Sans Ethiopic"), ("en", "Noto Sans"), ("ru", "Noto Sans")],
    ],
)
def test_han_letters_have_the_shapes_of_their_language(code, first):
    assert font_of(code).split(", ")[0] == first


def test_lines_break_at_blanks_and_between_han_letters():
    assert lines_of("one two three four", 9, 3) == ["one two", "three", "four"]
    assert lines_of("二枚の敷物の上にいる猫。", 12, 3) == ["二枚の敷物の", "上にいる猫。"]
    assert lines_of("二枚の敷物の上、いる猫", 14, 3) == ["二枚の敷物の", "上、いる猫"]  # never a comma first
    assert lines_of("", 5) == [""]
    assert lines_of("abcdefghij", 4, 5) == ["abcd", "efgh", "ij"]


@pytest.mark.parametrize("text", [*TEXTS.values(), "แมวสองตัวนั่งอยู่บนพรมสีแดง", "ကြောင်နှစ်ကောင်"])
def test_lines_lose_nothing_and_keep_marks_with_their_letters(text):
    found = lines_of(text, 7, 50)
    assert "".join(found).replace(" ", "") == text.replace(" ", "")
    assert all(unicodedata.category(line[0]) not in ("Mn", "Mc", "Me") for line in found)
    assert all(text_columns(line) <= 7 for line in found)


# --- families -------------------------------------------------------------------------------------------------------


def test_relatives_stand_side_by_side_the_largest_family_first():
    codes = list(emoji_languages())
    order = family_order(codes)
    assert sorted(order) == sorted(codes)
    found = runs(order)
    assert [run.start for run in found] == [0, *[run.stop for run in found[:-1]]]
    families = [run.family for run in found]
    assert len(list(dict.fromkeys(families))) == 1 + sum(a != b for a, b in pairwise(families))  # each in one piece
    assert families[0] == "Indo-European"
    assert families[-1] in ("Isolate", "Creole")
    assert len({(run.family, run.branch) for run in found}) == len(found)


def test_spread_moves_as_little_as_it_takes():
    wanted = [0.0, 1.0, 2.0, 30.0, 31.0, 80.0]
    found = spread(wanted, 10)
    assert min(b - a for a, b in pairwise(found)) >= 10 - 1e-9
    oracle = minimize(
        lambda x: ((x - wanted) ** 2).sum(),
        np.arange(6) * 20.0,
        constraints=[{"type": "ineq", "fun": lambda x: np.diff(x) - 10}],
        method="SLSQP",
    )
    np.testing.assert_allclose(found, oracle.x, atol=1e-3)


# --- the matrix -----------------------------------------------------------------------------------------------------


def value(figure, row, column):
    trace = figure.data[0]
    names = [language(code) for code in (row, column)]
    y, x = (f"{each.name} ({each.code})" for each in names)
    return trace.z[list(trace.y).index(y)][list(trace.x).index(x)]


@pytest.mark.parametrize("order", ["family", "clustered", "given"])
def test_the_matrix_keeps_every_value_in_any_order(order):
    frame = square(SOME)
    figure = plots.language_heatmap(frame, order=order, title="a title")
    assert isinstance(figure, go.Figure)
    for row in SOME:
        for column in SOME:
            assert value(figure, row, column) == pytest.approx(frame.loc[row, column], abs=1e-5)
    if order == "given":
        assert [name.rsplit("(", 1)[1][:-1] for name in figure.data[0].x] == SOME
        assert not figure.layout.shapes


def test_families_are_bordered_and_named():
    figure = plots.language_heatmap(square(SOME))
    order = [name.rsplit("(", 1)[1][:-1] for name in figure.data[0].y]
    assert order == family_order(SOME)
    found = runs(order)
    assert {shape.y0 for shape in figure.layout.shapes if shape.x0 == -0.5 != shape.x1 and shape.y0 == shape.y1} == {
        run.start - 0.5 for run in found[1:]
    }
    said = " ".join(note.text for note in figure.layout.annotations)
    assert all(run.family in said and run.branch in said for run in found)


def test_clustering_stays_within_the_branches():
    codes = ["de", "en", "nl", "sv", "fr", "it", "es"]
    frame = pd.DataFrame(0.1, index=codes, columns=codes)
    frame.loc["de", "sv"] = frame.loc["sv", "de"] = frame.loc["en", "nl"] = frame.loc["nl", "en"] = 0.9
    figure = plots.language_heatmap(frame, order="clustered")
    order = [name.rsplit("(", 1)[1][:-1] for name in figure.data[0].y]
    assert abs(order.index("de") - order.index("sv")) == 1
    assert abs(order.index("en") - order.index("nl")) == 1
    assert {order.index(code) for code in ("fr", "it", "es")} in ({0, 1, 2}, {4, 5, 6})


@pytest.mark.parametrize(("count", "names"), [(36, "english"), (122, "english"), (122, "native"), (309, "code")])
def test_every_language_is_named_without_overlap(count, names):
    from clipnb.languages import known_languages

    codes = (list(emoji_languages()) if count < 300 else list(known_languages()))[:count]
    figure = plots.language_heatmap(square(codes), names=names, width=None if count < 300 else 2200)
    side = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    assert figure.layout.width - figure.layout.margin.l - figure.layout.margin.r == side  # square cells
    cell = side / len(codes)
    if figure.layout.yaxis.showticklabels:
        assert cell >= 11
        assert len(figure.layout.yaxis.ticktext) == len(codes)
        return
    labels = [note for note in figure.layout.annotations if note.xref == "paper" and note.x == 0]
    assert len(labels) == len(codes)
    assert all(any(note.text.endswith(code) for note in labels) for code in codes)
    for away in {note.ax for note in labels}:  # of each column of labels
        places = sorted(note.y for note in labels if note.ax == away)
        assert cell * min(np.diff(places)) >= 11


def test_what_is_not_known_is_no_cell_and_no_nan_for_a_widget():
    frame = square(["en", "sv"])
    frame.loc["en", "sv"] = np.nan
    figure = plots.language_heatmap(frame)
    assert value(figure, "en", "sv") is None
    assert "NaN" not in json.dumps(figure.to_plotly_json()["data"][0]["z"])


def test_an_alignment_brings_its_counts_and_a_choice_of_languages():
    class Found:
        cross = square(SOME)
        cross_counts = square(SOME, 1)

    figure = plots.language_heatmap(Found(), ["sv", "jp"])
    assert len(figure.data[0].x) == 2
    assert value(figure, "sv", "ja") == pytest.approx(Found.cross.loc["sv", "ja"], abs=1e-5)
    at = list(figure.data[0].y).index("Swedish (sv)"), list(figure.data[0].x).index("Japanese (ja)")
    assert figure.data[0].customdata[at] == Found.cross_counts.loc["sv", "ja"]
    array = plots.language_heatmap(Found.cross.to_numpy(), SOME, share=False)
    assert array.data[0].zmax is None


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((np.eye(2),), errors.WrongType, "languages="),
        ((np.eye(2), ["en"]), errors.WrongShape, "languages"),
        ((np.ones((2, 3)), ["en", "sv"]), errors.WrongShape, "as many rows"),
        ((square(["en", "sv"]).rename(columns={"sv": "de"}),), errors.WrongShape, "same languages"),
        ((square(["en", "nonsense"]),), errors.UnknownLanguage, "nonsense"),
        ((square(["en", "sv"]), ["de"]), errors.UnsupportedOption, "'de'"),
        ((square(["ja", "jp"]),), errors.WrongShape, "twice"),
    ],
)
def test_a_wrong_matrix_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        plots.language_heatmap(*arguments)


# --- recall ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def recall():
    entries = [
        (code, direction, k, 0.1 * k / 2 + 0.05 * i, 0.1 * k / 2 + 0.05 * i - 0.04, 0.1 * k / 2 + 0.05 * i + 0.07, 40)
        for i, code in enumerate(["sv", "ar", "ja"])
        for direction in ("text_to_image", "image_to_text")
        for k in (1, 5)
    ]
    table = pd.DataFrame(entries, columns=["language", "direction", "k", "recall", "low", "high", "queries"])
    return table.assign(chance=table["k"] / 40)


def test_bars_are_the_recall_and_whiskers_its_interval(recall):
    figure = plots.language_recall(recall, k=5)
    bars = figure.data[0]
    chosen = recall[(recall["k"] == 5) & (recall["direction"] == "text_to_image")].iloc[::-1]  # the best first
    np.testing.assert_allclose(bars.x, chosen["recall"])
    np.testing.assert_allclose(np.array(bars.x) + bars.error_x.array, chosen["high"])
    np.testing.assert_allclose(np.array(bars.x) - bars.error_x.arrayminus, chosen["low"])
    assert [text.split(" · ")[1] for text in figure.layout.yaxis.ticktext] == ["ja", "ar", "sv"]
    assert figure.layout.xaxis.title.text == "pictures by sentences, recall@5"
    assert plots.language_recall(recall, k=5, direction="both").layout.xaxis.title.text == "recall@5"
    np.testing.assert_allclose(figure.data[-1].x, 5 / 40)


def test_several_results_stand_beside_each_other(recall):
    later = recall.assign(recall=0.9, low=np.nan, high=np.nan)
    figure = plots.language_recall({"before": recall, "after": later}, direction="both", k=[1, 5], order="family")
    assert len(figure.data) == 9
    assert figure.data[0].name == "before, pictures by sentences, recall@1"
    assert figure.data[-2].name == "after, sentences by pictures, recall@5"
    assert figure.data[-2].error_x.visible is False
    ticks = [text.split(" · ")[1] for text in figure.layout.yaxis.ticktext]
    assert ticks == family_order(["sv", "ar", "ja"])


def test_a_language_that_one_result_lacks_has_no_bar_there(recall):
    figure = plots.language_recall({"a": recall, "b": recall[recall["language"] != "ja"]}, languages=["ja", "sv"])
    at = [text.split(" · ")[1] for text in figure.layout.yaxis.ticktext].index("ja")
    assert figure.data[0].x[at] is not None
    assert figure.data[1].x[at] is None


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({"k": 7}, errors.UnsupportedOption, "k 1, 5"),
        ({"direction": "up"}, errors.UnsupportedOption, "direction"),
        ({"languages": ["en"]}, errors.UnsupportedOption, "'en'"),
        ({"languages": []}, errors.EmptyInput, "languages"),
        ({"order": "best"}, errors.UnsupportedOption, "order"),
    ],
)
def test_a_wrong_wish_is_named(recall, more, error, words):
    with pytest.raises(error, match=words):
        plots.language_recall(recall, **more)


def test_no_recall_no_bars(recall):
    with pytest.raises(errors.EmptyInput, match="without pictures"):
        plots.language_recall(recall[:0])
    with pytest.raises(errors.WrongType, match="recall"):
        plots.language_recall(recall[["language", "k"]])


# --- captions -------------------------------------------------------------------------------------------------------


def caption_notes(figure):
    return [note for note in figure.layout.annotations if note.font.size == 14]


def test_captions_stand_on_the_side_of_their_script(picture):
    figure = plots.picture_captions(picture, TEXTS, [0.1 * i for i in range(len(TEXTS))], order="given")
    notes = dict(zip(TEXTS, caption_notes(figure), strict=True))
    for code, note in notes.items():
        rtl = code in ("ar", "he")
        assert note.xanchor == note.align == ("right" if rtl else "left")
        assert note.text.startswith(RLI if rtl else LRI)
        assert note.text.endswith(PDI)
        assert note.font.family == font_of(code)
    assert "&lt;b&gt;" in notes["en"].text
    assert notes["ar"].xshift == notes["he"].xshift > notes["en"].xshift


def test_scores_are_bars_the_best_first_in_one_line_with_their_captions(picture):
    scores = {code: 0.3 - 0.05 * abs(i - 3) for i, code in enumerate(TEXTS)}
    figure = plots.picture_captions(picture, TEXTS, scores, null=0.02)
    bars, notes = figure.data[0], caption_notes(figure)
    assert list(bars.x) == sorted(scores.values(), reverse=True)
    assert [note.y for note in notes] == list(bars.y)
    assert notes[0].text == directed(TEXTS["ja"], "ja")
    assert sum(shape.x0 == shape.x1 == 0.02 for shape in figure.layout.shapes) == 1
    assert len(figure.layout.images) == 1


def test_captions_without_scores_or_picture_and_several_a_language():
    figure = plots.picture_captions(None, {"sv": ["en katt", "katten " * 60], "en": "a cat"}, order="family")
    assert len(figure.data) == 0
    notes = caption_notes(figure)
    assert len(notes) == 3
    assert notes[2].text.count("<br>") == 1
    assert "…" in notes[2].text
    assert np.diff([note.y for note in notes]).min() >= 18
    assert not figure.layout.images


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((None, {}), errors.EmptyInput, "captions is empty"),
        ((None, {"sv": " "}), errors.EmptyInput, "'sv'"),
        ((None, {"qqq": "a"}), errors.UnknownLanguage, "qqq"),
        ((None, {"sv": "a"}, [1.0, 2.0]), errors.WrongShape, "scores"),
        ((None, {"sv": "a"}, {"en": 1.0}), errors.WrongShape, "'sv'"),
        ((None, ["sv"]), errors.WrongType, "pairs"),
        (("cat.png", {"sv": "a"}), errors.WrongType, "PIL"),
    ],
)
def test_a_wrong_caption_is_named(arguments, error, words):
    with pytest.raises(error, match=words):
        plots.picture_captions(*arguments)


# --- one concept ----------------------------------------------------------------------------------------------------


@pytest.fixture
def encoded(picture):
    texts = {"en": ("cat", "dog"), "sv": ("katt", "hund"), "ar": ("قطة",), "ja": ("猫", "犬")}
    image_of = {"en": (0, 1), "sv": (1, 0), "ar": (0,), "ja": (0, 1)}
    corpus = Corpus("pets", [picture, picture], ("c", "d"), texts, image_of)
    made = {code: Embeddings(rows(len(each), seed=i)) for i, (code, each) in enumerate(texts.items())}
    return EncodedCorpus(Embeddings(rows(2, seed=9)), made, image_of, corpus=corpus)


def marks(figure):
    """Position by what a mark says on hovering."""
    return {
        words.split("</b>")[0][3:]: np.array([x, y])
        for trace in figure.data
        for x, y, words in zip(trace.x, trace.y, trace.customdata, strict=True)
    }


def test_the_distance_from_the_picture_is_the_cosine(picture):
    vectors, row = rows(8), rows(1, seed=5)[0]
    figure = plots.translation_map(TEXTS, vectors, picture=picture, picture_row=row)
    cosines = vectors @ row / np.linalg.norm(vectors, axis=1) / np.linalg.norm(row)
    places = marks(figure)
    away = [np.linalg.norm(places[plain_text(code)]) for code in TEXTS]
    slope, intercept = np.polyfit(cosines, away, 1)
    np.testing.assert_allclose(slope * cosines + intercept, away, atol=1e-6)
    assert slope < 0
    for shape, note in zip(
        figure.layout.shapes, [n for n in figure.layout.annotations if n.xref != "paper"], strict=True
    ):
        assert slope * float(note.text) + intercept == pytest.approx(shape.x1, abs=1e-6)


def plain_text(code):
    return directed(TEXTS[code].replace("<", "&lt;").replace(">", "&gt;"), code)


def test_pca_is_that_of_scikit_learn():
    from sklearn.decomposition import PCA

    vectors, row = rows(8), rows(1, seed=5)
    figure = plots.translation_map(TEXTS, vectors, picture_row=row[0], layout="pca")
    unit = np.concatenate([vectors, row])
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    oracle = PCA(2).fit(unit)
    expected = oracle.transform(unit)
    places = marks(figure)
    found = np.array([places[plain_text(code)] for code in TEXTS])
    for axis in range(2):
        sign = np.sign(found[0, axis] * expected[0, axis])
        np.testing.assert_allclose(found[:, axis], sign * expected[:8, axis], atol=1e-5)
    assert f"{oracle.explained_variance_ratio_.sum():.0%}" in figure.layout.annotations[-1].text


def test_labels_have_script_and_family_and_lie_on_nothing():
    figure = plots.translation_map(TEXTS, rows(8))
    assert {trace.name for trace in figure.data} == {language(code).family for code in TEXTS}
    fonts = {f for trace in figure.data for f in trace.textfont.family}
    assert fonts == {font_of(code) for code in TEXTS}
    assert any(text.startswith(RLI) for trace in figure.data for text in trace.text)


def test_a_label_without_room_is_counted():
    texts = {code: f"a long name number {i}" for i, code in enumerate(emoji_languages())}
    coords = np.random.default_rng(0).normal(size=(len(texts), 2)) * 0.01
    coords[:2] = [[0, 0], [1, 1]]
    figure = plots.translation_map(texts, coords=coords)
    empty = sum(text == "" for trace in figure.data for text in trace.text)
    assert empty > 0
    assert f"{empty} of {len(texts)} names are shown on hovering" in figure.layout.annotations[-1].text


def test_placed_labels_touch_neither_marks_nor_each_other():
    points = np.random.default_rng(0).uniform(0, 400, (60, 2))
    widths = [70.0] * 60
    sides = place_labels(points, widths, bounds=(0, 0, 500, 400))
    boxes = []
    for (x, y), side in zip(points, sides, strict=True):
        if side is None:
            continue
        vertical, horizontal = side.split()
        cx = x + {"left": -39, "right": 39, "center": 0}[horizontal]
        cy = y + {"top": 12.5, "bottom": -12.5, "middle": 0}[vertical]
        boxes.append((cx - 35, cy - 8.5, cx + 35, cy + 8.5))
    assert 20 < len(boxes) < 60
    for i, a in enumerate(boxes):
        assert min(a) >= 0
        assert a[2] <= 500
        assert a[3] <= 400
        for b in boxes[:i]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] or b[3] <= a[1]


def test_an_encoded_corpus_brings_texts_rows_and_picture(encoded):
    figure = plots.translation_map(encoded, "c")
    assert len(marks(figure)) == 4
    assert len(figure.layout.images) == 1
    said = " ".join(words for trace in figure.data for words in trace.customdata)
    assert "hund" in said  # the first picture's, though the second of the list
    assert "katt" not in said
    assert len(marks(plots.translation_map(encoded, 1))) == 3  # Arabic has no name for it
    captions = plots.picture_captions(encoded, "c", order="given")
    expected = [
        float(encoded.texts[code].vectors[row] @ encoded.images.vectors[0])
        for code, row in (("en", 0), ("sv", 1), ("ar", 0), ("ja", 0))
    ]
    np.testing.assert_allclose(captions.data[0].x, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda e: plots.translation_map({}, rows(0)), errors.EmptyInput, "texts is empty"),
        (lambda e: plots.translation_map(TEXTS), errors.WrongType, "rows is missing"),
        (lambda e: plots.translation_map(TEXTS, rows(3)), errors.WrongShape, "8 are needed"),
        (lambda e: plots.translation_map(TEXTS, rows(8), layout="around"), errors.WrongType, "picture_row"),
        (lambda e: plots.translation_map(TEXTS, rows(8), layout="ring"), errors.UnsupportedOption, "layout"),
        (lambda e: plots.translation_map(TEXTS, coords=rows(3, 2)), errors.WrongShape, "coords"),
        (lambda e: plots.translation_map({"en": "x"}, coords=[[np.nan, 1]]), errors.InvalidEmbeddings, "for row 0"),
        (lambda e: plots.translation_map(TEXTS, rows(8), picture_row=rows(1, 4)[0]), errors.InvalidEmbeddings, "two"),
        (lambda e: plots.translation_map(e, "x"), errors.CorpusError, "no picture 'x'"),
        (lambda e: plots.translation_map(e, 2), errors.CorpusError, "there are 2"),
        (lambda e: plots.translation_map(e), errors.WrongType, "which picture"),
        (lambda e: plots.picture_captions(e, "x"), errors.CorpusError, "no picture 'x'"),
    ],
)
def test_a_wrong_map_is_named(encoded, call, error, words):
    with pytest.raises(error, match=words):
        call(encoded)


def test_a_single_text_and_equal_rows_are_no_trouble():
    assert len(marks(plots.translation_map({"en": "cat"}, rows(1)))) == 1
    same = np.repeat(rows(1), 3, axis=0)
    figure = plots.translation_map({"en": "taxi", "sv": "taxi", "de": "taxi"}, same, picture_row=rows(1, seed=2)[0])
    assert sum(text != "" for trace in figure.data for text in trace.text) == 1  # written once
    assert "on hovering" not in figure.layout.annotations[-1].text


def test_named_marks_stand_where_the_numbers_say_and_hide_no_name_for_good():
    x, y = [1.0, 1.001, 3.0], [0.5, 0.5, 0.9]
    figure = plots.named_marks(x, y, ["a", "b <i>", "عربي"], x_title="tokens", y_title="recall", percent=True)
    (marks,) = figure.data
    assert list(marks.x) == x
    assert list(marks.y) == y
    assert list(marks.customdata) == ["a", "b &lt;i&gt;", "عربي"]  # on hovering, with room or without
    assert marks.text[2] == "عربي"
    assert figure.layout.yaxis.range[0] == 0
    with pytest.raises(errors.ClipnbError, match="names has 1 entries where 3"):
        plots.named_marks(x, y, ["a"], x_title="tokens", y_title="recall")
