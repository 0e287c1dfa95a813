"""Files to unit rows on a GPU: what of its ceiling is reached. ``python benchmarks/gpu.py`` prints a table.

The ceiling is measured, not read from a data sheet: the rate of a large matrix product in bfloat16 on the same card,
and the rate at which this machine's processors decode pictures. A model's share is its floating-point operations,
counted by PyTorch, over the former; the end-to-end share is pictures a second over the slower of decoding and model.

Options: --quick for a dry run on any machine, with the processor in the place of the GPU.
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import platform
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch
from inputs import write_checkpoint, write_pictures
from torch.utils.flop_counter import FlopCounterMode, register_flop_formula

import clipnb

LARGE = {"hidden_size": 1024, "intermediate_size": 4096, "num_hidden_layers": 24, "num_attention_heads": 16}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="small sizes, any machine")
    parser.add_argument("--images", type=int, default=0, help="pictures on disk (default 4096, or 64 with --quick)")
    options = parser.parse_args()
    cuda = torch.cuda.is_available()
    if not cuda and not options.quick:
        parser.error("no CUDA device; --quick runs on the processor, as a test of this script")
    device, dtype = ("cuda", torch.bfloat16) if cuda else ("cpu", torch.float32)
    name = torch.cuda.get_device_name() if cuda else platform.processor() or "processor"
    machine = f"{name}, {os.cpu_count()} processors, torch {torch.__version__}"
    print(f"Measured on {datetime.date.today().isoformat()}: {machine}.\n")
    peak = matmul_rate(device, dtype, 1024 if options.quick else 8192)
    print(f"Matrix product: {peak / 1e12:.1f} TFLOP/s in {dtype}.\n")
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        paths = [str(p) for p in write_pictures(folder / "pictures", options.images or (64 if options.quick else 4096))]
        decode = decode_rate(folder, paths)
        print(f"Decoding: {decode:,.0f} images/s in {os.cpu_count()} threads.\n")
        columns = [
            "model",
            "how",
            "model alone, images/s",
            "of the matrix product",
            "end to end, images/s",
            "of its ceiling",
        ]
        print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
        for label, checkpoint in checkpoints(folder, options.quick).items():
            for how in ("eager", "compile"):
                row = measure(checkpoint, how, device, dtype, paths, decode, peak, options.quick)
                print(f"| {label} | {how} | {row} |", flush=True)


def checkpoints(folder: Path, quick: bool) -> dict[str, Path]:
    """Random weights of two sizes, with the same tokenizer and processor."""
    import json

    base = write_checkpoint(folder / "base")
    found = {"ViT-B/32": base}
    if not quick:
        from transformers import CLIPConfig, CLIPModel

        large = folder / "large"
        large.mkdir()
        for file in base.iterdir():
            if file.name not in ("config.json", "model.safetensors"):
                (large / file.name).write_bytes(file.read_bytes())
        text = {"hidden_size": 768, "intermediate_size": 3072, "num_attention_heads": 12}
        vision = {**LARGE, "patch_size": 14, "image_size": 224}
        torch.manual_seed(0)
        CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=768)).save_pretrained(large)
        assert json.loads((large / "config.json").read_text())["projection_dim"] == 768
        found["ViT-L/14"] = large
    return found


def rate(step: Callable[[], Any], work: float, device: str, seconds: float = 2.0) -> float:
    """Work a second of the median of five stretches, after a warm-up."""

    def wait() -> None:
        if device == "cuda":
            torch.cuda.synchronize()

    for _ in range(3):
        step()
    wait()
    start = time.perf_counter()
    step()
    wait()
    repeats = max(1, int(seconds / 5 / max(time.perf_counter() - start, 1e-5)))
    found = []
    for _ in range(5):
        start = time.perf_counter()
        for _ in range(repeats):
            step()
        wait()
        found.append(work * repeats / (time.perf_counter() - start))
    return float(np.median(found))


def matmul_rate(device: str, dtype: torch.dtype, size: int) -> float:
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    return rate(lambda: a @ b, 2.0 * size**3, device)


def decode_rate(folder: Path, paths: list[str]) -> float:
    """Images a second that the quick path reads and resizes, with all processors and no model."""
    preparer = clipnb.load(write_checkpoint(folder / "base"), device="cpu").preparer()
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda path: preparer.prepare(path, path), paths[:64]))
        start = time.perf_counter()
        list(pool.map(lambda path: preparer.prepare(path, path), paths))
    return len(paths) / (time.perf_counter() - start)


def linear_operations(x: list[int], weight: list[int], *others: Any, **more: Any) -> int:
    return 2 * math.prod(x) * weight[0]


if hasattr(torch.ops.mkldnn, "_linear_pointwise"):
    # With --quick the linear layers may go through oneDNN, which PyTorch's counter does not know.
    register_flop_formula(torch.ops.mkldnn._linear_pointwise)(linear_operations)


def measure(
    checkpoint: Path,
    how: str,
    device: str,
    dtype: torch.dtype,
    paths: list[str],
    decode: float,
    peak: float,
    quick: bool,
) -> str:
    model = clipnb.load(checkpoint, device=device, dtype=dtype)
    tower = model.image_tower
    batch = 8 if quick else 512
    pixels = torch.randn(batch, 3, 224, 224, device=device, dtype=dtype)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        tower.features({"pixel_values": pixels[:1]})
    operations = counter.get_total_flops()
    if how == "compile":
        tower.module.vision_model = torch.compile(
            tower.module.vision_model, mode="max-autotune" if device == "cuda" else "default"
        )

    def step() -> None:
        with torch.inference_mode():
            tower.features({"pixel_values": pixels})

    alone = rate(step, batch, device)
    clipnb.embed(model, paths[:batch], batch_size=batch, progress=False)
    start = time.perf_counter()
    clipnb.embed(model, paths, batch_size=batch, workers=os.cpu_count(), progress=False)
    whole = len(paths) / (time.perf_counter() - start)
    ceiling = min(alone, decode)
    return f"{alone:,.0f} | {alone * operations / peak:.0%} | {whole:,.0f} | {whole / ceiling:.0%}"


if __name__ == "__main__":
    main()
