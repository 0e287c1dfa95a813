"""The words for a selection of real pictures, in several languages, beside a computation of its own."""

from __future__ import annotations

import numpy as np
import pytest

import clipnb
from clipnb.exploring import names_of_things

FRUIT = "food-fruit"


@pytest.fixture(scope="module")
def food():
    model = clipnb.load()
    emoji = clipnb.datasets.emoji("fluent", languages=["en"]).select(group="food & drink")
    names = names_of_things(("de", "zh", "ar"))
    things = clipnb.datasets.emoji("twemoji")
    kinds = dict(zip(things.concepts, zip(things.groups, things.subgroups, strict=True), strict=True))
    kept = [i for i, about in enumerate(names.about) if kinds[about][0] in ("food & drink", "objects")]
    texts = [names.texts[i] for i in kept]
    rows = clipnb.Embeddings(model.encode_text(texts), texts, "text", model.name)
    return model, emoji, rows, [kinds[names.about[i]][1] for i in kept], [names.about[i] for i in kept]


def test_a_selection_of_fruit_gives_words_for_fruit(food):
    model, emoji, texts, subgroups, about = food
    pictures = clipnb.Embeddings(model.encode_image(emoji.images), modality="image", model=model.name)
    fruit = np.array(emoji.subgroups) == FRUIT
    found = clipnb.representative_texts(pictures[fruit], texts, 10, pictures[~fruit])
    kind = dict(zip(texts.ids, subgroups, strict=True))
    assert sum(kind[text] == FRUIT for text in found["text"]) >= 8, found
    # What is merely near says less: the rest of the map is taken away for a reason.
    near = clipnb.representative_texts(pictures[fruit], texts, 10)
    assert sum(kind[text] == FRUIT for text in near["text"]) <= sum(kind[text] == FRUIT for text in found["text"])
    # Pair by pair, without any mean of rows.
    pairs = texts.vectors.astype(np.float64) @ pictures.vectors.T.astype(np.float64)
    score = pairs[:, fruit].mean(axis=1) - pairs[:, ~fruit].mean(axis=1)
    assert found["text"].tolist() == [texts.ids[i] for i in np.argsort(-score)[:10]]
    # One text of each thing, whatever the language: ten things.
    things = clipnb.representative_texts(pictures[fruit], texts, 10, pictures[~fruit], one_of=about)
    of = dict(zip(texts.ids, about, strict=True))
    assert len({of[text] for text in things["text"]}) == 10
