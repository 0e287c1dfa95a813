"""A reader compares two models, takes numbers and code away, and looks at the pictures behind a confusion matrix."""

from __future__ import annotations

import json

import pytest
from notebook_page import ERROR, run_command, running_panel

pytestmark = [pytest.mark.ui, pytest.mark.slow]

COMPARED = """import clipnb
model = clipnb.load()
other = clipnb.load(dtype="bfloat16")
panel = clipnb.widgets.ZeroShotPanel([model, other], classnames=["cat", "قطة", "pizza", "rocket"])
panel"""
CONFUSED = """import clipnb
model = clipnb.load()
emoji = clipnb.datasets.emoji("fluent").select(group="food & drink")
names = [str(name) for name in emoji.names["en"]]
result = clipnb.zero_shot(model, emoji.images, names, labels=names, image_ids=names)
panel = clipnb.widgets.ConfusionPanel(result, emoji.images, groups=list(emoji.subgroups), title="Food and drink")
panel"""


@pytest.fixture
def opened(browser, lab, notebooks, request):
    """A notebook of one cell that makes a panel, and of one that looks at it; the first is run."""
    name, code, panel = request.param
    cells = [code, "print(panel.cell if hasattr(panel, 'cell') else panel.models)"]
    allowed = ["clipboard-read", "clipboard-write"]
    with running_panel(browser, lab, notebooks, name, cells, panel, height=1500, permissions=allowed) as shown:
        yield shown


@pytest.mark.parametrize("opened", [("compared", COMPARED, ".clipnb-zero-shot")], indirect=True)
def test_two_models_side_by_side_with_numbers_and_code(opened, notebooks):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)  # a busy machine is no failure
    page, panel = opened
    charts = panel.locator(".js-plotly-plot")
    expect(charts).to_have_count(2)
    expect(panel.locator(".clipnb-model").first).to_have_text("clipnb/emoji")
    boxes = [chart.bounding_box() for chart in charts.all()]
    assert boxes[0]["y"] == pytest.approx(boxes[1]["y"], abs=2)  # beside each other
    assert boxes[0]["x"] + boxes[0]["width"] <= boxes[1]["x"] + 1

    # A set of sentences out of the many.
    panel.get_by_label("How the model reads a label").select_option(
        label="Languages · A photo, in German (5 sentences)"
    )
    panel.locator(".clipnb-show-code").click()
    code = panel.locator(".clipnb-code code")
    expect(code).to_contain_text('templates = "photo-de"')
    panel.get_by_role("button", name="Copy").click()
    page.wait_for_function("async () => (await navigator.clipboard.readText()).includes('photo-de')")
    assert page.evaluate("navigator.clipboard.readText()") == code.inner_text()

    # The numbers, where the notebook lies.
    panel.get_by_role("button", name="Save", exact=True).click()
    expect(panel.locator(".clipnb-status")).to_contain_text("The numbers are in zero-shot.csv")
    table = (notebooks / "zero-shot.csv").read_text(encoding="utf-8").splitlines()
    assert table[0].startswith("image,model,classname")
    assert len(table) == 1 + 2 * 4


@pytest.mark.parametrize("opened", [("confused", CONFUSED, ".clipnb-confusion")], indirect=True)
def test_the_pictures_behind_a_cell(opened):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)
    page, panel = opened
    status, pictures = panel.locator(".clipnb-status"), panel.locator(".clipnb-cell-pictures img")
    expect(status).to_contain_text("were classified as")
    expect(pictures).not_to_have_count(0)

    # By keyboard and screen reader: the menus.
    panel.get_by_label("True class").select_option(label="pizza")
    expect(status).to_contain_text("of “pizza”")
    expect(pictures).to_have_attribute("alt", "pizza")

    # By a click on a cell of the diagonal, near the upper left corner of the matrix.
    place = panel.locator(".js-plotly-plot").evaluate(
        """(plot) => {
          const {xaxis, yaxis} = plot._fullLayout, box = plot.getBoundingClientRect(), at = 0;
          const name = plot._fullLayout.yaxis._categories[at];
          return {x: box.x + xaxis._offset + xaxis.c2p(at), y: box.y + yaxis._offset + yaxis.c2p(at), name};
        }"""
    )
    page.mouse.move(place["x"], place["y"])
    page.wait_for_timeout(300)
    page.mouse.click(place["x"], place["y"])
    expect(status).to_contain_text(f"of “{place['name']}” were classified")

    # The next cell sees what was clicked.
    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    run_command(page, "notebook:run-cell-and-select-next")
    expect(page.get_by_text(json.dumps(place["name"])[1:-1]).last).to_be_visible()
    assert page.locator(ERROR).all_inner_texts() == []
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []
    panel.scroll_into_view_if_needed()
