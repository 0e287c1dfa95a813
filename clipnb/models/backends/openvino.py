"""OpenVINO, in full precision or bfloat16, on the processor."""

from __future__ import annotations

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

SUFFIX = ".xml"


def check(options: Options) -> None:
    """Whether it can do what is asked for.

    Raises:
        MissingExtra: not installed.
        UnsupportedOption: another device, or a precision that this processor has not.
    """
    try:
        import openvino
    except ImportError as error:
        raise MissingExtra("OpenVINO is not installed: pip install clipnb[openvino]") from error
    if options.device.type != "cpu":
        raise UnsupportedOption(f"backend='openvino' computes on the processor, not on {str(options.device)!r}")
    if options.dtype == torch.float16:
        raise UnsupportedOption("backend='openvino' computes in 'float32' or 'bfloat16', not in 'float16'")
    able = openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if options.dtype == torch.bfloat16 and "BF16" not in able:
        raise UnsupportedOption("dtype='bfloat16': this processor has no instructions for it; leave dtype out")


def version() -> str:
    """Of the package."""
    import openvino

    return str(openvino.__version__)


def export(module: Any, sample: Arrays, path: Path) -> None:
    """Write the model as ``path`` and its weights beside it, every length open."""
    import openvino

    with torch.inference_mode(), quiet(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the tracer's remarks on the source of transformers
        model = openvino.convert_model(
            module, example_input=tuple(torch.from_numpy(array) for array in sample.values())
        )
    partial = path.with_name(f"{path.stem}.{os.getpid()}.xml")
    openvino.save_model(model, partial, compress_to_fp16=False)
    partial.with_suffix(".bin").replace(path.with_suffix(".bin"))
    partial.replace(path)


def compile(path: Path, precision: str) -> Any:
    """A function from the inputs, in the order of the export, to the features."""
    import openvino

    hints = {"INFERENCE_PRECISION_HINT": "bf16" if precision == "bfloat16" else "f32"}
    threads = os.environ.get("OMP_NUM_THREADS", "")
    if threads.isdigit() and int(threads):
        hints["INFERENCE_NUM_THREADS"] = threads
    compiled = openvino.Core().compile_model(path, "CPU", hints)

    def compute(inputs: Arrays) -> FloatArray:
        found = compiled([np.ascontiguousarray(array) for array in inputs.values()])[0]
        return np.array(found, dtype=np.float32)  # a copy: the next call writes over the runtime's own memory

    return compute
