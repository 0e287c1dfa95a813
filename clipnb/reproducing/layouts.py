"""Finding out how a test set lies on disk; each layout is the one its makers or the Hub publish."""

from __future__ import annotations

import os
from pathlib import Path

from clipnb.errors import SourceError
from clipnb.reproducing import cifar, imagenet, parquet
from clipnb.reproducing.labelled import Labelled, Names, from_files
from clipnb.reproducing.published import TestSet
from clipnb.sources.items import IMAGE_SUFFIXES

__all__ = ["EXPECTED", "open_labelled"]

EXPECTED = {
    "class folders": "a folder for each class, called by its name or its WordNet id, with the pictures in it",
    "ImageNet as downloaded": "ILSVRC2012_val_00000001.JPEG to ..._00050000.JPEG in one folder, and beside them or in "
    "the folder above (or as truth=) what they show: the devkit's data/ILSVRC2012_validation_ground_truth.txt with its "
    "data/meta.mat, Kaggle's LOC_val_solution.csv, or lines of a file name and a WordNet id or a number from 0",
    "CIFAR binary": "the binary version, unpacked: test_batch.bin of CIFAR-10, test.bin of CIFAR-100",
    "Food-101": "food-101, unpacked: meta/test.txt and images/",
    "Parquet": "Parquet of the Hub, with columns image (or img) and label (or fine_label)",
}


def open_labelled(test: TestSet, names: Names, data: Path, truth: str | os.PathLike[str] | None = None) -> Labelled:
    """The pictures of a test set and their classes, in whichever of its layouts they lie.

    Raises:
        SourceError: in none of them, or a part is missing; says what was looked for.
        UnknownLabel: a file names a class that is not among ``names``.
    """
    if truth is not None and not Path(truth).is_file():
        raise SourceError(f"truth: {os.fspath(truth)}: no such file")
    for layout in test.layouts:
        if layout == "class folders":
            found = _class_folders(data, names, test.splits)
        elif layout == "ImageNet as downloaded":
            found = imagenet.as_downloaded(data, names, None if truth is None else Path(truth))
        elif layout == "CIFAR binary":
            found = cifar.binary(data, names)
        elif layout == "Food-101":
            found = _food(data, names)
        else:
            found = parquet.from_hub(data, names, test.splits)
        if found is not None:
            return found
    wanted = "; or ".join(EXPECTED[layout] for layout in test.layouts)
    raise SourceError(f"{data}: not {test.title} in a layout that is known here. Expected {wanted}. From: {test.get}")


def _class_folders(data: Path, names: Names, splits: tuple[str, ...]) -> Labelled | None:
    """``data/CLASS/*``, or the same below a folder called after the split."""
    for root in (*(data / split for split in splits), data):
        folders = [entry for entry in sorted(root.iterdir()) if entry.is_dir()] if root.is_dir() else []
        classes = [(folder, names.find(folder.name)) for folder in folders]
        if not any(index is not None for _, index in classes):
            continue
        files = []
        for folder, index in classes:
            inside = [file for file in sorted(folder.iterdir()) if file.suffix.lower() in IMAGE_SUFFIXES]
            if index is None and inside:  # pictures that would be left out in silence
                names.index(folder.name, os.fspath(folder))
            files += [(file, index) for file in inside if index is not None]
        return from_files("class folders", root, files)
    return None


def _food(data: Path, names: Names) -> Labelled | None:
    """The archive of Food-101: its list of the test pictures, one ``class/number`` a line."""
    for root in (data, data / "food-101"):
        listed = root / "meta" / "test.txt"
        if not listed.is_file():
            continue
        files = []
        for number, line in enumerate(listed.read_text(encoding="utf-8").split(), start=1):
            folder = line.rpartition("/")[0]
            files.append((root / "images" / f"{line}.jpg", names.index(folder, f"{listed}, line {number}")))
        return from_files("Food-101", root, files)
    return None
