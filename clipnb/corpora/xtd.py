"""XTD10: a thousand pictures of COCO with one caption in each of eleven languages."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipnb.corpora.gathering import Gathering, Missing, chosen_languages, codes_of
from clipnb.corpora.reading import Folders, PathLike, existing, read_lines
from clipnb.corpus import Corpus
from clipnb.errors import CorpusError

__all__ = ["COCO_FOLDERS", "xtd10"]

COCO_FOLDERS = ("train2014", "val2014", "images", "images/train2014", "images/val2014")
"""Where COCO's archives put the pictures."""
INSIDE = ("", "XTD10", "MIC", "STAIR")
START, END = "test_1kcaptions_", ".txt"


def xtd10(
    folder: PathLike,
    images: PathLike | Sequence[PathLike] | None = None,
    *,
    languages: str | Sequence[str] | None = None,
    missing: Missing = "raise",
) -> Corpus:
    """XTD10 (Aggarwal and Kale 2020, arXiv:2012.05107), and corpora in its form, such as XTD200.

    Layout: a clone of github.com/adobe-research/Cross-lingual-Test-Dataset-XTD10, or its files in one folder.
    ``XTD10/test_image_names.txt`` has one file name of COCO 2014 a line; line n of ``test_1kcaptions_XX.txt``, in
    ``XTD10/``, ``MIC/`` (de, en, fr) or ``STAIR/`` (jp, which is ja here), is the caption of picture n. The pictures
    come from cocodataset.org. They are from COCO's training half: models trained on COCO have seen them.

    Args:
        folder: where the files are.
        images: the folder of the pictures, or that above ``train2014``; several can be given. Default: no pictures.
        languages: codes; default: every language there is a file for.
        missing: pictures that are not there raise, or are left out with a line each in ``.problems``.

    Raises:
        CorpusError: names the file and line: no such file, fewer or more captions than pictures, not UTF-8, or a
            picture that is not there.
        UnknownLanguage: a language that has no file.
    """
    names = existing(folder, *(f"{inside}/test_image_names.txt".lstrip("/") for inside in INSIDE), what="XTD10")
    roots = dict.fromkeys([Path(folder).expanduser() / inside for inside in INSIDE] + [names.parent])
    files: dict[str, Path] = {}
    found = Gathering(
        "XTD10",
        "https://github.com/adobe-research/Cross-lingual-Test-Dataset-XTD10",
        "Adobe Research Licence, non-commercial research; pictures: COCO's terms",
    )
    for root in roots:
        for path in sorted(root.glob(f"{START}*{END}")) + sorted(root.glob(f"{START}*{END}.gz")):
            name = path.name.removeprefix(START).removesuffix(".gz").removesuffix(END)
            if files.setdefault(name, path) != path:
                found.note(path, None, f"not read: {files[name]} holds the same language")
    if not files:
        raise CorpusError(f"XTD10: no {START}*{END} in {folder}, nor in {', '.join(INSIDE[1:])} below it")
    places = []
    lines = read_lines(names)
    for number, name in enumerate(lines, start=1):
        if not name.strip():
            raise CorpusError(f"{names}: line {number}: blank; expected the name of a picture")
        known = len(found.places)
        places.append(found.picture(name.strip(), names, number))
        if len(found.places) == known:
            first = found.lines[places[-1]][1]
            found.note(names, number, f"{name.strip()} stands on line {first} too: its captions are joined")
    for code, name in chosen_languages(languages, codes_of(list(files), names.parent), names.parent).items():
        found.languages([code])
        parallel(found, files[name], code, places, names)
    if images is not None:
        found.locate(Folders(images, COCO_FOLDERS), str, missing)
    return found.corpus()


def parallel(found: Gathering, path: Path, code: str, places: Sequence[int], names: Path) -> None:
    """The captions of a file whose lines are parallel to a list of pictures.

    Raises:
        CorpusError: fewer or more lines than pictures.
    """
    lines = read_lines(path)
    if len(lines) != len(places):
        short = "is missing" if len(lines) < len(places) else "has no picture"
        raise CorpusError(
            f"{path}: line {min(len(lines), len(places)) + 1} {short}: {len(lines)} captions for the {len(places)} "
            f"pictures of {names}"
        )
    for number, (text, place) in enumerate(zip(lines, places, strict=True), start=1):
        found.caption(code, place, text, path, number)
