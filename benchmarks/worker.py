"""One contender: loads its library once, then answers every line on its input with the time of one pass.

    python worker.py CONTENDER CHECKPOINT THREADS < commands > answers

Commands and answers are lines of JSON. Nothing of this package is imported unless the contender is this package.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

BATCH = 32
Pass = Callable[[list[str]], np.ndarray]


def unit(rows: Any) -> np.ndarray:
    rows = np.asarray(rows, dtype=np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def transformers(folder: str, threads: int, *, batch: int = BATCH, **padding: Any) -> tuple[Pass, Pass]:
    """Model and processor of transformers; pictures ``batch`` at a time, texts padded as ``padding`` says."""
    import torch
    from PIL import Image
    from transformers import CLIPModel, CLIPProcessor

    model, processor = CLIPModel.from_pretrained(folder).eval(), CLIPProcessor.from_pretrained(folder)

    def images(paths: list[str]) -> np.ndarray:
        rows = []
        for i in range(0, len(paths), batch):
            with torch.inference_mode():
                inputs = processor(images=[Image.open(path) for path in paths[i : i + batch]], return_tensors="pt")
                rows.append(_features(model.get_image_features(**inputs)))
        return unit(np.concatenate(rows))

    def texts(sentences: list[str]) -> np.ndarray:
        rows = []
        for i in range(0, len(sentences), BATCH):
            with torch.inference_mode():
                inputs = processor(text=sentences[i : i + BATCH], return_tensors="pt", **padding)
                rows.append(_features(model.get_text_features(**inputs)))
        return unit(np.concatenate(rows))

    return images, texts


def _features(out: Any) -> np.ndarray:
    return getattr(out, "pooler_output", out).numpy()


def sentence_transformers(folder: str, threads: int) -> tuple[Pass, Pass]:
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(Path(folder).parent / "sentence-transformers"), device="cpu")

    def images(paths: list[str]) -> np.ndarray:
        return unit(model.encode([Image.open(path) for path in paths], batch_size=BATCH, show_progress_bar=False))

    def texts(sentences: list[str]) -> np.ndarray:
        return unit(model.encode(sentences, batch_size=BATCH, show_progress_bar=False))

    return images, texts


def open_clip(folder: str, threads: int) -> tuple[Pass, Pass]:
    """Its own random weights of the same size, its own transforms."""
    import open_clip
    import torch
    from PIL import Image

    torch.manual_seed(0)
    model, _, transform = open_clip.create_model_and_transforms("ViT-B-32", pretrained=None)
    model.eval()
    tokenizer = open_clip.get_tokenizer("ViT-B-32")

    def images(paths: list[str]) -> np.ndarray:
        rows = []
        for i in range(0, len(paths), BATCH):
            with torch.inference_mode():
                pixels = torch.stack([transform(Image.open(path)) for path in paths[i : i + BATCH]])
                rows.append(model.encode_image(pixels).numpy())
        return unit(np.concatenate(rows))

    def texts(sentences: list[str]) -> np.ndarray:
        rows = []
        for i in range(0, len(sentences), BATCH):
            with torch.inference_mode():
                rows.append(model.encode_text(tokenizer(sentences[i : i + BATCH])).numpy())
        return unit(np.concatenate(rows))

    return images, texts


def clipnb(folder: str, threads: int, *, strict: bool = False, **options: Any) -> tuple[Pass, Pass]:
    import clipnb

    model = clipnb.load(folder, device="cpu", **options)

    def images(paths: list[str]) -> np.ndarray:
        return clipnb.embed(model, paths, workers=threads, progress=False, on_error="raise", strict=strict).vectors

    def texts(sentences: list[str]) -> np.ndarray:
        return clipnb.embed(model, sentences, modality="text", progress=False, on_error="raise").vectors

    return images, texts


CONTENDERS: dict[str, Callable[[str, int], tuple[Pass, Pass]]] = {
    # The model cards' lines: a picture at a time, texts padded to 77.
    "card": lambda folder, threads: transformers(folder, threads, batch=1, padding="max_length", max_length=77),
    # In batches, texts padded to the longest of each.
    "transformers": lambda folder, threads: transformers(folder, threads, padding=True),
    "sentence-transformers": sentence_transformers,
    "open_clip": open_clip,
    "clipnb": clipnb,
    "clipnb strict": lambda folder, threads: clipnb(folder, threads, strict=True),
    "clipnb openvino": lambda folder, threads: clipnb(folder, threads, backend="openvino"),
    "clipnb openvino bf16": lambda folder, threads: clipnb(folder, threads, backend="openvino", dtype="bfloat16"),
    "clipnb onnxruntime": lambda folder, threads: clipnb(folder, threads, backend="onnxruntime"),
}


def main() -> None:
    name, folder, threads = sys.argv[1], sys.argv[2], int(sys.argv[3])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print is not an answer
    import torch

    torch.set_num_threads(threads)
    images, texts = CONTENDERS[name](folder, threads)
    answers.write(json.dumps({"ready": name}) + "\n")
    for line in sys.stdin:
        command = json.loads(line)
        run = images if command["what"] == "images" else texts
        wall, cpu = time.perf_counter(), time.process_time()
        rows = run(command["items"])
        spent = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
        if command.get("save"):
            np.save(command["save"], rows)
        answers.write(json.dumps(spent) + "\n")


if __name__ == "__main__":
    main()
