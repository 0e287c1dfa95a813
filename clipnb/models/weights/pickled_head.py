"""The linear head of M-BERT-Base-ViT-B, which its authors published as a pickle of two numpy arrays."""

from __future__ import annotations

import math
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import ModelFolderError, UnsafeCheckpoint
from clipnb.models.weights.restricted_pickle import Call, Refused, loads

__all__ = ["read_head"]

LIMIT = 1 << 26
"""Bytes of a file; the published one has 1.6 million."""

_TYPES = {"f2": np.float16, "f4": np.float32, "f8": np.float64}
_MULTIARRAY = ("numpy.core.multiarray", "numpy._core.multiarray")
_NUMERIC = ("numpy.core.numeric", "numpy._core.numeric")

Floats = NDArray[np.float32]


def read_head(path: Path, name: str) -> tuple[Floats, Floats]:
    """The weight, float32 [in, out], and the bias, float32 [out]: features are ``states @ weight + bias``.

    Args:
        path: the published pickle of ``[weight, bias]``, read without numpy's own unpickling; or a conversion of it,
            ``.npz`` or ``.safetensors``, that names the two ``W`` and ``b`` in the same layout, or ``weight`` and
            ``bias`` in that of ``torch.nn.Linear``, [out, in] and [out].
        name: of the model, for messages.

    Raises:
        UnsafeCheckpoint: the pickle holds something else than arrays of numbers.
        ModelFolderError: no such file, a damaged one, or arrays that are no linear head.
    """
    path = Path(path)
    try:
        size = path.stat().st_size
        if path.is_dir() or size > LIMIT or not size:
            what = "is a folder" if path.is_dir() else f"has {size} bytes"
            raise ModelFolderError(f"{name}: head={str(path)!r} {what}, expected the file of a linear head")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise ModelFolderError(f"{name}: head={str(path)!r}: no such file") from error
    except OSError as error:
        raise error if isinstance(error, ModelFolderError) else _damaged(path, name, error) from error
    try:
        if data.startswith(b"PK") or data[8:9] == b"{":
            weight, bias = _converted(data, path)
        else:
            weight, bias = _unpickled(data)
    except Refused as error:
        raise UnsafeCheckpoint(
            f"{name}: head={str(path)!r} is a pickle that holds more than two arrays, and reading it could run code "
            f"({error}); take the file from its authors"
        ) from error
    except Exception as error:
        raise _damaged(path, name, error) from error
    if weight.ndim != 2 or bias.shape != weight.shape[1:] or not weight.size:
        raise ModelFolderError(
            f"{name}: head={str(path)!r} holds arrays of the shapes {weight.shape} and {bias.shape}, expected "
            "[in, out] and [out]"
        )
    if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
        raise ModelFolderError(f"{name}: head={str(path)!r} holds numbers that are not finite")
    return weight, bias


def _damaged(path: Path, name: str, error: Exception) -> ModelFolderError:
    return ModelFolderError(f"{name}: head={str(path)!r} is no linear head, or damaged ({error}); download it again")


def _converted(data: bytes, path: Path) -> tuple[Floats, Floats]:
    if data.startswith(b"PK"):
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > LIMIT:
                raise ValueError("its arrays are too large")
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    else:
        from safetensors.numpy import load

        arrays = load(data)
    if set(arrays) == {"W", "b"}:
        return _float32(arrays["W"]), _float32(arrays["b"])
    if set(arrays) == {"weight", "bias"}:
        return np.ascontiguousarray(_float32(arrays["weight"]).T), _float32(arrays["bias"])
    raise ValueError(f"it names {', '.join(map(repr, sorted(arrays)))}, expected 'weight' and 'bias', or 'W' and 'b'")


def _float32(array: NDArray[Any]) -> Floats:
    if array.dtype.kind != "f":
        raise ValueError(f"an array of {array.dtype}")
    return np.array(array, dtype=np.float32)


def _unpickled(data: bytes) -> tuple[Floats, Floats]:
    pair = loads(data, _stand_ins())
    if not isinstance(pair, (list, tuple)) or len(pair) != 2:
        raise ValueError(f"a {type(pair).__name__}, expected [weight, bias]")
    return _array(pair[0]), _array(pair[1])


class _Dtype:
    """What a pickle says of a dtype."""

    __slots__ = ("code", "order")

    def __init__(self, code: Any, align: Any = False, copy: Any = False) -> None:
        if code not in _TYPES:
            raise Refused(f"an array of the type {code!r}")
        self.code, self.order = code, "<"

    def __setstate__(self, state: Any) -> None:
        order, *inner = state[1:5]
        if order not in ("<", ">", "=") or inner != [None, None, None]:
            raise Refused("an array of a composed type")
        self.order = order


class _Array:
    """What a pickle says of an array."""

    __slots__ = ("data", "dtype", "fortran", "shape")

    def __init__(self, *ignored: Any) -> None:
        self.data = None

    def __setstate__(self, state: Any) -> None:
        _, self.shape, self.dtype, self.fortran, self.data = state


def _array(said: Any) -> Floats:
    if type(said).__name__ != "Array" or not isinstance(said, _Array) or said.data is None:
        raise ValueError(f"a {type(said).__name__}, expected an array")
    if not isinstance(said.dtype, _Dtype) or not isinstance(said.data, (bytes, bytearray)):
        raise Refused("an array of objects")
    shape = said.shape
    if not isinstance(shape, tuple) or not all(type(n) is int and 0 < n <= LIMIT for n in shape):
        raise ValueError(f"an array of the shape {shape!r}")
    dtype = np.dtype(_TYPES[said.dtype.code]).newbyteorder(said.dtype.order)
    if math.prod(shape) * dtype.itemsize != len(said.data):
        raise ValueError(f"{len(said.data)} bytes for an array of the shape {shape}")
    flat = np.frombuffer(said.data, dtype=dtype)
    return np.array(flat.reshape(shape, order="F" if said.fortran else "C"), dtype=np.float32, order="C")


def _stand_ins() -> Any:
    # Types of this pickle alone: it could set attributes of theirs.
    array = type("Array", (_Array,), {"__slots__": ()})
    dtype = type("Dtype", (_Dtype,), {"__slots__": ()})

    def encode(text: Any, encoding: Any) -> bytes:
        if not isinstance(text, str) or encoding != "latin1":
            raise Refused(f"a text in {encoding!r}")
        return text.encode("latin1")

    def from_buffer(data: Any, said: Any, shape: Any, order: Any) -> Any:
        made = array()
        made.__setstate__((1, shape, said, order == "F", data))
        return made

    known = {
        ("numpy", "ndarray"): array,
        ("numpy", "dtype"): dtype,
        ("_codecs", "encode"): Call(encode),
        **{(module, "_reconstruct"): Call(lambda *_: array()) for module in _MULTIARRAY},
        **{(module, "_frombuffer"): Call(from_buffer) for module in _NUMERIC},
    }

    def allowed(module: str, name: str) -> Any:
        if (module, name) not in known:
            raise Refused(f"it names {module}.{name}")
        return known[module, name]

    return allowed
