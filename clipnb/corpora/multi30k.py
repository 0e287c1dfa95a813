"""Multi30k: Flickr30k's pictures with English captions, translated or written anew in German, French and Czech."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clipnb.corpora.gathering import Gathering, Missing, chosen_languages, codes_of
from clipnb.corpora.reading import Folders, PathLike, existing, read_lines
from clipnb.corpora.xtd import COCO_FOLDERS, parallel
from clipnb.corpus import Corpus
from clipnb.errors import CorpusError, UnsupportedOption, nearest

__all__ = ["FLICKR_FOLDERS", "multi30k"]

FLICKR_FOLDERS = ("flickr30k-images", "flickr30k_images", "Images", "images")


def multi30k(
    folder: PathLike,
    images: PathLike | Sequence[PathLike] | None = None,
    *,
    split: str | None = None,
    task: int = 1,
    languages: str | Sequence[str] | None = None,
    missing: Missing = "raise",
) -> Corpus:
    """Multi30k (Elliott et al. 2016, arXiv:1605.00459).

    Layout: a clone of github.com/multi30k/dataset, or its ``data/task1`` or ``data/task2``. Task 1 is one English
    caption a picture and its translations: ``raw/SPLIT.LANGUAGE.gz``, parallel to ``image_splits/SPLIT.txt`` (where
    ``test_2017_mscoco.txt`` has COCO's number of the caption after a ``#``). Task 2 is five English and five German
    captions a picture that do not translate each other: ``raw/SPLIT.1.LANGUAGE.gz`` to ``.5.``, parallel to
    ``image_splits/SPLIT_images.txt``. Files that were unpacked are read too. The pictures are Flickr30k's and COCO's.

    Args:
        folder: where the files are.
        images: the folder of the pictures, or that above ``flickr30k-images``. Default: no pictures.
        split: ``train``, ``val``, ``test_2016_flickr``, ``test_2017_flickr``, ``test_2017_mscoco``,
            ``test_2018_flickr``; in task 2 ``train``, ``val``, ``test_2016``. Default: the test of 2016.
        task: 1, translations, or 2, descriptions.
        languages: codes; default: every language of the split.
        missing: pictures that are not there raise, or are left out with a line each in ``.problems``.

    Raises:
        CorpusError: names the file and line: no such split, fewer or more captions than pictures, not UTF-8, or a
            picture that is not there.
        UnknownLanguage: a language that the split does not have.
    """
    if task not in (1, 2):
        raise UnsupportedOption(f"task={task!r}; expected 1, translations, or 2, descriptions")
    split = split or ("test_2016_flickr" if task == 1 else "test_2016")
    root = Path(folder).expanduser()
    base = next((path for path in (root / "data" / f"task{task}", root / f"task{task}") if path.is_dir()), root)
    files = _files(base / "raw", split, task)
    lists = [f"image_splits/{split}.txt", f"image_splits/{split}_images.txt"]
    names = existing(base, *(lists if task == 1 else lists[::-1]), what=f"Multi30k, {split}")
    found = Gathering(
        f"Multi30k {split}", "https://github.com/multi30k/dataset", "pictures: Flickr30k's and COCO's terms"
    )
    places = []
    for number, line in enumerate(read_lines(names), start=1):
        name = line.partition("#")[0].strip()
        if not name:
            raise CorpusError(f"{names}: line {number}: blank; expected the name of a picture")
        if name in found.places:
            first = found.lines[found.places[name]][1]
            found.note(names, number, f"{name} stands on line {first} too: its captions are joined")
        places.append(found.picture(name, names, number))
    for code, given in chosen_languages(languages, codes_of(list(files), base / "raw"), base / "raw").items():
        found.languages([code])
        for path in files[given]:
            parallel(found, path, code, places, names)
    if images is not None:
        found.locate(Folders(images, (*FLICKR_FOLDERS, *COCO_FOLDERS)), str, missing)
    return found.corpus()


def _files(raw: Path, split: str, task: int) -> dict[str, list[Path]]:
    """The files of a split by language; of two forms of the same file the packed one."""
    if not raw.is_dir():
        raise CorpusError(f"Multi30k: no folder {raw}")
    by_name = {
        path.name.removesuffix(".gz"): path for path in sorted(raw.iterdir(), key=lambda path: path.suffix == ".gz")
    }
    files: dict[str, list[Path]] = {}
    splits = set()
    for name in sorted(by_name):
        stem, _, code = name.rpartition(".")
        if task == 2:
            stem, _, number = stem.rpartition(".")
            if not number.isdigit():
                continue
        splits.add(stem)
        if stem == split:
            files.setdefault(code, []).append(by_name[name])
    if not files:
        raise CorpusError(
            f"{raw}: no split {split!r}.{nearest(split, splits)} There is: {', '.join(sorted(splits)) or 'none'}."
        )
    return files
