"""Everything that the text tower reads, tokenized once, with the row of the joint space that each string stands for."""

import numpy as np
import torch
from scipy import sparse
from transformers import CLIPTokenizer

import corpus
from paths import SEED, WORK, saved
from teacher import unit

# The languages that the card reports, and some more with many readers, are drawn three times as often.
FREQUENT = (
    "de es fr it pt nl sv da no fi pl cs ru uk zh zh-Hant ja ko ar fa he hi bn ta te th vi id ms tr el hu ro sw ur"
).split()
ALIKE = 0.55  # how like two words' sets of concepts must be to take one for the other's translation


def tokenize(texts: list[str]) -> torch.Tensor:
    """int16 [text, context], padded with end markers as CLIP pads."""
    tokenizer = CLIPTokenizer.from_pretrained(WORK / "tokenizer")
    rows = []
    for start in range(0, len(texts), 20_000):
        batch = tokenizer(texts[start : start + 20_000], padding="max_length", truncation=True)["input_ids"]
        rows.append(torch.tensor(batch, dtype=torch.int16))
    return torch.cat(rows)


def keyword_rows(strings: dict, english: list[str], english_rows: np.ndarray, anchors: np.ndarray) -> np.ndarray:
    """The row of every multilingual string: its concepts' anchors, and the English word used for the same concepts.

    "Haustier" is said of dogs, cats and rabbits, and so is "pet": the two sets of concepts are compared by cosine.
    """

    def table(words: list[str]) -> sparse.csr_matrix:
        cells = [(i, row, weight**0.5) for i, word in enumerate(words) for row, weight in strings[word].items()]
        i, j, value = (np.array(column) for column in zip(*cells, strict=True))
        matrix = sparse.csr_matrix((value, (i, j)), shape=(len(words), len(anchors)), dtype=np.float32)
        norms = np.sqrt(np.asarray(matrix.multiply(matrix).sum(1)).ravel())
        return sparse.diags(1 / norms) @ matrix

    words = list(strings)
    signatures, known = table(words).tocsr(), table(english).T.tocsc()
    rows = unit(signatures @ anchors)
    for start in range(0, len(words), 5_000):
        like = (signatures[start : start + 5_000] @ known).tocsr()
        for i in range(like.shape[0]):
            cells = slice(like.indptr[i], like.indptr[i + 1])
            if like.data[cells].size and (best := like.data[cells].max()) > ALIKE:
                pick = like.indices[cells][like.data[cells] > best - 1e-4]
                rows[start + i] = rows[start + i] + best * unit(english_rows[pick].mean(0))
    return unit(rows).astype(np.float32)


def main() -> None:
    everything, tables = corpus.concepts(), corpus.locales()
    seen = corpus.seen(everything)
    allowed, held_out = set(seen), corpus.held_out_words(tables, everything)
    store = np.load(WORK / "teacher.npz")
    texts, rows, anchors = store["texts"].tolist(), store["rows"].astype(np.float32), store["anchors"]

    names, labels, weights = [], [], []
    for locale, table in tables.items():
        weight = 8.0 if locale == "en" else 3.0 if locale in FREQUENT else 0.5 if "-" in locale else 1.0
        for row, (name, *_) in table.items():
            if row in allowed:
                names.append(name)
                labels.append(row)
                weights.append(weight)
    rng = np.random.default_rng(SEED)
    framed = [
        (str(rng.choice(corpus.TEMPLATES)).format(everything[row]["name"]), row) for row in seen for _ in range(5)
    ]
    names += [text for text, _ in framed]
    labels += [row for _, row in framed]
    weights += [3.0] * len(framed)

    strings = corpus.concept_strings(tables, seen)
    strings = {word: found for word, found in strings.items() if word.lower() not in held_out}
    place = {text: i for i, text in enumerate(texts[: int(store["nouns"])])}
    english = [word for word in place if word in strings]
    goals = keyword_rows(strings, english, rows[[place[word] for word in english]], anchors)
    print(f"{len(names)} names, {len(strings)} words, {len(texts)} English strings", flush=True)
    torch.save({
        "name_ids": tokenize(names), "name_labels": torch.tensor(labels), "name_weights": torch.tensor(weights),
        "word_ids": tokenize(list(strings)), "word_rows": torch.from_numpy(goals).half(),
        "english_ids": tokenize(texts), "english_rows": torch.from_numpy(rows).half(),
    }, saved("strings.pt"))  # fmt: skip


if __name__ == "__main__":
    main()
