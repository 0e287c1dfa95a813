"""The strings of the text tower: multilingual names and keywords, English words, sentences and phrases."""

import json
import lzma
import re
from collections import Counter

import numpy as np

from paths import EMOJI, SEED, WORDNET

NAME_WEIGHT, KEYWORD_WEIGHT = 6.0, 1.0  # what a string that is a name here and a keyword there stands for


def concepts() -> list[dict]:
    return json.loads((EMOJI / "concepts.json").read_text())["concepts"]


def seen(everything: list[dict]) -> list[int]:
    """The concepts that training may use, in order: all but the held-out ones."""
    return [i for i, concept in enumerate(everything) if not concept["held_out"]]


def locales() -> dict[str, dict[int, list[str]]]:
    """locale -> concept -> [name, keyword, …], as shipped, held-out concepts included."""
    packed = lzma.decompress((EMOJI / "names.json.xz").read_bytes())
    tables = json.loads(packed)["locales"]
    return {locale: {int(row): words for row, words in table.items()} for locale, table in tables.items()}


def wordnet_words() -> list[str]:
    """Lemmas of one or two words that are not names of people or places, every part of speech."""
    words = set()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"index.{part}").read_text().splitlines():
            lemma = line.split(" ", 1)[0].replace("_", " ")
            if re.fullmatch(r"[a-z][a-z'-]*( [a-z'-]+)?", lemma):
                words.add(lemma)
    return sorted(words)


def wordnet_sentences() -> list[str]:
    """Example sentences and short definitions: how English words go together."""
    found = set()
    for part in ("noun", "verb", "adj", "adv"):
        for line in (WORDNET / f"data.{part}").read_text().splitlines():
            if line.startswith(" ") or " | " not in line:
                continue
            gloss = line.split(" | ", 1)[1]
            for text in [*re.findall(r'"([^"]+)"', gloss), re.sub(r'"[^"]*"|\([^)]*\)', "", gloss).split(";")[0]]:
                text = text.strip(" ;:.")
                if 2 <= len(text.split()) <= 12:
                    found.add(text)
    return sorted(found)


TEMPLATES = (
    "a photo of a {}", "a picture of a {}", "an emoji of a {}", "a drawing of a {}", "the {} emoji", "an icon of a {}",
    "this is a {}", "a {} on a white background", "I love my {}", "where is the {}?", "look at this {}", "one small {}",
)  # fmt: skip
ADJECTIVES = (
    "red", "blue", "green", "yellow", "black", "white", "pink", "purple", "brown", "grey", "orange", "big", "small",
    "old", "new", "happy", "sad", "angry", "hot", "cold", "fast", "slow", "cute", "scary", "round", "sweet", "wild",
)  # fmt: skip


def phrases(nouns: list[str], count: int) -> list[str]:
    """Composed English around the given nouns: templates, adjectives, pairs."""
    rng = np.random.default_rng(SEED)
    made: set[str] = set()
    while len(made) < count:
        noun, other = (nouns[i] for i in rng.integers(len(nouns), size=2))
        kind = rng.integers(4)
        if kind == 0:
            made.add(str(rng.choice(TEMPLATES)).format(noun))
        elif kind == 1:
            made.add(f"a {rng.choice(ADJECTIVES)} {noun}")
        elif kind == 2:
            made.add(f"{noun} {rng.choice(['and', 'with', 'in', 'on', 'for', 'near'])} {other}")
        else:
            made.add(f"{rng.choice(ADJECTIVES)} {noun} {rng.choice(['with', 'and'])} {other}")
    return sorted(made)


def concept_strings(tables: dict, seen: list[int]) -> dict[str, Counter]:
    """string -> weight of every seen concept that it names in any locale."""
    allowed = set(seen)
    strings: dict[str, Counter] = {}
    for table in tables.values():
        for row, (name, *keywords) in table.items():
            if row in allowed:
                strings.setdefault(name, Counter())[row] += NAME_WEIGHT
                for word in keywords:
                    strings.setdefault(word, Counter())[row] += KEYWORD_WEIGHT
    return strings


def held_out_words(tables: dict, everything: list[dict]) -> set[str]:
    """Names of held-out concepts in any locale, lower case: no CLDR string that equals one is trained on."""
    rows = {i for i, concept in enumerate(everything) if concept["held_out"]}
    return {table[row][0].lower() for table in tables.values() for row in rows if row in table}
