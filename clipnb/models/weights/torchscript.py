"""The tensors of a TorchScript archive, read without running the code in it.

An archive is a zip: ``data.pkl`` is a pickle of the modules with their attributes, ``data/`` holds the bytes of the
tensors, and ``code/`` the source of the modules. The pickle is read with a reader of our own. Of the source nothing
runs; it says, in two lines a class, which attributes are parameters and buffers.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import torch

from clipnb.errors import ModelFolderError, UnsafeCheckpoint
from clipnb.models.weights.members import SMALL, STORAGES, Members, view
from clipnb.models.weights.restricted_pickle import Call, Refused, loads

__all__ = ["is_archive", "read_archive"]

MODULES = 1 << 16
"""At most; OpenAI's largest has a thousand."""

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
            return _state_dict(Members(file, archive))
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


def _state_dict(members: Members) -> dict[str, torch.Tensor]:
    top = loads(members.text("data.pkl"), _allowed(), members.storage)
    classes = _classes(members)
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


def _classes(members: Members) -> dict[str, _Class]:
    classes: dict[str, _Class] = {}
    sources = [name for name in members.names if name.startswith("code/") and name.endswith(".py")]
    if sum(map(members.size, sources)) > SMALL:
        raise ValueError("its sources are too large")
    for source in sources:
        place = source[len("code/") : -len(".py")].replace("/", ".")
        parts = _CLASS.split(members.text(source).decode("utf-8"))
        for name, base, body in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
            classes[f"{place}.{name}"] = _Class(base or "", body)
    return classes


def _allowed() -> Any:
    classes: dict[str, type] = {}

    def rebuild(storage: Any, offset: Any, size: Any, stride: Any, *hooks: Any) -> torch.Tensor:
        return view(storage, offset, size, stride)

    known: dict[tuple[str, str], Any] = {
        ("torch._utils", "_rebuild_tensor_v2"): Call(rebuild),
        ("torch._utils", "_rebuild_parameter"): Call(lambda tensor, *_: tensor),
        ("torch", "device"): Call(lambda *_: None),
        ("collections", "OrderedDict"): Call(OrderedDict),
        **{("torch.jit._pickle", name): Call(lambda value, *_: value) for name in _PASSED_THROUGH},
        **{("torch", name): dtype for name, dtype in STORAGES.items()},
    }

    def allowed(module: str, name: str) -> Any:
        if (module, name) in known:
            return known[module, name]
        full = f"{module}.{name}"
        if not full.startswith("__torch__."):
            raise Refused(f"it names {full}")
        return classes.setdefault(full, type("_Module", (_Module,), {"name": full}))

    return allowed
