"""Notebooks as files: executed, in order, without errors, readable without JavaScript, more prose than code."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest

FOLDER = Path(__file__).parents[1] / "notebooks"
PLOTLY = "application/vnd.plotly.v1+json"
LIMIT = 5_000_000  # bytes; beyond, a page of a repository no longer shows the notebook


def problems(notebook) -> list[str]:
    """What is wrong with the notebook, in words; nbval alone would pass one that was never run."""
    found = []
    code = [(i, cell) for i, cell in enumerate(notebook.cells) if cell.cell_type == "code"]
    prose = sum(cell.cell_type == "markdown" for cell in notebook.cells)
    if prose <= len(code):
        found.append(f"{prose} prose cells for {len(code)} code cells: explain more")
    counts = [cell.execution_count for _, cell in code]
    if counts != list(range(1, len(code) + 1)):
        found.append(f"not executed from top to bottom in one go: execution counts {counts}")
    if "widgets" in notebook.metadata:
        found.append("the state of widgets is stored")
    for i, cell in code:
        if not cell.source.strip():
            found.append(f"cell {i} is empty")
        for output in cell.outputs:
            if output.output_type == "error" and "raises-exception" not in cell.metadata.get("tags", []):
                found.append(f"cell {i} ended in {output.ename}")
            if output.output_type == "stream" and output.name == "stderr":
                found.append(f"cell {i} wrote to stderr: {output.text[:80]!r}")
            if PLOTLY in output.get("data", {}) and "image/png" not in output.data:
                found.append(f"cell {i} has a figure without a PNG beside it")
    return found


@pytest.mark.parametrize("path", sorted(FOLDER.glob("*.ipynb")), ids=lambda path: path.stem)
def test_notebook_is_stored_as_it_should_be(path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    assert problems(notebook) == []
    assert path.stat().st_size < LIMIT
    assert path.name[:2].isdigit()
    title = notebook.cells[0].source.splitlines()[0]
    assert title.startswith("# ")
    text = path.read_text(encoding="utf-8")
    for unwelcome in ("/home/", "/Users/", "/work/", "C:\\\\", ".cuda()", "sys.path", "chdir"):
        assert unwelcome not in text


def test_there_is_a_notebook():
    assert list(FOLDER.glob("01-*.ipynb"))


def cells(*code, **metadata):
    """A small executed notebook with one prose cell more than code cells."""
    new = nbformat.v4
    notebook = new.new_notebook(metadata=metadata)
    notebook.cells = [new.new_markdown_cell("# prose")] * (len(code) + 1)
    for i, outputs in enumerate(code):
        notebook.cells.append(new.new_code_cell("1 + 1", execution_count=i + 1, outputs=outputs))
    return notebook


def figure(**more):
    return nbformat.v4.new_output("display_data", data={PLOTLY: {"data": [], "layout": {}}, **more})


ERROR = nbformat.v4.new_output("error", ename="ValueError", evalue="", traceback=[])


def test_the_guard_passes_a_good_notebook():
    assert problems(cells([], [figure(**{"image/png": ""})])) == []


def test_the_guard_passes_an_announced_error():
    notebook = cells([ERROR])
    notebook.cells[-1].metadata["tags"] = ["raises-exception"]
    assert problems(notebook) == []


@pytest.mark.parametrize(
    ("notebook", "words"),
    [
        (cells([ERROR]), "ended in ValueError"),
        (cells([figure()]), "without a PNG"),
        (cells([], widgets={"application/vnd.jupyter.widget-state+json": {}}), "state of widgets"),
        (cells([nbformat.v4.new_output("stream", name="stderr", text="warning")]), "stderr"),
    ],
)
def test_the_guard_names_what_is_wrong(notebook, words):
    assert any(words in problem for problem in problems(notebook))


@pytest.mark.parametrize("counts", [(None, None), (2, 1), (1, 3), (1, None)])
def test_the_guard_fails_cells_not_executed_or_out_of_order(counts):
    notebook = cells([], [])
    for cell, count in zip(notebook.cells[-2:], counts, strict=True):
        cell.execution_count = count
    assert any("not executed" in problem for problem in problems(notebook))


def test_the_guard_fails_more_code_than_prose():
    notebook = cells([], [])
    del notebook.cells[:2]
    assert any("explain more" in problem for problem in problems(notebook))
