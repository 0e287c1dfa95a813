"""Files dropped on an element of a notebook: the page's own events, as a browser gives them."""

from __future__ import annotations

import hashlib
import json

import pytest
from notebook_page import ERROR, KERNEL_IDLE, open_notebook, run_command, screenshot, write_notebook

pytestmark = [pytest.mark.ui, pytest.mark.slow]

CELLS = [
    """\
import hashlib, json
import ipywidgets as W
from clipnb.widgets.file_drop import FileDrop

drop = FileDrop(max_files=3, max_megabytes=12)
seen, beside = W.HTML("nothing yet").add_class("seen"), W.HTML("not here").add_class("beside")
target = W.HTML("<div style='height: 160px'>a map</div>").add_class("clipnb-map")

def arrived(files):
    said = [[name, len(content), hashlib.sha256(content).hexdigest()] for name, content in files]
    seen.value = json.dumps({"files": said, "problem": drop.problem})

def refused(change):
    seen.value = json.dumps({"files": [], "problem": change["new"]})

drop.observe(refused, "problem")
drop.on_files(arrived)
W.VBox([W.HBox([target, beside]), W.VBox([drop]), seen]).add_class("clipnb-panel")"""
]

# A DataTransfer as dragging from the desktop makes one. The content of file n is n, n + 1, ... modulo 251.
DRAG = """([files, kinds, where]) => {
  const transfer = new DataTransfer();
  files.forEach(([name, size], n) => {
    const bytes = new Uint8Array(size);
    for (let i = 0; i < size; i++) bytes[i] = (n + i) % 251;
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
  });
  if (!files.length) transfer.setData("text/plain", "words, not a file");
  const target = document.querySelector(where);
  return kinds.map((kind) => {
    const event = new DragEvent(kind, { dataTransfer: transfer, bubbles: true, cancelable: true, composed: true });
    target.dispatchEvent(event);
    return event.defaultPrevented;
  });
}"""


def content(n, size):
    return bytes((n + i) % 251 for i in range(size))


@pytest.fixture
def page(browser, lab, notebooks):
    write_notebook(notebooks / "drop.ipynb", CELLS)
    context = browser.new_context(viewport={"width": 1000, "height": 700})
    page = open_notebook(context, lab, "drop.ipynb")
    run_command(page, "notebook:run-all-cells")
    try:
        page.locator(f".seen, {ERROR}").first.wait_for(timeout=60_000)
        assert page.locator(ERROR).all_inner_texts() == []
        page.wait_for_function(KERNEL_IDLE, timeout=60_000)
        yield page
    finally:
        screenshot(page, "drop")
        context.close()


def test_files_dropped_on_the_map_arrive_whole(page):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)
    seen, target = page.locator(".seen .widget-html-content"), page.locator(".clipnb-map")
    inside = ".clipnb-map .widget-html-content > div"

    def drag(files, kinds, where=inside):
        return page.evaluate(DRAG, [files, kinds, where])

    # An outline while files hover, and none afterwards, wherever they go.
    assert drag([["a.png", 5]], ["dragenter", "dragover"]) == [True, True]
    assert "clipnb-dropping" in target.get_attribute("class")
    assert target.evaluate("element => getComputedStyle(element).outlineStyle") == "dashed"
    drag([["a.png", 5]], ["dragover"], ".beside")
    assert "clipnb-dropping" not in target.get_attribute("class")
    drag([["a.png", 5]], ["dragover"])
    drag([["a.png", 5]], ["dragleave"], "body")
    assert "clipnb-dropping" not in target.get_attribute("class")

    # A file of several parts, an empty one, a name in another script.
    files = [["large.png", 11_500_000], ["empty.png", 0], ["猫 قطة.png", 300]]
    drag(files, ["dragover", "drop"])
    expect(seen).to_contain_text("猫 قطة.png".encode("unicode_escape").decode()[:6])
    said = json.loads(seen.inner_text())
    assert said["problem"] == ""
    assert said["files"] == [
        [name, size, hashlib.sha256(content(n, size)).hexdigest()] for n, (name, size) in enumerate(files)
    ]
    assert "clipnb-dropping" not in target.get_attribute("class")

    # What is over the limits is named; the rest arrives.
    drag([["huge.png", 12_000_001], *([f"{i}.png", 3] for i in range(5))], ["drop"])
    expect(seen).to_contain_text("2 files were left out")
    said = json.loads(seen.inner_text())
    assert [name for name, *_ in said["files"]] == ["0.png", "1.png", "2.png"]
    assert "'huge.png' has 12.0 MB; a file may have up to 12 MB" in said["problem"]
    drag([["huge.png", 12_000_001]], ["drop"])
    expect(seen).not_to_contain_text("left out")
    assert json.loads(seen.inner_text())["files"] == []

    # Elsewhere, and words that are dragged, are left to whoever wants them.
    before = seen.inner_text()
    assert drag([["b.png", 5]], ["drop"], ".beside") == [False]
    assert drag([], ["dragover", "drop"]) == [False, False]
    page.wait_for_timeout(500)
    assert seen.inner_text() == before

    # The widget that is gone listens no more.
    run_command(page, "notebook:clear-all-cell-outputs")
    expect(page.locator(".clipnb-map")).to_have_count(0)
    assert drag([["b.png", 5]], ["drop"], "body") == [False]
