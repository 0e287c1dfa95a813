"""A reader explores a map: points at a dot, draws around some, searches, adds pictures, takes the selection away."""

from __future__ import annotations

import re

import pandas as pd
import pytest
from notebook_page import ERROR, KERNEL_IDLE, run_command, running_panel, screenshot
from PIL import Image

pytestmark = [pytest.mark.ui, pytest.mark.slow]

FOOD = """import clipnb
model = clipnb.load()
emoji = clipnb.datasets.emoji("fluent", languages=["en"]).select(group="food & drink")
rows = clipnb.Embeddings(model.encode_image(emoji.images), ids=emoji.emojis, modality="image", model=model.name)
projection = clipnb.project(rows, seed=0, progress=False)
words = ["fruit", "drink", "Obst", "Getränk", "苹果", "cake", "vegetable", "لحم"]
panel = clipnb.widgets.MapExplorer(projection, model=model, images=emoji, groups=emoji.subgroups, texts=words)
panel"""
PAIR = """import numpy as np
import clipnb
emoji = clipnb.datasets.emoji("fluent", languages=["en"]).select(group="food & drink")
model = clipnb.load()
rows = clipnb.Embeddings(model.encode_image(emoji.images), ids=emoji.emojis, modality="image", model=model.name)
few = clipnb.Embeddings(rows.vectors[:, :16], ids=emoji.emojis, modality="image")
maps = clipnb.project_aligned([rows, few], progress=False)
panel = clipnb.widgets.MapExplorer(maps, images=emoji, groups=emoji.subgroups)
panel"""


STARS = """(count) => document.querySelector(".clipnb-explorer .js-plotly-plot")._fullData
  .filter((data) => data.name === "new").reduce((sum, data) => sum + data.x.length, 0) === count"""


def places(panel):
    """Of each point of the map: trace, row, and where it lies on the page, in pixels."""
    return panel.locator(".js-plotly-plot").evaluate(
        """(plot) => {
          const box = plot.getBoundingClientRect();
          return plot._fullData.flatMap((data, trace) => {
            const name = (axis) => axis.replace("x", "xaxis").replace("y", "yaxis");
            const x = plot._fullLayout[name(data.xaxis)], y = plot._fullLayout[name(data.yaxis)];
            return Array.from(data.x, (value, i) => ({
              trace, name: data.name, map: data.xaxis, row: data.customdata ? Number(data.customdata[i].at(-1)) : -1,
              label: data.customdata?.[i][0],
              x: box.x + x._offset + x.l2p(value), y: box.y + y._offset + y.l2p(data.y[i])}));
          });
        }"""
    )


def alone(points, apart=20):
    """A point with no other within so many pixels, so that the pointer means it."""
    own = [p for p in points if p["row"] >= 0]
    for point in own:
        near = [p for p in own if (p["x"] - point["x"]) ** 2 + (p["y"] - point["y"]) ** 2 < apart**2]
        if len(near) == 1:
            return point
    raise AssertionError("no point stands alone")


def move_to(page, point):
    page.mouse.move(point["x"] - 60, point["y"] - 60)
    page.mouse.move(point["x"], point["y"], steps=10)


def draw_around(page, points):
    """A lasso a few pixels outside of the points' box; the rows that it holds."""
    left, right = min(p["x"] for p in points) - 4, max(p["x"] for p in points) + 4
    top, bottom = min(p["y"] for p in points) - 4, max(p["y"] for p in points) + 4
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in [(right, top), (right, bottom), (left, bottom), (left, top)]:
        page.mouse.move(x, y, steps=8)
    page.mouse.up()
    return left, right, top, bottom


def inside(points, box):
    left, right, top, bottom = box
    return {p["row"] for p in points if p["row"] >= 0 and left < p["x"] < right and top < p["y"] < bottom}


def ask(page, code):
    """What the kernel answers to a line in the next cell, which the panel has not touched."""
    cell = page.locator(".jp-CodeCell").last
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(code)
    run_command(page, "notebook:run-cell")
    page.wait_for_timeout(300)
    page.wait_for_function(KERNEL_IDLE, timeout=20_000)
    return cell.locator(".jp-OutputArea-output pre").last.inner_text().strip()


def test_a_map_by_pointer_words_and_files(browser, lab, notebooks, tmp_path):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)  # a busy machine is no failure
    with running_panel(browser, lab, notebooks, "map", [FOOD, ""], ".clipnb-explorer", height=1700) as (page, panel):
        status, card = panel.locator(".clipnb-status"), panel.locator(".clipnb-point-card")
        expect(status).to_contain_text("points. Point at one to see it")
        plot = panel.locator(".js-plotly-plot")
        page.wait_for_function(
            "() => { const p = document.querySelector('.clipnb-explorer .js-plotly-plot');"
            " return Math.abs(p._fullLayout.width - p.getBoundingClientRect().width) < 2; }"
        )  # as wide as its place

        # The pointer rests on a dot: its picture, its name, its neighbours. A click holds it.
        point = alone(places(panel))
        move_to(page, point)
        expect(card.locator("img")).to_have_attribute("alt", point["label"])
        expect(panel.locator(".clipnb-near button:visible")).to_have_count(8)
        page.mouse.click(point["x"], point["y"])
        hold = panel.locator(".clipnb-hold")
        expect(hold).to_have_text(re.compile("Held"))
        other = next(p for p in places(panel) if p["row"] not in (-1, point["row"]))
        move_to(page, other)
        page.wait_for_timeout(500)
        expect(card.locator("img")).to_have_attribute("alt", point["label"])
        # By keyboard from one point to its neighbour.
        first = panel.locator(".clipnb-near button").first
        name = first.inner_text().split(maxsplit=1)[1].removesuffix(" · torn")
        first.focus()
        page.keyboard.press("Enter")
        expect(card.locator("img")).to_have_attribute("alt", name)
        hold.click()
        expect(hold).to_have_text(re.compile("Hold this"))

        # Words lead to points, and the points become a selection.
        query = panel.get_by_label("Search in any language")
        query.fill("Getränk")
        query.press("Enter")
        expect(status).to_contain_text("Getränk: nearest is")
        expect(panel.locator(".clipnb-hits button:visible")).to_have_count(10)
        assert len([p for p in places(panel) if p["name"] == "hits"]) == 10
        screenshot(page, "map-search")
        query.fill("一" * 400)
        query.press("Enter")
        expect(status.locator(".clipnb-problem")).to_contain_text("tokens")
        query.fill("")
        query.press("Enter")
        expect(panel.locator(".clipnb-hits button:visible")).to_have_count(0)

        # A lasso: exactly the points inside of it, their table and their words.
        points = places(panel)
        middle = sorted((p for p in points if p["row"] >= 0), key=lambda p: abs(p["x"] - 700) + abs(p["y"] - 500))[:9]
        held = inside(points, draw_around(page, middle))
        expect(status).to_contain_text(f"{len(held)} points are selected, of 130")
        assert ask(page, "print(sorted(panel.selected))") == str(sorted(held))
        expect(panel.locator(".clipnb-words tbody tr")).to_have_count(8)
        expect(panel.locator(".clipnb-chosen tbody tr")).to_have_count(min(12, len(held)))
        screenshot(page, "map-lasso")

        # Taken away: as a file of the browser, and as a file beside the notebook.
        with page.expect_download() as download:
            panel.get_by_role("link", name="Download as CSV").click()
        assert set(pd.read_csv(download.value.path())["row"]) == held
        panel.get_by_role("button", name="Save", exact=True).click()
        expect(status).to_contain_text("The selection is in selection.csv")
        assert set(pd.read_csv(notebooks / "selection.csv")["row"]) == held
        panel.locator(".clipnb-show-code").click()
        expect(panel.locator(".clipnb-code code")).to_contain_text("projection = clipnb.project(embeddings")
        panel.locator(".clipnb-show-code").click()

        # A double click on the empty map takes the selection away, outline included.
        plot.scroll_into_view_if_needed()
        box = plot.locator(".nsewdrag").first.bounding_box()
        page.mouse.dblclick(box["x"] + 6, box["y"] + 6)
        expect(status).to_contain_text("points. Point at one")
        expect(plot.locator(".selectionlayer path")).to_have_count(0)
        # So does code, and a button.
        assert ask(page, "panel.selected = [1, 2, 3]; print(len(panel.selected))") == "3"
        expect(status).to_contain_text("3 points are selected")
        panel.get_by_role("button", name="Select nothing").click()
        expect(status).to_contain_text("points. Point at one")

        # Pictures of one's own, by the button and dropped onto the map.
        picture = tmp_path / "my drawing.png"
        Image.new("RGB", (80, 60), "orange").save(picture)
        with page.expect_file_chooser() as chooser:
            panel.locator(".clipnb-upload").click()
        chooser.value.set_files(picture)
        expect(status).to_contain_text("my drawing.png lies nearest to")
        expect(card.locator("img")).to_have_attribute("alt", "my drawing.png")
        # One that is too large for a single message, and one that is too large.
        large, huge = tmp_path / "large.bmp", tmp_path / "huge.bmp"
        Image.new("RGB", (2000, 2000), "green").save(large)
        Image.new("RGB", (3000, 3000), "green").save(huge)
        with page.expect_file_chooser() as chooser:
            panel.locator(".clipnb-upload").click()
        chooser.value.set_files([large, huge])
        expect(status).to_contain_text("large.bmp lies nearest to")
        expect(status).to_contain_text("27.0 MB; a file may have up to 25 MB")
        transfer = page.evaluate_handle(
            """async () => {
              const canvas = new OffscreenCanvas(20, 20), pen = canvas.getContext("2d");
              pen.fillStyle = "red";
              pen.fillRect(0, 0, 20, 20);
              const transfer = new DataTransfer();
              transfer.items.add(new File([await canvas.convertToBlob()], "dropped.png", {type: "image/png"}));
              transfer.items.add(new File(["words"], "notes.txt", {type: "text/plain"}));
              return transfer;
            }"""
        )
        for event in ("dragenter", "dragover", "drop"):
            panel.locator(".clipnb-map").dispatch_event(event, {"dataTransfer": transfer})
        expect(status).to_contain_text("“notes.txt” cannot be read as a picture")
        expect(status).to_contain_text("dropped.png lies nearest to")
        assert len([p for p in places(panel) if p["name"] == "new"]) == 3

        # Other colours keep everything in its place, on a dark page too.
        panel.get_by_label("Colour by").select_option(label="neighbours torn away")
        expect(plot.locator(".colorbar")).to_have_count(1)
        page.wait_for_function(STARS, arg=3)  # they come after the colours
        run_command(page, "apputils:change-theme", theme="JupyterLab Dark")
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
        ground = plot.locator(".main-svg").first.evaluate("(e) => getComputedStyle(e).backgroundColor")
        assert max(map(int, re.findall(r"\d+", ground)[:3])) < 60
        panel.scroll_into_view_if_needed()
        screenshot(page, "map-dark")
        assert page.locator(ERROR).all_inner_texts() == []
        assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []

        # In a narrow place everything is below each other, and nothing sticks out.
        page.set_viewport_size({"width": 800, "height": 1700})
        page.wait_for_function(
            "() => { const p = document.querySelector('.clipnb-explorer .js-plotly-plot');"
            " const width = p._fullLayout.width;"
            " return width < 480 && Math.abs(width - p.getBoundingClientRect().width) < 2; }"
        )
        wide = panel.evaluate("(e) => [e.scrollWidth, e.clientWidth]")
        assert wide[0] <= wide[1] + 1
        screenshot(page, "map-narrow")
        # The next notebooks are on the same server, which keeps the theme.
        run_command(page, "apputils:change-theme", theme="JupyterLab Light")
        expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "true")


def test_two_maps_light_each_other(browser, lab, notebooks):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)
    with running_panel(browser, lab, notebooks, "pair", [PAIR, ""], ".clipnb-explorer", height=1500) as (page, panel):
        expect(panel.locator(".clipnb-status")).to_contain_text("130 points")
        page.wait_for_timeout(1000)
        points = places(panel)
        point = alone([p for p in points if p["map"] == "x"], 8)
        move_to(page, point)
        expect(panel.locator(".clipnb-point-card img")).to_have_attribute("alt", point["label"])
        twin = next(p for p in points if p["map"] == "x2" and p["row"] == point["row"])
        rings = [p for p in places(panel) if p["name"] == "shown"]
        assert {p["map"] for p in rings} == {"x", "x2"}
        there = next(p for p in rings if p["map"] == "x2")
        assert (there["x"], there["y"]) == pytest.approx((twin["x"], twin["y"]), abs=1)
        held = inside(
            [p for p in points if p["map"] == "x"],
            draw_around(
                page, [p for p in points if p["map"] == "x" and p["row"] in range(point["row"], point["row"] + 3)]
            ),
        )
        expect(panel.locator(".clipnb-status")).to_contain_text(f"{len(held)} points are selected")
        dim = """(plot) => plot._fullData.map((d) => [d.xaxis, d.customdata ? (d.selectedpoints ?? []).length : 0])"""
        page.wait_for_timeout(1500)  # plotly's own news of the lasso comes, too
        shown = panel.locator(".js-plotly-plot").evaluate(dim)
        assert [sum(n for axis, n in shown if axis == each) for each in ("x", "x2")] == [len(held)] * 2
        screenshot(page, "pair-lasso")
        assert page.locator(ERROR).all_inner_texts() == []
