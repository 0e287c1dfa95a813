"""OpenAI's own tokenizer: its cleaning, its words, byte-level BPE.

It differs from the one in transformers on HTML entities, curly quotes, ligatures and full-width text, which only this
one rewrites before it looks for words. After github.com/openai/CLIP, ``clip/simple_tokenizer.py``.
"""

from __future__ import annotations

import functools
import gzip
import html
import json
import zlib
from pathlib import Path

import ftfy
import regex
from tokenizers import models

from clipnb.errors import ModelFolderError

__all__ = ["BUNDLED", "OPENAI_MARKS", "OPEN_CLIP_MARKS", "OpenAIBPE", "read_merges"]

BUNDLED = Path(__file__).parents[2] / "data" / "openai" / "bpe_simple_vocab_16e6.txt.gz"
"""OpenAI's merges, with which all of its checkpoints and most of open_clip's were trained."""

OPENAI_MARKS = "<|startoftext|>", "<|endoftext|>"
OPEN_CLIP_MARKS = "<start_of_text>", "<end_of_text>"
"""open_clip spells the marks differently; it shows in a text that spells them out."""

USED = 49152 - 256 - 2
"""The merges that count; the file holds over five times as many."""

WORD_END = "</w>"


class OpenAIBPE:
    """Texts to token ids as ``clip.tokenize`` gives them.

    Args:
        merges: pairs of tokens, the most frequent first.
        marks: how the start and the end of a text are spelt.

    Attributes:
        start, end: the ids of the two marks.
        size: of the vocabulary.
    """

    def __init__(self, merges: list[tuple[str, str]], marks: tuple[str, str] = OPENAI_MARKS) -> None:
        letters = list(_byte_letters())
        tokens = [*letters, *(letter + WORD_END for letter in letters), *map("".join, merges), *marks]
        self.vocabulary = {token: i for i, token in enumerate(tokens)}
        self.size = len(tokens)
        self.start, self.end = (self.vocabulary[mark] for mark in marks)
        self._marks = frozenset(marks)
        self._bpe = models.BPE(vocab=self.vocabulary, merges=merges, end_of_word_suffix=WORD_END)
        spelt = "|".join(map(regex.escape, marks))
        self._words = regex.compile(
            spelt + r"|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+", regex.IGNORECASE
        )

    def row(self, text: str, length: int | None = None) -> list[int]:
        """The ids of a text between its two marks; cut to ``length`` with the end mark kept, if one is given."""
        ids = [self.start]
        for word in self._words.findall(clean(text)):
            if word in self._marks:
                ids.append(self.vocabulary[word])
            else:
                ids += (token.id for token in self._bpe.tokenize(_spelt_in_bytes(word)))
        ids.append(self.end)
        if length is not None and len(ids) > length:
            ids = [*ids[: length - 1], self.end]
        return ids


def clean(text: str) -> str:
    """Broken encodings mended, HTML entities replaced, white space collapsed, lower case."""
    text = html.unescape(html.unescape(ftfy.fix_text(text)))
    return str(regex.sub(r"\s+", " ", text.strip()).strip().lower())


@functools.cache
def _byte_letters() -> tuple[str, ...]:
    """A visible letter for every byte, in the order of the vocabulary: those that are visible come first."""
    visible = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    return (*map(chr, visible), *(chr(256 + i) for i in range(256 - len(visible))))


@functools.cache
def _letter_of_byte() -> dict[int, str]:
    letters = _byte_letters()
    own = {ord(letter): letter for letter in letters if ord(letter) < 256}
    others = iter(letters[len(own) :])
    return {byte: own[byte] if byte in own else next(others) for byte in range(256)}


def _spelt_in_bytes(word: str) -> str:
    letters = _letter_of_byte()
    return "".join(letters[byte] for byte in word.encode("utf-8"))


def read_merges(path: Path) -> list[tuple[str, str]]:
    """The merges of a file like OpenAI's (plain or gzip), or of a folder with merges.txt or tokenizer.json.

    Raises:
        ModelFolderError: there is none, or something else is in it.
    """
    if path.is_dir():
        if (path / "merges.txt").is_file():
            path = path / "merges.txt"
        elif (path / "tokenizer.json").is_file():
            return _from_tokenizer_json(path / "tokenizer.json")
        else:
            raise ModelFolderError(f"{path}: no tokenizer of CLIP in it (merges.txt or tokenizer.json)")
    try:
        data = path.read_bytes()
        lines = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8").split("\n")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ModelFolderError(f"{path}: the merges cannot be read ({error})") from error
    return _pairs([line.split() for line in lines[1 : 1 + USED] if line.strip()], path)  # the first names the version


def _from_tokenizer_json(path: Path) -> list[tuple[str, str]]:
    try:
        model = json.loads(path.read_text(encoding="utf-8"))["model"]
        found, suffix = model["merges"], model["end_of_word_suffix"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{path}: the merges cannot be read ({type(error).__name__}: {error})") from error
    if suffix != WORD_END:
        raise ModelFolderError(f"{path}: not a tokenizer of CLIP, its words end in {suffix!r}")
    return _pairs([pair.split() if isinstance(pair, str) else list(pair) for pair in found], path)


def _pairs(rows: list[list[str]], path: Path) -> list[tuple[str, str]]:
    known = {*_byte_letters(), *(letter + WORD_END for letter in _byte_letters())}
    pairs = []
    for position, row in enumerate(rows):
        if len(row) != 2 or not known.issuperset(row):
            raise ModelFolderError(
                f"{path}: not merges in the layout of OpenAI's bpe_simple_vocab_16e6.txt.gz, pair {position} is {row}"
            )
        known.add("".join(row))
        pairs.append((row[0], row[1]))
    return pairs
