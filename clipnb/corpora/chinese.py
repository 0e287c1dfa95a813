"""Flickr30k-CN, Flickr30k-CNA and COCO-CN: lines of a picture's name and a Chinese caption."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from clipnb.corpora.gathering import Gathering, Missing
from clipnb.corpora.multi30k import FLICKR_FOLDERS
from clipnb.corpora.reading import Folders, PathLike, existing, read_lines
from clipnb.corpora.xtd import COCO_FOLDERS
from clipnb.corpus import Corpus
from clipnb.errors import CorpusError

__all__ = ["coco_cn", "flickr30k_cn"]

LINE = re.compile(r"(?P<name>[^\s#]+?)(?P<suffix>\.jpg)?(?P<key>#(?:(?P<kind>[a-z]+)#)?\d+)?(?:\t|\s+)(?P<text>.*)")
"""``1007129816.jpg#0<tab>caption``, ``1007129816<tab>caption``, ``1007129816#zhm#0 词:n 词:v``."""
TAG = re.compile(r":[A-Za-z]+$")


def flickr30k_cn(
    captions: PathLike | Sequence[PathLike],
    images: PathLike | Sequence[PathLike] | None = None,
    *,
    english: PathLike | Sequence[PathLike] | None = None,
    missing: Missing = "raise",
) -> Corpus:
    """Flickr30k-CN (Lan et al. 2017, arXiv:1708.04390) and Flickr30k-CNA (Xie et al. 2022, arXiv:2205.03860).

    Layout: a caption a line after the name of its picture, any number of lines a picture. ``flickr30k_cn_test.txt`` has
    ``1007129816.jpg#0<tab>caption``; ``flickr30k_cna_train.txt`` and ``flickr30k_cna_val.txt``, from zero.so.com, have
    ``1007129816<tab>caption``; the first edition, from github.com/li-xirong/cross-lingual-cap, has words with their
    kind, ``1007129816#zhm#0 词:n 词:v``, which are put together again. Flickr30k's own English captions,
    ``results_20130124.token``, are in the first of these forms.

    Args:
        captions: a file, or several.
        images: the folder of the pictures, or that above ``flickr30k-images``. Default: no pictures.
        english: Flickr30k's file; its captions of other pictures are left out, with one line in ``.problems``.
        missing: pictures that are not there raise, or are left out with a line each in ``.problems``.

    Raises:
        CorpusError: names the file and line: no such file, a line in another layout, not UTF-8, or a picture that is
            not there.
    """
    found = Gathering("Flickr30k-CN", "https://github.com/li-xirong/cross-lingual-cap", "pictures: Flickr30k's terms")
    for path in _listed(captions):
        for number, name, text in _lines(found, path):
            found.caption("zh", found.picture(name, path, number), text, path, number)
    for path in _listed(english or ()):
        _add(found, "en", path, _lines(found, path))
    if images is not None:
        found.locate(Folders(images, FLICKR_FOLDERS), "{}.jpg".format, missing)
    return found.corpus()


def coco_cn(
    folder: PathLike,
    images: PathLike | Sequence[PathLike] | None = None,
    *,
    split: str = "test",
    translated: bool = False,
    english: PathLike | Sequence[PathLike] | None = None,
    missing: Missing = "raise",
) -> Corpus:
    """COCO-CN (Li et al. 2019, arXiv:1805.08661).

    Layout: the folder ``coco-cn-version1805v1.1`` of the archive at huggingface.co/datasets/AIMClab-RUC/COCO-CN.
    ``coco-cn_SPLIT.txt`` has a picture a line, ``COCO_val2014_000000123456``; ``imageid.human-written-caption.txt`` has
    ``COCO_val2014_000000123456#0<tab>caption``, and ``imageid.manually-translated-caption.txt`` the same for Chinese
    translations of COCO's English captions, of the test pictures alone. Pictures and English captions come from
    cocodataset.org.

    Args:
        folder: where the files are, or the folder above.
        images: the folder of the pictures, or that above ``train2014`` and ``val2014``. Default: no pictures.
        split: ``train``, ``val`` or ``test``.
        translated: the translations in the place of the captions that were written anew.
        english: COCO's ``captions_train2014.json`` and ``captions_val2014.json``, or one of them.
        missing: pictures that are not there raise, or are left out with a line each in ``.problems``.

    Raises:
        CorpusError: names the file and line: no such file or split, a line in another layout, not UTF-8, or a picture
            that is not there.
    """
    root = Path(folder).expanduser()
    inner = root / "coco-cn-version1805v1.1"
    root = inner if inner.is_dir() else root
    names = existing(root, f"coco-cn_{split}.txt", what="COCO-CN")
    kind = "manually-translated" if translated else "human-written"
    path = existing(root, f"imageid.{kind}-caption.txt", what="COCO-CN")
    found = Gathering(
        f"COCO-CN {split}", "https://github.com/li-xirong/coco-cn", "see the source; pictures and English: COCO's terms"
    )
    for number, line in enumerate(read_lines(names), start=1):
        if not line.strip():
            found.note(names, number, "blank: no picture")
        elif line.strip() in found.places:
            found.note(names, number, f"{line.strip()} stands twice: it counts once")
        else:
            found.picture(line.strip(), names, number)
    # The file holds the captions of all three parts: those of the others are no problem of this one.
    _add(found, "zh", path, _lines(found, path), others=False)
    for file in _listed(english or ()):
        _add(found, "en", file, _coco(file), others=False)
    if images is not None:
        found.locate(Folders(images, COCO_FOLDERS), "{}.jpg".format, missing)
    return found.corpus()


def _listed(paths: PathLike | Sequence[PathLike]) -> list[Path]:
    return [Path(path) for path in ([paths] if isinstance(paths, (str, os.PathLike)) else paths)]


def _add(
    found: Gathering, code: str, path: Path, lines: Iterable[tuple[int | None, str, str]], *, others: bool = True
) -> None:
    """Captions of pictures that are known already; the rest is counted."""
    found.languages([code])
    outside = 0
    for number, name, text in lines:
        if name in found.places:
            found.caption(code, found.places[name], text, path, number)
        else:
            outside += 1
    if outside and others:
        found.note(path, None, f"{outside} captions in {code} of pictures that the corpus does not have are left out")


def _lines(found: Gathering, path: Path) -> Iterator[tuple[int, str, str]]:
    """Line, picture and caption.

    Raises:
        CorpusError: a line in another layout.
    """
    segmented = False
    for number, line in enumerate(read_lines(path), start=1):
        if not line.strip():
            found.note(path, number, "blank: no caption")
            continue
        match = LINE.fullmatch(line) or LINE.fullmatch(line + "\t")  # an editor may have cut the tab before no text
        # Without any of the three it may be a sentence, whose first word is no picture.
        if match is None or not ("\t" in line or match["key"] or match["suffix"]):
            raise CorpusError(f"{path}: line {number}: expected 'NAME.jpg#0<tab>caption', got {line[:40]!r}")
        text = match["text"]
        if match["kind"]:
            segmented = True
            text = "".join(TAG.sub("", word) for word in text.split())
        yield number, match["name"], text
    if segmented:
        found.note(path, None, "its words stood apart, with their kinds: they are put together again")


def _coco(path: Path) -> Iterator[tuple[int | None, str, str]]:
    """The captions of one of COCO's own files of annotations, under the picture's name without its suffix."""
    try:
        read = json.loads(path.expanduser().read_text(encoding="utf-8"))
        names = {image["id"]: Path(image["file_name"]).stem for image in read["images"]}
        for entry in read["annotations"]:
            yield None, names[entry["image_id"]], entry["caption"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorpusError(
            f"{path}: not COCO's captions, such as captions_val2014.json ({type(error).__name__}: {error})"
        ) from error
