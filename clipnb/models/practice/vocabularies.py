"""Vocabularies of stand-ins: OpenAI's own, and single characters in the files of BERT and of XLM-R."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from clipnb.models.openai.bpe import BUNDLED, OpenAIBPE, read_merges

__all__ = ["write_clip", "write_json", "write_wordpiece", "write_xlm_roberta"]

ALPHABETS = [
    *((0x21, 0x17F), (0x386, 0x3CF), (0x400, 0x4FF), (0x5D0, 0x5EB), (0x621, 0x6CD)),
    *((0x901, 0x97F), (0xE01, 0xE5B), (0x3041, 0x30FF)),
]
"""Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Thai, Japanese: first and last code points."""

COMMON_HANZI = range(0xB0, 0xD8)
"""Rows of GB 2312 with the Chinese characters of its first level, those in daily use."""


def write_json(file: Path, content: Any) -> None:
    """A file of JSON."""
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False), encoding="utf-8")


def write_clip(folder: Path, context: int) -> int:
    """OpenAI's tokenizer in the files of openai/clip-vit-base-patch32; returns its number of tokens."""
    merges = read_merges(BUNDLED)
    write_json(folder / "vocab.json", OpenAIBPE(merges).vocabulary)
    lines = ["#version: 0.2", *(" ".join(pair) for pair in merges)]
    (folder / "merges.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    marks = dict.fromkeys(("eos_token", "pad_token", "unk_token"), "<|endoftext|>")
    kind = {"tokenizer_class": "CLIPTokenizer", "do_lower_case": True, "model_max_length": context}
    write_json(folder / "tokenizer_config.json", {**kind, "bos_token": "<|startoftext|>", **marks})
    return len(merges) + 2 * 256 + 2


def write_wordpiece(folder: Path) -> int:
    """A ``vocab.txt`` of characters, alone and inside a word; returns its number of tokens."""
    letters = _characters()
    inside = ["##" + letter for letter in letters if letter.isalnum() and letter not in _hanzi()]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *inside]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return len(tokens)


def write_xlm_roberta(folder: Path, context: int) -> int:
    """A ``tokenizer.json`` of characters, with the marks of XLM-R; returns its number of tokens."""
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0)]
    pieces += [(letter, -3.0) for letter in _characters()]
    tokenizer = Tokenizer(models.Unigram([*pieces, ("<mask>", 0.0)], unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    marks = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>"}
    others = {"unk_token": "<unk>", "mask_token": "<mask>", "tokenizer_class": "XLMRobertaTokenizer"}
    write_json(folder / "tokenizer_config.json", {**marks, **others, "model_max_length": context})
    return int(tokenizer.get_vocab_size())


@functools.cache
def _characters() -> tuple[str, ...]:
    letters = [chr(code) for first, last in ALPHABETS for code in range(first, last + 1)]
    marks = [*"–—‘’“”…，。！？、：；"]
    known = [letter for letter in [*letters, *marks, *_hanzi()] if letter.isprintable() and not letter.isspace()]
    return tuple(dict.fromkeys(known))


@functools.cache
def _hanzi() -> tuple[str, ...]:
    cells = [bytes([row, cell]) for row in COMMON_HANZI for cell in range(0xA1, 0xFF)]
    return tuple(cell.decode("gb2312") for cell in cells if cell[0] < 0xD7 or cell[1] < 0xFA)
