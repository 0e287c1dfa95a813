"""The members of a TorchScript archive, a zip as torch writes it: small texts, and the numbers of the tensors."""

from __future__ import annotations

import mmap
import struct
import zipfile
import zlib
from typing import Any

import torch

from clipnb.models.weights.restricted_pickle import Refused

__all__ = ["SMALL", "STORAGES", "Members", "view"]

SMALL = 1 << 24
"""Bytes of the pickle and of the sources; the largest of OpenAI's archives has less than a million."""

STORAGES = {
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
"""By the classes that a pickle names."""


class Members:
    """The members of an archive below its top folder.

    Args:
        file: the archive, open.
        archive: the same as a zip.

    Raises:
        Refused: it is of an early form, or of a machine that orders bytes the other way.
        ValueError: it is damaged.
    """

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
        """The bytes of a member that has to be small.

        Raises:
            ValueError: it is not.
        """
        info = self.archive.getinfo(f"{self.root}/{name}")
        if info.file_size > SMALL:
            raise ValueError(f"{name} has {info.file_size} bytes")
        return self.archive.read(info)

    def size(self, name: str) -> int:
        """Bytes of a member, unpacked."""
        return self.archive.getinfo(f"{self.root}/{name}").file_size

    def storage(self, key: Any) -> torch.Tensor:
        """All the numbers of a storage, of one dimension, shared by the tensors that lie in it.

        Args:
            key: what the pickle says of it: ``("storage", dtype, record, device, count)``.

        Raises:
            Refused: it is something else than a storage.
            ValueError: it does not fit what the archive holds.
        """
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


def view(storage: Any, offset: Any, size: Any, stride: Any) -> torch.Tensor:
    """A tensor in a storage, of the shape and the steps that the pickle says.

    Raises:
        Refused: an unknown kind of tensor, or one that repeats its numbers.
        ValueError: it leaves the storage.
    """
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
