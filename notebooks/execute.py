"""Run the notebooks and store what they show: ``python notebooks/execute.py [NOTEBOOK ...]``.

Stored outputs are what readers of a page see and what nbval compares with, so they are made in one
way only: from a fresh kernel, with a PNG beside every interactive figure, without the state of
widgets (megabytes that nobody can read) and without what changes from run to run.
"""

from __future__ import annotations

import base64
import io
import os
import sys
import time
from pathlib import Path
from typing import Any

import nbformat
import plotly.graph_objects as go
from nbclient import NotebookClient
from nbval.plugin import coalesce_streams
from PIL import Image

from clipnb.plots.static import pngs

FOLDER = Path(__file__).parent
PLOTLY = "application/vnd.plotly.v1+json"
TIMEOUT = 600  # seconds a cell

# The figure's own format alone: plotly's default would store its whole JavaScript in the first figure's cell.
# A progress bar is a stream of states, none of which belongs on a page.
QUIET = {"PLOTLY_RENDERER": "plotly_mimetype", "TQDM_DISABLE": "1", "PYTHONWARNINGS": "default"}


def execute(path: Path) -> float:
    """Runs the notebook in its own folder and writes it back; returns the seconds its cells took."""
    notebook = nbformat.read(path, as_version=4)
    start = time.perf_counter()
    NotebookClient(notebook, timeout=TIMEOUT, kernel_name="python3", resources={"metadata": {"path": FOLDER}}).execute()
    seconds = time.perf_counter() - start
    add_pngs(notebook)
    clean(notebook)
    nbformat.write(notebook, path)
    return seconds


def add_pngs(notebook: Any) -> None:
    """A static picture in every output that holds a plotly figure."""
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", []) if PLOTLY in out.get("data", {})]
    figures = [go.Figure(data=out.data[PLOTLY]["data"], layout=out.data[PLOTLY]["layout"]) for out in outputs]
    for out, picture in zip(outputs, pngs(figures, scale=1.5), strict=True):
        out.data["image/png"] = base64.b64encode(light(picture)).decode("ascii")


def light(png: bytes) -> bytes:
    """The same picture in 256 colours, a quarter of the bytes: a lesson with a dozen maps stays readable on a page."""
    file = io.BytesIO()
    with Image.open(io.BytesIO(png)) as picture:
        few = picture.convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    few.save(file, "PNG", optimize=True)
    return min(png, file.getvalue(), key=len)


def clean(notebook: Any) -> None:
    """Takes out what is noise: widget state, time stamps, the interpreter's version."""
    notebook.metadata.pop("widgets", None)
    notebook.metadata["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook.metadata["language_info"] = {"name": "python"}
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if "outputs" in cell:
            cell.outputs = coalesce_streams(cell.outputs)  # how a text is split depends on timing


def main(names: list[str]) -> None:
    """Executes the named notebooks, or all of them."""
    os.environ.update(QUIET)
    for path in [Path(name) for name in names] or sorted(FOLDER.glob("[0-9]*.ipynb")):
        print(f"{path.name} ...", flush=True)
        print(f"{path.name}: {execute(path):.0f} s, {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1:])
