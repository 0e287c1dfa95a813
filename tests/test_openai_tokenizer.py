"""OpenAI's tokenizer: the files that its merges come from, and the vocabulary they have to give."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import clipnb
from clipnb.errors import (
    ModelFolderError,
)
from clipnb.models.openai.bpe import BUNDLED, OpenAIBPE, read_merges

CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"
MERGES = CHECKPOINTS / "openai-merges" / "merges.txt.gz"
VIT = CHECKPOINTS / "openai-vit" / "tiny.pt"


def load(path: Path, **options: Any) -> Any:
    return clipnb.load(path, **{"tokenizer": MERGES, "device": "cpu", **options})


def test_the_vocabulary_has_to_be_that_of_the_weights():
    with pytest.raises(ModelFolderError, match=r"574 tokens in the weights, 49408 in OpenAI's tokenizer.*tokenizer="):
        clipnb.load(VIT)


def test_tokenizers_of_every_form(tmp_path):
    from transformers import CLIPTokenizerFast

    pairs = read_merges(MERGES)
    bpe = OpenAIBPE(pairs)
    texts = ["the cat &amp; “dog”"]
    expected = load(VIT).tokenize(texts)["input_ids"]
    lines = "#version: 0.2\n" + "\n".join(map(" ".join, pairs)) + "\n"
    (tmp_path / "plain.txt").write_text(lines, encoding="utf-8")
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "merges.txt").write_text(lines, encoding="utf-8")
    (folder / "vocab.json").write_text(json.dumps(bpe.vocabulary), encoding="utf-8")
    fast = tmp_path / "fast"
    CLIPTokenizerFast.from_pretrained(folder).save_pretrained(fast)
    for name in ("merges.txt", "vocab.json"):
        (fast / name).unlink(missing_ok=True)
    for path in (tmp_path / "plain.txt", folder, fast):
        np.testing.assert_array_equal(load(VIT, tokenizer=path).tokenize(texts)["input_ids"], expected)


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("missing.txt", None, "cannot be read"),
        ("words.txt", b"#version\nthis is no pair\n", "pair 0 is"),
        ("unknown.txt", b"#version\nt h\nthx e\n", "pair 1 is"),
        ("cut.gz", gzip.compress(b"#version\nt h\n", mtime=0)[:-12], "cannot be read"),
        ("binary.txt", b"\xff\xfe\x00", "cannot be read"),
        ("empty/nothing.txt", b"", "no tokenizer of CLIP in it"),
        ("json/tokenizer.json", b"{", "cannot be read"),
        ("bert/tokenizer.json", b'{"model": {"merges": [], "end_of_word_suffix": null}}', "not a tokenizer of CLIP"),
    ],
)
def test_a_tokenizer_that_is_none(tmp_path, name, content, says):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelFolderError, match=says):
        load(VIT, tokenizer=path.parent if "/" in name else path)


def test_the_bundled_vocabulary():
    bpe = OpenAIBPE(read_merges(BUNDLED))
    assert (bpe.size, bpe.start, bpe.end) == (49408, 49406, 49407)
    # As in the notebook of github.com/openai/CLIP.
    assert bpe.row("Hello World!") == [49406, 3306, 1002, 256, 49407]
