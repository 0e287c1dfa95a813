"""Writes the model card, and its summary in the README, from results.json: figures that were measured, wins and losses."""

import json

from paths import MODEL, ROOT

GATES = (
    ("fluent: all names, better than the nearest picture by pixels", lambda s: (s["fluent"]["top1"], s["fluent"]["pixel_neighbour_top1"])),
    ("openmoji: all names, better than the nearest picture by pixels", lambda s: (s["openmoji"]["top1"], s["openmoji"]["pixel_neighbour_top1"])),
    ("fluent: top-1 among 50 animals and foods", lambda s: (s["fluent"]["animals_food50"], 85.0)),
    ("fluent: text-to-image R@10, English", lambda s: (s["fluent"]["retrieval"]["en"][2], 70.0)),
    ("fluent: text-to-image R@10, mean of {languages} languages", lambda s: (s["fluent"]["mean_r10"], 50.0)),
    ("fluent: free-form English queries right in the first five, of 30", lambda s: (s["fluent"]["queries_right"], 15)),
)  # fmt: skip
ROWS = (
    ("pictures", "pictures (one a concept)"),
    ("top1", "all 1,914 names: top-1 %"),
    ("top5", "all 1,914 names: top-5 %"),
    ("pixel_neighbour_top1", "the same by the nearest training picture (pixels at 12 px, correlation): top-1 %"),
    ("draw10", "10 classes drawn from all: top-1 %"),
    ("draw50", "50 classes drawn from all: top-1 %"),
    ("draw100", "100 classes drawn from all: top-1 %"),
    ("animals_food10", "10 animals and foods: top-1 %"),
    ("animals_food50", "50 animals and foods: top-1 %"),
    ("animals_food100", "100 animals and foods: top-1 %"),
    ("held_out_pictures", "concepts never seen in training"),
    ("held_out_draw10", "10 classes drawn from those: top-1 %"),
    ("held_out_top1", "all of those: top-1 %"),
    ("mean_r1", "text-to-image R@1, mean over languages"),
    ("mean_r5", "text-to-image R@5, mean over languages"),
    ("mean_r10", "text-to-image R@10, mean over languages"),
    ("queries_right", "free-form English queries right in the first five, of 30"),
    ("zero_shot_group", "Unicode's nine groups by their names: top-1 %"),
    ("group_purity10", "neighbours (10) of the same group, %"),
    ("modality_gap", "modality gap (distance of the centroids)"),
    ("pair_cosine", "mean cosine, picture and its name"),
    ("other_cosine", "mean cosine, picture and another name"),
)

HEADER = """---
license: cc-by-4.0
library_name: transformers
pipeline_tag: zero-shot-image-classification
tags: [clip, emoji, multilingual]
---
# clipnb/emoji: a small CLIP whose world is emoji

{parameters:.1f} M parameters, {megabytes} MB with its tokenizer. Pictures of emoji in any drawing style on one side,
words in over a hundred languages on the other. It is a plain `CLIPModel`:

```python
from transformers import CLIPModel, CLIPProcessor

model = CLIPModel.from_pretrained("clipnb/data/model", dtype="float32")
processor = CLIPProcessor.from_pretrained("clipnb/data/model")
```

or `clipnb.load()`. It exists so that every lesson of clipnb runs offline, on a real model, in seconds. It knows
nothing of photographs: for those load one of OpenAI's.

**Architecture.** Image tower: ViT, 64 px, patches of 8, width 192, 6 layers, 6 heads. Text tower: causal transformer
with CLIP's own tokenization (lower-casing byte-level BPE, {vocabulary:,} tokens), 32 tokens, width 192, 4 layers. Joint
space of 256 dimensions; logit scale {logit_scale}. Put transparent pictures on white first.

**Training.** Scripts in `training/`, seed fixed. {training}

**Data.** Pictures: Twemoji, Noto Emoji, Noto Emoji v1, Emoji One 2 (colour and monotone), Streamline Emojis, the monochrome Noto
Emoji font; Firefox OS Emoji for validation. Names and keywords: Unicode CLDR 48, {locales} locales. English words and
sentences: WordNet 3.0. Teacher: all-MiniLM-L6-v2. Licences: `clipnb/data/emoji/ATTRIBUTION.md`, `THIRD_PARTY_NOTICES.md`.

**Protocol.** Held out of training, validation and tokenizer: {held_out} concepts (a fixed draw, marked in `concepts.json`), and two whole
drawing styles, Fluent (flat) and OpenMoji. Names compete against all concepts unless a row says otherwise. English
WordNet strings were not filtered, neither for the tokenizer nor for the text tower, so a held-out concept's English word can have
been read as a word, never with a picture. Retrieval
searches all pictures of the style; draws are means of 200. Measured on {date} with torch {torch}, transformers {transformers}, by
`training/evaluate.py`, on the half-precision weights computed in float32.
"""


def table(head: list[str], rows: list[list]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(map(str, row)) + " |" for row in rows]) + "\n"


def main() -> None:
    results = json.loads((ROOT / "training" / "results.json").read_text())
    notes = json.loads((ROOT / "training" / "notes.json").read_text())
    config = json.loads((MODEL / "config.json").read_text())
    styles, languages = results["styles"], results["languages"]
    facts = (
        results | notes | {"parameters": results["parameters"] / 1e6, "vocabulary": config["text_config"]["vocab_size"]}
    )
    parts = [HEADER.format(**facts)]
    gates = []
    for title, read in GATES:
        value, bar = read(styles)
        gates.append(
            [title.format(languages=len(languages)), value, bar, "yes" if value > bar or value == bar else "**no**"]
        )
    parts += ["## What it was meant to reach\n", table(["measure", "reached", "goal", "met"], gates)]
    parts += [
        "## Everything measured\n",
        table(["", *styles], [[title, *(style[key] for style in styles.values())] for key, title in ROWS]),
    ]
    parts.append("## Text to image by language, R@1 / R@5 / R@10\n")
    rows = [[code, *(" / ".join(map(str, style["retrieval"][code])) for style in styles.values()),
             " / ".join(map(str, styles["fluent"]["held_out_retrieval"][code]))] for code in languages]  # fmt: skip
    parts.append(table(["language", *styles, "held-out concepts among themselves, fluent"], rows))
    parts.append("## Free-form queries, written before any result was seen (Fluent, first five)\n")
    parts.append(
        table(
            ["query", "first five", "right"],
            [[q["text"], " ".join(q["first"]), "yes" if q["right"] else "no"] for q in styles["fluent"]["queries"]],
        )
    )
    parts += ["## What was tried\n", notes["tried"] + "\n"]
    (MODEL / "README.md").write_text("\n".join(parts))
    summary = table(["measured on drawing styles never seen in training", "reached", "goal", "met"], gates)
    summary += "\nThe whole table, losses included, is in the [card](clipnb/data/model/README.md)."
    readme = ROOT / "README.md"
    before, rest = readme.read_text().split("<!-- model-card -->")
    after = rest.split("<!-- /model-card -->")[1]
    readme.write_text(f"{before}<!-- model-card -->\n{summary}\n<!-- /model-card -->{after}")
    print(summary)


if __name__ == "__main__":
    main()
