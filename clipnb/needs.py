"""What a model of the catalog needs of this machine before it is opened: bytes to fetch, bytes in memory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from clipnb.catalog import EMBEDDED, Entry, find, suggest
from clipnb.errors import UnknownModel, UnsupportedOption, quote

__all__ = ["BYTES", "Needs", "Part", "downloaded", "free_memory", "in_words", "needs_of", "repository"]

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
"""Bytes a parameter."""

OPEN_CLIP_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
FILES = ("model*.safetensors", "pytorch_model*.bin")
"""What the families fetch, the best form first; equal to their own lists, which are not read without torch."""

_WITH_WEIGHTS = ("Transformer", "CLIPModel", "Dense")
"""Of the modules of sentence-transformers."""


@dataclass(frozen=True)
class Part:
    """One checkpoint, by the numbers of the catalog; None where nobody has published one.

    Attributes:
        name: of the model that it is.
        parameters: in millions.
        megabytes: of its weights, to download; 10^6 bytes each.
        held: megabytes of them that are on this machine.
        complete: all of them are.
    """

    name: str
    parameters: float | None
    megabytes: float | None
    held: float
    complete: bool

    @property
    def to_fetch(self) -> float | None:
        """Megabytes that are still to be downloaded."""
        if self.complete:
            return 0.0
        return None if self.megabytes is None else max(0.0, self.megabytes - self.held)


@dataclass(frozen=True)
class Needs:
    """What opening a model takes; a paired image tower is a part of its own.

    The memory of a paired image tower is an upper bound: its checkpoint has both towers, and only one of them stays.

    Attributes:
        parts: the model, and the checkpoint that encodes its pictures where that is another.
    """

    parts: tuple[Part, ...]

    @property
    def parameters(self) -> float | None:
        """Millions of parameters, of all parts."""
        return _sum(part.parameters for part in self.parts)

    @property
    def megabytes(self) -> float | None:
        """The whole download."""
        return _sum(part.megabytes for part in self.parts)

    @property
    def to_fetch(self) -> float | None:
        """What is left of it for this machine."""
        return _sum(part.to_fetch for part in self.parts)

    @property
    def complete(self) -> bool:
        """Nothing has to be fetched."""
        return all(part.complete for part in self.parts)

    def memory(self, dtype: str = "float32") -> float | None:
        """Megabytes of the weights in memory: parameters x bytes. What texts and pictures take at work comes on top.

        Most families open a checkpoint in float32 before they turn it into a smaller type: meanwhile it takes that.

        Raises:
            UnsupportedOption: another type than those in :data:`BYTES`.
        """
        if dtype not in BYTES:
            raise UnsupportedOption(f"dtype={dtype!r}; expected one of {', '.join(BYTES)}")
        return None if self.parameters is None else self.parameters * BYTES[dtype]


def needs_of(model: str | Entry, *, cache: Path | None = None) -> Needs:
    """What a model of the catalog needs, without asking the network.

    Args:
        model: its name, or its entry.
        cache: the Hub's cache; default: that of this machine.

    Raises:
        UnknownModel: not in the catalog.
    """
    entry = find(model) if isinstance(model, str) else model
    if entry is None:
        raise UnknownModel(f"{quote(str(model))} is not in the catalog.{suggest(str(model))}")
    paired = find(entry.image_tower) if entry.image_tower else None
    return Needs(tuple(_part(part, cache) for part in (entry, paired) if part is not None))


def _sum(numbers: Iterable[float | None]) -> float | None:
    known = list(numbers)
    return None if None in known else float(sum(number for number in known if number is not None))


def _part(entry: Entry, cache: Path | None) -> Part:
    if entry.name == EMBEDDED:
        held, complete = entry.megabytes, True
    else:
        held, complete = _held(entry, cache)
    return Part(entry.name, entry.parameters or None, entry.megabytes or None, held, complete)


def repository(entry: Entry, cache: Path | None = None) -> Path:
    """Where the Hub's client keeps the repository of a model."""
    if cache is None:
        import huggingface_hub.constants

        cache = Path(huggingface_hub.constants.HF_HUB_CACHE)
    return cache / f"models--{(entry.repo or entry.name).replace('/', '--')}"


def _held(entry: Entry, cache: Path | None) -> tuple[float, bool]:
    """Megabytes of weights of the newest commit that the cache knows, in the form that would be read; and whether all.

    A repository may hold the same weights in several forms, of which one is read.
    """
    home = repository(entry, cache)
    try:
        snapshot = home / "snapshots" / (home / "refs" / "main").read_text(encoding="utf-8").strip()
        found = [_held_in(folder, entry.family) for folder in _folders(snapshot)]
    except OSError:
        return 0.0, False
    return sum(size for size, _ in found) / 1e6, all(complete for _, complete in found)


def _folders(snapshot: Path) -> list[Path]:
    """The folders with weights in them: of sentence-transformers one a module, else the repository's own."""
    modules = _read(snapshot / "modules.json")
    if not isinstance(modules, list):
        return [snapshot]
    kinds = {str(module["path"]): str(module["type"]).rpartition(".")[2] for module in modules}
    return [snapshot / path for path, kind in kinds.items() if kind in _WITH_WEIGHTS]


def _held_in(folder: Path, family: str) -> tuple[int, bool]:
    there = {file.name: file for file in folder.iterdir() if file.is_file()} if folder.is_dir() else {}
    wanted = [shard for name in there if name.endswith(".index.json") for shard in _shards(there[name])]
    for pattern in OPEN_CLIP_FILES if family == "openai" else FILES:
        files = [file for name, file in there.items() if fnmatchcase(name, pattern)]
        shards = [shard for shard in wanted if fnmatchcase(shard, pattern)]
        if files:
            return sum(file.stat().st_size for file in files), set(shards) <= set(there)
    return 0, False


def _shards(index: Path) -> set[str]:
    said = _read(index)
    return {str(shard) for shard in said.get("weight_map", {}).values()} if isinstance(said, dict) else set()


def _read(file: Path) -> object:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None  # who opens the model will say what is wrong with it


def downloaded(entries: Iterable[Entry], *, cache: Path | None = None) -> float:
    """Megabytes in the cache for these models, of whatever kind and as far as they have come: what grows meanwhile."""
    size = 0
    for entry in entries:
        for file in (repository(entry, cache) / "blobs").glob("*"):
            try:
                size += file.stat().st_size
            except OSError:  # finished and renamed in this moment
                continue
    return size / 1e6


def free_memory(root: Path = Path("/")) -> float | None:
    """Megabytes of main memory that programs can still have, within the limit of a container; None where unknown.

    From Linux's ``/proc/meminfo`` (MemAvailable) and the control group's limit; other systems do not say it without
    a library. Memory of a GPU is not meant.
    """
    try:
        lines = (root / "proc" / "meminfo").read_text(encoding="ascii").splitlines()
        free = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, StopIteration):
        return None
    group = root / "sys" / "fs" / "cgroup"
    try:
        limit = int((group / "memory.max").read_text(encoding="ascii"))  # "max" where there is none
        used = int((group / "memory.current").read_text(encoding="ascii"))
        stat = dict(line.split() for line in (group / "memory.stat").read_text(encoding="ascii").splitlines())
        free = min(free, limit - used + int(stat.get("inactive_file", 0)))  # files that are kept can be dropped
    except (OSError, ValueError):
        pass
    return max(0, free) / 1e6


def in_words(megabytes: float | None) -> str:
    """A size as people say it: 605 MB, 2.2 GB; "not published" where there is none."""
    if megabytes is None:
        return "not published"
    if megabytes >= 999.5:
        return f"{megabytes / 1000:.1f} GB"
    return f"{megabytes:.0f} MB" if megabytes >= 9.95 else f"{megabytes:.1f} MB"
