"""The table of languages, against the texts and the characters themselves."""

import unicodedata
from collections import Counter

import pytest

from clipnb import datasets
from clipnb.corpora.babel_imagenet import OWN
from clipnb.errors import UnknownLanguage, WrongType
from clipnb.languages import by_family, known_languages, language

# The first word of Unicode's names of characters, by the scripts that use them.
LETTERS = {
    "Latn": {"LATIN"},
    "Cyrl": {"CYRILLIC"},
    "Arab": {"ARABIC"},
    "Hans": {"CJK"},
    "Hant": {"CJK"},
    "Jpan": {"CJK", "HIRAGANA", "KATAKANA", "KATAKANA-HIRAGANA"},
    "Kore": {"HANGUL"},
    "Deva": {"DEVANAGARI"},
    "Grek": {"GREEK"},
    "Armn": {"ARMENIAN"},
    "Geor": {"GEORGIAN"},
    "Hebr": {"HEBREW"},
    "Ethi": {"ETHIOPIC"},
    "Beng": {"BENGALI"},
    "Cher": {"CHEROKEE"},
    "Gujr": {"GUJARATI"},
    "Guru": {"GURMUKHI"},
    "Khmr": {"KHMER"},
    "Knda": {"KANNADA"},
    "Laoo": {"LAO"},
    "Mlym": {"MALAYALAM"},
    "Mymr": {"MYANMAR"},
    "Orya": {"ORIYA"},
    "Sinh": {"SINHALA"},
    "Taml": {"TAMIL"},
    "Telu": {"TELUGU"},
    "Thai": {"THAI"},
}
XM3600 = "ar bn cs da de el en es fa fi fil fr he hi hr hu id it ja ko mi nl no pl pt quz ro ru sv sw te th tr uk vi zh"


@pytest.mark.parametrize("code", datasets.emoji_languages())
def test_script_and_direction_are_those_of_the_texts(code):
    text = "".join(datasets.emoji("fluent", [code]).names[code].dropna())
    letters = [letter for letter in text if unicodedata.category(letter) == "Lo" or letter.isalpha()]
    words = Counter(unicodedata.name(letter).split()[0] for letter in letters)
    found = language(code)
    assert sum(words[word] for word in LETTERS[found.script]) > 0.8 * len(letters)
    sides = Counter(unicodedata.bidirectional(letter) for letter in letters)
    assert found.right_to_left == (sides["R"] + sides["AL"] > sides["L"])
    assert found.direction == ("rtl" if found.right_to_left else "ltr")


def test_every_corpus_has_its_languages_in_the_table():
    assert {language(code).code for code in datasets.emoji_languages()} == set(datasets.emoji_languages())
    assert len({language(code).code for code in XM3600.split()}) == 36
    assert language("jp").code == "ja"
    assert {language(code).code for code in OWN.values()} == set(OWN.values()) <= set(known_languages())
    assert len(known_languages()) >= 300


def test_every_code_finds_itself_and_no_alias_hides_one():
    for code in known_languages():
        found = language(code)
        assert found.code == code
        assert found.name
        assert found.native
        assert found.family
        assert language(code.upper().replace("-", "_")) == found


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("iw", "he"),
        ("eng", "en"),
        ("eng_Latn", "en"),
        ("zho_Hant", "zh-Hant"),
        ("zh_CN", "zh"),
        ("zh-Hans-CN", "zh"),
        ("ZH-TW", "zh-Hant"),
        ("quz", "qu"),
        ("sr_latn", "sr-Latn"),
        ("srp_Cyrl", "sr"),
        ("tl", "fil"),
        ("pt_br", "pt-BR"),
        ("PT-pt", "pt-PT"),
        ("en-gb", "en-GB"),
        ("es-419", "es-419"),
        ("x-Klingon", "x-klingon"),
    ],
)
def test_ways_of_writing_a_code(given, code):
    assert language(given).code == code


def test_facts_of_codes_with_more_than_a_language():
    assert language("pt-BR").name == "Portuguese (BR)"
    assert language("az-Arab").right_to_left
    assert not language("az").right_to_left
    assert language("uz-Cyrl").script == "Cyrl"
    assert (language("zh").script, language("zh-Hant").script) == ("Hans", "Hant")


def test_families():
    order = by_family(["sv", "zh", "de", "ar", "he", "fr", "yue"])
    assert order == ("ar", "he", "de", "sv", "fr", "yue", "zh")
    with pytest.raises(UnknownLanguage):
        by_family(["sv", "zz"])


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        ("svx", "Did you mean 'sv'"),
        ("Swedish", "The code of Swedish is 'sv'"),
        ("zh-Hanss", "Did you mean"),
        ("en-", "'en-'"),
        ("", "''"),
        ("x", "BCP 47"),
        ("x-", "BCP 47"),
        ("en-GBR", "'en-GBR'"),
    ],
)
def test_unknown_codes_come_with_the_nearest(code, hint):
    with pytest.raises(UnknownLanguage, match=hint):
        language(code)


def test_a_code_is_a_text():
    with pytest.raises(WrongType, match="int"):
        language(7)  # type: ignore[arg-type]
    with pytest.raises(WrongType, match="list"):
        language(["sv"])  # type: ignore[arg-type]
