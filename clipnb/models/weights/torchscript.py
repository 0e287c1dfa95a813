"""The tensors of a TorchScript archive, read without running the code in it.

An archive is a zip: ``data.pkl`` is a pickle of the modules with their attributes, ``data/`` holds the bytes of the
tensors, and ``code/`` the source of the modules. The pickle is read with a reader of our own. Of the source nothing
runs; it says, in two lines a class, which attributes are parameters and buffers.
"""

from __future__ import annotations

import mmap
import re
import struct
import warnings
import zipfile
import zlib
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from clipnb.errors import ModelFolderError, UnsafeCheckpoint
from clipnb.models.weights.restricted_pickle import Call, Refused, loads

__all__ = ["is_archive", "read_archive"]

SMALL = 1 << 24
"""Bytes of the pickle and of the sources; the largest of OpenAI's archives has less than a million."""

MODULES = 1 << 16
"""At most; OpenAI's largest has a thousand."""

_STORAGES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
_PASSED_THROUGH = ("build_intlist", "build_tensorlist", "build_doublelist", "build_boollist", "restore_type_tag")
_CLASS = re.compile(r"^class (\w+)(?:\((\w*)\))?:", re.MULTILINE)
_NAMES = re.compile(r"^  __(parameters|buffers)__ = \[(.*)\]$", re.MULTILINE)


def is_archive(path: Path, name: str) -> bool:
    """Whether a zip is a TorchScript archive and not a state dict.

    Raises:
        ModelFolderError: it is damaged, or a zip of something else.
    """
    try:
        # What torch itself finds in it: two readers of a zip need not agree, and torch.load of some versions runs
        # what it takes for an archive.
        records = torch._C.PyTorchFileReader(str(path)).get_all_records()
    except RuntimeError as error:
        if zipfile.is_zipfile(path):
            raise ModelFolderError(f"{name}: {path.name} is a zip, and none that torch writes") from error
        raise ModelFolderError(f"{name}: {path.name} is cut off or damaged; download it again") from error
    return any(record in ("constants.pkl", "model.json") for record in records)


def read_archive(path: Path, name: str, *, trust: bool = False) -> dict[str, torch.Tensor]:
    """The state dict of an archive, as ``torch.jit.load(path).state_dict()`` gives it.

    Args:
        path: the archive.
        name: of the model, for messages.
        trust: where it cannot be read without, run its code.

    Raises:
        UnsafeCheckpoint: it holds more than modules with tensors, and ``trust`` is not given.
        ModelFolderError: it is damaged.
    """
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            return _Archive(file, archive).state_dict()
    except Refused as error:
        if not trust:
            raise UnsafeCheckpoint(
                f"{name}: the tensors of {path.name} cannot be read without running the code in it ({error}); if you "
                "trust where it comes from, pass trust_torchscript=True"
            ) from error
    except Exception as error:  # a damaged archive fails in many ways
        raise ModelFolderError(f"{name}: {path.name} is damaged ({error}); download it again") from error
    return _run(path, name)


def _run(path: Path, name: str) -> dict[str, torch.Tensor]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # TorchScript as a whole is going out of use
            return dict(torch.jit.load(str(path), map_location="cpu").state_dict())
    except Exception as error:
        raise ModelFolderError(f"{name}: {path.name} cannot be opened ({error})") from error


class _Module:
    """What a pickle says of an object of a class of the archive."""

    name = ""
    state: Any = None

    def __init__(self, *ignored: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


class _Class:
    """What the source says of a class."""

    def __init__(self, base: str, body: str) -> None:
        self.is_module = base == "Module"
        found = {kind: set(re.findall(r'"(\w+)"', names)) for kind, names in _NAMES.findall(body)}
        self.parameters: set[str] = found.get("parameters", set())
        self.buffers: set[str] = found.get("buffers", set())
        # Such a class keeps its state in a form that only its own code knows.
        self.sets_state = "  def __setstate__(" in body


class _Archive:
    def __init__(self, file: Any, archive: zipfile.ZipFile) -> None:
        self.archive = archive
        names = archive.namelist()
        if len(set(names)) != len(names):
            raise ValueError("a name stands twice in it")
        self.root = names[0].partition("/")[0]
        self.names = {name.partition("/")[2] for name in names if name.startswith(f"{self.root}/")}
        if "data.pkl" not in self.names:
            raise Refused("it is of an early form")
        if "byteorder" in self.names and self.text("byteorder") != b"little":
            raise Refused("its numbers are big-endian")
        # Private to this process: nothing that is written to the tensors reaches the file.
        self.bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self.storages: dict[str, torch.Tensor] = {}

    def text(self, name: str) -> bytes:
        info = self.archive.getinfo(f"{self.root}/{name}")
        if info.file_size > SMALL:
            raise ValueError(f"{name} has {info.file_size} bytes")
        return self.archive.read(info)

    def state_dict(self) -> dict[str, torch.Tensor]:
        top = loads(self.text("data.pkl"), self._allowed(), self._storage)
        classes = self._classes()
        found: dict[str, torch.Tensor] = {}
        left = [MODULES]

        def walk(module: Any, prefix: str, depth: int) -> None:
            known = classes.get(getattr(module, "name", ""))
            if known is None or not known.is_module:
                raise ValueError(f"{prefix or 'the model'} is no module")
            if known.sets_state or not isinstance(module.state, dict):
                raise Refused(f"{prefix or 'the model'} restores itself by code of its own")
            left[0] -= 1
            if depth > 100 or left[0] < 0:
                raise ValueError("its modules hold each other")
            for names in (known.parameters, known.buffers):
                found.update(
                    {
                        prefix + key: value
                        for key, value in module.state.items()
                        if key in names and isinstance(value, torch.Tensor)
                    }
                )
            for key, value in module.state.items():
                inner = classes.get(value.name) if isinstance(value, _Module) else None
                if inner is not None and inner.is_module:
                    walk(value, f"{prefix}{key}.", depth + 1)

        walk(top, "", 0)
        return found

    def _classes(self) -> dict[str, _Class]:
        classes: dict[str, _Class] = {}
        sources = [name for name in self.names if name.startswith("code/") and name.endswith(".py")]
        if sum(self.archive.getinfo(f"{self.root}/{name}").file_size for name in sources) > SMALL:
            raise ValueError("its sources are too large")
        for source in sources:
            place = source[len("code/") : -len(".py")].replace("/", ".")
            parts = _CLASS.split(self.text(source).decode("utf-8"))
            for name, base, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
                classes[f"{place}.{name}"] = _Class(base or "", body)
        return classes

    def _allowed(self) -> Any:
        classes: dict[str, type] = {}

        def rebuild(storage: Any, offset: Any, size: Any, stride: Any, *hooks: Any) -> torch.Tensor:
            return _view(storage, offset, size, stride)

        known: dict[tuple[str, str], Any] = {
            ("torch._utils", "_rebuild_tensor_v2"): Call(rebuild),
            ("torch._utils", "_rebuild_parameter"): Call(lambda tensor, *_: tensor),
            ("torch", "device"): Call(lambda *_: None),
            ("collections", "OrderedDict"): Call(OrderedDict),
            **{("torch.jit._pickle", name): Call(lambda value, *_: value) for name in _PASSED_THROUGH},
            **{("torch", name): dtype for name, dtype in _STORAGES.items()},
        }

        def allowed(module: str, name: str) -> Any:
            if (module, name) in known:
                return known[module, name]
            full = f"{module}.{name}"
            if not full.startswith("__torch__."):
                raise Refused(f"it names {full}")
            return classes.setdefault(full, type("_Module", (_Module,), {"name": full}))

        return allowed

    def _storage(self, key: Any) -> torch.Tensor:
        """All the numbers of a storage, of one dimension, shared by the tensors that lie in it."""
        kind, dtype, record, _, count = key[:5]
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not isinstance(record, str):
            raise Refused("it refers to something that is no tensor")
        if record not in self.storages:
            self.storages[record] = self._record(f"data/{record}", dtype, count)
        storage = self.storages[record]
        if storage.dtype != dtype or len(storage) != count:
            raise ValueError(f"data/{record} is named with two sizes")
        return storage

    def _record(self, name: str, dtype: torch.dtype, count: Any) -> torch.Tensor:
        info = self.archive.getinfo(f"{self.root}/{name}")
        if type(count) is not int or info.file_size != count * torch.empty((), dtype=dtype).element_size():
            raise ValueError(f"{name} has {info.file_size} bytes, and the model wants {count} of {dtype}")
        if info.compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{name} is compressed, which torch never does")
        if not count:
            return torch.empty(0, dtype=dtype)
        # Its bytes begin behind a header that says how long its own two texts are.
        sizes = struct.unpack_from("<HH", self.bytes, info.header_offset + 26)
        start = info.header_offset + 30 + sum(sizes)
        if start + info.file_size > len(self.bytes):
            raise ValueError(f"{name} is cut off")
        if zlib.crc32(memoryview(self.bytes)[start : start + info.file_size]) != info.CRC:
            raise ValueError(f"{name} has another checksum than it should")
        if start % torch.empty((), dtype=dtype).element_size():  # not as torch lays it, but another zip program
            return torch.frombuffer(bytearray(self.bytes[start : start + info.file_size]), dtype=dtype)
        return torch.frombuffer(self.bytes, dtype=dtype, count=count, offset=start)


def _view(storage: Any, offset: Any, size: Any, stride: Any) -> torch.Tensor:
    """A tensor in a storage, of the shape and the steps that the pickle says, none of which leaves the storage."""
    if not isinstance(storage, torch.Tensor) or not isinstance(size, tuple) or not isinstance(stride, tuple):
        raise Refused("a tensor of an unknown kind")
    numbers = (offset, *size, *stride)
    if len(size) != len(stride) or not all(type(number) is int and 0 <= number < 1 << 48 for number in numbers):
        raise ValueError(f"a tensor of the shape {size} with the steps {stride}")
    count = 1
    for length in size:
        count *= length
    steps = sum((length - 1) * step for length, step in zip(size, stride, strict=True)) if count else 0
    if offset + steps >= len(storage) + (not count):
        raise ValueError(f"a tensor of the shape {size} leaves its {len(storage)} numbers")
    if count > len(storage):
        raise Refused(f"a tensor of the shape {size} repeats its {len(storage)} numbers")
    return torch.as_strided(storage, size, stride, offset)
