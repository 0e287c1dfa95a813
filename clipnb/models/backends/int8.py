"""An ONNX model with its products by weights in eight bits, each row of a product with a scale of its own.

A weight has one scale a column and an activation one scale a row (a token), found while it computes: the token-wise
dynamic quantisation of ZeroQuant (Yao et al. 2022, arXiv:2206.01861, section 4.1). onnxruntime's own
`quantize_dynamic` has one scale for all rows of a batch, and so a picture's row moves with the pictures beside it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import UnsupportedOption
from clipnb.types import FloatArray

__all__ = ["LARGEST", "columns", "convert", "converted"]

LARGEST = 63
"""Of a weight's integers. Processors without VNNI add two products in 16 bits, which 127 would overflow."""

_VERSION = 1
"""Of what `convert` writes; raise it with a change."""


def converted(path: Path) -> Path:
    """The eight-bit form of an ONNX file, beside it, made once."""
    target = path.with_name(f"{path.stem}.int8-{_VERSION}.onnx")
    if not target.is_file():
        partial = target.with_name(f"{target.stem}.{os.getpid()}.onnx")
        convert(path, partial)
        partial.replace(target)
    return target


def convert(source: Path, target: Path) -> None:
    """Write ``source`` with each `MatMul` by a constant matrix computed on integers; the rest stays as it is.

    Raises:
        UnsupportedOption: there is no such product.
    """
    import onnx

    model = onnx.load(source)
    graph = model.graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[Any] = []
    made = {name: onnx.numpy_helper.from_array(array, name) for name, array in _SHARED.items()}
    rows: set[str] = set()
    for node in graph.node:
        weight = constants.get(node.input[1]) if node.op_type == "MatMul" else None
        if weight is None or len(weight.dims) != 2:
            nodes.append(node)
            continue
        activation, name = node.input
        if f"{name}.int8" not in made:
            integers, scales = columns(onnx.numpy_helper.to_array(weight))
            width = np.array([-1, integers.shape[0]], dtype=np.int64)
            parts: dict[str, NDArray[Any]] = {"int8": integers, "scale": scales, "width": width}
            made |= {
                f"{name}.{key}": onnx.numpy_helper.from_array(part, f"{name}.{key}") for key, part in parts.items()
            }
        if activation not in rows:  # of queries, keys and values it is one and the same
            rows.add(activation)
            nodes += _rows(activation, f"{name}.width")
        nodes += _product(activation, name, node.output[0])
    if not rows:
        raise UnsupportedOption("dtype='int8': this tower has no products by weights to compute in it; leave dtype out")
    used = {name for node in nodes for name in node.input}
    tensors = [tensor for tensor in [*constants.values(), *made.values()] if tensor.name in used]
    del graph.node[:], graph.initializer[:]
    graph.node.extend(nodes)
    graph.initializer.extend(tensors)
    if not any(opset.domain == _RUNTIME for opset in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid(_RUNTIME, 1))
    onnx.save(model, target)


def columns(weight: FloatArray) -> tuple[NDArray[np.int8], FloatArray]:
    """A matrix [row, column] as integers and a scale a column: ``weight`` is about ``integers * scales``."""
    scales = np.abs(weight).max(axis=0) / LARGEST
    scales[scales == 0] = 1
    return np.round(weight / scales).astype(np.int8), scales.astype(np.float32)


_RUNTIME = "com.microsoft"
_ZERO = 128
"""Activations are unsigned there, which is what processors multiply with signed weights."""
_SHARED: dict[str, NDArray[Any]] = {
    "int8.share": np.array(1 / 127, dtype=np.float32),
    "int8.least": np.array(1e-12, dtype=np.float32),
    "int8.last": np.array([-1], dtype=np.int64),
    "int8.zero": np.array(_ZERO, dtype=np.uint8),
    "int8.zeros": np.array([_ZERO], dtype=np.uint8),
    "int8.one": np.array(1, dtype=np.float32),
}


def _rows(name: str, width: str) -> list[Any]:
    """``name.int8`` and ``name.scale`` from an activation [..., column]: its largest number in a row becomes 127."""
    from onnx.helper import make_node

    steps = [
        ("Abs", [name], "abs"),
        ("ReduceMax", [f"{name}.abs", "int8.last"], "largest"),
        ("Max", [f"{name}.largest", "int8.least"], "positive"),
        ("Mul", [f"{name}.positive", "int8.share"], "scale"),
        ("Reshape", [f"{name}.scale", "int8.last"], "scales"),
        ("Shape", [f"{name}.scales"], "count"),
        ("Expand", ["int8.zeros", f"{name}.count"], "zeros"),
        ("Reshape", [name, width], "flat"),
        ("QuantizeLinear", [f"{name}.flat", f"{name}.scales", f"{name}.zeros"], "integers"),
        ("Shape", [name], "shape"),
        ("Reshape", [f"{name}.integers", f"{name}.shape"], "int8"),
    ]
    more: dict[str, Any] = {"ReduceMax": {"keepdims": 1}, "QuantizeLinear": {"axis": 0}}
    return [make_node(kind, inputs, [f"{name}.{out}"], **more.get(kind, {})) for kind, inputs, out in steps]


def _product(activation: str, weight: str, output: str) -> list[Any]:
    from onnx.helper import make_node

    inputs = [f"{activation}.int8", f"{weight}.int8", "int8.one", f"{weight}.scale", "int8.zero"]
    return [
        make_node("MatMulIntegerToFloat", inputs, [f"{output}.unscaled"], domain=_RUNTIME),
        make_node("Mul", [f"{output}.unscaled", f"{activation}.scale"], [output]),
    ]
