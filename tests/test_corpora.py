"""Readers of published corpora, on small files in the layouts of the publishers, made here."""

import gzip
import json
from pathlib import Path

import datasets as hf
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from PIL import Image

from clipnb import datasets
from clipnb.errors import CorpusError, UnknownColumn, UnknownLanguage, UnsupportedOption, WrongType

XTD_NAMES = [f"COCO_train2014_{number:012}.jpg" for number in (61844, 61849, 61850)]
XTD_FILES = {
    "XTD10/test_1kcaptions_es.txt": "Un gato.\nUn perro.\nUna flor.\n",
    "XTD10/test_1kcaptions_zh.txt": "一只猫\n一只狗\n一朵花\n",
    "MIC/test_1kcaptions_en.txt": "A cat.\nA dog.\nA flower.\n",
    "STAIR/test_1kcaptions_jp.txt": "猫\n犬\n花\n",
}


def write(path: Path, text: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = text if isinstance(text, bytes) else text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def paint(folder: Path, *names: str) -> Path:
    """Files that can be opened as pictures, each with a grey of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        Image.new("RGB", (4, 4), (number,) * 3).save(folder / name)
    return folder


def problems(corpus) -> list[tuple[str, int | None, str]]:
    return [
        (Path(where).name, None if pd.isna(line) else int(line), what)
        for where, line, what in corpus.problems.itertuples(index=False, name=None)
    ]


# --- XTD10 ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def xtd(tmp_path):
    write(tmp_path / "xtd" / "XTD10" / "test_image_names.txt", "\n".join(XTD_NAMES) + "\n")
    for name, text in XTD_FILES.items():
        write(tmp_path / "xtd" / name, text)
    return tmp_path / "xtd"


def test_xtd10(xtd, tmp_path):
    corpus = datasets.xtd10(xtd, images=paint(tmp_path / "coco" / "train2014", *XTD_NAMES).parent)
    assert corpus.image_ids == tuple(XTD_NAMES)
    assert sorted(corpus.languages) == ["en", "es", "ja", "zh"]
    assert corpus.table().loc[XTD_NAMES[1]].to_dict() == {"es": "Un perro.", "zh": "一只狗", "en": "A dog.", "ja": "犬"}
    assert [Path(path).name for path in corpus.images] == XTD_NAMES
    assert corpus.problems.empty
    assert corpus.missing.empty
    assert "Adobe" in corpus.licence
    assert datasets.xtd10(xtd, languages=["jp", "en"]).languages == ("ja", "en")
    assert not datasets.xtd10(xtd).images


def test_xtd10_in_one_folder(xtd, tmp_path):
    flat = tmp_path / "flat"
    write(flat / "test_image_names.txt", "\n".join(XTD_NAMES))  # without an end to the last line
    for name, text in XTD_FILES.items():
        write(flat / Path(name).name, text)
    one, other = datasets.xtd10(flat), datasets.xtd10(xtd)
    pd.testing.assert_frame_equal(one.table()[list(other.languages)], other.table())


def test_xtd200_has_codes_of_flores(xtd):
    write(xtd / "XTD10" / "test_1kcaptions_swe_Latn.txt", "Katt.\nHund.\nBlomma.\n")
    write(xtd / "XTD10" / "test_1kcaptions_zho_Hant.txt", "貓\n狗\n花\n")
    assert {"sv", "zh", "zh-Hant"} <= set(datasets.xtd10(xtd).languages)


def test_marks_and_ends_of_lines_do_not_matter(xtd):
    # A line separator and a vertical tab stand inside captions; Python's splitlines would end a line there.
    text = "Un gato\u2028negro.\r\nUn\x0bperro.\r\nUna flor.\r\n"
    write(xtd / "XTD10" / "test_1kcaptions_es.txt", b"\xef\xbb\xbf" + text.encode())
    captions = datasets.xtd10(xtd).captions["es"]
    assert captions == ("Un gato\u2028negro.", "Un\x0bperro.", "Una flor.")


def test_blank_captions_are_noted(xtd):
    write(xtd / "XTD10" / "test_1kcaptions_es.txt", "Un gato.\n  \nUna flor.\n")
    corpus = datasets.xtd10(xtd)
    assert corpus.captions["es"] == ("Un gato.", "Una flor.")
    assert corpus.image_of["es"] == (0, 2)
    ((where, line, what),) = problems(corpus)
    assert (where, line) == ("test_1kcaptions_es.txt", 2)
    assert XTD_NAMES[1] in what
    assert corpus.missing.values.tolist() == [["es", 1, (XTD_NAMES[1],)]]


def test_a_language_of_blanks_is_left_out_aloud(xtd):
    write(xtd / "XTD10" / "test_1kcaptions_es.txt", "\n\n\n")
    corpus = datasets.xtd10(xtd)
    assert "es" not in corpus.languages
    assert len(problems(corpus)) == 4
    assert problems(corpus)[-1][2] == "no caption at all in es: the language is left out"


def test_lost_characters_are_noted_and_kept(xtd):
    write(xtd / "XTD10" / "test_1kcaptions_es.txt", "Un ni\ufffdo.\nUn perro.\nUna flor.\n")
    corpus = datasets.xtd10(xtd)
    assert corpus.captions["es"][0] == "Un ni\ufffdo."
    assert problems(corpus)[0][:2] == ("test_1kcaptions_es.txt", 1)


def test_pictures_that_stand_twice_are_joined(xtd):
    write(xtd / "XTD10" / "test_image_names.txt", "\n".join([XTD_NAMES[0], XTD_NAMES[1], XTD_NAMES[0]]))
    corpus = datasets.xtd10(xtd)
    assert len(corpus) == 2
    assert corpus.texts_of("en") == [("A cat.", "A flower."), ("A dog.",)]
    assert problems(corpus) == [
        ("test_image_names.txt", 3, f"{XTD_NAMES[0]} stands on line 1 too: its captions are joined")
    ]


def test_a_file_in_two_places_is_read_once(xtd):
    write(xtd / "test_1kcaptions_en.txt", "1\n2\n3\n")
    corpus = datasets.xtd10(xtd)
    assert corpus.captions["en"] == ("1", "2", "3")
    assert problems(corpus)[0][0] == "test_1kcaptions_en.txt"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("XTD10/test_1kcaptions_es.txt", "Un gato.\nUn perro.\n", r"es\.txt: line 3 is missing: 2 captions for the 3"),
        ("XTD10/test_1kcaptions_es.txt", "1\n2\n3\n4\n", r"es\.txt: line 4 has no picture: 4 captions for the 3"),
        ("XTD10/test_1kcaptions_es.txt", "ni\u00f1o\n2\n3\n".encode("latin-1"), r"es\.txt: line 1: not UTF-8.*0xf1"),
        ("XTD10/test_1kcaptions_es.txt", "1\n2\n3\n".encode("utf-16"), r"es\.txt: line 1: the file is in UTF-16"),
        ("XTD10/test_image_names.txt", f"{XTD_NAMES[0]}\n\n{XTD_NAMES[2]}\n", r"names\.txt: line 2: blank"),
    ],
)
def test_broken_files_are_named_with_the_line(xtd, name, text, words):
    write(xtd / name, text)
    with pytest.raises(CorpusError, match=words):
        datasets.xtd10(xtd)


def test_what_is_not_there(xtd, tmp_path):
    with pytest.raises(UnknownLanguage, match=r"has no 'sv'.*It has: .*ja"):
        datasets.xtd10(xtd, languages=["sv"])
    with pytest.raises(UnknownLanguage, match="Did you mean 'es'"):
        datasets.xtd10(xtd, languages="esp")
    with pytest.raises(CorpusError, match=r"no test_image_names\.txt.* in .*nowhere, which is no folder"):
        datasets.xtd10(tmp_path / "nowhere")
    with pytest.raises(CorpusError, match="no such folder"):
        datasets.xtd10(xtd, images=tmp_path / "nowhere")
    write(xtd / "XTD10" / "test_1kcaptions_qqq.txt", "1\n2\n3\n")
    with pytest.raises(UnknownLanguage, match=r"xtd.*'qqq'"):
        datasets.xtd10(xtd)


def test_missing_pictures(xtd, tmp_path):
    coco = paint(tmp_path / "coco", XTD_NAMES[0], XTD_NAMES[2])
    with pytest.raises(
        CorpusError, match=rf"names\.txt: line 2: no file {XTD_NAMES[1]}.*; 1 of the 3 pictures of XTD10"
    ):
        datasets.xtd10(xtd, images=coco)
    corpus = datasets.xtd10(xtd, images=coco, missing="leave_out")
    assert corpus.image_ids == (XTD_NAMES[0], XTD_NAMES[2])
    assert corpus.texts_of("en") == [("A cat.",), ("A flower.",)]
    assert problems(corpus)[0][:2] == ("test_image_names.txt", 2)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(CorpusError, match="3 of the 3"):
        datasets.xtd10(xtd, images=empty, missing="leave_out")
    with pytest.raises(UnsupportedOption, match="missing='skip'"):
        datasets.xtd10(xtd, images=coco, missing="skip")


# --- Crossmodal-3600 -----------------------------------------------------------------------------------------------


def xm_record(key: str, locale: str, **captions: list[str]) -> dict:
    """A line of captions.jsonl, with the tokens that stand beside the captions."""
    languages = {
        code: {
            "caption": texts,
            "caption/tokenized": [text.replace(".", " .") for text in texts],
            "caption/tokenized/lowercase": [text.lower().replace(".", " .") for text in texts],
        }
        for code, texts in captions.items()
    }
    return {"image/key": key, "image/locale": locale, **languages}


XM = [
    xm_record("000411001ff7dd4f", "te", en=["A bus.", "A red bus."], sv=["En buss."], quz=["Huk karru"]),
    xm_record("000adfe5b817011c", "sv", en=["A lake."], sv=["En sjö.", "Vatten."], quz=["Qucha"]),
]


def lines(records: list[dict]) -> str:
    return "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)


def test_xm3600(tmp_path):
    path = write(tmp_path / "captions.jsonl", lines(XM))
    paint(tmp_path / "images", "000411001ff7dd4f.jpg", "000adfe5b817011c.jpg")
    corpus = datasets.xm3600(tmp_path, images=tmp_path)
    assert corpus.image_ids == ("000411001ff7dd4f", "000adfe5b817011c")
    assert corpus.languages == ("en", "sv", "qu")
    assert corpus.texts_of("sv") == [("En buss.",), ("En sjö.", "Vatten.")]
    assert Path(corpus.images[1]).name == "000adfe5b817011c.jpg"
    assert datasets.xm3600(path, languages="quz").captions == {"qu": ("Huk karru", "Qucha")}
    assert datasets.xm3600(path, locales=["sv"]).image_ids == ("000adfe5b817011c",)
    with pytest.raises(CorpusError, match="no picture from de"):
        datasets.xm3600(path, locales="de")
    with pytest.raises(UnknownLanguage, match="has no 'de'"):
        datasets.xm3600(path, languages="de")


def test_xm3600_with_gaps_and_twice_the_same_picture(tmp_path):
    second = xm_record("000adfe5b817011c", "sv", en=["A lake.", ""])
    write(tmp_path / "captions.jsonl", lines([XM[0], second, second]))
    corpus = datasets.xm3600(tmp_path)
    assert corpus.missing.values.tolist() == [["sv", 1, ("000adfe5b817011c",)], ["qu", 1, ("000adfe5b817011c",)]]
    assert corpus.texts_of("en")[1] == ("A lake.", "A lake.")
    assert [(where, line) for where, line, _ in problems(corpus)] == [("captions.jsonl", n) for n in (2, 3, 3)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (lines(XM[:1]) + "{\n", "line 2: no JSON"),
        (lines(XM[:1]) + '["a"]\n', "line 2: expected an object with 'image/key'"),
        ('{"image/key": "a", "en": ["A bus."]}\n', "line 1: 'en' has no list of texts under 'caption'"),
        ('{"image/key": "a", "en": {"caption": "A bus."}}\n', "line 1: 'en' has no list of texts"),
        (lines(XM).encode("utf-16"), "line 1: the file is in UTF-16"),
        ("", "no pictures|no captions"),
    ],
)
def test_xm3600_in_another_layout(tmp_path, text, words):
    write(tmp_path / "captions.jsonl", text)
    with pytest.raises(CorpusError, match=words):
        datasets.xm3600(tmp_path)


# --- Multi30k ------------------------------------------------------------------------------------------------------


@pytest.fixture
def multi30k(tmp_path):
    task1, task2 = tmp_path / "data" / "task1", tmp_path / "data" / "task2"
    write(task1 / "image_splits" / "test_2016_flickr.txt", "1007129816.jpg\n1009434119.jpg\n")
    write(task1 / "image_splits" / "test_2017_mscoco.txt", "COCO_val2014_000000398076.jpg#657409\n")
    for code, text in {"en": "A man.\nA dog.\n", "de": "Ein Mann.\nEin Hund.\n", "cs": "Muž.\nPes.\n"}.items():
        write(task1 / "raw" / f"test_2016_flickr.{code}.gz", text)
    write(task1 / "raw" / "test_2017_mscoco.en.gz", "A bench.\n")
    write(task2 / "image_splits" / "train_images.txt", "1000092795.jpg\n10002456.jpg\n")
    for number in range(1, 6):
        for code in ("en", "de"):
            write(task2 / "raw" / f"train.{number}.{code}.gz", f"{code}{number} one\n{code}{number} two\n")
    return tmp_path


def test_multi30k(multi30k, tmp_path):
    images = paint(tmp_path / "flickr" / "flickr30k-images", "1007129816.jpg", "1009434119.jpg").parent
    corpus = datasets.multi30k(multi30k, images)
    assert corpus.image_ids == ("1007129816.jpg", "1009434119.jpg")
    assert corpus.table().loc["1009434119.jpg"].to_dict() == {"cs": "Pes.", "de": "Ein Hund.", "en": "A dog."}
    assert [Path(path).name for path in corpus.images] == list(corpus.image_ids)
    coco = datasets.multi30k(multi30k / "data" / "task1", split="test_2017_mscoco")
    assert coco.image_ids == ("COCO_val2014_000000398076.jpg",)


def test_multi30k_descriptions(multi30k):
    corpus = datasets.multi30k(multi30k, task=2, split="train", languages=["en", "de"])
    assert corpus.texts_of("de") == [tuple(f"de{n} {word}" for n in range(1, 6)) for word in ("one", "two")]
    assert len(corpus.pairs("en", "de", combinations=True).images) == 50


def test_multi30k_unpacked_and_broken(multi30k):
    raw = multi30k / "data" / "task1" / "raw"
    write(raw / "test_2016_flickr.fr", "Un homme.\nUn chien.\n")
    assert datasets.multi30k(multi30k).captions["fr"] == ("Un homme.", "Un chien.")
    write(raw / "test_2016_flickr.de.gz", "Ein Mann.\n")
    with pytest.raises(CorpusError, match=r"flickr\.de\.gz: line 2 is missing: 1 captions for the 2"):
        datasets.multi30k(multi30k)
    (raw / "test_2016_flickr.de.gz").write_bytes(b"\x1f\x8b broken")
    with pytest.raises(CorpusError, match=r"flickr\.de\.gz: cannot be read"):
        datasets.multi30k(multi30k)
    with pytest.raises(CorpusError, match=r"no split 'test_2016'.*Did you mean 'test_2016_flickr'"):
        datasets.multi30k(multi30k, split="test_2016")
    with pytest.raises(UnsupportedOption, match="task=3"):
        datasets.multi30k(multi30k, task=3)
    with pytest.raises(CorpusError, match="no folder"):
        datasets.multi30k(raw)


# --- Flickr30k-CN, COCO-CN -----------------------------------------------------------------------------------------

CN_TEST = "1007129816.jpg#0\t一个男人\n1007129816.jpg#1\t戴帽子的男人\n1009434119.jpg#0\t一只 狗\n"
CNA_TRAIN = "6228559981\t一个孩子跑过喷泉。\n6228559981\t一个男孩在水上公园玩。\n6244908705\t他正骑着自行车。\n"
SEGMENTED = "3385593926#zhm#0 五:m 个:q 人:n\n3385593926#zhm#1 他们:r 笑:v\n"
TOKEN = "1007129816.jpg#0\tA man .\n1009434119.jpg#0\tA dog .\n999.jpg#0\tElsewhere .\n"


def test_flickr30k_cn(tmp_path):
    path = write(tmp_path / "flickr30k_cn_test.txt", CN_TEST)
    english = write(tmp_path / "results_20130124.token", TOKEN)
    paint(tmp_path / "flickr30k-images", "1007129816.jpg", "1009434119.jpg")
    corpus = datasets.flickr30k_cn(path, tmp_path, english=english)
    assert corpus.image_ids == ("1007129816", "1009434119")
    assert corpus.texts_of("zh") == [("一个男人", "戴帽子的男人"), ("一只 狗",)]
    assert corpus.texts_of("en") == [("A man .",), ("A dog .",)]
    assert Path(corpus.images[0]).name == "1007129816.jpg"
    assert problems(corpus) == [
        (english.name, None, "1 captions in en of pictures that the corpus does not have are left out")
    ]


def test_other_editions_of_flickr30k_cn(tmp_path):
    train = write(tmp_path / "flickr30k_cna_train.txt", CNA_TRAIN)
    test = write(tmp_path / "seg.flickr30kzhmbosontest.caption.txt", SEGMENTED)
    corpus = datasets.flickr30k_cn([train, test])
    assert corpus.texts_of("zh") == [
        ("一个孩子跑过喷泉。", "一个男孩在水上公园玩。"),
        ("他正骑着自行车。",),
        ("五个人", "他们笑"),
    ]
    assert problems(corpus)[0][0] == test.name


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (CN_TEST + "a sentence that stands alone\n", "line 4: expected 'NAME.jpg#0<tab>caption', got 'a sentence"),
        (CN_TEST + "nothing\n", "line 4"),
        (CN_TEST.encode("gb18030"), "line 1: not UTF-8"),
    ],
)
def test_lines_that_are_no_captions(tmp_path, text, words):
    path = write(tmp_path / "flickr30k_cn_test.txt", text)
    with pytest.raises(CorpusError, match=f"test.txt: {words}"):
        datasets.flickr30k_cn(path)


def test_captions_without_text_are_noted(tmp_path):
    path = write(tmp_path / "test.txt", CN_TEST + "1007129816.jpg#2\t\n\n1007129816.jpg#3\n")
    assert [(line, what[:5]) for _, line, what in problems(datasets.flickr30k_cn(path))] == [
        (4, "blank"),
        (5, "blank"),
        (6, "blank"),
    ]


def test_coco_cn(tmp_path):
    folder = tmp_path / "coco-cn-version1805v1.1"
    one, two = "COCO_val2014_000000000042", "COCO_train2014_000000000101"
    write(folder / "coco-cn_test.txt", f"{one}\n{two}\n")
    write(folder / "coco-cn_val.txt", "COCO_val2014_000000000007\n")
    written = f"{two}#0\t城市夜景\n{one}#0\t一只猫\n{one}#1\t猫在睡觉\nCOCO_val2014_000000000007#0\t狗\n"
    write(folder / "imageid.human-written-caption.txt", written)
    write(folder / "imageid.manually-translated-caption.txt", f"{one}#0\t猫\n{one}#1\t小猫\n{two}#0\t夜\n")
    annotations = {
        "images": [{"id": 42, "file_name": f"{one}.jpg"}, {"id": 7, "file_name": "COCO_val2014_000000000007.jpg"}],
        "annotations": [
            {"image_id": 42, "id": 1, "caption": "A cat."},
            {"image_id": 42, "id": 2, "caption": "A sleeping cat.\n"},
            {"image_id": 7, "id": 3, "caption": "A dog."},
        ],
    }
    english = write(tmp_path / "captions_val2014.json", json.dumps(annotations))
    paint(tmp_path / "val2014", f"{one}.jpg")
    paint(tmp_path / "train2014", f"{two}.jpg")
    corpus = datasets.coco_cn(tmp_path, tmp_path, english=english)
    assert corpus.image_ids == (one, two)
    assert corpus.texts_of("zh") == [("一只猫", "猫在睡觉"), ("城市夜景",)]
    assert corpus.texts_of("en") == [("A cat.", "A sleeping cat."), ()]
    assert corpus.problems.empty
    assert [Path(path).parent.name for path in corpus.images] == ["val2014", "train2014"]
    assert datasets.coco_cn(folder, translated=True).texts_of("zh") == [("猫", "小猫"), ("夜",)]
    assert len(datasets.coco_cn(folder, split="val")) == 1
    with pytest.raises(CorpusError, match=r"no coco-cn_dev\.txt"):
        datasets.coco_cn(folder, split="dev")
    with pytest.raises(CorpusError, match=r"coco-cn_val\.txt: not COCO's captions"):
        datasets.coco_cn(folder, english=folder / "coco-cn_val.txt")


# --- Babel-ImageNet ------------------------------------------------------------------------------------------------


def babel(tmp_path, content) -> Path:
    return write(tmp_path / "babel_imagenet.json", json.dumps(content))


def test_babel_imagenet(tmp_path):
    content = {
        "FR": [[0, 1, 999], ["tanche", "poisson rouge", "papier"]],
        "ZH_YUE": [[1], ["金魚"]],
        "ALS": [[7], ["Güggel"]],
    }
    path = babel(tmp_path, content)
    corpus = datasets.babel_imagenet(path)
    assert corpus.languages == ("fr", "yue", "gsw")
    assert corpus.image_of["fr"] == (0, 1, 999)
    assert corpus.captions["fr"] == ("tanche", "poisson rouge", "papier")
    assert len(corpus) == 1000
    assert corpus.image_ids[999] == "999"
    names = datasets.classnames("imagenet-1k").names
    with_english = datasets.babel_imagenet(path, languages=["en", "yue"], english=names)
    assert with_english.languages == ("en", "yue")
    assert with_english.pairs("en", "yue").texts_a == (names[1],)
    with pytest.raises(UnknownLanguage, match="has no 'sv'"):
        datasets.babel_imagenet(path, languages="sv")
    with pytest.raises(CorpusError, match="english has 2 names"):
        datasets.babel_imagenet(path, english=["a", "b"])


def test_class_names_of_babel_imagenet_go_into_a_classification(tmp_path):
    from fakes import FakeClip

    import clipnb

    path = babel(tmp_path, {"DE": [[3, 5], ["rot", "grün"]]})
    corpus = datasets.babel_imagenet(path)
    pictures = [np.full((8, 8, 3), colour, np.uint8) for colour in ((0, 160, 0), (255, 0, 0))]
    found = clipnb.zero_shot(FakeClip(), pictures, corpus.captions["de"])
    assert [corpus.image_of["de"][column] for column in found.order[:, 0]] == [5, 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ({"FR": [[0, 1], ["tanche"]]}, "json: FR: .*same length.*got 2 and 1 entries"),
        ({"FR": ["tanche"]}, "json: FR: expected two lists"),
        ({"FR": [[1000], ["x"]]}, "json: FR: class 1000; expected a whole number from 0 to 999"),
        ({"FR": [[True], ["x"]]}, "class True"),
        ({"FR": [[3, 3], ["x", "y"]]}, "class 3 has two names"),
        ({"FR": [[3], [None]]}, "the name of class 3 is None"),
        ([], "expected an object"),
        ({"JA": [[1], ["a"]], "JPN": [[1], ["a"]]}, "both mean 'ja'"),
    ],
)
def test_babel_imagenet_in_another_layout(tmp_path, content, words):
    with pytest.raises(CorpusError, match=words):
        datasets.babel_imagenet(babel(tmp_path, content))


def test_names_that_stand_for_two_classes_are_noted(tmp_path):
    corpus = datasets.babel_imagenet(babel(tmp_path, {"FR": [[5, 8, 9], ["missile", "missile", " "]]}))
    assert corpus.captions["fr"] == ("missile", "missile")
    assert [what for _, _, what in problems(corpus)] == [
        "fr: classes 5 and 8 are both called 'missile'",
        "blank: a caption in fr of 9 is left out",
    ]


# --- any table -----------------------------------------------------------------------------------------------------

FRAME = pd.DataFrame(
    {
        "file": ["a.png", "b.png", "a.png"],
        "en": ["a cat", "a dog", "it sleeps"],
        "caption_sv": ["en katt", None, 'den "sover", djupt'],
        "score": [0.1, 0.2, 0.3],
    }
)
WANTED = {"en": "en", "sv": "caption_sv"}


def check(corpus) -> None:
    assert corpus.languages == ("en", "sv")
    assert corpus.texts_of("en") == [("a cat", "it sleeps"), ("a dog",)]
    assert corpus.texts_of("sv") == [("en katt", 'den "sover", djupt'), ()]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet"])
def test_tables_in_files(tmp_path, suffix):
    path = tmp_path / f"table.{suffix}"
    if suffix == "parquet":
        FRAME.to_parquet(path)
    else:
        FRAME.to_csv(path, index=False, sep="," if suffix == "csv" else "\t")
    paint(tmp_path, "a.png", "b.png")
    corpus = datasets.parallel_table(path, WANTED, image_column="file")
    check(corpus)
    assert corpus.name == "table"
    assert [np.asarray(Image.open(path)).max() for path in corpus.images] == [0, 1]
    blank = problems(corpus)
    assert [(line, what[:5]) for _, line, what in blank] == ([] if suffix == "parquet" else [(3, "blank")])


@pytest.mark.parametrize("kind", ["frame", "nullable", "arrow", "hf"])
def test_tables_in_memory(kind):
    source = {
        "frame": FRAME,
        "nullable": FRAME.convert_dtypes(),
        "arrow": pa.Table.from_pandas(FRAME),
        "hf": hf.Dataset.from_pandas(FRAME),
    }[kind]
    corpus = datasets.parallel_table(source, WANTED, id_column="file")
    check(corpus)
    assert corpus.image_ids == ("a.png", "b.png")
    assert datasets.parallel_table(source).languages == ("en",)  # the only column called by a code
    rows = datasets.parallel_table(source, ["en"])
    assert rows.image_ids == ("0", "1", "2")


def test_pictures_and_lists_in_cells():
    pictures = [Image.new("RGB", (4, 4), (value,) * 3) for value in (0, 9)]
    features = hf.Features({"image": hf.Image(), "en": hf.Sequence(hf.Value("string")), "sv": hf.Value("string")})
    cells = {"image": pictures, "en": [["one", "first"], []], "sv": ["ett", "två"]}
    for source in (hf.Dataset.from_dict(cells, features=features), pd.DataFrame(cells)):
        corpus = datasets.parallel_table(source, image_column="image")
        assert corpus.texts_of("en") == [("one", "first"), ()]
        assert [np.asarray(image).max() for image in corpus.images] == [0, 9]
        assert np.asarray(corpus.select(languages="sv", images=[1]).images[0]).max() == 9
    undecoded = hf.Dataset.from_dict(cells, features=features).cast_column("image", hf.Image(decode=False))
    assert isinstance(datasets.parallel_table(undecoded, image_column="image").images[1], bytes)


def test_quotes_and_ends_of_lines_in_fields(tmp_path):
    path = write(tmp_path / "t.csv", '\ufeffid,en,sv\r\n1,"a\r\nb",x\r\n2,"say ""hi""",y\r\n')
    corpus = datasets.parallel_table(path, id_column="id")
    pandas = pd.read_csv(path, dtype=str, encoding="utf-8-sig", lineterminator=None)
    assert corpus.captions["en"] == ("a\nb", 'say "hi"')
    assert corpus.image_ids == tuple(pandas["id"])
    free = write(tmp_path / "t.tsv", 'en\tsv\n"Hello, she said\tHej\n"Yes"\tJa\n')
    with pytest.raises(CorpusError, match="quoted=False"):
        datasets.parallel_table(free)
    assert datasets.parallel_table(free, quoted=False).captions["en"] == ('"Hello, she said', '"Yes"')


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("en,sv\na,b\nc\n", r"t\.csv: line 3: 1 fields, and the head has 2: en, sv"),
        ("en,sv\na,b,c\n", r"line 2: 3 fields"),
        ('en,sv\n"a\nb",c\nd\n', "line 4: 1 fields"),
        ("en,en\na,b\n", "line 1: two columns are called 'en'"),
        ("en,sv\n", "no rows below the head"),
        ("en,sv\na,b\n".encode("utf-16"), "UTF-16"),
        ("en,sv\na,ö\n".encode("latin-1"), "line 2: not UTF-8"),
        ("en,eng\na,b\n", "both mean 'en'"),
    ],
)
def test_ragged_tables_are_named_with_the_line(tmp_path, text, words):
    with pytest.raises(CorpusError, match=words):
        datasets.parallel_table(write(tmp_path / "t.csv", text))


def test_tables_that_cannot_be_read(tmp_path):
    with pytest.raises(UnknownColumn, match=r"no column 'caption_s'.*Did you mean 'caption_sv'"):
        datasets.parallel_table(FRAME, {"sv": "caption_s"})
    with pytest.raises(UnknownColumn, match="no column 'picture'"):
        datasets.parallel_table(FRAME, WANTED, image_column="picture")
    with pytest.raises(UnknownLanguage, match="'svx'"):
        datasets.parallel_table(FRAME, {"svx": "caption_sv"})
    with pytest.raises(UnknownLanguage, match="no column is called by the code of a language"):
        datasets.parallel_table(FRAME[["file", "score"]])
    with pytest.raises(UnknownLanguage, match="languages= is empty"):
        datasets.parallel_table(FRAME, {})
    with pytest.raises(CorpusError, match=r"line 1: 'score': the cell holds 0\.1"):
        datasets.parallel_table(FRAME, {"en": "score"})
    with pytest.raises(CorpusError, match=r"line 1: no file a\.png in .*2 of the 2"):
        datasets.parallel_table(FRAME, WANTED, image_column="file", images=tmp_path)
    twice = FRAME.assign(id=["x", "y", "x"], file=["a.png", "b.png", "c.png"])
    with pytest.raises(CorpusError, match=r"line 3: 'x' is 'c\.png' here, and 'a\.png' on line 1"):
        datasets.parallel_table(twice, WANTED, image_column="file", id_column="id")
    with pytest.raises(CorpusError, match="is an address"):
        datasets.parallel_table(FRAME.assign(file="https://example.org/a.png"), WANTED, image_column="file")
    with pytest.raises(CorpusError, match=r"line 2: 'file' holds (None|nan)"):
        datasets.parallel_table(FRAME.assign(file=["a", None, "b"]), WANTED, image_column="file")
    with pytest.raises(CorpusError, match="line 2: the cell in 'id' is empty"):
        datasets.parallel_table(FRAME.assign(id=["a", None, "b"]), WANTED, id_column="id")
    with pytest.raises(WrongType, match="one split"):
        datasets.parallel_table(hf.DatasetDict({"train": hf.Dataset.from_pandas(FRAME)}), WANTED)
    with pytest.raises(CorpusError, match=r"expected a \.csv, \.tsv or \.parquet"):
        datasets.parallel_table(tmp_path / "t.xlsx")
    with pytest.raises(CorpusError, match="not Parquet"):
        datasets.parallel_table(write(tmp_path / "t.parquet", "no"))
    with pytest.raises(CorpusError, match="no rows"):
        datasets.parallel_table(FRAME[:0], WANTED)


def test_an_empty_picture_is_named_when_it_is_asked_for():
    pictures = [Image.new("RGB", (4, 4)), None]
    corpus = datasets.parallel_table(pd.DataFrame({"image": pictures, "en": ["a", "b"]}), image_column="image")
    with pytest.raises(CorpusError, match="line 2: the cell of the picture is empty"):
        corpus.images[1]


def test_only_the_columns_that_are_needed_are_read(tmp_path):
    import pyarrow.parquet as pq

    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"en": ["a", "b"], "blob": [b"x" * 9, b"y" * 9]}), path, compression="none")
    other = pq.read_metadata(path).row_group(0).column(1)
    data = bytearray(path.read_bytes())
    start = min(filter(None, (other.dictionary_page_offset, other.data_page_offset)))
    data[start : start + other.total_compressed_size] = b"\xff" * other.total_compressed_size
    path.write_bytes(data)
    with pytest.raises(OSError, match="page header"):
        pq.read_table(path)
    assert datasets.parallel_table(path, ["en"]).captions["en"] == ("a", "b")


def test_readers_are_public_and_lazy():
    import clipnb.corpora

    for name in clipnb.corpora.__all__:
        assert getattr(datasets, name) is getattr(clipnb.corpora, name)
        assert name in datasets.__all__
    with pytest.raises(AttributeError, match="nonsense"):
        datasets.nonsense  # noqa: B018
