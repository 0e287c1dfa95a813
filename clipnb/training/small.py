"""A student from nothing: a vocabulary of the texts themselves, and a small transformer with random weights."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel

from clipnb.errors import EmptyInput, UnsupportedOption
from clipnb.models.texts import check_texts
from clipnb.training.student import Student

__all__ = ["small_student"]

START, PAD, END, UNKNOWN = "<s>", "<pad>", "</s>", "<unk>"
"""XLM-R's marks, in its order."""
HEAD_WIDTH = 64


def small_student(
    texts: Iterable[str],
    *,
    vocabulary: int = 8000,
    width: int = 256,
    layers: int = 4,
    context: int = 128,
    dropout: float = 0.1,
    seed: int = 0,
) -> Student:
    """A small XLM-R with random weights, with a vocabulary of these texts.

    The vocabulary consists of bytes and of their frequent pairs (byte-level BPE), after NFKC and lowercasing: no text
    of any script has unknown tokens. The same texts and seed give the same student.

    Args:
        texts: in all languages that it shall learn; none of those that it will be tested on.
        vocabulary: tokens at most; 261 are needed for the marks and the bytes.
        width: of the states; a multiple of 64, which is the width of a head of attention.
        layers: of the transformer.
        context: tokens per text, marks included.
        dropout: share of the states that are left out in training.
        seed: of the weights.

    Raises:
        EmptyInput, WrongType: no texts, or something else.
        UnsupportedOption: a size that is none.
    """
    if width < HEAD_WIDTH or width % HEAD_WIDTH:
        raise UnsupportedOption(f"width={width}: expected a multiple of {HEAD_WIDTH}")
    if layers < 1 or context < 3 or vocabulary < 261 or not 0 <= dropout < 1:
        raise UnsupportedOption(
            f"layers={layers}, context={context}, vocabulary={vocabulary}, dropout={dropout}: expected at least 1, 3 "
            "and 261, and a share below 1"
        )
    known = check_texts(texts if isinstance(texts, str) else list(texts))
    if not any(text.strip() for text in known):
        raise EmptyInput("all texts are blank; a vocabulary is made of some")
    tokenizer = _tokenizer(known, vocabulary, context)
    config = XLMRobertaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        num_hidden_layers=layers,
        num_attention_heads=width // HEAD_WIDTH,
        intermediate_size=4 * width,
        max_position_embeddings=context + 2,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        bos_token_id=0,
        pad_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        transformer = XLMRobertaModel(config)
    return Student(transformer, tokenizer, None, f"small student ({layers} layers of {width})")


def _tokenizer(texts: list[str], vocabulary: int, context: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE(unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[START, PAD, END, UNKNOWN],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", pair=f"{START} $A {END} $B {END}", special_tokens=[(START, 0), (END, 2)]
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=START,
        eos_token=END,
        pad_token=PAD,
        unk_token=UNKNOWN,
        cls_token=START,
        sep_token=END,
        model_max_length=context,
        padding_side="right",
        add_prefix_space=True,  # transformers 4 would set it back
    )
