"""Several text towers on one corpus, with models that know colours; what is published, against its own sources."""

from __future__ import annotations

import gc
import re
import weakref

import numpy as np
import pandas as pd
import pytest
from fakes import COLOURS, FakeClip
from PIL import Image

import clipnb
from clipnb import compare_text_towers, published_retrieval
from clipnb.catalog import find
from clipnb.corpus import Corpus
from clipnb.errors import (
    DuplicateLabels,
    EmptyInput,
    TextTooLong,
    TruncatedText,
    UnknownLanguage,
    UnknownModel,
    UnsupportedOption,
    WrongType,
)
from clipnb.languages import language
from clipnb.models.practice import MARK
from clipnb.text_towers.published import of_corpus

B32 = "M-CLIP/XLM-Roberta-Large-Vit-B-32"
L14 = "M-CLIP/XLM-Roberta-Large-Vit-L-14"
OPENAI = "openai/clip-vit-base-patch32"


class Tower(FakeClip):
    """FakeClip under the name of a known model; what it does not speak it reads as nonsense."""

    def __init__(self, name=B32, speaks=("en", "de", "zh", "ar"), dim=8, context=12):
        super().__init__()
        self.name, self.speaks, self.dim, self.context_length = name, speaks, dim, context
        self.languages = tuple(speaks)

    def _text(self, text):
        words = {"en": ("red", "green", "blue"), "de": ("rot", "grün"), "zh": ("红",), "ar": ("أزرق",)}
        if any(word in text for code in self.speaks for word in words[code]):
            return super()._text(text)
        return super()._text(f"nonsense {text}".translate({ord(letter): "x" for word in COLOURS for letter in word}))


@pytest.fixture
def corpus():
    """Red, green, blue and a grey without any text; names as XTD10, so that something is published of it."""
    images = [Image.new("RGB", (8, 8), colour) for colour in ((255, 0, 0), (0, 160, 0), (0, 0, 255), (90, 90, 90))]
    captions = {"en": ("a red one", "a green one", "a blue one", "blue again"), "de": ("rot", "grün"), "zh": ("红",)}
    image_of = {"en": (0, 1, 2, 2), "de": (0, 1), "zh": (0,)}
    return Corpus("XTD10", images, ("r", "g", "b", "grey"), captions, image_of)


def quiet(models, corpus, **options):
    return compare_text_towers(models, corpus, **{"bootstrap": 50, "progress": False, **options})


def by_loops(model, corpus, code, k):
    """Text-to-image recall, one text at a time, with no help from the package's retrieval."""
    pictures = model.encode_image(list(corpus.images))
    found = []
    for text, place in zip(corpus.captions[code], corpus.image_of[code], strict=True):
        cosines = pictures @ model.encode_text([text])[0]
        found.append(sum(cosines >= cosines[place] - 1e-6) <= k)
    return float(np.mean(found))


def test_each_model_finds_what_it_finds_alone(corpus):
    models = {"all": Tower(), "english": Tower(OPENAI, speaks=("en",))}
    result = quiet(models, corpus, ks=(1, 2))
    table = result.recall.set_index(["model", "language", "direction", "k"])["recall"]
    for label, model in models.items():
        for code in corpus.languages:
            for k in (1, 2):
                assert table[label, code, "text_to_image", k] == pytest.approx(by_loops(model, corpus, code, k))
    assert table["all", "de", "text_to_image", 1] == 1.0
    assert table["english", "de", "text_to_image", 1] < 1.0
    assert result.models == ("all", "english")
    assert result.languages == ("en", "de", "zh")


def test_recall_is_that_of_alignment(corpus):
    result = quiet([Tower()], corpus)
    found = clipnb.alignment(Tower(), corpus, bootstrap=50, progress=False).recall
    mine = result.recall.drop(columns=["model", "made_for"])
    pd.testing.assert_frame_equal(mine, found[mine.columns], check_dtype=False)


def test_pictures_are_encoded_once_an_image_tower(corpus):
    models = [Tower(OPENAI), Tower(B32), Tower(L14), Tower("IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese")]
    result = quiet(models, corpus)
    assert [model.image_calls for model in models] == [1, 0, 1, 0]
    assert list(result.images) == [OPENAI, "openai/clip-vit-large-patch14"]
    again = [Tower(B32), Tower(OPENAI)]
    quiet(again, corpus, images=result.images)
    assert [model.image_calls for model in again] == [0, 0]


def test_models_nobody_knows_share_nothing(corpus):
    models = {"a": FakeClip(), "b": FakeClip()}
    assert list(quiet(models, corpus).images) == ["a", "b"]
    assert [model.image_calls for model in models.values()] == [1, 1]


def test_an_image_tower_of_ones_own_choice_is_shared(corpus):
    own, other = Tower("/a/folder"), Tower(OPENAI)
    own.opened_with = {"name": "/a/folder", "image_tower": OPENAI}
    assert list(quiet([own, other], corpus).images) == [OPENAI]
    assert other.image_calls == 0


def test_random_stand_ins_are_called_random_and_share_no_rows_with_the_real_ones(corpus):
    stand_in, real = Tower(B32 + MARK), Tower(B32)
    result = quiet([stand_in, real], corpus, ks=(1, 10))
    assert (stand_in.image_calls, real.image_calls) == (1, 1)
    heads = result.table().columns
    assert (B32 + MARK, "random") in heads
    assert (B32, "measured") in heads
    assert (B32 + MARK, "measured") not in heads
    assert list(result.summary()["weights"]) == ["random", "as loaded"]
    assert set(result.beside_published()["model"]) == {B32}
    assert (B32 + MARK, "published (M-CLIP)") in heads  # what the real one is said to reach


def test_published_numbers_stand_beside_the_measured_ones(corpus):
    result = quiet({"m": Tower(B32), "unknown": FakeClip()}, corpus)
    table = result.table()
    heads = [("m", "measured"), ("m", "published (M-CLIP)"), ("m", "re-run (Babel-ImageNet)"), ("unknown", "measured")]
    assert list(table.columns) == heads
    assert table.columns.names == ["model", "R@10"]
    assert list(table.index) == ["en", "de", "zh"]
    assert table["m", "published (M-CLIP)"]["de"] == 88.7
    assert table["m", "re-run (Babel-ImageNet)"]["zh"] == 85.7
    assert table["m", "measured"]["de"] == 100.0
    assert list(result.table(published=False).columns) == [heads[0], heads[3]]
    assert list(result.table(names=True).index) == ["English", "German", "Chinese"]
    assert ("m", "re-run (Babel-ImageNet)") in result.table(1).columns
    assert ("m", "published (M-CLIP)") not in result.table(1).columns  # nobody published it
    assert ("m", "published (M-CLIP)") not in result.table(direction="image_to_text").columns


def test_published_numbers_are_looked_up_by_the_name_of_the_weights(corpus):
    plain = quiet([Tower("/my/copy")], corpus).published
    assert plain.empty
    result = quiet({"mine": Tower("/my/copy")}, corpus, published_as={"mine": L14})
    assert set(result.published["model"]) == {"mine"}
    row = result.published.query("language == 'en' and k == 10 and column == 'published (M-CLIP)'")
    assert row["recall"].item() == pytest.approx(0.924)
    assert "of 1000 pictures, and here there are 4" in row["note"].item()
    twin = quiet([Tower("ViT-B/32", speaks=("en",))], corpus).table()
    assert twin["ViT-B/32", "published (M-CLIP)"]["en"] == 90.3
    assert np.isnan(twin["ViT-B/32", "published (M-CLIP)"]["de"])


def test_beside_published_says_whether_the_number_is_within_the_interval(corpus):
    both = quiet([Tower(B32)], corpus).beside_published()
    row = both.query("language == 'de' and k == 10 and column == 'published (M-CLIP)'").iloc[0]
    assert row["measured"] == 1.0
    assert row["difference"] == pytest.approx(1 - 0.887)
    assert not row["within"]  # the interval of what is always right is [1, 1]
    assert set(both["language"]) == {"en", "de", "zh"}


def test_a_corpus_of_which_nothing_is_published(corpus):
    other = Corpus("mine", corpus.images, corpus.image_ids, corpus.captions, corpus.image_of)
    result = quiet([Tower(B32)], other)
    assert result.published.empty
    assert result.beside_published().empty
    assert list(result.table().columns) == [(B32, "measured")]


def test_the_difference_is_that_of_the_same_queries(corpus):
    result = quiet({"all": Tower(), "english": Tower(OPENAI, speaks=("en",))}, corpus, ks=(1,), bootstrap=400)
    difference = result.difference("all", "english")
    assert list(difference.columns) == ["all", "english", "difference", "low", "high"]
    np.testing.assert_allclose(difference["difference"], difference["all"] - difference["english"])
    en = difference.loc["en"]
    assert (en["difference"], en["low"], en["high"]) == (0.0, 0.0, 0.0)  # both right on every query: no doubt left
    own = result.recall.query("model == 'english' and language == 'de' and direction == 'text_to_image'").iloc[0]
    assert difference.loc["de", "english"] == own["recall"]
    back = result.difference("english", "all", direction="image_to_text")
    forth = result.difference("all", "english", direction="image_to_text")
    np.testing.assert_allclose(back["low"], -forth["high"], atol=1e-9)


def test_made_for_says_which_languages_a_model_was_made_for(corpus):
    wide = corpus.select(languages=["en", "de"])
    other = Corpus(
        "c", wide.images, wide.image_ids, {**wide.captions, "pt-PT": ("red",)}, {**wide.image_of, "pt-PT": (0,)}
    )
    result = quiet({"en": Tower(OPENAI, speaks=("en",)), "none": Tower("x", speaks=())}, other, ks=(1,))
    made = result.recall.drop_duplicates(["model", "language"]).set_index(["model", "language"])["made_for"]
    assert made["en", "en"]
    assert not made["en", "de"]
    assert pd.isna(made["none", "de"])
    assert result.summary()["made_for"].tolist()[0] == 1
    assert pd.isna(result.summary()["made_for"].iloc[1])
    portuguese = Tower("y", speaks=("en",))
    portuguese.languages = ("pt", "no-such-code")
    row = quiet([portuguese], other, languages="pt-PT").recall.iloc[0]
    assert row["made_for"]


def test_the_summary_has_a_row_a_model(corpus):
    result = quiet({"all": Tower(), "english": Tower(OPENAI, speaks=("en",))}, corpus, ks=(1,))
    summary = result.summary()
    assert list(summary.index) == ["all", "english"]
    assert summary["image_tower"].tolist() == [OPENAI, OPENAI]
    recall = result.recall.query("model == 'english' and direction == 'text_to_image'")["recall"]
    assert summary["text_to_image"]["english"] == pytest.approx(recall.mean())
    assert summary["best"]["english"] == "en"
    assert summary["worst"]["english"] != "en"
    assert "XTD10" in repr(result)


def test_cut_texts_are_counted_and_the_warning_names_the_model(corpus):
    with pytest.warns(TruncatedText, match=r"short: 3 of 7 texts cut at 4 tokens: en 3") as caught:
        result = quiet({"long": Tower(), "short": Tower(context=4)}, corpus)
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert result.summary()["truncated"].tolist() == [0, 3]
    with pytest.raises(TextTooLong, match="short"):
        quiet({"short": Tower(context=4)}, corpus, truncate=False)


def test_names_are_opened_one_at_a_time_and_let_go(corpus):
    alive = []

    def load(name):
        gc.collect()
        assert not any(ref() for ref in alive), "the model before is still in memory"
        model = Tower(name)
        alive.append(weakref.ref(model))
        return model

    result = quiet([OPENAI, B32, L14], corpus, load=load)
    assert result.models == (OPENAI, B32, L14)
    assert list(result.images) == [OPENAI, "openai/clip-vit-large-patch14"]


def test_texts_alone_need_rows_of_the_pictures(corpus):
    rows = quiet([Tower()], corpus).images
    texts = Corpus("XTD10", (), corpus.image_ids, corpus.captions, corpus.image_of)
    with pytest.raises(EmptyInput, match=r"XTD10: texts without pictures.*openai/clip-vit-base-patch32"):
        quiet([Tower()], texts)
    with pytest.raises(EmptyInput, match="openai/clip-vit-large-patch14"):
        quiet([Tower(), Tower(L14)], texts, images=rows)
    assert quiet([Tower()], texts, images=rows).table()[B32, "measured"]["de"] == 100.0


@pytest.mark.parametrize(
    ("models", "options", "error", "words"),
    [
        ([], {}, EmptyInput, "empty"),
        (B32, {}, WrongType, "put it into a list"),
        ([FakeClip(), FakeClip()], {}, DuplicateLabels, "tell them apart"),
        ([FakeClip()], {"ks": (0,)}, UnsupportedOption, "k=0"),
        ([FakeClip()], {"bootstrap": -1}, UnsupportedOption, "bootstrap"),
        ([FakeClip()], {"languages": ["en", "fr"]}, UnknownLanguage, "'fr'"),
        ([FakeClip()], {"images": {"openai": None}}, UnsupportedOption, "no model has the image tower 'openai'"),
        ([FakeClip()], {"published_as": {"fake": B32}}, UnsupportedOption, "fake/colours"),
    ],
)
def test_arguments_are_checked_before_any_model_is_opened(corpus, models, options, error, words):
    def load(name):
        raise AssertionError("opened")

    with pytest.raises(error, match=re.escape(words)):
        quiet(models, corpus, load=load, **options)


def test_the_corpus_is_a_corpus():
    with pytest.raises(WrongType, match="the corpus is a list"):
        quiet([FakeClip()], ["red"])


def test_what_was_not_measured_is_refused(corpus):
    result = quiet([Tower()], corpus, ks=(1, 5))
    with pytest.raises(UnsupportedOption, match="recall@10 was not measured; there is k 1, 5"):
        result.table(10)
    with pytest.raises(UnsupportedOption, match="text_to_image, image_to_text"):
        result.table(1, "t2i")
    with pytest.raises(UnknownModel, match="'other' was not compared"):
        result.difference(B32, "other")


# The published numbers. Means and single numbers as the sources print them, written here a second time.


def mean(corpus, column, model, k, direction="text_to_image"):
    table = published_retrieval(corpus, model)
    return table.query("column == @column and k == @k and direction == @direction")["recall"].mean() * 100


@pytest.mark.parametrize(
    ("model", "r1", "r10"),
    [
        ("M-CLIP/M-BERT-Base-ViT-B", 21.8, 53.6),
        (B32, 33.8, 68.2),
        (L14, 39.7, 72.6),
        ("M-CLIP/XLM-Roberta-Large-Vit-B-16Plus", 51.0, 81.5),
    ],
)
def test_the_means_on_xm3600_are_those_of_the_paper(model, r1, r10):
    assert mean("XM3600", "re-run (Babel-ImageNet)", model, 1) == pytest.approx(r1, abs=0.06)
    assert mean("XM3600", "re-run (Babel-ImageNet)", model, 10) == pytest.approx(r10, abs=0.06)


def test_both_tables_of_xtd10_are_there_and_disagree():
    table = published_retrieval("xtd10", B32).query("k == 10 and direction == 'text_to_image'")
    wide = table.pivot(index="language", columns="column", values="recall") * 100
    assert wide.shape == (11, 2)
    apart = wide["published (M-CLIP)"] - wide["re-run (Babel-ImageNet)"]
    assert apart.min() == pytest.approx(3.2, abs=0.05)  # Turkish: 88.8 and 85.6
    assert apart.max() == pytest.approx(7.1, abs=0.05)  # Japanese: 81.0 and 73.9
    assert wide.loc["ja"].round(1).tolist() == [81.0, 73.9]


def test_every_table_is_whole():
    for corpus in ("XTD10", "XM3600", "Flickr30k-CN"):
        assert of_corpus(corpus)
        for table in of_corpus(corpus):
            assert table.source
            assert table.direction in ("text_to_image", "image_to_text")
            assert [language(code).code for code in table.languages] == list(table.languages)
            assert len(set(table.languages)) == len(table.languages)
            for model in [*table.percent, *table.same_weights]:
                assert find(model) is not None, model
                assert all(0 <= value <= 1 for value in table.of(model).values())
    assert len(of_corpus("XM3600")[0].languages) == 36


def test_recall_grows_with_k():
    table = published_retrieval().pivot_table(
        index=["corpus", "column", "model", "language", "direction"], columns="k", values="recall"
    )
    both = table.dropna(subset=[1, 10])
    assert len(both) > 150
    assert (both[1] < both[10]).all()


def test_a_corpus_without_tables_is_named():
    with pytest.raises(UnsupportedOption, match=r"'XM360'\. Did you mean 'XM3600'"):
        published_retrieval("XM360")
    assert published_retrieval("XTD10", "no/model").empty
    assert set(published_retrieval("XTD10", ["ViT-B/32"])["model"]) == {"ViT-B/32"}
    assert "ViT-B/32" not in set(published_retrieval()["model"])
