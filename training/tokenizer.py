"""A lower-casing byte-level BPE in CLIP's own format, balanced over languages, and the CLIPProcessor around it."""

import json
import sys

import numpy as np
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import CLIPImageProcessor, CLIPProcessor, CLIPTokenizer

import corpus
from paths import SEED, TILE, saved

VOCABULARY = 24_576
CONTEXT = 32  # tokens, start and end included
LINES = 14_000  # strings a locale gives at most; English gives its phrases as well
START, END = "<|startoftext|>", "<|endoftext|>"


def lines() -> list[str]:
    everything, tables = corpus.concepts(), corpus.locales()
    seen = set(corpus.seen(everything))
    held_out = corpus.held_out_words(tables, everything)
    rng = np.random.default_rng(SEED)
    chosen: list[str] = []
    for table in tables.values():
        words = [word for row, entry in table.items() if row in seen for word in entry if word.lower() not in held_out]
        chosen += [words[i] for i in rng.permutation(len(words))[:LINES]]
    english = [word for row, entry in tables["en"].items() if row in seen for word in entry]
    return chosen + 6 * english + corpus.wordnet_words() + corpus.wordnet_sentences()


def main() -> None:
    bpe = Tokenizer(models.BPE(end_of_word_suffix="</w>", unk_token=END))
    bpe.normalizer = normalizers.Sequence(
        [normalizers.NFC(), normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()]
    )
    split = Regex(r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+")
    bpe.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(split, "removed", invert=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY - 2 - len(alphabet),
        initial_alphabet=alphabet,
        end_of_word_suffix="</w>",
        show_progress=False,
    )
    bpe.train_from_iterator(lines(), trainer)
    learned = json.loads(bpe.to_str())["model"]
    merges = [tuple(merge) if isinstance(merge, list) else tuple(merge.split(" ")) for merge in learned["merges"]]
    # CLIP's order: bytes, bytes with the end-of-word mark, merges, then the two markers.
    order = [*sorted(alphabet), *(char + "</w>" for char in sorted(alphabet))]
    order += [token for token in dict.fromkeys("".join(merge) for merge in merges) if token not in set(order)]
    vocab = {token: i for i, token in enumerate([*order, START, END])}
    folder = saved("tokenizer/x").parent
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{a} {b}\n" for a, b in merges))
    print(len(vocab), "tokens", len(merges), "merges", file=sys.stderr)
    tokenizer = CLIPTokenizer(vocab=vocab, merges=merges, model_max_length=CONTEXT)
    half = [0.5, 0.5, 0.5]
    images = CLIPImageProcessor(
        size={"shortest_edge": TILE}, crop_size={"height": TILE, "width": TILE}, image_mean=half, image_std=half
    )
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    tokens = tokenizer(["a red sports car", "一只猫", "القط", "แมว", "koira", "นกฮูก"])["input_ids"]
    print(tokens, [tokenizer.convert_ids_to_tokens(row) for row in tokens])


if __name__ == "__main__":
    main()
