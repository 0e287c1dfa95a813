import json
import re

import numpy as np
import pytest

import clipnb
from clipnb import catalog, cli
from clipnb.catalog import EMBEDDED, entries, find, suggest
from clipnb.datasets import emoji_languages
from clipnb.errors import UnknownFamily, UnknownLanguage, WrongType

NAMED = [
    "openai/clip-vit-base-patch32",
    "openai/clip-vit-base-patch16",
    "openai/clip-vit-large-patch14",
    "openai/clip-vit-large-patch14-336",
    "RN50",
    "RN101",
    "RN50x4",
    "RN50x16",
    "RN50x64",
    "ViT-B/32",
    "ViT-B/16",
    "ViT-L/14",
    "ViT-L/14@336px",
    "ViT-B-16-plus-240/laion400m_e32",
    "ViT-H-14/laion2b_s32b_b79k",
    "M-CLIP/XLM-Roberta-Large-Vit-B-32",
    "M-CLIP/XLM-Roberta-Large-Vit-L-14",
    "M-CLIP/XLM-Roberta-Large-Vit-B-16Plus",
    "M-CLIP/LABSE-Vit-L-14",
    "M-CLIP/M-BERT-Base-ViT-B",
    "sentence-transformers/clip-ViT-B-32-multilingual-v1",
    "sentence-transformers/clip-ViT-B-32",
    "IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-Roberta-large-326M-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-RoBERTa-102M-ViT-L-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-RoBERTa-326M-ViT-H-Chinese",
]


def test_a_row_per_model():
    table = clipnb.list_models()
    assert set(NAMED) <= set(table.index)
    assert table.index.is_unique
    assert list(table.columns) == [
        *("family", "architecture", "languages", "dim", "image_size", "context_length", "parameters", "megabytes"),
        *("license", "image_tower", "repo", "note", "source"),
    ]
    assert table[["dim", "context_length", "parameters", "megabytes"]].notna().all(axis=None)
    assert table["image_size"].isna().equals(table["image_tower"] != "")
    assert (table[["architecture", "languages", "source"]] != "").all(axis=None)


def test_every_family_has_an_opener():
    from clipnb.models.families import _MODULES

    assert {entry.family for entry in entries().values()} <= set(_MODULES)


def test_pairings_point_to_models_of_the_same_width():
    paired = [entry for entry in entries().values() if entry.text_only]
    assert len(paired) == 10
    for entry in paired:
        tower = entries()[entry.image_tower]
        assert tower.dim == entry.dim
        assert tower.image_size
        assert not tower.text_only


def test_numbers_agree_with_each_other():
    for entry in entries().values():
        if entry.name not in (EMBEDDED, "jinaai/jina-clip-v2"):  # of which one holds a tokenizer, one half precision
            assert entry.megabytes == pytest.approx(4 * entry.parameters, rel=0.01), entry.name


def test_activations_that_the_files_do_not_say():
    """As open_clip's pretrained.py: QuickGELU for OpenAI's weights, GELU for LAION's."""
    for entry in entries().values():
        quick = entry.repo.startswith("timm/") and entry.repo.endswith(".openai")
        expected = ("quick_gelu" if quick else "gelu") if entry.family == "openai" else ""
        assert entry.activation == expected, entry.name


def test_codes_are_in_cldrs_form_and_stand_once():
    code = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?")
    for entry in entries().values():
        for codes in (entry.languages, entry.base_languages):
            assert all(code.fullmatch(item) for item in codes), entry.name
            assert len(codes) == len(set(codes)), entry.name
            assert not set(codes) & set(catalog.OTHER_CODES), entry.name
        assert entry.languages or entry.language_note


def test_published_counts_of_languages():
    counts = {
        "M-CLIP/XLM-Roberta-Large-Vit-L-14": (48, 93),
        "M-CLIP/LABSE-Vit-L-14": (48, 109),
        "M-CLIP/M-BERT-Base-ViT-B": (40, 0),
        "sentence-transformers/clip-ViT-B-32-multilingual-v1": (53, 0),
        "BAAI/AltCLIP-m9": (9, 0),
        "BAAI/AltCLIP-m18": (18, 0),
    }
    for name, (trained, base) in counts.items():
        assert (len(entries()[name].languages), len(entries()[name].base_languages)) == (trained, base), name


@pytest.mark.parametrize(
    ("filters", "some", "none"),
    [
        ({"family": "m-clip"}, "M-CLIP/LABSE-Vit-L-14", "M-CLIP/M-BERT-Base-ViT-B"),
        ({"language": "sw"}, "M-CLIP/LABSE-Vit-L-14", "openai/clip-vit-base-patch32"),
        ({"language": "ko"}, "M-CLIP/LABSE-Vit-L-14", "BAAI/AltCLIP"),
        ({"language": "tl"}, "M-CLIP/XLM-Roberta-Large-Vit-L-14", "BAAI/AltCLIP-m9"),
        ({"language": "zh_TW"}, "sentence-transformers/clip-ViT-B-32-multilingual-v1", "BAAI/AltCLIP"),
        ({"max_megabytes": 600}, "RN50", "RN50x4"),
        ({"max_megabytes": np.float32(600)}, "RN50", "RN50x4"),
        ({"text_only": True}, "M-CLIP/LABSE-Vit-L-14", "RN50"),
        ({"text_only": False}, "RN50", "M-CLIP/LABSE-Vit-L-14"),
        ({"search": "Chinese VIT-H"}, "OFA-Sys/chinese-clip-vit-huge-patch14", "RN50"),
    ],
)  # fmt: skip
def test_filters(filters, some, none):
    found = clipnb.list_models(**filters).index
    assert some in found
    assert none not in found


def test_filters_add_up_and_may_leave_nothing():
    both = clipnb.list_models(language="de", max_megabytes=1000)
    assert {"clipnb/emoji", "sentence-transformers/clip-ViT-B-32-multilingual-v1"} == set(both.index) - {
        "M-CLIP/M-BERT-Base-ViT-B"
    }
    nothing = clipnb.list_models(search="no such thing")
    assert nothing.empty
    assert list(nothing.columns) == list(both.columns)


@pytest.mark.parametrize(
    ("filters", "error", "said"),
    [
        ({"family": "openai-pt"}, UnknownFamily, r"family='openai-pt': .*Did you mean 'openai'.* There are align, "),
        ({"language": "german"}, UnknownLanguage, "language='german': .*codes are like 'de'"),
        ({"language": "xq"}, UnknownLanguage, "language='xq'"),
        ({"max_megabytes": "600"}, WrongType, "max_megabytes='600'"),
        ({"text_only": "yes"}, WrongType, "text_only='yes'"),
    ],
)
def test_unknown_values_of_filters_are_named(filters, error, said):
    with pytest.raises(error, match=said):
        clipnb.list_models(**filters)


@pytest.mark.parametrize(
    ("asked", "meant"),
    [
        ("vit-b-32", "ViT-B/32"),
        ("ViT-B-32", "ViT-B/32"),
        ("ViT-L-14-336px", "ViT-L/14@336px"),
        ("rn50X4", "RN50x4"),
        ("clip-vit-base-patch32", "openai/clip-vit-base-patch32"),
        ("OpenAI/CLIP-ViT-Base-Patch32", "openai/clip-vit-base-patch32"),
        ("xlm-roberta-large-vit-l-14", "M-CLIP/XLM-Roberta-Large-Vit-L-14"),
        ("labse", "M-CLIP/LABSE-Vit-L-14"),
        ("taiyi", "IDEA-CCNL/Taiyi-CLIP-RoBERTa-326M-ViT-H-Chinese"),
        ("M-CLIP/XLM-Roberta-Large-ViT-B-16-Plus", "M-CLIP/XLM-Roberta-Large-Vit-B-16Plus"),
        ("clip-ViT-B-32-multilingual-v1", "sentence-transformers/clip-ViT-B-32-multilingual-v1"),
        ("altclip", "BAAI/AltCLIP"),
        ("google/siglip-base-patch16-225", "google/siglip-base-patch16-224"),
    ],
)
def test_suggestions(asked, meant):
    assert repr(meant) in suggest(asked)


def test_no_suggestion():
    assert suggest("RN50") == ""
    assert suggest("zzzzzzzz") == ""


def test_a_repository_is_known_by_its_own_name_too():
    assert find("timm/resnet50_clip.openai") is entries()["RN50"]
    assert find("RN50").activation == "quick_gelu"
    assert find("somebody/some-clip") is None


def test_the_embedded_model_is_described_by_its_folder():
    entry = entries()[EMBEDDED]
    assert set(entry.languages) == set(emoji_languages())
    assert entry.megabytes <= 25
    assert min(entry.dim, entry.image_size, entry.context_length, entry.parameters) > 0


@pytest.mark.parametrize("width", [80, 110, 120, 140])
def test_the_terminal_shows_every_name_on_one_line(capsys, monkeypatch, width):
    monkeypatch.setenv("COLUMNS", str(width))
    assert cli.main(["models"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert max(map(len, shown)) <= width
    words = {word for line in shown for word in line.split()}
    assert set(entries()) <= words


def test_the_terminal_filters_and_gives_the_facts(capsys):
    filters = ["--language", "zh", "--max-megabytes", "500", "--text-only", "--search", "taiyi"]
    assert cli.main(["models", *filters, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["name"] for row in rows] == [
        "IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese",
        "IDEA-CCNL/Taiyi-CLIP-RoBERTa-102M-ViT-L-Chinese",
    ]
    assert rows[0]["languages"] == ["zh"]
    assert cli.main(["models", *filters, "--csv"]) == 0
    assert capsys.readouterr().out.startswith("name,family,")
    assert cli.main(["models", "--family", "cliq"]) == 2
    assert "Did you mean 'clip'" in capsys.readouterr().err
