"""Corpora, by hand and encoded, against plain loops."""

import warnings

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip

import clipnb
from clipnb import Corpus, Embeddings, EncodedCorpus, datasets, encode_corpus
from clipnb.errors import (
    CorpusError,
    EmptyInput,
    TextTooLong,
    TruncatedText,
    UnknownLanguage,
    UnreadableImage,
    WrongType,
)


def picture(*colour):
    return np.full((8, 8, 3), colour, dtype=np.uint8)


COLOURS = {
    "rose": picture(255, 0, 0),
    "leaf": picture(0, 160, 0),
    "sea": picture(0, 0, 255),
    "sun": picture(255, 255, 0),
}
CAPTIONS = {
    "en": ("a red rose", "it is red", "the blue sea", "a green leaf"),
    "de": ("rot", "ein grünes Blatt"),
    "zh_CN": ("红", "红花"),
}
IMAGE_OF = {"en": (0, 0, 2, 1), "de": (0, 1), "zh_CN": (0, 0)}


@pytest.fixture
def corpus():
    return Corpus("colours", list(COLOURS.values()), tuple(COLOURS), CAPTIONS, IMAGE_OF, "by hand", "CC0")


def changed(**fields):
    given = {"name": "t", "images": (), "image_ids": ("a", "b"), "captions": {"en": ("x",)}, "image_of": {"en": (0,)}}
    return Corpus(**{**given, **fields})


# --- the noun ------------------------------------------------------------------------------------------------------


def test_what_it_holds(corpus):
    assert len(corpus) == 4
    assert corpus.languages == ("en", "de", "zh")  # the usual code, whatever was given
    assert corpus.texts_of("cn") == [("红", "红花"), (), (), ()]
    assert "4 pictures, 8 texts in 3 languages: en, de, zh" in repr(corpus)
    assert corpus.problems.empty


def test_missing_captions_are_counted(corpus):
    missing = corpus.missing.set_index("language")
    assert missing["count"].to_dict() == {"en": 1, "de": 2, "zh": 3}
    assert missing.loc["de", "image_ids"] == ("sea", "sun")


def test_tables(corpus):
    wide = corpus.table()
    assert wide.loc["rose"].tolist() == ["a red rose", "rot", "红"]
    assert wide.isna().sum().sum() == corpus.missing["count"].sum()
    long = corpus.table(every=True)
    assert len(long) == 8
    expected = {
        (corpus.image_ids[place], code, text)
        for code in corpus.languages
        for text, place in zip(corpus.captions[code], corpus.image_of[code], strict=True)
    }
    assert set(long[["image", "language", "text"]].itertuples(index=False, name=None)) == expected
    assert long.query("image == 'rose' and language == 'zh'")["number"].tolist() == [0, 1]


def test_pairs(corpus):
    first = corpus.pairs("en", "zh")
    assert (first.texts_a, first.texts_b, first.images.tolist()) == (("a red rose",), ("红",), [0])
    every = corpus.pairs("en", "zh", combinations=True)
    loop = [
        (a, b, i)
        for i in range(4)
        for a, j in zip(corpus.captions["en"], corpus.image_of["en"], strict=True)
        for b, k in zip(corpus.captions["zh"], corpus.image_of["zh"], strict=True)
        if i == j == k
    ]
    assert list(zip(every.texts_a, every.texts_b, every.images, strict=True)) == loop
    assert corpus.select(images=["sea", "rose"]).pairs("en", "de").images.tolist() == [1]
    apart = changed(captions={"en": ("x",), "de": ("y",)}, image_of={"en": (0,), "de": (1,)})
    assert len(apart.pairs("en", "de").images) == 0


def test_selections(corpus):
    assert corpus.select(languages=["zh-Hans", "en"]).languages == ("zh", "en")
    some = corpus.select(languages=["en"], images=["sea", "rose"])
    assert some.image_ids == ("sea", "rose")
    assert some.captions["en"] == ("a red rose", "it is red", "the blue sea")
    assert some.image_of["en"] == (1, 1, 0)
    np.testing.assert_array_equal(some.images[0], COLOURS["sea"])
    for same in ([2, 0], np.array([2, 0]), slice(2, None, -2)):
        assert corpus.select(languages="en", images=same).image_ids == ("sea", "rose")
    mask = np.array([True, False, True, False])
    twice = corpus.select(languages="en", images=mask).select(images=["sea"])
    assert twice.image_ids == ("sea",)
    np.testing.assert_array_equal(twice.images[0], COLOURS["sea"])
    assert (some.source, some.licence) == ("by hand", "CC0")


@pytest.mark.parametrize(
    ("choice", "error", "words"),
    [
        ({"languages": ["sv"]}, UnknownLanguage, r"no captions in 'sv'.*It has: en, de, zh"),
        ({"images": ["rosa"]}, CorpusError, r"no picture 'rosa'.*Did you mean 'rose'"),
        ({"images": [9]}, CorpusError, "4 pictures"),
        ({"images": ["sea"]}, EmptyInput, "no caption in 'de' for the 1 chosen"),
        ({"images": [0, 0]}, CorpusError, "'rose' stands twice"),
        ({"images": "rose"}, WrongType, "a list of ids"),
        ({"images": {0, 1}}, WrongType, "a list of ids"),
        ({"images": []}, EmptyInput, "no caption"),
    ],
)
def test_selections_that_cannot_be(corpus, choice, error, words):
    with pytest.raises(error, match=words):
        corpus.select(**choice)


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"image_ids": ()}, EmptyInput, "no pictures"),
        ({"image_ids": "ab"}, WrongType, "one text"),
        ({"image_ids": ("a", "a")}, CorpusError, "'a' stands twice, as 0 and as 1"),
        ({"images": [picture(0, 0, 0)]}, CorpusError, "1 pictures and 2 image_ids"),
        ({"captions": {}, "image_of": {}}, EmptyInput, "no languages"),
        ({"image_of": {"de": (0,)}}, CorpusError, r"captions in \['en'\], but image_of for \['de'\]"),
        ({"captions": {"en": ()}, "image_of": {"en": ()}}, EmptyInput, "no caption in 'en'"),
        ({"captions": {"en": ("x", "y")}}, CorpusError, "2 captions in 'en', and image_of has 1"),
        ({"captions": {"en": ("  ",)}}, EmptyInput, "caption 0 in 'en', of picture 0, is blank"),
        ({"captions": {"en": (None,)}}, WrongType, "caption 0 in 'en' is None"),
        ({"captions": {"en": "x"}}, WrongType, "one text"),
        ({"image_of": {"en": (2,)}}, CorpusError, "belongs to picture 2, and there are 2"),
        ({"image_of": {"en": (-1,)}}, CorpusError, "belongs to picture -1"),
        ({"image_of": {"en": (0.5,)}}, WrongType, "'float' object .*expected the index of a picture"),
        ({"captions": {"enx": ("x",)}, "image_of": {"enx": (0,)}}, UnknownLanguage, "'enx'.*Did you mean 'en'"),
        (
            {"captions": {"jp": ("x",), "ja": ("x",)}, "image_of": {"jp": (0,), "ja": (0,)}},
            CorpusError,
            "both mean|another code",
        ),
    ],
)
def test_corpora_that_contradict_themselves(fields, error, words):
    with pytest.raises(error, match=words):
        changed(**fields)


# --- the emoji -----------------------------------------------------------------------------------------------------


def test_emoji_are_a_corpus():
    emoji = datasets.emoji("fluent", languages=["en", "br", "yo-BJ"])
    corpus = emoji.corpus()
    pd.testing.assert_frame_equal(
        corpus.table().reset_index(drop=True), emoji.names.where(emoji.names.notna(), None).reset_index(drop=True)
    )
    assert corpus.missing.set_index("language")["count"].to_dict() == {
        code: count for code, count in emoji.names.isna().sum().items() if count
    }
    np.testing.assert_array_equal(
        corpus.select(languages="en", images=["🐱"]).images[0], emoji.select(emojis=["🐱"]).images[0]
    )
    words = emoji.corpus(keywords=True).texts_of("en")[emoji.emojis.index("🐱")]
    assert words[0] == "cat face"
    assert set(words) == {"cat face", *emoji.keywords["en"][emoji.emojis.index("🐱")]}
    assert len(set(words)) == len(words)
    assert corpus.source == emoji.attribution


# --- encoded -------------------------------------------------------------------------------------------------------


def test_encoding(corpus):
    model = FakeClip()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = encode_corpus(model, corpus, progress=False)
    assert rows.languages == corpus.languages
    assert len(rows) == 4
    assert rows.image_ids == corpus.image_ids
    assert rows.model == model.name
    np.testing.assert_array_equal(rows.images.vectors, model.encode_image(corpus.images))
    for code in corpus.languages:
        np.testing.assert_array_equal(rows.texts[code].vectors, model.encode_text(corpus.captions[code]))
        assert rows.image_of[code].tolist() == list(corpus.image_of[code])
        assert rows.tokens[code].tolist() == [len(text.split()) + 2 for text in corpus.captions[code]]
        assert rows.truncated[code] == 0
    assert rows.texts["en"].ids == ("rose#0", "rose#1", "sea#0", "leaf#0")
    cosines = rows.texts["en"].vectors @ rows.images.vectors.T
    assert cosines.argmax(axis=1).tolist() == list(corpus.image_of["en"])


def test_encoding_some(corpus):
    model = FakeClip()
    pictures = Embeddings(model.encode_image(corpus.images), corpus.image_ids, "image", model.name)
    calls = model.image_calls
    rows = encode_corpus(model, corpus, languages=["zh", "en"], images=pictures, progress=False)
    assert rows.languages == ("zh", "en")
    assert rows.images is pictures
    assert encode_corpus(model, corpus, images=False, progress=False).images is None
    assert model.image_calls == calls
    assert rows.select("en").languages == ("en",)
    assert rows.select("en").corpus.languages == ("en",)
    with pytest.raises(UnknownLanguage, match="no texts in 'de'"):
        rows.select("de")
    with pytest.raises(CorpusError, match="2 rows for the 4 pictures of colours"):
        encode_corpus(model, corpus, images=pictures[:2], progress=False)
    with pytest.raises(WrongType, match=r"clipnb\.load"):
        encode_corpus("RN50", corpus)
    with pytest.raises(WrongType, match="the corpus is a list"):
        encode_corpus(model, ["a"])


def test_texts_without_pictures():
    rows = encode_corpus(FakeClip(), changed(), progress=False)
    assert rows.images is None
    assert len(rows) == 2
    assert rows.image_ids == ("a", "b")


def test_long_texts_are_counted_by_language():
    model = clipnb.load()  # counts tokens as they are before the cut, which the fake cannot
    long = "word " * 50
    corpus = changed(
        captions={"en": ("cat", long, long), "de": (long,), "sv": ("katt",)},
        image_of={"en": (0, 0, 1), "de": (0,), "sv": (1,)},
    )
    with pytest.warns(TruncatedText) as caught:
        rows = encode_corpus(model, corpus, progress=False)
    assert [str(warning.message) for warning in caught] == [
        f"t: 3 of 5 texts cut at {model.context_length} tokens: en 2 of 3, de 1 of 1"
    ]
    assert rows.truncated == {"en": 2, "de": 1, "sv": 0}
    assert rows.tokens["en"][1] > model.context_length
    assert rows.tokens["en"][0] == model.tokenize(["cat"])["attention_mask"].sum()
    with pytest.warns(TruncatedText):
        np.testing.assert_allclose(rows.texts["de"].vectors, model.encode_text([long], truncate=True), atol=1e-5)
    with pytest.raises(TextTooLong, match=r"t, en, text 1, 'word .*\(and 2 more\): \d+ tokens > 32"):
        encode_corpus(model, corpus, truncate=False, progress=False)


def test_a_picture_that_cannot_be_read_is_named(corpus, tmp_path):
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no picture")
    files = Corpus("files", [broken] * 4, corpus.image_ids, corpus.captions, corpus.image_of)
    with pytest.raises(UnreadableImage, match=r"files, pictures from 0: .*broken\.jpg"):
        encode_corpus(FakeClip(), files, progress=False)


ROWS = Embeddings(np.eye(3), modality="text")
THREE = clipnb.Corpus("three", (), ("a", "b", "c"), {"en": ("x", "y", "z")}, {"en": (0, 1, 2)})


@pytest.mark.parametrize(
    ("fields", "error", "words"),
    [
        ({"texts": {}, "image_of": {}}, EmptyInput, "no texts"),
        ({"image_of": {"de": [0, 1, 2]}}, CorpusError, "image_of for"),
        ({"image_of": {"en": [0, 1]}}, CorpusError, r"shape \[2\]; expected \[3\]"),
        ({"image_of": {"en": [0, 1, 3]}, "images": ROWS}, CorpusError, "from 0 to 3; there are 3"),
        ({"image_of": {"en": [0, -1, 3]}}, CorpusError, "from -1"),
        ({"image_of": {"en": [0.5, 1, 2]}}, CorpusError, "float64"),
        ({"corpus": THREE, "image_of": {"en": [0, 1, 1]}}, CorpusError, "is not that of three"),
        (
            {"corpus": THREE, "texts": {"sv": ROWS}, "image_of": {"sv": [0, 1, 2]}},
            UnknownLanguage,
            "no captions in 'sv'",
        ),
        ({"corpus": THREE, "images": Embeddings(np.eye(3)[:2]), "image_of": {"en": [0, 1, 1]}}, CorpusError, "rows of"),
        ({"images": Embeddings(np.eye(4)[:3])}, CorpusError, r"widths, \[3, 4\]"),
        ({"tokens": {"en": [1]}}, CorpusError, "tokens"),
        ({"tokens": {"de": [1, 2, 3]}}, CorpusError, "tokens"),
        ({"texts": {"klx": ROWS}, "image_of": {"klx": [0, 1, 2]}}, UnknownLanguage, "'klx'"),
        (
            {"texts": {"jp": ROWS, "ja": ROWS}, "image_of": {"jp": [0, 1, 2], "ja": [0, 1, 2]}},
            CorpusError,
            "same language",
        ),
    ],
)
def test_rows_that_contradict_each_other(fields, error, words):
    given = {"images": None, "texts": {"en": ROWS}, "image_of": {"en": [0, 1, 2]}}
    assert len(EncodedCorpus(**given)) == 3
    with pytest.raises(error, match=words):
        EncodedCorpus(**{**given, **fields})
