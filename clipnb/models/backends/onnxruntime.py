"""ONNX Runtime, in full precision or eight bits, on the processor."""

from __future__ import annotations

import logging
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

from clipnb.errors import MissingExtra, UnsupportedOption
from clipnb.models.folder import quiet
from clipnb.models.towers import Arrays, Options
from clipnb.types import FloatArray

__all__ = ["SUFFIX", "check", "compile", "export", "version"]

SUFFIX = ".onnx"


def check(options: Options) -> None:
    """Whether it can do what is asked for.

    Raises:
        MissingExtra: not installed.
        UnsupportedOption: another device or precision.
    """
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise MissingExtra("ONNX Runtime is not installed: pip install clipnb[onnx]") from error
    if options.device.type != "cpu":
        raise UnsupportedOption(f"backend='onnxruntime' computes on the processor, not on {str(options.device)!r}")
    if options.dtype != torch.float32:
        raise UnsupportedOption("backend='onnxruntime' computes in 'float32' or 'int8'; leave dtype out")


def version() -> str:
    """Of the package."""
    import onnxruntime

    return str(onnxruntime.__version__)


def export(module: Any, sample: Arrays, path: Path) -> None:
    """Write the model with its weights; the number of items is open, and of texts the number of tokens."""
    item, token = torch.export.Dim("item"), torch.export.Dim("token")
    lengths = {key: {0: item, 1: token} if array.ndim == 2 else {0: item} for key, array in sample.items()}
    partial = path.with_name(f"{path.stem}.{os.getpid()}.onnx")
    log = logging.getLogger("torch.onnx")
    level = log.level
    log.setLevel(logging.ERROR)  # it speaks of torchvision, which nobody here asked for
    with torch.inference_mode(), quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module,
            tuple(torch.from_numpy(array) for array in sample.values()),
            partial,
            input_names=list(sample),
            output_names=["features"],
            dynamo=True,
            dynamic_shapes=(tuple(lengths.values()),),
            external_data=False,
            verbose=False,
        )
    log.setLevel(level)
    partial.replace(path)


def compile(path: Path, precision: str) -> Any:
    """A function from the inputs to the features."""
    import onnxruntime

    from clipnb.models.backends import int8

    if precision == "int8":
        path = int8.converted(path)
    options = onnxruntime.SessionOptions()
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit():
        options.intra_op_num_threads = int(threads)
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])

    def compute(inputs: Arrays) -> FloatArray:
        found = session.run(None, {key: np.ascontiguousarray(array) for key, array in inputs.items()})[0]
        return np.asarray(found, dtype=np.float32)

    return compute
