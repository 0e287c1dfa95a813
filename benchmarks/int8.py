"""What eight bits cost and gain: retrieval on the embedded model's test sets, and speed, beside full precision.

python benchmarks/int8.py                   the embedded model; writes docs/performance.md and clipnb/data/int8.json
python benchmarks/int8.py --model NAME      another model on the same pictures; prints its table

The measures are those of training/evaluate.py, on concepts that were seen in training drawn in styles that were not.
OpenMoji does not ship with the package: without the files of training/build_data.py it is left out.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import itertools
import json
import os
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import onnxruntime
from compare import PAGE, _between, _cpuinfo
from inputs import write_checkpoint
from onnxruntime.quantization import quantize_dynamic
from PIL import Image

import clipnb
from clipnb.catalog import EMBEDDED
from clipnb.models.backends import int8, loss

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "training"))

import corpus  # noqa: E402
from evaluate import LANGUAGES, TEST, ranks, tiles  # noqa: E402
from paths import MODEL, WORK  # noqa: E402
from pictures import on_white  # noqa: E402

CHOSEN = "a scale a row"
FULL = "float32"
NAMED = ("top-1 of all names", "R@10 English", f"R@10 mean of {len(LANGUAGES)} languages")

Hits = dict[tuple[str, str], np.ndarray]
"""(style, measure) -> whether each query was right, bool or share, [query]."""


def by_tensor(largest: int) -> Callable[[Path, Path], None]:
    """onnxruntime's own dynamic quantisation: a scale a column of the weights, and one for all activations."""

    def convert(source: Path, target: Path) -> None:
        quantize_dynamic(
            source, target, op_types_to_quantize=["MatMul", "Gemm"], per_channel=True, reduce_range=largest == 63
        )

    return convert


CONVERSIONS = {
    CHOSEN: int8.convert,
    "quantize_dynamic, reduced range": by_tensor(63),
    "quantize_dynamic": by_tensor(127),
}


@contextmanager
def variants(name: str) -> Iterator[dict[str, Any]]:
    """The model in full precision and in each way of eight bits, their exports in folders that go away."""
    models = {}
    with tempfile.TemporaryDirectory() as work:
        for i, (variant, convert) in enumerate({FULL: None, **CONVERSIONS}.items()):
            dtype = None if convert is None else "int8"
            with (
                mock.patch.dict(os.environ, {"CLIPNB_CACHE": f"{work}/{i}"}),
                mock.patch.object(int8, "convert", convert),
                mock.patch.object(loss, "say_loss"),
            ):
                models[variant] = clipnb.load(name, backend="onnxruntime", dtype=dtype)
                _ = models[variant].image_tower
        yield models


class Pair:
    """The texts of one model and the pictures of another."""

    def __init__(self, texts: Any, pictures: Any) -> None:
        self.encode_text, self.encode_image = texts.encode_text, pictures.encode_image


def style_of(name: str) -> tuple[list[Image.Image], np.ndarray]:
    """Its pictures on white, and the concept of each."""
    if name in clipnb.datasets.emoji_styles().index:
        found = clipnb.datasets.emoji(name)
        return list(found.images), np.array(found.concepts)
    rgba, rows = tiles(name)
    pixels = ((on_white(rgba) + 1) * 127.5).round().byte().permute(0, 2, 3, 1).numpy()
    return [Image.fromarray(picture) for picture in pixels], rows.numpy()


def hits(model: Any, styles: dict[str, tuple[list[Image.Image], np.ndarray]]) -> Hits:
    """What the model gets right, query by query."""
    everything, tables = corpus.concepts(), corpus.locales()
    held = np.array([concept["held_out"] for concept in everything])
    names = model.encode_text([concept["name"] for concept in everything], truncate=True)
    found: Hits = {}
    for style, (pictures, rows) in styles.items():
        images = model.encode_image(pictures)
        seen = ~held[rows]
        found[style, NAMED[0]] = ranks(images[seen] @ names.T, rows[seen]) < 1
        where = {row: i for i, row in enumerate(rows)}
        table = np.full((len(rows), len(LANGUAGES)), np.nan)  # rank of the right picture [picture, language]
        for column, locale in enumerate(LANGUAGES):
            asked = [row for row in rows if row in tables[locale] and not held[row]]
            right = np.array([where[row] for row in asked])
            texts = model.encode_text([tables[locale][row][0] for row in asked], truncate=True)
            table[right, column] = ranks(texts @ images.T, right)
        table = table[seen]
        for k in (1, 5, 10):
            right = np.where(np.isnan(table), np.nan, table < k)
            found[style, f"R@{k} English"] = right[:, 0]
            found[style, f"R@{k} mean of {len(LANGUAGES)} languages"] = right
    return found


def points(right: np.ndarray) -> float:
    """Percent: of a table [picture, language] the mean over the languages of each one's."""
    return 100 * float(np.mean(np.nanmean(right, axis=0)))


def lost(before: np.ndarray, after: np.ndarray) -> tuple[float, float]:
    """Points lost, and the standard error of that by the pictures, which are the same before and after."""
    apart = (before.astype(float) - after).reshape(len(before), -1)
    each = np.nanmean(apart, axis=1)
    each = each[~np.isnan(each)]
    return points(before) - points(after), 100 * float(each.std(ddof=1) / np.sqrt(len(each)))


def closeness(full: Any, model: Any, pictures: list[Image.Image]) -> tuple[float, float]:
    """The worst cosine to full precision, and how far a row moves when its picture goes through alone."""
    rows = model.encode_image(pictures)
    alone = np.concatenate([model.encode_image([picture]) for picture in pictures])
    return float((rows * full.encode_image(pictures)).sum(axis=1).min()), float(np.abs(rows - alone).max())


def speeds(models: dict[str, Any], rounds: int = 9) -> dict[tuple[str, str], list[float]]:
    """(variant, "pictures" or "texts") -> processor time of each round over full precision's of that round."""
    tower = models[FULL].image_tower
    edge, random = tower.image_size, np.random.default_rng(0)
    noise = [Image.fromarray(random.integers(0, 255, (edge, edge, 3), dtype=np.uint8)) for _ in range(32)]
    pixels = tower.pixels(noise)["pixel_values"]
    text = models[FULL].text_tower
    rows = sorted(text.rows([concept["name"] for concept in corpus.concepts()[:256]]), key=len)
    batches = {
        "pictures": [{"pixel_values": pixels[:16]}, {"pixel_values": pixels[16:]}],
        "texts": [text.batch(rows[i : i + 64]) for i in range(0, len(rows), 64)],
    }
    found: dict[tuple[str, str], list[float]] = {}
    for round_, what in itertools.product(range(rounds + 1), batches):
        took = {}
        for variant, model in models.items():
            compute = (model.image_tower if what == "pictures" else model.text_tower)._compute
            start = time.process_time()
            for batch in batches[what]:
                compute(batch)
            took[variant] = time.process_time() - start
        if round_:  # the first one warms up
            for variant, seconds in took.items():
                found.setdefault((variant, what), []).append(took[FULL] / seconds)
    return found


def report(name: str) -> tuple[str, dict[str, Any]]:
    """The page's section, and the figures that travel in the package."""
    styles = {style: style_of(style) for style in TEST if style == "fluent" or (WORK / "styles.json").exists()}
    with variants(name) as models:
        full = models[FULL]
        pairs = {
            FULL: full,
            CHOSEN: models[CHOSEN],
            f"{CHOSEN}, pictures alone": Pair(full, models[CHOSEN]),
            f"{CHOSEN}, texts alone": Pair(models[CHOSEN], full),
            **{variant: models[variant] for variant in CONVERSIONS if variant != CHOSEN},
        }
        found = {}
        for variant, model in pairs.items():
            print("measuring", variant, file=sys.stderr, flush=True)
            found[variant] = hits(model, styles)
        some = styles["fluent"][0][:64]
        close = {variant: closeness(full, model, some) for variant, model in pairs.items()}
        quick = {name: speeds(models)}
    if name == EMBEDDED:
        with tempfile.TemporaryDirectory() as work, variants(str(write_checkpoint(Path(work) / "ViT-B-32"))) as models:
            quick["the size of ViT-B/32, random weights"] = speeds(models)
    largest = {v: max((lost(found[FULL][key], now[key])[0], *key) for key in now) for v, now in found.items()}
    header = [machine(), ""]
    if missing := [style for style in TEST if style not in styles]:
        header += [f"Left out, for want of its pictures: {', '.join(missing)}.", ""]
    figures = {
        "date": datetime.date.today().isoformat(),
        "onnxruntime": onnxruntime.__version__,
        "largest": round(largest[CHOSEN][0], 2),
        "measures": [
            {
                "style": style,
                "measure": measure,
                "named": measure in NAMED,
                "float32": round(points(before), 2),
                "int8": round(points(found[CHOSEN][style, measure]), 2),
                "error": round(lost(before, found[CHOSEN][style, measure])[1], 2),
            }
            for (style, measure), before in found[FULL].items()
        ],
    }
    return "\n".join([*header, *losses(found, largest, close, styles), "", *gains(quick)]), figures


def losses(found: dict[str, Hits], largest: dict[str, Any], close: dict[str, Any], styles: Any) -> Iterator[str]:
    """The table of points lost."""
    keys = [(style, measure) for style in styles for measure in NAMED]
    heads = [
        *(f"{style}: {measure}" for style, measure in keys),
        "largest of all",
        "worst cosine",
        "moved by its batch",
    ]
    yield f"| | {' | '.join(heads)} |"
    yield "|---" * (len(heads) + 1) + "|"
    yield f"| {FULL}, % | {' | '.join(f'{points(found[FULL][key]):.1f}' for key in keys)} | | | |"
    for variant, now in found.items():
        if variant != FULL:
            pairs = [lost(found[FULL][key], now[key]) for key in keys]
            cells = [f"{round(points_, 1) + 0.0:.1f} ± {error:.1f}" for points_, error in pairs]  # no "-0.0"
            most, style, measure = largest[variant]
            cells += [
                f"{most:.2f} ({style}: {measure})",
                f"{close[variant][0]:.4f}",
                f"{close[variant][1]:.0e}" if close[variant][1] else "0",
            ]
            yield f"| {variant} | {' | '.join(cells)} |"


def gains(quick: dict[str, dict[tuple[str, str], list[float]]]) -> Iterator[str]:
    """The table of speed."""
    yield f"| times as fast as {FULL}: median (least to most) | pictures | texts |"
    yield "|---|---|---|"
    for name, found in quick.items():
        for variant in CONVERSIONS:
            cells = [found[variant, what] for what in ("pictures", "texts")]
            shown = [f"{statistics.median(cell):.2f} ({min(cell):.2f} to {max(cell):.2f})" for cell in cells]
            yield f"| {name}: {variant} | {' | '.join(shown)} |"


def machine() -> str:
    name = next((line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), "unknown")
    vnni = "with" if any("avx512_vnni" in line or "avx_vnni" in line for line in _cpuinfo()) else "without"
    return (
        f"Measured on {datetime.date.today().isoformat()}: {name} {vnni} VNNI, one thread, onnxruntime "
        f"{onnxruntime.__version__}."
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=EMBEDDED)
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["OMP_NUM_THREADS"] = "1"
    table, figures = report(options.model)
    print(table)
    if options.model == EMBEDDED:
        if {measure["style"] for measure in figures["measures"]} != set(TEST):
            sys.exit("not written: a test style is missing, see training/README.md")
        weights = hashlib.sha256((MODEL / "model.safetensors").read_bytes()).hexdigest()
        loss.MEASURED.write_text(json.dumps({"weights": weights, **figures}, indent=1) + "\n", encoding="utf-8")
        PAGE.write_text(_between(PAGE.read_text(encoding="utf-8"), "int8", table), encoding="utf-8")


if __name__ == "__main__":
    main()
