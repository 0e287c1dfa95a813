import clipnb
from clipnb.catalog import EMBEDDED, entries, suggest
from clipnb.datasets import emoji_languages

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
    "M-CLIP/XLM-Roberta-Large-Vit-B-32",
    "M-CLIP/XLM-Roberta-Large-Vit-L-14",
    "M-CLIP/XLM-Roberta-Large-Vit-B-16Plus",
    "M-CLIP/LABSE-Vit-L-14",
    "M-CLIP/M-BERT-Base-ViT-B",
    "sentence-transformers/clip-ViT-B-32-multilingual-v1",
    "IDEA-CCNL/Taiyi-CLIP-Roberta-102M-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-Roberta-large-326M-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-RoBERTa-102M-ViT-L-Chinese",
    "IDEA-CCNL/Taiyi-CLIP-RoBERTa-326M-ViT-H-Chinese",
]


def test_a_row_per_model():
    table = clipnb.list_models()
    assert set(NAMED) <= set(table.index)
    assert table.index.is_unique
    assert {"family", "languages", "dim", "parameters", "license", "image_tower", "loadable"} <= set(table.columns)
    assert table["dim"].drop(EMBEDDED).notna().all()
    assert table.loc[table.index.str.startswith("openai/clip"), "loadable"].all()


def test_pairings_point_to_models_of_the_same_width():
    for entry in entries().values():
        if entry.image_tower in entries():
            assert entries()[entry.image_tower].dim == entry.dim
        if entry.same_as:
            assert entries()[entry.same_as].loadable


def test_suggestions():
    assert "'ViT-B/32'" in suggest("vit-b-32")
    assert "IDEA-CCNL/Taiyi" in suggest("taiyi")
    assert suggest("RN50") == ""
    assert suggest("zzzzzzzz") == ""


def test_the_embedded_model_is_described_by_its_folder():
    entry = entries()[EMBEDDED]
    assert entry.loadable
    assert set(entry.languages) == set(emoji_languages())
    assert entry.megabytes <= 25
    assert min(entry.dim, entry.image_size, entry.parameters) > 0
