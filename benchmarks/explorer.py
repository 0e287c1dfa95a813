"""A map in a real browser, to the first picture and back to the kernel: ``python benchmarks/explorer.py [--quick]``

The canvas of 100,000 points by plotly and by jupyter-scatter, and of 1,000,000 by jupyter-scatter: forty groups, with
labels. Each is a notebook of its own in JupyterLab, with a kernel and a page of its own, in headless Chromium. Without
a graphics card Chromium draws on the processor, which is the slow case.

- *first picture*: from running the cell to the first frame with the points, the import of the libraries left out;
- *sent*: what the page received over its WebSocket meanwhile;
- *lasso*: from letting the mouse go to the rows in the kernel and the count back on the page;
- *at rest*: from letting the mouse go to the end of the page's last work of over 50 ms in the six seconds that follow;
- *hover*: from the last movement of the mouse to the point's name back on the page (median of 15);
- *colours*: from a call of ``colour()`` with numbers in the kernel to the next picture;
- *browser*: the memory of the page's process and of the one that draws, and JavaScript's part of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import secrets
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import sync_playwright

from clipnb.plots.static import find_chromium

FLAGS = ["--no-sandbox", "--disable-quic", "--no-first-run", "--disable-background-networking"]
FLAGS += ["--disable-component-update", "--disable-sync", "--enable-unsafe-swiftshader", "--enable-precise-memory-info"]

PREPARE = """\
import resource, time
import ipywidgets as W, numpy as np
from pathlib import Path
from clipnb.widgets.explorer.{module} import {canvas}
import plotly.graph_objects as go
go.FigureWidget  # plotly imports the rest of itself only now
try:
    import jscatter
except ImportError:
    pass
def held():
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6
class Map:
    params = {{}}
    def __init__(self, coords): self.coords, self.ids = coords, None
    def __len__(self): return len(self.coords)
rng = np.random.default_rng(0)
group = rng.integers(40, size={count})
centres = rng.uniform(-10, 10, (40, 2))
centres[:4] = rng.normal(size=(4, 2))  # enough in the middle for the lasso
coords = (centres[group] + rng.normal(size=({count}, 2))).astype("f4")
coords[0] = (14, 0)
groups, labels = [f"group {{g}}" for g in group], [f"point number {{i}}" for i in range({count})]
before = held()"""

SHOW = """\
start = time.perf_counter()
canvas = {canvas}([Map(coords)], labels=labels, groups=groups, width=900, height=700)
built = time.perf_counter() - start
pointed, lassoed, figures = [W.HTML().add_class(name) for name in ("pointed", "lassoed", "figures")]
canvas.on_point(lambda row: setattr(pointed, "value", labels[row]))
canvas.on_select(lambda rows: setattr(lassoed, "value", str(len(rows))))
again = W.Button(description="colours").add_class("again")
def anew(_):
    canvas.colour(values=coords[:, 0], value_name="x")
    figures.value = "coloured"
again.on_click(anew)
def tell(_):
    figures.value = f"{{built}} {{held() - before}}"
tells = W.Button(description="figures").add_class("tells")
tells.on_click(tell)
W.VBox([canvas.widget, W.HBox([again, tells]), pointed, lassoed, figures])"""

# Whether the points are on the screen, and what says so of the next drawing.
SCATTER = """(() => { let node = document.querySelector(".clipnb-large-map canvas");
  while (node && !node.api) node = node.parentElement; return node?.api; })()"""
TRACES = "(document.querySelector('.js-plotly-plot')?._fullData ?? [])"
DRAWN = {
    "jupyter-scatter": f"Boolean({SCATTER}?.get('isPointsDrawn'))",
    "plotly": f"{TRACES}.reduce((sum, trace) => sum + (trace._length ?? 0), 0) >= 20000",
}
COLOURED = {
    "jupyter-scatter": f"({SCATTER}?.get('isPointsDrawn') && {SCATTER}.get('points')[0][2] % 1 !== 0)",
    "plotly": f"{TRACES}.some((trace) => trace.marker?.color?.length > 1000)",
}
AREA = {"jupyter-scatter": ".clipnb-large-map canvas", "plotly": ".js-plotly-plot .nsewdrag"}
# Of a changed text, after the last event of that kind.
WATCH = """([name, kind]) => {
  window.spent = null;
  window.addEventListener(kind, () => (window.since = performance.now()), true);
  const seen = new MutationObserver(() => { window.spent ??= performance.now() - window.since; });
  seen.observe(document.querySelector(name), { childList: true, subtree: true, characterData: true });
}"""
WORK = """() => { window.busy = 0;
  new PerformanceObserver((list) => list.getEntries().forEach(
    (task) => { window.busy = task.startTime + task.duration; })).observe({ entryTypes: ["longtask"] }); }"""
FRAMES = "() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))"


@contextmanager
def jupyter(folder: Path):
    """The address of a JupyterLab on the folder, and its token."""
    (folder / "config" / "labconfig").mkdir(parents=True)
    extensions = {"@jupyterlab/apputils-extension:announcements": True}
    (folder / "config" / "labconfig" / "page_config.json").write_text(json.dumps({"disabledExtensions": extensions}))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    token = secrets.token_hex(16)
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    settings = {name: str(folder / ("config" if "CONFIG" in name else name.lower())) for name in places}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--ServerApp.ip=127.0.0.1", "--allow-root"]
    command += [f"--ServerApp.port={port}", f"--ServerApp.root_dir={folder}", f"--IdentityProvider.token={token}"]
    command += ["--LabApp.expose_app_in_browser=True"]
    server = subprocess.Popen(
        command, env={**os.environ, **settings}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/api?token={token}", timeout=2).close()
                break
            except OSError:
                time.sleep(0.3)
        yield f"http://127.0.0.1:{port}", token
    finally:
        server.terminate()
        server.wait(timeout=20)


def run_next(page) -> None:
    page.evaluate("() => { window.jupyterapp.commands.execute('notebook:run-cell-and-select-next') }")


def idle(page) -> None:
    page.wait_for_function(
        """() => { const session = window.jupyterapp?.shell.currentWidget?.sessionContext;
        return session?.isReady && session.kernelDisplayStatus === "idle"; }""",
        timeout=240_000,
    )


def write(path: Path, cells: list[str]) -> None:
    entries = [
        {"cell_type": "code", "id": f"c{i}", "metadata": {}, "outputs": [], "execution_count": None, "source": code}
        for i, code in enumerate(cells)
    ]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    path.write_text(json.dumps({"cells": entries, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}))


def resident(kind: str, chromium: int) -> float:
    """Megabytes of the largest of Chromium's processes of a kind."""
    sizes = [0.0]
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes()  # between zeros or, where it was rewritten, between spaces
            if f"--type={kind}".encode() in words and belongs(int(folder.name), chromium):
                pages = int((folder / "statm").read_text().split()[1])
                sizes.append(pages * os.sysconf("SC_PAGE_SIZE") / 1e6)
        except OSError:
            continue
    return max(sizes)


def belongs(process: int, ancestor: int) -> bool:
    while process > 1:
        if process == ancestor:
            return True
        process = int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[1])
    return False


def measure(browser, address: str, token: str, folder: Path, renderer: str, count: int) -> dict[str, float]:
    module, canvas = {"plotly": ("plotly_canvas", "PlotlyCanvas"), "jupyter-scatter": ("large_canvas", "LargeCanvas")}[
        renderer
    ]
    name = f"{renderer}-{count}.ipynb"
    write(folder / name, [code.format(module=module, canvas=canvas, count=count) for code in (PREPARE, SHOW)])
    context = browser.new_context(viewport={"width": 1400, "height": 1600})
    page = context.new_page()
    received = [0]
    page.on(
        "websocket", lambda ws: ws.on("framereceived", lambda frame: received.__setitem__(0, received[0] + len(frame)))
    )
    page.goto(f"{address}/lab/tree/{name}?token={token}&reset")
    page.locator(".jp-Notebook").wait_for(timeout=60_000)
    idle(page)
    run_next(page)
    page.wait_for_timeout(1000)
    idle(page)
    page.wait_for_timeout(1000)

    found, before = {}, received[0]
    start = time.perf_counter()
    run_next(page)
    page.wait_for_function(f"() => {DRAWN[renderer]}", timeout=240_000)
    page.evaluate(FRAMES)
    found["first picture, s"] = time.perf_counter() - start
    idle(page)
    found["sent, MB"] = (received[0] - before) / 1e6
    page.wait_for_timeout(2000)

    area = page.locator(AREA[renderer]).first
    area.scroll_into_view_if_needed()
    box = area.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2

    page.evaluate(WATCH, [".pointed", "mousemove"])
    times = []
    for i in range(15):
        page.evaluate("() => { window.spent = null; }")
        page.mouse.move(x - 100 + 23 * i, y - 60 + 11 * (i % 7))
        try:
            page.wait_for_function("() => window.spent !== null", timeout=4000)
        except Exception:  # the pointer may have come to rest beside all points
            continue
        times.append(page.evaluate("() => window.spent"))
    found["hover, ms"] = statistics.median(times)

    page.evaluate(WATCH, [".lassoed", "mouseup"])
    page.evaluate(WORK)
    side = 75 if count <= 100_000 else 17  # about ten thousand points
    corners = [
        (x - side, y - side),
        (x + side, y - side),
        (x + side, y + side),
        (x - side, y + side),
        (x - side, y - side + 8),
    ]
    page.mouse.move(*corners[0])
    page.mouse.down()
    for (x0, y0), (x1, y1) in itertools.pairwise(corners):
        for step in range(1, 9):
            page.mouse.move(x0 + (x1 - x0) * step / 8, y0 + (y1 - y0) * step / 8)
            page.wait_for_timeout(40)
    page.mouse.up()
    page.wait_for_function("() => window.spent !== null", timeout=60_000)
    found["lasso, s"] = page.evaluate("() => window.spent") / 1000
    page.wait_for_timeout(6000)
    found["at rest, s"] = max(page.evaluate("() => window.busy - window.since") / 1000, found["lasso, s"])
    found["points in it"] = float(page.locator(".lassoed").inner_text())

    start = time.perf_counter()
    page.evaluate("() => document.querySelector('.again').click()")
    page.wait_for_function("() => document.querySelector('.figures').innerText.includes('coloured')", timeout=120_000)
    page.wait_for_function(f"() => {COLOURED[renderer]}", timeout=60_000)
    page.evaluate(FRAMES)
    found["colours, s"] = time.perf_counter() - start
    page.wait_for_timeout(1500)

    page.evaluate("() => document.querySelector('.tells').click()")
    page.wait_for_function("() => document.querySelector('.figures').innerText.includes('.')", timeout=30_000)
    found["built, s"], found["kernel, MB more"] = map(float, page.locator(".figures").inner_text().split())
    context_memory = page.evaluate("() => performance.memory.usedJSHeapSize / 1e6")
    found["JavaScript, MB"] = context_memory
    mine = os.getpid()
    found["page's process, MB"] = resident("renderer", mine)
    found["drawing process, MB"] = resident("gpu-process", mine)
    if shots := os.environ.get("CLIPNB_SCREENSHOTS"):
        page.screenshot(path=str(Path(shots) / f"{renderer}-{count}.png"))
    context.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="20,000 points by both, to try the script")
    parser.add_argument("--million", action="store_true", help="the largest alone")
    runs = [("plotly", 100_000), ("jupyter-scatter", 100_000), ("jupyter-scatter", 1_000_000)]
    asked = parser.parse_args()
    if asked.million:
        runs = runs[-1:]
    if asked.quick:
        runs = [("plotly", 20_000), ("jupyter-scatter", 20_000)]
    results = {}
    with (
        tempfile.TemporaryDirectory() as home,
        jupyter(Path(home)) as (address, token),
        sync_playwright() as playwright,
    ):
        for renderer, count in runs:
            browser = playwright.chromium.launch(executable_path=find_chromium(), args=FLAGS)
            try:
                results[renderer, count] = measure(browser, address, token, Path(home), renderer, count)
            finally:
                browser.close()
    rows = list(next(iter(results.values())))
    print("| | " + " | ".join(f"{renderer}, {count:,}" for renderer, count in results) + " |")
    print("|---|" + "---|" * len(results))
    for row in rows:
        print(f"| {row} | " + " | ".join(f"{found[row]:,.4g}" for found in results.values()) + " |")


if __name__ == "__main__":
    main()
