"""What the demonstration computes: nothing here is looked up or prepared."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from rich.progress import Progress

from clipnb.datasets import EmojiSet, emoji
from clipnb.maps import Projection, project
from clipnb.prompts import Prompts
from clipnb.searching import search
from clipnb.similarity import top_k
from clipnb.types import ClipModel, Embeddings
from clipnb.zeroshot import ZeroShot, classify, zero_shot

__all__ = ["LANGUAGES", "SENTENCES", "Results", "compute"]

LANGUAGES = {
    "en": "English",
    "de": "Deutsch",
    "es": "Español",
    "sw": "Kiswahili",
    "zh": "中文",
    "ja": "日本語",
    "hi": "हिन्दी",
    "ar": "العربية",
}
TWELVE = ("🐱", "🐶", "🐘", "🐙", "🦋", "🍌", "🍕", "🍓", "🚲", "✈️", "☂️", "🎸")
SENTENCES = (
    ("en", "a red sports car", "a red sports car"),
    ("de", "ein schlafendes Gesicht", "a sleeping face"),
    ("es", "un barco en el mar", "a boat at sea"),
    ("sw", "samaki baharini", "a fish in the sea"),
    ("zh", "一只开心的猫", "a happy cat"),
    ("ja", "冬の雪だるま", "a snowman in winter"),
    ("hi", "बारिश में छाता", "an umbrella in the rain"),
    ("ar", "قطعة بيتزا ساخنة", "a hot slice of pizza"),
)
"""Language, sentence, and what it says: one a language, written before any result was seen."""
MANY_GROUPS = ("animals & nature", "food & drink")
MAP_GROUPS = ("animals & nature", "food & drink", "travel & places")
MAP_LANGUAGES = ("en", "zh", "ar")
MAP_PICTURES = 60
"""Pictures of each group on the map; more would cover each other."""
MAP_NEAREST = 3
"""Pictures between which a word is placed."""
HITS = 5
BATCH = 64


@dataclass
class Results:
    """What was computed.

    Attributes:
        pictures: every picture of the style.
        embeddings: a row each.
        twelve_pictures: the twelve of them that are asked about one by one.
        mixed: the twelve among their names, each in another language.
        twelve: by language, the twelve among their twelve names.
        many: by language, all pictures of MANY_GROUPS among all their names.
        hits: for each of SENTENCES the best pictures, (row, cosine).
        map_rows: the pictures on the map.
        map_words: (row, language, name) of the words on it, which follow the pictures.
        map: the places of the pictures, then of the words.
        gap: distance between the mean of the pictures and the mean of the words of the map.
        seconds: wall time of each step, as measured.
    """

    pictures: EmojiSet
    embeddings: Embeddings
    twelve_pictures: EmojiSet
    mixed: ZeroShot
    twelve: dict[str, ZeroShot] = field(default_factory=dict)
    many: dict[str, ZeroShot] = field(default_factory=dict)
    hits: list[list[tuple[int, float]]] = field(default_factory=list)
    map_rows: list[int] = field(default_factory=list)
    map_words: list[tuple[int, str, str]] = field(default_factory=list)
    map: Projection | None = None
    gap: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)


@contextmanager
def _timed(seconds: dict[str, float], step: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    seconds[step] = time.perf_counter() - start


def compute(model: ClipModel, bar: Progress, *, seed: int = 0, umap: bool = True) -> Results:
    """Everything the page shows; ``umap=False`` lays the map out by PCA, which takes no time."""
    pictures = emoji("fluent", tuple(LANGUAGES))
    names = pictures.names
    seconds: dict[str, float] = {}
    with _timed(seconds, "reading every picture"):
        embeddings = _encode(model, pictures, bar)
    twelve = pictures.select(emojis=TWELVE)
    with _timed(seconds, "naming pictures"):
        codes = [list(LANGUAGES)[i % len(LANGUAGES)] for i in range(len(twelve))]
        words = [str(names[code][character]) for code, character in zip(codes, twelve.emojis, strict=True)]
        mixed = zero_shot(model, twelve.images, words, labels=words, image_ids=twelve.emojis)
        found = Results(pictures, embeddings, twelve, mixed, seconds=seconds)
        for code in bar.track(LANGUAGES, description="naming pictures, 8 languages"):
            words = [str(names[code][character]) for character in twelve.emojis]
            found.twelve[code] = zero_shot(model, twelve.images, words, labels=words, image_ids=twelve.emojis)
            found.many[code] = _many(model, found, names[code])
    with _timed(seconds, "searching"):
        for code, sentence, _ in bar.track(SENTENCES, description="searching by a sentence"):
            query = Embeddings(model.encode_text([sentence]), (code,), "text", model.name)
            table = search(found.embeddings, query, k=HITS)
            rows = [int(i) for i in table["id"]]
            found.hits.append(list(zip(rows, map(float, table["cosine"]), strict=True)))
    with _timed(seconds, "laying out the map"):
        task = bar.add_task("laying out the map", total=1)
        _lay_out(model, found, names, seed, "umap" if umap else "pca")
        bar.advance(task)
    return found


def _encode(model: ClipModel, pictures: EmojiSet, bar: Progress) -> Embeddings:
    task = bar.add_task("reading every picture", total=len(pictures))
    rows = []
    for start in range(0, len(pictures), BATCH):
        rows.append(model.encode_image(pictures.images[start : start + BATCH]))
        bar.advance(task, len(rows[-1]))
    return Embeddings(np.concatenate(rows), modality="image", model=model.name)


def _many(model: ClipModel, found: Results, names: Any) -> ZeroShot:
    """Every picture of MANY_GROUPS among all their names; pictures that share a name are left out."""
    words = names.tolist()
    group = [
        row for row, name in enumerate(found.pictures.groups) if name in MANY_GROUPS and isinstance(words[row], str)
    ]
    count = Counter(words[row] for row in group)
    rows = [row for row in group if count[words[row]] == 1]
    labels = [words[row] for row in rows]
    return classify(model, found.embeddings[rows], Prompts.of(labels), labels)


def _lay_out(model: ClipModel, found: Results, names: Any, seed: int, method: Any) -> None:
    """A map of the pictures, and every word between the pictures nearest to it.

    Pictures and texts of a CLIP model lie in two cones apart (Liang et al. 2022, "Mind the Gap"), and a map of both
    at once would show two islands and little else.
    """
    groups, draw = np.array(found.pictures.groups), np.random.default_rng(seed)
    for group in MAP_GROUPS:
        rows = np.flatnonzero(groups == group)
        found.map_rows += sorted(draw.permutation(rows)[:MAP_PICTURES].tolist())
    for code in MAP_LANGUAGES:
        column = names[code].tolist()
        found.map_words += [(row, code, column[row]) for row in found.map_rows if isinstance(column[row], str)]
    pictures = found.embeddings[found.map_rows]
    words = model.encode_text([word for _, _, word in found.map_words], truncate=True)
    found.gap = float(np.linalg.norm(pictures.vectors.mean(axis=0) - words.mean(axis=0)))
    places = project(pictures, method=method, seed=seed)
    index, cosines = top_k(words, pictures.vectors, MAP_NEAREST)
    weights = np.asarray(model.probabilities(cosines))
    weights = weights / weights.sum(axis=1, keepdims=True)
    between = (weights[:, :, None] * places.coords[index]).sum(axis=1)
    ids = pictures.ids + tuple(word for _, _, word in found.map_words)
    found.map = replace(places, coords=np.concatenate([places.coords, between]).astype(np.float32), ids=ids)
