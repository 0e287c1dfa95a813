"""A notebook in JupyterLab, as the tests open it and look at it."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ERROR", "KERNEL_IDLE", "open_notebook", "run_command", "running_panel", "screenshot", "write_notebook"]

ERROR = "[data-mime-type='application/vnd.jupyter.error']"
KERNEL_IDLE = """() => {
  const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
  return session?.isReady && session.kernelDisplayStatus === "idle";
}"""


def open_notebook(context, lab, name):
    """The page of a notebook whose kernel is ready."""
    address, token = lab
    page = context.new_page()
    page.goto(f"{address}/lab/tree/{name}?token={token}&reset")
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    page.wait_for_function(KERNEL_IDLE, timeout=60_000)
    return page


def run_command(page, command, **arguments):
    """One of JupyterLab's commands, which is begun and not waited for."""
    page.evaluate("([name, args]) => { window.jupyterapp.commands.execute(name, args) }", [command, arguments])


def screenshot(page, name):
    """What the reader saw last, into the folder that CLIPNB_SCREENSHOTS names, if any."""
    if folder := os.environ.get("CLIPNB_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/{name}.png")


def write_notebook(path, cells):
    """A notebook of these code cells, not run."""
    entries = [
        {"cell_type": "code", "id": f"cell-{i}", "metadata": {}, "outputs": [], "execution_count": None, "source": code}
        for i, code in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": entries, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


@contextmanager
def running_panel(browser, lab, notebooks, name, cells, panel, *, height=1300, permissions=()):
    """The page of a new notebook and the panel that its first cell makes; that cell is run, the next one chosen."""
    write_notebook(notebooks / f"{name}.ipynb", cells)
    context = browser.new_context(viewport={"width": 1280, "height": height})
    context.grant_permissions(list(permissions))
    page = open_notebook(context, lab, f"{name}.ipynb")
    run_command(page, "notebook:run-cell-and-select-next")
    try:
        page.locator(f"{panel}, {ERROR}").first.wait_for(timeout=120_000)
        assert page.locator(ERROR).all_inner_texts() == []
        page.wait_for_function(KERNEL_IDLE, timeout=120_000)
        yield page, page.locator(panel)
    finally:
        screenshot(page, name)
        context.close()
