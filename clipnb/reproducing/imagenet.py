"""ImageNet's validation pictures as they are downloaded: one folder of 50,000 files, and the answers elsewhere."""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clipnb.errors import SourceError
from clipnb.reproducing.labelled import Labelled, Names, from_files

__all__ = ["as_downloaded"]

FOLDERS = ("", "val", "validation", "ILSVRC2012_img_val", "ILSVRC/Data/CLS-LOC/val")
ANSWERS = (
    "ILSVRC2012_validation_ground_truth.txt",
    "data/ILSVRC2012_validation_ground_truth.txt",
    "ILSVRC2012_devkit_t12/data/ILSVRC2012_validation_ground_truth.txt",
    "LOC_val_solution.csv",
    "val.txt",
    "val.csv",
    "imagenet_2012_validation_synset_labels.txt",
)
NUMBERED = re.compile(r"ILSVRC2012_val_(\d{8})\.jpe?g", re.IGNORECASE)


def as_downloaded(data: Path, names: Names, truth: Path | None = None) -> Labelled | None:
    """The numbered files, and the classes that a list of answers gives them.

    Args:
        data: the folder with the pictures, or one above it.
        names: the classes, with their WordNet ids as keys.
        truth: the list of answers; default: looked for beside the pictures and above.

    Raises:
        SourceError: no answers are found, or one is missing.
    """
    for folder in FOLDERS:
        root = data / folder
        numbered = sorted((int(match[1]), file) for file, match in _numbered(root))
        if not numbered:
            continue
        answers = truth or _answers(data, root)
        classes = _read(answers, names)
        files = []
        for number, file in numbered:
            if number not in classes:
                raise SourceError(f"{answers}: nothing about {file.name}")
            files.append((file, classes[number]))
        return from_files("ImageNet as downloaded", root, files)
    return None


def _numbered(root: Path) -> list[tuple[Path, re.Match[str]]]:
    if not root.is_dir():
        return []
    found = ((file, NUMBERED.fullmatch(file.name)) for file in root.iterdir())
    return [(file, match) for file, match in found if match]


def _answers(data: Path, root: Path) -> Path:
    for folder in dict.fromkeys((data, root, data.parent, root.parent)):
        for name in ANSWERS:
            if (folder / name).is_file():
                return folder / name
    raise SourceError(
        f"{root}: the pictures are here, and nothing says what they show. Put the devkit's {ANSWERS[0]} and meta.mat "
        f"beside them, or Kaggle's LOC_val_solution.csv, or pass the file as truth="
    )


def _read(path: Path, names: Names) -> dict[int, int]:
    """The class of each picture, by the number in its file's name."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [row for line in file if line.strip() for row in csv.reader([line.strip()])]
    except (OSError, UnicodeDecodeError) as error:
        raise SourceError(f"{path}: cannot be read as lines of text ({error})") from error
    cells = [_cells(row) for row in rows]
    if cells and cells[0] and cells[0][0].casefold() in ("imageid", "image", "file", "filename", "file_name"):
        cells = cells[1:]
    if not cells:
        raise SourceError(f"{path}: empty")
    if all(len(row) == 1 for row in cells):
        return _one_a_line([row[0] for row in cells], path, names)
    short = [line for line, row in enumerate(cells, start=1) if len(row) < 2]
    if short:
        raise SourceError(f"{path}, row {short[0]}: {cells[short[0] - 1][0]!r} has no class")
    found = {}
    for line, (picture, label) in enumerate(cells, start=1):
        match = re.search(r"(\d{8})(?:\.\w+)?$", picture)
        if match is None:
            raise SourceError(f"{path}, row {line}: {picture!r} is no file of the validation set")
        where = f"{path}, row {line}"
        found[int(match[1])] = (
            names.checked(int(label), where) if label.lstrip("-").isdigit() else names.index(label, where)
        )
    return found


def _cells(row: list[str]) -> list[str]:
    """Of Kaggle's second column, ``n01751748 111 108 ...``, the first word; lines without commas split at spaces."""
    parts = [part.strip() for part in row] if len(row) > 1 else row[0].split()
    return [parts[0], parts[1].split()[0]] if len(parts) > 1 and parts[1] else parts[:1]


def _one_a_line(labels: list[str], path: Path, names: Names) -> dict[int, int]:
    """The k-th line speaks of picture k: a WordNet id, or the devkit's own number from 1 to 1000."""
    if all(label.isdigit() for label in labels):
        numbered = _devkit(path, names)
        missing = sorted({label for label in labels if int(label) not in numbered})
        if missing:
            raise SourceError(f"{path}: classes {', '.join(missing[:5])} are not in meta.mat")
        return {number: numbered[int(label)] for number, label in enumerate(labels, start=1)}
    return {number: names.index(label, f"{path}, line {number}") for number, label in enumerate(labels, start=1)}


def _devkit(path: Path, names: Names) -> Mapping[int, int]:
    """What the devkit's numbers mean. They follow neither the alphabet nor WordNet, so they need their list."""
    meta = path.with_name("meta.mat")
    if not meta.is_file():
        raise SourceError(
            f"{path}: the devkit's own numbers mean nothing without its meta.mat, which belongs into {path.parent}"
        )
    from scipy.io import loadmat

    try:
        synsets: Any = loadmat(meta, squeeze_me=True)["synsets"]
        rows = [(int(row["ILSVRC2012_ID"]), str(row["WNID"]), int(row["num_children"])) for row in synsets]
    except Exception as error:
        raise SourceError(f"{meta}: not the devkit's list of synsets ({error})") from error
    return {number: names.index(key, f"{meta}, {number}") for number, key, children in rows if not children}
