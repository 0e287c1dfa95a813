"""Files to unit rows on a processor: this package beside its peers, in turns; writes docs/performance.md.

python benchmarks/compare.py [--images 64] [--texts 512] [--rounds 7] [--environments FOLDER]
"""

from __future__ import annotations

import argparse
import datetime
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from inputs import sentences, write_checkpoint, write_pictures

HERE = Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "performance.md"
OURS = [
    "card",
    "transformers",
    "clipnb strict",
    "clipnb",
    "clipnb onnxruntime",
    "clipnb openvino",
    "clipnb openvino bf16",
]
PEERS = {"sentence-transformers": "sentence-transformers", "open_clip": "open_clip"}
GOALS = {
    ("images", "clipnb"): 1.5,
    ("images", "clipnb openvino"): 1.75,
    ("images", "clipnb openvino bf16"): 3.4,
    ("texts", "clipnb"): 1.6,
}


class Contender:
    """A worker process, waiting for its turns."""

    def __init__(self, name: str, python: str, checkpoint: Path, threads: int) -> None:
        limits = {key: str(threads) for key in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
        environment = {**os.environ, **limits, "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
        self.name = name
        self.process = subprocess.Popen(
            [python, str(HERE / "worker.py"), name, str(checkpoint), str(threads)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=environment,
        )

    def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name}: its process ended with {self.process.wait()}")
        return json.loads(line)

    def turn(self, what: str, items: list[str], save: Path | None = None) -> dict[str, float]:
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps({"what": what, "items": items, "save": save and str(save)}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--texts", type=int, default=512)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--environments", type=Path, help="a folder with a virtual environment for each peer")
    parser.add_argument("--make-environments", type=Path, metavar="FOLDER", help="make them there, and stop")
    parser.add_argument("--dry", action="store_true", help="do not write the page")
    options = parser.parse_args()
    if options.make_environments:
        make_environments(options.make_environments)
        return
    with tempfile.TemporaryDirectory() as work:
        tables = measure(Path(work), options)
    if not options.dry:
        PAGE.parent.mkdir(exist_ok=True)
        text = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
        PAGE.write_text(_between(text, "processor", tables), encoding="utf-8")


def measure(work: Path, options: argparse.Namespace) -> str:
    checkpoint = write_checkpoint(work / "checkpoint")
    paths = [str(path) for path in write_pictures(work / "pictures", options.images)]
    items = {"images": paths, "texts": sentences(options.texts)}
    out = [_machine()]
    for threads in sorted({1, len(os.sched_getaffinity(0))}):
        contenders, missing = start(checkpoint, threads, options.environments)
        try:
            for what in ("images", "texts"):
                out += [_table(what, threads, turns(contenders, what, items[what], options.rounds, work)), ""]
        finally:
            for contender in contenders:
                contender.close()
        if missing:
            out += [f"Left out, for want of an environment: {', '.join(missing)}.", ""]
    text = "\n".join(out)
    sys.stdout.write(text + "\n")
    return text


def start(checkpoint: Path, threads: int, environments: Path | None) -> tuple[list[Contender], list[str]]:
    pythons = dict.fromkeys(OURS, sys.executable)
    missing = []
    for name, folder in PEERS.items():
        python = None if environments is None else environments / folder / "bin" / "python"
        if python is not None and python.exists():
            pythons[name] = str(python)
        else:
            missing.append(name)
    contenders = []
    for name, python in pythons.items():
        contender = Contender(name, python, checkpoint, threads)
        try:
            contender.answer()
            contenders.append(contender)
        except RuntimeError:
            missing.append(name)
    return contenders, missing


def turns(
    contenders: list[Contender], what: str, items: list[str], rounds: int, work: Path
) -> dict[str, dict[str, Any]]:
    """Times of every contender over the rounds, after one to warm up, and how far its rows are from the card's."""
    times: dict[str, dict[str, Any]] = {c.name: {"wall": [], "cpu": []} for c in contenders}
    for contender in contenders:
        contender.turn(what, items, work / f"{contender.name}.npy".replace(" ", "-"))
    for round_ in range(rounds):
        order = contenders[round_ % len(contenders) :] + contenders[: round_ % len(contenders)]
        for contender in order:
            spent = contender.turn(what, items)
            for clock in ("wall", "cpu"):
                times[contender.name][clock].append(spent[clock])
    reference = np.load(work / "card.npy")
    for name, found in times.items():
        rows = np.load(work / f"{name}.npy".replace(" ", "-"))
        found["worst"] = None if name == "open_clip" else float((rows * reference).sum(axis=1).min())
        # Turn by turn beside the card's own: what slows the machine down slows both.
        found["ratios"] = [a / b for a, b in zip(times["card"]["wall"], found["wall"], strict=True)]
        found["each"] = statistics.median(found["wall"]) / len(items)
    return times


def _table(what: str, threads: int, times: dict[str, dict[str, Any]]) -> str:
    lines = [
        f"**{what.capitalize()}, {threads} thread{'s' if threads > 1 else ''}**",
        "",
        "| contender | x the card's loop (median, least to most) | goal | ms each | worst cosine to the card's rows |",
        "|---|---|---|---|---|",
    ]
    for name, found in times.items():
        ratio, low, high = statistics.median(found["ratios"]), min(found["ratios"]), max(found["ratios"])
        goal = GOALS.get((what, name))
        mark = "" if goal is None else f"{goal} {'met' if ratio >= goal else '**missed**'}"
        worst = "its own weights" if found["worst"] is None else f"{found['worst']:.7f}"
        lines.append(
            f"| {name} | {ratio:.2f} ({low:.2f} to {high:.2f}) | {mark} | {1000 * found['each']:.1f} | {worst} |"
        )
    return "\n".join(lines)


def _machine() -> str:
    packages = ("torch", "transformers", "openvino", "onnxruntime", "simplejpeg", "Pillow")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages if _installed(name))
    model = next(
        (line.split(":", 1)[1].strip() for line in _cpuinfo() if line.startswith("model name")), platform.processor()
    )
    return (
        f"Measured on {datetime.date.today().isoformat()}: {model}, {len(os.sched_getaffinity(0))} cores, Python "
        f"{platform.python_version()}, {versions}. Random weights of the size of ViT-B/32; the others take batches "
        "of 32, clipnb what it chooses by itself.\n"
    )


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []


def _installed(name: str) -> bool:
    try:
        importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


def _between(text: str, part: str, new: str) -> str:
    """The page with what stands between its two marks replaced."""
    begin, end = f"<!-- {part} -->", f"<!-- /{part} -->"
    if begin not in text:
        return f"{text.rstrip()}\n\n{begin}\n{new}\n{end}\n".lstrip()
    return f"{text[: text.index(begin)]}{begin}\n{new}\n{end}{text[text.index(end) + len(end) :]}"


def make_environments(folder: Path) -> None:
    for name in PEERS.values():
        subprocess.run([sys.executable, "-m", "venv", str(folder / name)], check=True)
        pip = [str(folder / name / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        lines = (HERE / "environments" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
        wanted = [line for line in lines if line and not line.startswith("#")]
        for line in wanted:  # in this order: PyTorch first, what comes after finds it installed
            subprocess.run([*pip, *line.split()], check=True)


if __name__ == "__main__":
    main()
