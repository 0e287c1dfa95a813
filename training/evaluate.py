"""Measures a CLIP folder on the two held-out styles, through plain CLIPModel and CLIPProcessor, and writes results.json."""

import argparse
import json
from datetime import date
from pathlib import Path

import numpy as np
import torch
import transformers
from PIL import Image
from transformers import CLIPModel, CLIPProcessor

import corpus
from paths import MODEL, ROOT, SEED
from pictures import on_white, seen_tiles, tiles
from styles import STYLES
from teacher import unit

LANGUAGES = "en de es fr it pt pl ru tr ar fa hi th vi id sw ja ko zh sv".split()
TEST = [style.name for style in STYLES if style.role == "test"]
TRAIN = [style.name for style in STYLES if style.role == "train" and style.ships]
DRAWS = 200


class Clip:
    """A folder read by transformers alone."""

    def __init__(self, folder: Path) -> None:
        self.model = CLIPModel.from_pretrained(folder, dtype=torch.float32).eval()
        self.processor = CLIPProcessor.from_pretrained(folder)

    @torch.inference_mode()
    def text(self, texts: list[str]) -> np.ndarray:
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # like lengths together: less padding
        parts, texts = [], [texts[i] for i in order]
        for start in range(0, len(texts), 500):
            inputs = self.processor.tokenizer(
                texts[start : start + 500], padding=True, truncation=True, return_tensors="pt"
            )
            parts.append(self.model.get_text_features(**inputs).pooler_output.numpy())
        return unit(np.concatenate(parts))[np.argsort(order)]

    @torch.inference_mode()
    def image(self, rgba: torch.Tensor) -> np.ndarray:
        parts = []
        for part in rgba.split(256):
            pictures = [
                Image.fromarray(((row + 1) * 127.5).round().byte().permute(1, 2, 0).numpy()) for row in on_white(part)
            ]
            inputs = self.processor.image_processor(pictures, return_tensors="pt")
            parts.append(self.model.get_image_features(**inputs).pooler_output.numpy())
        return unit(np.concatenate(parts))


def percent(values) -> float:
    return round(100 * float(np.mean(values)), 1)


def ranks(sim: np.ndarray, right: np.ndarray) -> np.ndarray:
    """0 where the right column has the row's highest score; ties count against the model."""
    return (sim >= np.take_along_axis(sim, right[:, None], 1)).sum(1) - 1


def draws(sim: np.ndarray, rows: np.ndarray, pool: np.ndarray, classes: int) -> float:
    """Mean top-1 % over DRAWS random draws of classes from the pool; sim[picture, concept], one picture a concept."""
    random = np.random.default_rng(SEED)
    where = {row: i for i, row in enumerate(rows)}
    scores = []
    for _ in range(DRAWS):
        chosen = random.choice(pool, classes, replace=False)
        part = sim[[where[row] for row in chosen]][:, chosen]
        scores.append((part.argmax(1) == np.arange(classes)).mean())
    return percent(scores)


def pixel_neighbour(rgba: torch.Tensor, rows: np.ndarray, side: int = 12) -> float:
    """Top-1 % of the concept of the nearest training picture, by the correlation of their pixels.

    Pictures are reduced to 12 pixels first: of sides from 8 to 64, with distance or correlation, the strongest.
    """

    def pixels_of(tiles_: torch.Tensor) -> torch.Tensor:
        flat = torch.nn.functional.adaptive_avg_pool2d(on_white(tiles_), side).flatten(1)
        return torch.nn.functional.normalize(flat - flat.mean(1, keepdim=True), dim=1)

    known, labels = [], []
    for style in TRAIN:
        pixels, concepts = seen_tiles(style)
        known.append(pixels_of(pixels))
        labels.append(concepts)
    bank, names = torch.cat(known), torch.cat(labels).numpy()
    nearest = torch.cat([(part @ bank.T).argmax(1) for part in pixels_of(rgba).split(256)])
    return percent(names[nearest.numpy()] == rows)


def measure(clip: Clip, style: str, everything: list[dict], tables: dict) -> dict:
    rgba, rows = tiles(style)
    rows = rows.numpy()
    images = clip.image(rgba)
    names = clip.text([concept["name"] for concept in everything])
    sim = images @ names.T
    held = np.array([concept["held_out"] for concept in everything])
    group = np.array([concept["group"] for concept in everything])
    seen = ~held[rows]
    place = ranks(sim[seen], rows[seen])
    shown = {"pictures": len(rows), "top1": percent(place < 1), "top5": percent(place < 5),
             "pixel_neighbour_top1": pixel_neighbour(rgba[torch.from_numpy(seen)], rows[seen])}  # fmt: skip
    pool = rows[seen]
    for classes in (10, 50, 100):
        shown[f"draw{classes}"] = draws(sim, rows, pool, classes)
    living = pool[np.isin(group[pool], ("animals & nature", "food & drink"))]
    for classes in (10, 50, 100):
        shown[f"animals_food{classes}"] = draws(sim, rows, living, classes)
    apart = rows[~seen]
    shown["held_out_pictures"] = len(apart)
    shown["held_out_draw10"] = draws(sim, rows, apart, 10)
    within = sim[~seen][:, apart]
    shown["held_out_top1"] = percent(within.argmax(1) == np.arange(len(apart)))
    shown["retrieval"], shown["held_out_retrieval"] = {}, {}
    where = {row: i for i, row in enumerate(rows)}
    for locale in LANGUAGES:
        table = tables[locale]
        asked = [row for row in rows if row in table]
        scores = clip.text([table[row][0] for row in asked]) @ images.T
        right = np.array([where[row] for row in asked])
        fresh = held[asked]
        place = ranks(scores[~fresh], right[~fresh])
        shown["retrieval"][locale] = [percent(place < k) for k in (1, 5, 10)]
        columns = [where[row] for row in asked if held[row]]
        place = ranks(scores[fresh][:, columns], np.arange(len(columns)))
        shown["held_out_retrieval"][locale] = [percent(place < k) for k in (1, 5, 10)]
    for k, name in enumerate(("r1", "r5", "r10")):
        shown[f"mean_{name}"] = round(float(np.mean([row[k] for row in shown["retrieval"].values()])), 1)
    near = images @ images.T
    np.fill_diagonal(near, -2)
    neighbours = np.argsort(-near, 1)[:, :10]
    shown["group_purity10"] = percent(group[rows][neighbours] == group[rows][:, None])
    groups = sorted(set(group))
    shown["zero_shot_group"] = percent(np.array(groups)[(images @ clip.text(groups).T).argmax(1)] == group[rows])
    centre = images.mean(0) - names[rows].mean(0)
    shown["modality_gap"] = round(float(np.linalg.norm(centre)), 3)
    shown["pair_cosine"] = round(float((images * names[rows]).sum(1).mean()), 3)
    shown["other_cosine"] = round(float((sim.sum() - (images * names[rows]).sum()) / (sim.size - len(rows))), 3)
    queries = json.loads((ROOT / "training" / "queries.json").read_text())["queries"]
    scores = clip.text([query["text"] for query in queries]) @ images.T
    shown["queries"] = []
    for query, row in zip(queries, scores, strict=True):
        first = [everything[rows[i]]["emoji"] for i in np.argsort(-row)[:5]]
        right = any(
            answer.replace("\ufe0f", "") in {found.replace("\ufe0f", "") for found in first}
            for answer in query["answers"]
        )
        shown["queries"].append({"text": query["text"], "first": first, "right": right})
    shown["queries_right"] = sum(query["right"] for query in shown["queries"])
    return shown


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?", type=Path, default=MODEL)
    parser.add_argument("--out", type=Path, default=ROOT / "training" / "results.json")
    args = parser.parse_args()
    everything, tables = corpus.concepts(), corpus.locales()
    clip = Clip(args.folder)
    size = sum(path.stat().st_size for path in args.folder.iterdir()) / 1e6
    results = {"date": date.today().isoformat(), "torch": torch.__version__, "transformers": transformers.__version__,
               "parameters": sum(p.numel() for p in clip.model.parameters()), "megabytes": round(size, 1),
               "logit_scale": round(float(clip.model.logit_scale.exp()), 2), "languages": LANGUAGES,
               "styles": {style: measure(clip, style, everything, tables) for style in TEST}}  # fmt: skip
    args.out.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n")
    for style, shown in results["styles"].items():
        print(style, {name: value for name, value in shown.items() if not isinstance(value, (list, dict))})
        print({locale: values[2] for locale, values in shown["retrieval"].items()})


if __name__ == "__main__":
    main()
