"""Test sets in the layouts of their makers, written here byte by byte as those describe them."""

from __future__ import annotations

import io
import json

import numpy as np
import pytest
from PIL import Image

from clipnb.errors import SourceError, UnknownColumn, UnknownLabel
from clipnb.images import read_image
from clipnb.reproducing.labelled import Names
from clipnb.reproducing.layouts import open_labelled
from clipnb.reproducing.published import find_set

WNIDS = ("n01440764", "n01443537", "n01484850", "n01491361")
FISH = Names(("tench", "goldfish", "great white shark", "tiger shark"), WNIDS)
IMAGENET, CIFAR10, CIFAR100, FOOD = (find_set(name) for name in ("imagenet", "cifar10", "cifar100", "food101"))
TEN = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def colour(number):
    """A colour of its own for every picture, that JPEG does not blur into another's."""
    return (20 * (number % 12) + 10, 20 * (number // 12 % 12) + 10, 90)


def jpeg(number):
    buffer = io.BytesIO()
    Image.new("RGB", (24, 24), colour(number)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write(path, number):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(jpeg(number))


def seen(labelled, positions=None):
    """Which picture lies at each position, found out from its colour."""
    positions = np.arange(len(labelled)) if positions is None else np.asarray(positions)
    numbers = {}
    for (name, picture), position in zip(labelled.read(positions), positions, strict=True):
        red, green, _ = np.asarray(read_image(picture)).reshape(-1, 3).mean(axis=0)
        numbers[int(position)] = (round((red - 10) / 20) + 12 * round((green - 10) / 20), name)
    return numbers


# ImageNet: folders by WordNet id


@pytest.mark.parametrize("below", ["", "val", "validation"])
def test_class_folders_by_wordnet_id(tmp_path, below):
    for i, wnid in enumerate(WNIDS):
        for j in range(2):
            write(tmp_path / below / wnid / f"ILSVRC2012_val_{2 * i + j + 1:08}.JPEG", 2 * i + j)
    (tmp_path / "notes.txt").write_text("no picture")
    found = open_labelled(IMAGENET, FISH, tmp_path)
    assert found.layout == "class folders"
    assert found.truth.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [number for number, _ in seen(found).values()] == list(range(8))
    assert seen(found)[3][1] == "n01443537/ILSVRC2012_val_00000004.JPEG"
    assert list(seen(found, [1, 6])) == [1, 6]


def test_class_folders_by_name_whatever_the_spelling(tmp_path):
    write(tmp_path / "Great_White_Shark" / "a.jpg", 5)
    write(tmp_path / "tench" / "b.jpg", 6)
    assert sorted(open_labelled(IMAGENET, FISH, tmp_path).truth.tolist()) == [0, 2]


def test_a_folder_that_is_no_class_is_named(tmp_path):
    write(tmp_path / "n01440764" / "a.jpg", 1)
    write(tmp_path / "n99999999" / "b.jpg", 2)
    with pytest.raises(UnknownLabel, match="n99999999"):
        open_labelled(IMAGENET, FISH, tmp_path)


# ImageNet: one folder, and the answers elsewhere


def flat(folder, numbers=(1, 2, 3, 4, 5)):
    for number in numbers:
        write(folder / f"ILSVRC2012_val_{number:08}.JPEG", number)


def devkit(folder, truth):
    """The devkit's data folder: its numbers from 1, in an order of its own, with a parent synset after the leaves."""
    from scipy.io import savemat

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ILSVRC2012_validation_ground_truth.txt").write_text("".join(f"{n}\n" for n in truth))
    fields = [("ILSVRC2012_ID", "O"), ("WNID", "O"), ("words", "O"), ("gloss", "O"), ("num_children", "O")]
    order = ("n01491361", "n01440764", "n01484850", "n01443537")
    rows = [(i + 1, wnid, "words", "gloss", 0) for i, wnid in enumerate(order)] + [(5, "n00000001", "fish", "", 4)]
    savemat(folder / "meta.mat", {"synsets": np.array(rows, dtype=fields).reshape(-1, 1)})


@pytest.mark.parametrize("place", ["", "data", "ILSVRC2012_devkit_t12/data"])
def test_the_devkits_own_numbers(tmp_path, place):
    flat(tmp_path)
    devkit(tmp_path / place, [2, 4, 3, 1, 2])
    found = open_labelled(IMAGENET, FISH, tmp_path)
    assert found.layout == "ImageNet as downloaded"
    assert found.truth.tolist() == [0, 1, 2, 3, 0]
    assert [number for number, _ in seen(found).values()] == [1, 2, 3, 4, 5]


def test_answers_go_by_the_number_in_the_name_not_by_the_position(tmp_path):
    flat(tmp_path / "val", [2, 4])
    devkit(tmp_path, [1, 1, 1, 2, 1])
    assert open_labelled(IMAGENET, FISH, tmp_path).truth.tolist() == [3, 0]


def test_the_devkits_numbers_need_their_list(tmp_path):
    flat(tmp_path)
    devkit(tmp_path, [2, 4, 3, 1, 2])
    (tmp_path / "meta.mat").unlink()
    with pytest.raises(SourceError, match=r"meta\.mat"):
        open_labelled(IMAGENET, FISH, tmp_path)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "LOC_val_solution.csv",
            "ImageId,PredictionString\n"
            "ILSVRC2012_val_00000003,n01484850 1 2 3 4 \n"
            "ILSVRC2012_val_00000001,n01440764 111 108 441 193 n01440764 1 2 3 4\n"
            "ILSVRC2012_val_00000002,n01443537 5 6 7 8\n",
        ),
        (
            "val.txt",
            "ILSVRC2012_val_00000001.JPEG 0\nILSVRC2012_val_00000002.JPEG 1\nILSVRC2012_val_00000003.JPEG 2\n",
        ),
        (
            "val.csv",
            "file,label\nILSVRC2012_val_00000001.JPEG,n01440764\nILSVRC2012_val_00000002.JPEG,n01443537\n"
            "ILSVRC2012_val_00000003.JPEG,n01484850\n",
        ),
        ("imagenet_2012_validation_synset_labels.txt", "n01440764\nn01443537\nn01484850\n"),
    ],
)
def test_other_lists_of_answers(tmp_path, name, text):
    flat(tmp_path, [1, 2, 3])
    (tmp_path / name).write_text(text)
    assert open_labelled(IMAGENET, FISH, tmp_path).truth.tolist() == [0, 1, 2]


def test_a_list_may_lie_anywhere(tmp_path):
    flat(tmp_path / "pictures", [1])
    (tmp_path / "mine.txt").write_text("ILSVRC2012_val_00000001.JPEG n01491361")
    answers = tmp_path / "mine.txt"
    assert open_labelled(IMAGENET, FISH, tmp_path / "pictures", answers).truth.tolist() == [3]
    with pytest.raises(SourceError, match=r"nowhere\.txt"):
        open_labelled(IMAGENET, FISH, tmp_path / "pictures", tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    ("text", "error", "words"),
    [
        (None, SourceError, "nothing says what they show"),
        ("", SourceError, "empty"),
        ("n01440764\n", SourceError, "nothing about ILSVRC2012_val_00000002"),
        ("n01440764\nn77777777\n", UnknownLabel, "line 2.*n77777777"),
        ("a.JPEG 0\nb.JPEG 1\n", SourceError, "row 1: 'a.JPEG'"),
        ("ILSVRC2012_val_00000001.JPEG 0\nILSVRC2012_val_00000002.JPEG 1000\n", UnknownLabel, "row 2: class 1000 of 4"),
        ("ILSVRC2012_val_00000001.JPEG 0\nILSVRC2012_val_00000002.JPEG\n", SourceError, "row 2.*no class"),
    ],
)
def test_answers_that_do_not_fit_are_named(tmp_path, text, error, words):
    flat(tmp_path, [1, 2])
    if text is not None:
        (tmp_path / "val.txt").write_text(text)
    with pytest.raises(error, match=words):
        open_labelled(IMAGENET, FISH, tmp_path)


# CIFAR


@pytest.mark.parametrize("folder", ["", "cifar-10-batches-bin"])
@pytest.mark.parametrize("listed", [True, False])
def test_cifar_10(tmp_path, folder, listed):
    place = tmp_path / folder
    place.mkdir(exist_ok=True)
    labels = [3, 8, 0, 9]
    planes = [np.repeat(np.array(colour(n), dtype=np.uint8), 1024) for n in range(4)]
    records = [bytes([label]) + plane.tobytes() for label, plane in zip(labels, planes, strict=True)]
    (place / "test_batch.bin").write_bytes(b"".join(records))
    if listed:
        (place / "batches.meta.txt").write_text("\n".join(TEN) + "\n\n")
    found = open_labelled(CIFAR10, Names(TEN), tmp_path)
    assert found.layout == "CIFAR binary"
    assert found.truth.tolist() == labels
    assert [number for number, _ in seen(found).values()] == [0, 1, 2, 3]


def test_cifar_pictures_are_upright(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    (tmp_path / "test_batch.bin").write_bytes(b"\x01" + picture.transpose(2, 0, 1).tobytes())
    ((_, pixels),) = open_labelled(CIFAR10, Names(TEN), tmp_path).read(np.array([0]))
    np.testing.assert_array_equal(pixels, picture)


def test_cifar_100_has_the_superclass_first(tmp_path):
    names = [f"a_{i}" for i in range(100)]
    (tmp_path / "test.bin").write_bytes(b"".join(bytes([19, fine]) + bytes(3072) for fine in (7, 99)))
    (tmp_path / "fine_label_names.txt").write_text("\n".join(names))
    assert open_labelled(CIFAR100, Names([name.replace("_", " ") for name in names]), tmp_path).truth.tolist() == [
        7,
        99,
    ]


def test_the_names_beside_the_pictures_decide_the_order(tmp_path):
    (tmp_path / "test_batch.bin").write_bytes(bytes([0]) + bytes(3072))
    (tmp_path / "batches.meta.txt").write_text("\n".join(reversed(TEN)))
    assert open_labelled(CIFAR10, Names(TEN), tmp_path).truth.tolist() == [9]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "0 bytes"),
        (bytes(3072), "cut short"),
        (bytes([10]) + bytes(3072), "class 10 of 10"),
    ],
)
def test_a_damaged_cifar_file_is_named(tmp_path, content, words):
    (tmp_path / "test_batch.bin").write_bytes(content)
    with pytest.raises(SourceError, match=rf"test_batch\.bin.*{words}"):
        open_labelled(CIFAR10, Names(TEN), tmp_path)


def test_pickles_are_not_read(tmp_path):
    (tmp_path / "cifar-10-batches-py").mkdir()
    (tmp_path / "cifar-10-batches-py" / "test_batch").write_bytes(b"\x80\x02}q\x00.")
    with pytest.raises(SourceError, match="take the binary version"):
        open_labelled(CIFAR10, Names(TEN), tmp_path)


# Food-101


def test_food_101(tmp_path):
    root = tmp_path / "food-101"
    for number, picture in enumerate(("apple_pie/1", "apple_pie/2", "fish_and_chips/3", "fish_and_chips/4")):
        write(root / "images" / f"{picture}.jpg", number)
    (root / "meta").mkdir()
    (root / "meta" / "train.txt").write_text("apple_pie/1\nfish_and_chips/3\n")
    (root / "meta" / "test.txt").write_text("apple_pie/2\nfish_and_chips/4\n")
    found = open_labelled(FOOD, Names(("apple pie", "fish and chips")), tmp_path)
    assert found.layout == "Food-101"
    assert found.truth.tolist() == [0, 1]
    assert [number for number, _ in seen(found).values()] == [1, 3]
    with pytest.raises(UnknownLabel, match=r"line 2.*fish_and_chips"):
        open_labelled(FOOD, Names(("apple pie", "sushi")), tmp_path)


# Parquet of the Hub


def parquet(path, cells, *, names=None, image="image", label="label"):
    """As `datasets` writes it: a struct of bytes and path, and the features in the schema's metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    pictures = [{"bytes": jpeg(number), "path": f"{number}.jpg"} for number, _ in cells]
    table = pa.table({image: pictures, label: [cell for _, cell in cells]})
    if names is not None:
        feature = {"_type": "ClassLabel", "names": list(names)}
        about = {"info": {"features": {image: {"_type": "Image"}, label: feature}}}
        table = table.replace_schema_metadata({"huggingface": json.dumps(about)})
    pq.write_table(table, path, row_group_size=2)


def test_parquet_of_several_files_and_only_the_test_split(tmp_path):
    parquet(tmp_path / "data" / "train-00000-of-00001.parquet", [(50, 0)])
    parquet(tmp_path / "data" / "validation-00000-of-00002.parquet", [(1, 0), (2, 3), (3, 2)])
    parquet(tmp_path / "data" / "validation-00001-of-00002.parquet", [(4, 1), (5, 1)])
    found = open_labelled(IMAGENET, FISH, tmp_path)
    assert found.layout == "Parquet"
    assert found.truth.tolist() == [0, 3, 2, 1, 1]
    assert [number for number, _ in seen(found).values()] == [1, 2, 3, 4, 5]
    assert [number for number, _ in seen(found, [2, 4]).values()] == [3, 5]
    assert seen(found)[4][1] == "validation-00001-of-00002.parquet/1"


def test_the_files_own_names_decide_the_order(tmp_path):
    parquet(tmp_path / "test-0.parquet", [(1, 0), (2, 9)], names=reversed(TEN), image="img")
    assert open_labelled(CIFAR10, Names(TEN), tmp_path).truth.tolist() == [9, 0]


def test_names_spelt_otherwise_leave_the_order(tmp_path):
    theirs = ["tench, Tinca tinca", "goldfish, Carassius auratus", "great white shark, white shark", "tiger shark"]
    parquet(tmp_path / "validation.parquet", [(1, 3), (2, 0)], names=theirs)
    assert open_labelled(IMAGENET, FISH, tmp_path).truth.tolist() == [3, 0]
    assert open_labelled(IMAGENET, FISH, tmp_path / "validation.parquet").truth.tolist() == [3, 0]


@pytest.mark.parametrize(
    ("cells", "more", "error", "words"),
    [
        ([(1, -1)], {}, UnknownLabel, "row 0: class -1 .*without its labels"),
        ([(1, 4)], {}, UnknownLabel, "class 4 of 4"),
        ([(1, None)], {}, SourceError, "row 0: the class is None"),
        ([(1, 0)], {"label": "colour"}, UnknownColumn, "no column 'label'"),
        ([(1, 0)], {"names": ["a", "b"]}, SourceError, "2 classes, expected 4"),
    ],
)
def test_parquet_that_does_not_fit_is_named(tmp_path, cells, more, error, words):
    parquet(tmp_path / "validation.parquet", cells, **more)
    with pytest.raises(error, match=words):
        open_labelled(IMAGENET, FISH, tmp_path)


def test_parquet_that_is_none_is_named(tmp_path):
    (tmp_path / "validation.parquet").write_text("not really")
    with pytest.raises(SourceError, match=r"validation\.parquet: not Parquet"):
        open_labelled(IMAGENET, FISH, tmp_path)


def test_a_folder_in_no_layout_says_what_was_looked_for(tmp_path):
    (tmp_path / "holiday").mkdir()
    write(tmp_path / "holiday" / "a.jpg", 1)
    with pytest.raises(SourceError, match=r"WordNet id.*ILSVRC2012_val.*Parquet.*image-net\.org"):
        open_labelled(IMAGENET, FISH, tmp_path)
    with pytest.raises(SourceError, match=r"test_batch\.bin.*cs\.toronto\.edu"):
        open_labelled(CIFAR10, Names(TEN), tmp_path)
