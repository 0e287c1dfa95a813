"""A reader writes one sentence in several languages, sees where each lands, and tests a translation."""

from __future__ import annotations

import re

import pytest
from notebook_page import ERROR, KERNEL_IDLE, run_command, running_panel

pytestmark = [pytest.mark.ui, pytest.mark.slow]

HEAD = """import clipnb
model = clipnb.load()
emoji = clipnb.datasets.emoji("fluent", languages=["en", "sv", "ar", "ja", "hi", "th", "he"])
corpus = emoji.select(group="food & drink").take(range(24)).corpus()
"""
ALIGNED = (
    HEAD
    + """panel = clipnb.widgets.AlignmentPanel(model, corpus)
panel"""
)
TESTED = (
    HEAD
    + """panel = clipnb.widgets.TranslationTester(model, corpus, "ar")
panel"""
)
SIDES = """(bdi) => {
  const range = document.createRange();
  range.selectNodeContents(bdi);
  const box = bdi.getBoundingClientRect(), text = range.getBoundingClientRect();
  return {left: text.left - box.left, right: box.right - text.right, drawn: text.width};
}"""


@pytest.fixture
def opened(browser, lab, notebooks, request):
    """A notebook of one cell that makes a panel, and of one that looks at it; the first is run."""
    name, code, panel, looked = request.param
    with running_panel(browser, lab, notebooks, name, [code, looked], panel) as shown:
        yield shown


@pytest.mark.parametrize(
    "opened", [("aligned", ALIGNED, ".clipnb-alignment", "print('ranks', panel.ranks)")], indirect=True
)
def test_one_sentence_in_several_languages(opened):
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)  # a busy machine is no failure
    page, panel = opened
    status = panel.locator(".clipnb-status")
    expect(status).to_contain_text("cosines run from")
    panel.get_by_label("Sentences, one a line").fill("en: red apple\nsv: rött äpple\nar: تفاحة حمراء\nth: แอปเปิ้ลแดง")
    # A combobox takes what is written when it is left.
    target = panel.get_by_label("The picture they are about")
    target.fill("red apple")
    target.press("Tab")
    expect(status).to_contain_text("find “red apple” first")
    rows = panel.locator(".clipnb-landings tbody tr")
    expect(rows).to_have_count(4)
    expect(rows.first.locator("img")).to_have_count(5)
    expect(rows.first.locator("img").first).to_have_attribute("alt", "red apple")
    expect(rows.first).to_contain_text("1 of 24")
    expect(panel.locator(".clipnb-scores tbody tr")).to_have_count(4)

    # Arabic begins at the right of its place, English at the left.
    arabic, english = rows.nth(2).locator("bdi"), rows.first.locator("bdi")
    assert arabic.get_attribute("dir") == "rtl"
    assert arabic.evaluate(SIDES)["right"] < 2
    assert english.evaluate(SIDES)["left"] < 2
    assert arabic.evaluate(SIDES)["drawn"] > 20

    panel.get_by_role("button", name="Write its captions here").click()
    expect(panel.get_by_label("Sentences, one a line")).to_have_value(
        re.compile(r"en: red apple\nsv: rött äpple\nar: .+\nja: 赤リンゴ\nhi: .+\nth: แอปเปิ้ลแดง")
    )
    expect(rows).to_have_count(6)
    page.wait_for_function(KERNEL_IDLE, timeout=120_000)

    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    run_command(page, "notebook:run-cell-and-select-next")
    expect(page.get_by_text("ranks [1,").last).to_be_visible()
    assert page.locator(ERROR).all_inner_texts() == []
    panel.scroll_into_view_if_needed()


@pytest.mark.parametrize(
    "opened", [("translated", TESTED, ".clipnb-translation", "print(panel.language, panel.pictures)")], indirect=True
)
def test_a_translation_beside_shuffled_pairs(opened):
    from playwright.sync_api import expect

    expect.set_options(timeout=30_000)
    page, panel = opened
    status = panel.locator(".clipnb-status")
    expect(status).to_contain_text("Arabic sentences")
    expect(panel.locator(".js-plotly-plot .bars .point").first).to_be_attached()
    expect(panel.locator(".clipnb-pairs tbody tr")).to_have_count(8)

    panel.get_by_label("Language", exact=True).select_option(label="Swedish (svenska)")
    expect(status).to_contain_text("Swedish sentences")
    panel.get_by_label("Pictures").select_option(label=["pineapple", "lemon"])
    expect(status).to_contain_text("The 2 chosen pairs in Swedish and English")
    expect(panel.locator(".clipnb-pairs tbody tr")).to_have_count(2)
    expect(panel.locator(".clipnb-pairs img").first).to_be_visible()

    panel.get_by_label("Beside").select_option(label="Hebrew (עברית)")
    expect(status).to_contain_text("Swedish and Hebrew")
    page.wait_for_function(KERNEL_IDLE, timeout=120_000)
    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    run_command(page, "notebook:run-cell-and-select-next")
    expect(page.get_by_text("sv [").last).to_be_visible()
    assert page.locator(ERROR).all_inner_texts() == []
    assert page.locator("[data-mime-type='application/vnd.jupyter.stderr']").all_inner_texts() == []
    panel.scroll_into_view_if_needed()
