"""zero_shot() over folders, tables, archives and rows that exist, with the truth from wherever it stands."""

from __future__ import annotations

import io
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fakes import COLOURS, FakeClip
from PIL import Image

import clipnb
from clipnb.errors import (
    EmptyInput,
    InvalidEmbeddings,
    SourceError,
    UnknownColumn,
    UnknownLabel,
    UnknownLanguage,
    UnreadableImage,
    UnsupportedOption,
    WrongType,
)
from clipnb.zeroshot.labelling import folder_of

MODEL = FakeClip()
NAMES = ["red", "green", "blue"]


def png(name: str) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), COLOURS[name]).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two pictures a colour in folders of that name, one file that is no picture, and one that is broken."""
    root = tmp_path / "colours"
    for name in NAMES:
        (root / name).mkdir(parents=True)
        for i in range(2):
            (root / name / f"{i}.png").write_bytes(png(name))
    (root / "readme.md").write_text("not a picture")
    (root / "green" / "05 broken.png").write_bytes(png("green")[:40])
    return root


@pytest.fixture
def frame() -> pd.DataFrame:
    return pd.DataFrame({"image": [png(name) for name in NAMES], "colour": NAMES, "number": [0, 1, 2]})


def test_a_folder_with_a_broken_file_is_scored_and_the_file_named(folder):
    result = clipnb.zero_shot(MODEL, folder, NAMES, labels="folder")
    assert result.image_ids[:3] == ("blue/0.png", "blue/1.png", "green/0.png")
    assert result.labels == ("blue", "blue", "green", "green", "red", "red")
    assert result.metrics()["top1"] == 1
    assert result.errors["id"].tolist() == ["green/05 broken.png"]
    assert result.errors["position"].tolist() == [3]
    assert "05 broken.png" in result.notes[0]
    with pytest.raises(UnreadableImage, match="05 broken"):
        clipnb.zero_shot(MODEL, folder, NAMES, on_error="raise")


def test_a_list_of_labels_counts_the_broken_file_too(folder):
    listed = ["blue"] * 2 + ["green"] * 3 + ["red"] * 2
    assert clipnb.zero_shot(MODEL, folder, NAMES, labels=listed).metrics()["top1"] == 1
    with pytest.raises(UnknownLabel, match="6 labels for 7 images"):
        clipnb.zero_shot(MODEL, folder, NAMES, labels=listed[:-1])


def test_folders_may_be_called_by_keys_or_otherwise(folder, tmp_path):
    ways = [
        (["Red", "GREEN", "blue"], None),  # in any case
        (["rot", "grün", "أزرق"], {"red": "rot", "green": "grün", "blue": "أزرق"}),
    ]
    for names, mapped in ways:
        result = clipnb.zero_shot(MODEL, folder, names, labels="folder", label_names=mapped)
        assert result.labels == tuple(names[i] for i in (2, 2, 1, 1, 0, 0))
    (tmp_path / "c" / "light_red").mkdir(parents=True)
    (tmp_path / "c" / "light_red" / "a.png").write_bytes(png("red"))
    assert clipnb.zero_shot(MODEL, tmp_path / "c", ["light red", "blue"], labels="folder").labels == ("light red",)


def test_folders_that_are_no_class_are_named_before_anything_is_encoded(folder):
    model = FakeClip()
    with pytest.raises(UnknownLabel) as told:
        clipnb.zero_shot(model, folder, ["red", "greens", "grey"], labels="folder")
    assert "the folder of blue/0.png, 'blue', is not among the 3 class names" in str(told.value)
    assert "In all 5 of 7 labels do not match: 'green' (3), 'blue' (2)." in str(told.value)
    assert (model.text_calls, model.image_calls) == (0, 0)
    with pytest.raises(UnknownLabel, match=r"'green', is not among .* Did you mean 'greens'"):
        clipnb.zero_shot(model, folder / "green", ["greens"], labels=["green"] * 3)
    with pytest.raises(UnknownLabel, match=r"0\.png lies in no folder"):
        clipnb.zero_shot(model, folder / "red", ["red"], labels="folder")
    with pytest.raises(UnknownLabel, match=r"label_names maps 'x' to 'rad'.*Did you mean 'red'"):
        clipnb.zero_shot(model, folder, NAMES, labels="folder", label_names={"x": "rad"})


def test_globs_and_lists_of_paths_have_folders_too(folder):
    paths = sorted(folder.glob("*/[01].png"))
    for given in (paths, [str(path) for path in paths], f"{folder}/*/[01].png"):
        result = clipnb.zero_shot(MODEL, given, NAMES, labels="folder")
        assert result.labels == ("blue", "blue", "green", "green", "red", "red")
        assert result.predictions == list(result.labels)
    assert folder_of("a.png") is None
    assert folder_of("/a.png") is None
    assert folder_of("x/y/z.png") == "y"


def test_archives(folder, tmp_path):
    with zipfile.ZipFile(tmp_path / "c.zip", "w") as archive, tarfile.open(tmp_path / "c.tar", "w") as tar:
        for path in sorted(folder.rglob("*.png")):
            archive.write(path, path.relative_to(folder))
            tar.add(path, path.relative_to(folder))
    for name in ("c.zip", "c.tar"):
        result = clipnb.zero_shot(MODEL, tmp_path / name, NAMES, labels="folder")
        assert result.metrics()["top1"] == 1
        assert len(result) == 6
        assert "broken" in result.errors["id"][0]


def test_columns_of_tables(frame, tmp_path):
    frame.to_parquet(tmp_path / "t.parquet")
    (tmp_path / "many").mkdir()
    frame[:2].to_parquet(tmp_path / "many" / "a.parquet")
    frame[2:].to_parquet(tmp_path / "many" / "b.parquet")
    table = pa.Table.from_pandas(frame)
    for name in NAMES:
        (tmp_path / f"{name}.png").write_bytes(png(name))
    listed = pd.DataFrame({"path": [f"{name}.png" for name in NAMES], "colour": NAMES, "number": [0, 1, 2]})
    listed.to_csv(tmp_path / "t.csv", index=False)
    sources = [
        frame,
        table,
        tmp_path / "t.parquet",
        tmp_path / "many",
        f"{tmp_path}/many/*.parquet",
        tmp_path / "t.csv",
    ]
    for source in sources:
        for column in ("colour", "number"):
            result = clipnb.zero_shot(MODEL, source, NAMES, labels=column)
            assert result.labels == tuple(NAMES)
            assert result.metrics()["top1"] == 1
    with pytest.raises(UnknownColumn, match=r"no column 'color'; it has .*Did you mean 'colour'"):
        clipnb.zero_shot(MODEL, frame, NAMES, labels="color")
    with pytest.raises(UnknownLabel, match="1 has no label"):
        clipnb.zero_shot(MODEL, frame.assign(colour=["red", None, "blue"]), NAMES, labels="colour")
    with pytest.raises(UnknownLabel, match="of 2, 7, is not among"):
        clipnb.zero_shot(MODEL, frame.assign(number=[0, 1, 7]), NAMES, labels="number")


def test_class_labels_of_hf_datasets_become_names(frame, tmp_path):
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=["blue", "red", "green"])}
    )
    rows = {"image": [{"bytes": png(name), "path": None} for name in NAMES], "label": [1, 2, 0]}
    dataset = datasets.Dataset.from_dict(rows, features=features)
    dataset.to_parquet(str(tmp_path / "hf.parquet"))
    for source in (dataset, tmp_path / "hf.parquet", pq.read_table(tmp_path / "hf.parquet")):
        result = clipnb.zero_shot(MODEL, source, NAMES, labels="label")
        assert result.labels == tuple(NAMES)
        assert result.metrics()["top1"] == 1


def test_a_mapping_from_ids(folder):
    truth = {f"{name}/{i}.png": name for name in NAMES for i in range(2)} | {"green/05 broken.png": "green"}
    result = clipnb.zero_shot(MODEL, folder, NAMES, labels=truth)
    assert result.metrics()["top1"] == 1
    assert not any("not here" in note for note in result.notes)  # the broken picture is
    result = clipnb.zero_shot(MODEL, folder, NAMES, labels=truth | {"old.png": "red", "older.png": "no class"})
    assert result.notes[-1] == "labels of images that are not here: 2 of 9 ('old.png', 'older.png')"
    del truth["red/1.png"]
    with pytest.raises(UnknownLabel, match=r"1 of 7 images are not among the 6 keys of labels: 'red/1\.png'"):
        clipnb.zero_shot(MODEL, folder, NAMES, labels=truth)
    result = clipnb.zero_shot(MODEL, [Image.new("RGB", (4, 4))], NAMES, labels={"x": "red"}, image_ids=["x"])
    assert result.labels == ("red",)


def test_whole_numbers_are_positions():
    pictures = [Image.new("RGB", (4, 4), COLOURS[name]) for name in NAMES]
    for labels in ([0, 1, 2], np.arange(3), pd.Series([0, 1, 2])):
        assert clipnb.zero_shot(MODEL, pictures, NAMES, labels=labels).labels == tuple(NAMES)
    with pytest.raises(UnknownLabel, match="image 1, -1"):
        clipnb.zero_shot(MODEL, pictures, NAMES, labels=[0, -1, 2])


def test_rows_that_exist_are_not_encoded_again(folder, tmp_path):
    model = FakeClip()
    rows = clipnb.embed(model, folder, progress=False)
    stored = clipnb.embed(model, folder, out=tmp_path / "rows", shard_rows=3, progress=False)
    calls = model.image_calls
    listed = ["blue"] * 2 + ["green"] * 3 + ["red"] * 2
    for given in (rows, stored):
        for labels in ("folder", listed, None):
            result = clipnb.zero_shot(model, given, NAMES, labels=labels)
            assert result.predictions == ["blue", "blue", "green", "green", "red", "red"]
            assert result.errors["id"].tolist() == ["green/05 broken.png"]
            assert labels is None or result.metrics()["top1"] == 1
    assert (
        clipnb.zero_shot(model, rows, NAMES, labels=["blue"] * 2 + ["green"] * 2 + ["red"] * 2).metrics()["top1"] == 1
    )
    assert model.image_calls == calls
    with pytest.raises(UnknownLabel, match="3 labels for 6 images"):
        clipnb.zero_shot(model, rows, NAMES, labels=NAMES)


def test_rows_of_another_model_are_refused():
    rows = np.eye(8, dtype=np.float32)[:3]
    with pytest.raises(InvalidEmbeddings, match=r"of the model 'other', .* 'fake/colours'"):
        clipnb.zero_shot(MODEL, clipnb.Embeddings(rows, model="other"), NAMES)
    with pytest.raises(InvalidEmbeddings, match="images: 3 columns; those of 'fake/colours' have 8"):
        clipnb.zero_shot(MODEL, clipnb.Embeddings(rows[:, :3] + 1), NAMES)
    with pytest.raises(InvalidEmbeddings, match="rows of texts"):
        clipnb.zero_shot(MODEL, clipnb.Embeddings(rows, modality="text"), NAMES)
    with pytest.raises(EmptyInput, match="images: none"):
        clipnb.zero_shot(MODEL, clipnb.Embeddings(rows)[:0], NAMES)


def test_an_emoji_set_brings_its_names_and_characters():
    emoji = clipnb.datasets.emoji(concepts=["🐱", "🐶", "🐧"])
    names = emoji.names["en"].tolist()
    result = clipnb.zero_shot(MODEL, emoji, names, labels="en")
    assert (result.image_ids, result.labels) == (emoji.emojis, tuple(names))
    german = clipnb.datasets.emoji(languages=["de"], concepts=["🐱", "🐶", "🐧"]).names["de"].tolist()
    assert clipnb.zero_shot(MODEL, emoji, german, labels="de").labels == tuple(german)
    with pytest.raises(UnknownLanguage, match="no emoji names in 'dee'"):
        clipnb.zero_shot(MODEL, emoji, names, labels="dee")


def test_a_list_may_record_instead_of_raise():
    pictures = [Image.new("RGB", (8, 8), COLOURS["red"]), b"broken", Image.new("RGB", (8, 8), COLOURS["blue"])]
    with pytest.raises(UnreadableImage, match="image 1"):
        clipnb.zero_shot(MODEL, pictures, NAMES)
    result = clipnb.zero_shot(MODEL, pictures, NAMES, labels=["red", "red", "blue"], on_error="record")
    assert result.image_ids == ("image 0", "image 2")
    assert result.labels == ("red", "blue")
    assert result.errors["id"].tolist() == ["image 1"]
    with pytest.raises(InvalidEmbeddings, match="none of the 1 items"):
        clipnb.zero_shot(MODEL, [b"broken"], NAMES, on_error="record")


@pytest.mark.parametrize("rows", [1, 3, 1000])
def test_the_streamed_form_is_the_dense_one_whatever_the_blocks(monkeypatch, rows):
    rng = np.random.default_rng(1)
    images = clipnb.Embeddings(rng.normal(size=(50, 8)))
    truth = [NAMES[i % 3] for i in range(50)]
    dense = clipnb.zero_shot(MODEL, images, [*NAMES, "stone", "tree"], labels=truth)
    monkeypatch.setattr("clipnb.zeroshot.scoring.BLOCK", 5 * rows)
    kept = clipnb.zero_shot(MODEL, images, [*NAMES, "stone", "tree"], labels=truth, keep=2, progress=True)
    assert (dense.dense, kept.dense, kept.kept) == (True, False, 2)
    pd.testing.assert_frame_equal(kept.top(2), dense.top(2))
    assert kept.metrics() == pytest.approx(dense.metrics(), abs=1e-6)
    again = clipnb.zero_shot(MODEL, images, [*NAMES, "stone", "tree"], dense=True)
    np.testing.assert_allclose(again.similarity, dense.similarity, atol=1e-6)
    monkeypatch.setattr("clipnb.zeroshot.scoring.DENSE", 249)
    assert clipnb.zero_shot(MODEL, images, [*NAMES, "stone", "tree"]).kept == 5  # ten, or as many as there are


def test_options_that_do_not_go_together(folder, frame, tmp_path):
    rows = clipnb.Embeddings(np.eye(8, dtype=np.float32))
    with pytest.raises(UnsupportedOption, match="image_ids="):
        clipnb.zero_shot(MODEL, folder, NAMES, image_ids=["a"])
    with pytest.raises(UnsupportedOption, match="column='x'"):
        clipnb.zero_shot(MODEL, rows, NAMES, column="x")
    with pytest.raises(UnsupportedOption, match="come from no table"):
        clipnb.zero_shot(MODEL, folder, NAMES, labels="colour")
    with pytest.raises(UnsupportedOption, match="keep=0"):
        clipnb.zero_shot(MODEL, rows, NAMES, keep=0)
    with pytest.raises(UnsupportedOption, match="on_error='ignore'"):
        clipnb.zero_shot(MODEL, rows, NAMES, on_error="ignore")
    with pytest.raises(SourceError, match="no such file"):
        clipnb.zero_shot(MODEL, tmp_path / "gone", NAMES)
    (tmp_path / "words.txt").write_text("a\nb")
    with pytest.raises(WrongType, match="holds texts"):
        clipnb.zero_shot(MODEL, tmp_path / "words.txt", NAMES)
    with pytest.raises(WrongType, match="labels is 7"):
        clipnb.zero_shot(MODEL, folder, NAMES, labels=7)


def test_folders_called_by_the_keys_of_a_set(tmp_path):
    classes = clipnb.datasets.classnames("imagenet-1k").take([0, 1, 2])
    for key in classes.keys:
        (tmp_path / key).mkdir()
        (tmp_path / key / "a.png").write_bytes(png("red"))
    result = clipnb.zero_shot(MODEL, tmp_path, classes, labels="folder")
    assert dict(zip((name[:9] for name in result.image_ids), result.labels, strict=True)) == classes.by_key
    (tmp_path / "n99999999").mkdir()
    (tmp_path / "n99999999" / "a.png").write_bytes(png("red"))
    with pytest.raises(UnknownLabel, match="'n99999999', is not among the 3 class names"):
        clipnb.zero_shot(MODEL, tmp_path, classes, labels="folder")


def test_a_set_of_classes_keeps_what_it_knows():
    result = clipnb.zero_shot(MODEL, [Image.new("RGB", (4, 4))], "cifar100", labels=[3])
    assert result.groups == clipnb.datasets.classnames("cifar100").groups
    assert len(result.groups) == 100
    assert result.labels == (clipnb.datasets.classnames("cifar100")[3],)
    assert clipnb.zero_shot(MODEL, [Image.new("RGB", (4, 4))], ["a"]).groups is None
