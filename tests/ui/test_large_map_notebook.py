"""Two linked maps of 20,000 points, drawn by jupyter-scatter in a real browser: hover, lasso, hits, stars, colours."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from notebook_page import (
    ERROR,
    KERNEL_IDLE,
    open_notebook,
    run_command,
    running_panel,
    screenshot,
    write_notebook,
)
from PIL import Image

pytest.importorskip("jscatter", reason="jupyter-scatter is not installed: pip install clipnb[scatter]")
pytestmark = [pytest.mark.ui, pytest.mark.slow]

COUNT = 20_000
CELLS = [
    f"""\
import ipywidgets as W
import numpy as np
from clipnb.widgets.explorer.large_canvas import LargeCanvas

rng = np.random.default_rng(3)
first = rng.normal(size=({COUNT}, 2))
first[0] = (5.0, 0.0)  # alone, and the widest: where it lies is known
second = -first
labels = [f"قطة <b>{{i}}</b>" for i in range({COUNT})]
canvas = LargeCanvas(
    [first, second], labels=labels, groups=rng.choice(["a", "b", "c"], {COUNT}), width=900, height=400, mode="auto"
)
said = {{name: W.HTML().add_class(name) for name in ("pointed", "clicked", "lassoed")}}

def pointed(row):
    said["pointed"].value = str(row)

def lassoed(rows):
    said["lassoed"].value = "%d rows, %s, %d" % (len(rows), np.all(np.diff(rows) > 0), rows.sum())

canvas.on_point(pointed)
canvas.on_click(lambda row: (canvas.show(row), setattr(said["clicked"], "value", f"clicked {{row}}")))
canvas.on_select(lassoed)
steps = {{
    "light": lambda: canvas.light([0, 7]),
    "dark": lambda: canvas.light([]),
    "choose": lambda: canvas.select(np.arange(100, 200)),
    "clear": lambda: canvas.select([]),
    "add": lambda: canvas.add([np.array([[0.0, 5.5], [3.0, 3.0]]), np.zeros((2, 2))], ["mine", "猫"]),
    "hurry": lambda: (canvas.colour(), canvas.colour(values=first[:, 0], value_name="x"),
                      canvas.add([[[-5.0, 0.0]], [[0.0, 0.0]]], ["late"])),
}}
buttons = []
for name, step in steps.items():
    button = W.Button(description=name).add_class(f"do-{{name}}")
    button.on_click(lambda _, step=step: step())
    buttons.append(button)
W.VBox([canvas.widget, W.HBox(buttons), *said.values()])"""
]

API = """(n) => {
  const canvas = document.querySelectorAll(".clipnb-large-map")[n].querySelector("canvas");
  let node = canvas;
  while (!node.api) node = node.parentElement;
  return { api: node.api, canvas };
}"""


def asked(page, question, n=0):
    """What the scatter itself answers."""
    return page.evaluate(f"(n) => {{ const {{ api, canvas }} = ({API})(n); return {question}; }}", n)


def pixels(page, coords, middle, half, n=0):
    """Where points lie on the page: 0.94 of half of the canvas's shorter side is half of the map's longer side."""
    box = asked(page, "(({x, y, width, height}) => [x, y, width, height])(canvas.getBoundingClientRect())", n)
    x, y, width, height = box
    unit = 0.94 / half * height / 2  # the side that a scatter of this shape fits is its height
    away = (np.atleast_2d(coords) - middle) * unit
    return np.column_stack([x + width / 2 + away[:, 0], y + height / 2 - away[:, 1]])


def inside(points, polygon):
    """Even-odd rule."""
    found = np.zeros(len(points), bool)
    for (x1, y1), (x2, y2) in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        crosses = (y1 > points[:, 1]) != (y2 > points[:, 1])
        with np.errstate(divide="ignore", invalid="ignore"):
            found ^= crosses & (points[:, 0] < (x2 - x1) * (points[:, 1] - y1) / (y2 - y1) + x1)
    return found


def lasso(page, outline):
    """Drawn at the pace of a hand: jupyter-scatter leaves out what comes faster than every 10 ms."""
    page.mouse.move(*outline[0])
    page.mouse.down()
    for start, end in zip(outline, [*outline[1:], outline[0]], strict=True):
        for share in np.linspace(0.1, 1, 10):
            page.mouse.move(*(start + share * (end - start)))
            page.wait_for_timeout(25)
    page.mouse.up()


@pytest.fixture
def page(browser, lab, notebooks):
    write_notebook(notebooks / "large.ipynb", CELLS)
    context = browser.new_context(viewport={"width": 1200, "height": 1300})
    page = open_notebook(context, lab, "large.ipynb")
    run_command(page, "notebook:run-all-cells")
    try:
        page.locator(f".pointed, {ERROR}").first.wait_for(timeout=90_000, state="attached")
        assert page.locator(ERROR).all_inner_texts() == []
        page.wait_for_function(KERNEL_IDLE, timeout=60_000)
        page.locator(".clipnb-large-map").first.scroll_into_view_if_needed()
        page.locator(".clipnb-marks").nth(1).wait_for(timeout=60_000)
        for n in (0, 1):
            page.wait_for_function(f"() => ({API})({n}).api.get('isPointsDrawn')", timeout=60_000)
        yield page
    finally:
        screenshot(page, "large-map")
        context.close()


def test_points_are_named_lassoed_lit_and_added_in_both_maps(page):
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    rng = np.random.default_rng(3)
    first = rng.normal(size=(COUNT, 2))
    first[0] = (5.0, 0.0)
    low, high = first.min(axis=0), first.max(axis=0)
    middle, half = (low + high) / 2, (high - low).max() / 2
    pointed, lassoed = (page.locator(f".{name} .widget-html-content") for name in ("pointed", "lassoed"))
    names, nothing = page.locator(".clipnb-pointed-name"), "0 rows, True, 0"

    def selected(n):
        return sorted(asked(page, "[...api.get('selectedPoints')]", n))

    def do(name):
        page.locator(f".do-{name}").click()

    # What the map says of itself, and its legend.
    expect(page.locator(".clipnb-large-map canvas[role=img]").first).to_have_attribute(
        "aria-label", "Map of 20,000 points"
    )
    expect(page.locator(".clipnb-large-legend bdi")).to_have_text(["a", "b", "c"], ignore_case=False)
    assert asked(page, "api.get('points').length") == COUNT

    # The pointer on a point: its row in Python, its name in both maps, no markup obeyed.
    ((x, y),) = pixels(page, first[0], middle, half)
    page.mouse.move(x - 60, y - 60)
    page.mouse.move(x, y, steps=6)
    expect(pointed).to_have_text("0")
    expect(names.nth(0)).to_have_text("قطة <b>0</b>")
    expect(names.nth(1)).to_have_text("قطة <b>0</b>")

    # A click is told from a lasso: it selects nothing, and a mark stays in both maps.
    page.mouse.down()
    page.mouse.up()
    expect(page.locator(".clicked")).to_contain_text("clicked 0")
    expect(page.locator(".clipnb-shown[data-row='0']")).to_have_count(2)
    page.mouse.move(x, y - 150, steps=4)
    expect(names.nth(0)).to_be_hidden()

    # A lasso: exactly the points in it (those at its very edge aside), in Python and in the other map.
    places = pixels(page, first, middle, half)
    assert lassoed.inner_text() == ""
    centre = pixels(page, np.zeros(2), middle, half)[0]
    outline = centre + np.array([[-40, -30], [45, -35], [50, 30], [-30, 45]])
    lasso(page, outline)
    expect(lassoed).to_contain_text("rows")
    rows = selected(0)
    expect(lassoed).to_have_text(f"{len(rows)} rows, True, {sum(rows)}")
    grown, shrunk = (centre + (outline - centre) * by for by in (1.08, 0.92))
    assert set(np.flatnonzero(inside(places, shrunk))) <= set(rows) <= set(np.flatnonzero(inside(places, grown)))
    assert len(rows) > 1000
    page.wait_for_function(f"() => ({API})(1).api.get('selectedPoints').length == {len(rows)}")
    assert "clicked 0" in page.locator(".clicked").inner_text()  # though it ended where it began
    assert selected(1) == rows

    # A double click takes it away; then code may select, which calls nobody.
    page.mouse.move(centre[0] - 140, centre[1] - 140)
    page.wait_for_timeout(300)  # moved and pressed within one frame, the map would be moved
    page.mouse.dblclick(centre[0] - 140, centre[1] - 140)
    expect(lassoed).to_have_text(nothing)
    do("choose")
    for n in (0, 1):
        page.wait_for_function(f"() => ({API})({n}).api.get('selectedPoints').length == 100")
        assert selected(n) == list(range(100, 200))
    assert lassoed.inner_text() == nothing

    # Rings around hits, where the hits are, in both maps.
    do("light")
    expect(page.locator(".clipnb-ring")).to_have_count(4)
    box = page.locator(".clipnb-large-map").nth(0).locator(".clipnb-ring[data-row='0']").bounding_box()
    at = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    np.testing.assert_allclose(at, pixels(page, first[0], middle, half)[0], atol=1.5)
    page.mouse.move(*pixels(page, np.zeros(2), middle, half)[0])  # the button may have scrolled the page
    for _ in range(3):  # nearer: the rings go along
        page.mouse.wheel(0, -100)
        page.wait_for_timeout(150)
    assert asked(page, "api.get('cameraDistance')") < 0.9
    ring = page.locator(".clipnb-large-map").nth(0).locator(".clipnb-ring[data-row='7']")
    box, expected = ring.bounding_box(), asked(page, "api.getScreenPosition(7)")
    corner = asked(page, "(({x, y}) => [x, y])(canvas.getBoundingClientRect())")
    at = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
    np.testing.assert_allclose(at, np.array(corner) + expected, atol=1.5)
    moved = pixels(page, first[7], middle, half)[0]
    assert np.abs(at - moved).max() > 3
    do("dark")
    expect(page.locator(".clipnb-ring")).to_have_count(0)

    # Stars are new rows; the selection stays.
    do("add")
    expect(page.locator(".clipnb-star")).to_have_count(4)
    expect(page.locator(".clipnb-star text")).to_have_text(["mine", "猫", "mine", "猫"])
    for n in (0, 1):
        page.wait_for_function(f"() => ({API})({n}).api.get('points').length == {COUNT + 2}")
        page.wait_for_function(f"() => ({API})({n}).api.get('selectedPoints').length == 100")
    assert lassoed.inner_text() == nothing
    page.locator(".clipnb-large-map").nth(0).get_by_role("button").last.click()  # the whole map again
    page.wait_for_timeout(600)
    where = np.array(asked(page, f"api.getScreenPosition({COUNT + 1})")) + asked(
        page, "(({x, y}) => [x, y])(canvas.getBoundingClientRect())"
    )
    for _ in range(5):
        page.mouse.move(*(where - 40))
        page.mouse.move(*where, steps=6)
        page.wait_for_timeout(500)
        if pointed.inner_text() == str(COUNT + 1):
            break
    expect(pointed).to_have_text(str(COUNT + 1))
    expect(names.nth(0)).to_have_text("猫")

    # Three changes at once: none of them is lost though each has to be drawn.
    do("hurry")
    page.wait_for_function(f"() => ({API})(0).api.get('points').length == {COUNT + 3}")
    assert asked(page, "api.get('pointColor').length") == 257  # cividis, and grey
    codes = np.array(asked(page, "api.get('points').map((point) => point[2])"))
    order = np.argsort(first[:, 0])
    assert np.all(np.diff(codes[order]) >= 0)
    assert codes[order[-1]] > 0.99 > 0.01 > codes[order[0]]
    expect(page.locator(".clipnb-large-legend")).to_contain_text("x:")
    page.wait_for_function(f"() => ({API})(0).api.get('selectedPoints').length == 100")
    do("clear")
    page.wait_for_function(f"() => ({API})(1).api.get('selectedPoints').length == 0")
    assert lassoed.inner_text() == nothing

    # In a dark theme the maps are dark too.
    def ground():
        picture = Image.open(io.BytesIO(page.locator(".clipnb-large-map canvas").first.screenshot())).convert("RGB")
        return np.median(np.asarray(picture)[:3].reshape(-1, 3), axis=0)

    assert ground().min() > 250
    run_command(page, "apputils:change-theme", theme="JupyterLab Dark")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    page.wait_for_timeout(2500)
    assert ground() == pytest.approx(PAGE, abs=3)


PAGE = (22, 22, 26)  # of the dark mode
VALUES = """\
import numpy as np
from clipnb.widgets.explorer.large_canvas import LargeCanvas

coords = np.random.default_rng(3).uniform(size=(3000, 2)) * (2, 1)
values = np.where(coords[:, 0] > 1.9, np.nan, coords[:, 0])
canvas = LargeCanvas([coords], labels=["point"] * 3000, values=values, value_name="x", mode="dark")
canvas.widget"""


def test_values_are_drawn_in_the_colours_of_the_legend_on_a_dark_page(browser, lab, notebooks):
    with running_panel(browser, lab, notebooks, "large-values", [VALUES], ".clipnb-map") as (page, panel):
        page.wait_for_function(f"() => ({API})(0).api.get('isPointsDrawn')", timeout=60_000)
        page.locator(".clipnb-marks").wait_for(timeout=60_000)
        page.wait_for_timeout(500)
        legend = panel.locator(".clipnb-large-legend").inner_text()
        assert "x: 0.0" in legend
        assert "no value (1" in legend
        # Each fifth of the map as it is seen: cividis goes from blue to yellow, gaps are grey, the page is dark.
        picture = Image.open(io.BytesIO(panel.locator("canvas").first.screenshot())).convert("RGB")
        pixels = np.asarray(picture, float)
        low, high = np.percentile(np.argwhere(np.abs(pixels - PAGE).max(axis=2) > 60)[:, 1], [0.5, 99.5])
        assert np.median(pixels[:4].reshape(-1, 3), axis=0) == pytest.approx(PAGE, abs=3)

        def colour(start, end):
            part = pixels[:, int(low + start * (high - low)) : int(low + end * (high - low))].reshape(-1, 3)
            return np.median(part[np.abs(part - PAGE).max(axis=1) > 60], axis=0)

        blue, yellow, grey = colour(0, 0.15), colour(0.8, 0.93), colour(0.97, 1)
        assert blue[2] > blue[0] + 20
        assert yellow[0] > yellow[2] + 60
        assert np.ptp(grey) < 12


PANEL = """\
import clipnb

model = clipnb.load()
emoji = clipnb.datasets.emoji("fluent", languages=["en"]).select(group="food & drink")
rows = clipnb.Embeddings(model.encode_image(emoji.images), ids=emoji.emojis, modality="image", model=model.name)
projection = clipnb.project(rows, method="pca", progress=False)
clipnb.widgets.MapExplorer(
    projection, model=model, images=emoji, groups=emoji.subgroups, texts=["fruit", "drink"], renderer="jupyter-scatter"
)"""
DROP = """([name, content, where]) => {
  const transfer = new DataTransfer();
  const bytes = Uint8Array.from(atob(content), (char) => char.charCodeAt(0));
  transfer.items.add(new File([bytes], name, { type: "image/png" }));
  const event = new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true, composed: true });
  document.querySelector(where).dispatchEvent(event);
}"""


def test_the_explorer_works_on_this_canvas_too(browser, lab, notebooks):
    from playwright.sync_api import expect

    expect.set_options(timeout=60_000)
    with running_panel(browser, lab, notebooks, "large-panel", [PANEL], ".clipnb-explorer") as (page, panel):
        page.locator(".clipnb-marks").wait_for(timeout=60_000)
        page.wait_for_function(f"() => ({API})(0).api.get('isPointsDrawn')", timeout=60_000)
        panel.locator("canvas").first.scroll_into_view_if_needed()
        box = panel.locator("canvas").first.bounding_box()
        at = np.array([box["x"], box["y"]]) + asked(page, "api.getScreenPosition(0)")
        page.mouse.move(*(at - 30))
        page.mouse.move(*at, steps=6)
        expect(page.locator(".clipnb-pointed-name")).not_to_be_hidden()
        name = page.locator(".clipnb-pointed-name").inner_text()
        expect(panel.locator(f"img[alt*='{name}']").first).to_be_visible()
        expect(page.locator(".clipnb-shown")).to_have_count(1)

        middle = np.array([box["x"] + box["width"] / 2, box["y"] + box["height"] / 2])
        lasso(page, middle + np.array([[-80, -80], [80, -80], [80, 80], [-80, 80]]))
        page.wait_for_function(f"() => ({API})(0).api.get('selectedPoints').length > 1")
        count = asked(page, "api.get('selectedPoints').length")
        expect(panel.locator(".clipnb-status")).to_contain_text(f"{count} points are selected")

        picture = io.BytesIO()
        Image.new("RGB", (60, 60), "red").save(picture, "PNG")
        content = base64.b64encode(picture.getvalue()).decode()
        page.evaluate(DROP, ["my apple.png", content, ".clipnb-map canvas"])
        expect(page.locator(".clipnb-star text")).to_have_text(["my apple.png"])
