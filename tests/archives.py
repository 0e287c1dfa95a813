"""TorchScript archives and payloads for the tests of reading weights."""

import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import torch


class Payload:
    """Whoever unpickles it calls a function; with none given, one that makes a folder."""

    def __init__(self, argument: object, call: Callable = os.mkdir) -> None:
        self.argument, self.call = str(argument), call

    def __reduce__(self):
        return self.call, (self.argument,)


class Inner(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(3, 2).half()
        self.norm = torch.nn.BatchNorm1d(2)  # buffers, one of them an int64 scalar
        self.nothing = torch.nn.Linear(2, 2, bias=False)  # a parameter that is None
        self.stack = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.ReLU(), torch.nn.Linear(2, 2))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stack(self.nothing(self.norm(self.first(x.half()).float())))


class Model(torch.nn.Module):
    """Of everything that an archive can hold beside parameters, some."""

    def __init__(self) -> None:
        super().__init__()
        self.inner = Inner()
        self.again = self.inner.first
        self.weight = torch.nn.Parameter(torch.arange(12.0).reshape(3, 4).t())  # strides of its own
        self.view = torch.nn.Parameter(self.weight.data[1:, 2])  # in the same storage, with an offset
        self.register_buffer("input_resolution", torch.tensor(224))
        self.register_buffer("fixed", torch.ones(2, dtype=torch.bfloat16), persistent=False)
        self.register_buffer("flags", torch.tensor([True, False]))
        self.register_buffer("empty", torch.zeros(0, 3))
        self.register_buffer("absent", None)
        self.attribute = torch.ones(3)  # a tensor, and in no state dict
        self.numbers, self.floats, self.pair, self.names = [1, 2], [1.5], (1, "a"), {"a": 1}
        self.kind, self.where, self.tensors = torch.float16, torch.device("cpu"), [torch.ones(2)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.inner(x) + self.attribute.sum() + self.weight.sum() + self.view.sum() + self.floats[0]
        return x + self.numbers[0] + self.names["a"] + self.tensors[0].sum() + self.pair[0] + self.fixed.sum()


class Restoring(torch.nn.Module):
    """Loading its archive runs code, which makes a file of eight bytes at ``trace``."""

    def __init__(self, trace: str) -> None:
        super().__init__()
        self.trace = trace
        self.register_buffer("weight", torch.arange(4.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight

    @torch.jit.export
    def __getstate__(self) -> tuple[str, torch.Tensor, bool]:
        return self.trace, self.weight, self.training

    @torch.jit.export
    def __setstate__(self, state: tuple[str, torch.Tensor, bool]) -> None:
        self.trace = state[0]
        self.weight = state[1] + torch.from_file(state[0], shared=True, size=2).sum()
        self.training = state[2]


class RestoringNames(torch.nn.Module):
    """Its state looks like that of any other module, and its code makes another one of it."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("weight", torch.arange(4.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.weight

    @torch.jit.export
    def __getstate__(self) -> dict[str, torch.Tensor]:
        return {"weight": self.weight}

    @torch.jit.export
    def __setstate__(self, state: dict[str, torch.Tensor]) -> None:
        self.training = False
        self.weight = state["weight"] + 1


def save_script(model: torch.nn.Module, path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript as a whole is going out of use
        torch.jit.script(model.eval()).save(str(path))


def repack(source: Path, target: Path, change: Callable[[str, bytes], bytes | None]) -> Path:
    """A copy of an archive with each member, by its name below the top folder, changed or (None) left out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as new:
        for name in old.namelist():
            data = change(name.partition("/")[2], old.read(name))
            if data is not None:
                new.writestr(name, data)
    return target
