"""A reader picks a model in a notebook: filter, look at its needs, load it, use it in the next cell."""

from __future__ import annotations

import pytest
from notebook_page import ERROR, open_notebook, run_command, screenshot, write_notebook

pytestmark = [pytest.mark.ui, pytest.mark.slow]

CELLS = ["import clipnb\npicker = clipnb.widgets.ModelPicker()\npicker", "print('it is', picker.model.name)"]


@pytest.fixture(params=["JupyterLab Light", "JupyterLab Dark"])
def page(browser, lab, notebooks, request):
    """A notebook with the picker, its first cell run."""
    name = f"picker-{request.param.split()[-1].lower()}.ipynb"
    write_notebook(notebooks / name, CELLS)
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = open_notebook(context, lab, name)
    run_command(page, "apputils:change-theme", theme=request.param)
    run_command(page, "notebook:run-cell-and-select-next")
    try:
        page.locator(f".clipnb-model-picker, {ERROR}").first.wait_for(timeout=60_000)
        assert page.locator(ERROR).all_inner_texts() == []
        yield page
    finally:
        screenshot(page, name.removesuffix(".ipynb"))
        context.close()


def test_a_model_is_found_looked_at_and_loaded(page):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)  # a busy machine is no failure

    panel = page.locator(".clipnb-model-picker")
    models, card, status = panel.get_by_label("Models"), panel.locator(".clipnb-card"), panel.locator(".clipnb-status")
    expect(models.locator("option")).to_have_count(50)

    # Filters by their labels, as a screen reader would say them.
    panel.get_by_label("Language").select_option("sw")
    panel.get_by_label("Search words").press_sequentially("roberta")
    expect(models.locator("option")).to_have_count(3)
    expect(panel.locator(".clipnb-count")).to_contain_text("3 of 50 models")
    models.select_option(label="M-CLIP/XLM-Roberta-Large-Vit-L-14 · 4.0 GB")  # both checkpoints
    expect(card.locator("caption")).to_have_text("M-CLIP/XLM-Roberta-Large-Vit-L-14")
    expect(card).to_contain_text("4.0 GB in float32, 2.0 GB in bfloat16, at most")
    expect(panel.locator(".clipnb-code")).to_contain_text('clipnb.load("M-CLIP/XLM-Roberta-Large-Vit-L-14")')

    # What is written can be read on the page's own colour.
    assert contrast(page, ".clipnb-card td") > 4.5
    assert contrast(page, ".clipnb-code code") > 4.5

    # The embedded model, loaded for real.
    panel.get_by_label("Language").select_option("any language")
    panel.get_by_label("Search words").fill("emoji")
    expect(card.locator("caption")).to_have_text("clipnb/emoji")
    panel.get_by_label("Device").select_option("cpu")
    panel.get_by_role("button", name="Load", exact=True).click()
    expect(status).to_contain_text("clipnb/emoji is loaded, on cpu", timeout=120_000)

    # The next cell has it.
    page.locator(".jp-CodeCell").nth(1).locator(".cm-content").click()
    run_command(page, "notebook:run-cell-and-select-next")
    expect(page.get_by_text("it is clipnb/emoji", exact=True)).to_be_visible()
    assert page.locator(ERROR).all_inner_texts() == []
    panel.scroll_into_view_if_needed()


def contrast(page, selector: str) -> float:
    """Of a text with the first background behind it that is not clear, after WCAG 2.1."""
    colours = page.locator(selector).first.evaluate(
        """(element) => {
          const behind = (e) => {
            for (; e; e = e.parentElement) {
              const c = getComputedStyle(e).backgroundColor.match(/[\\d.]+/g).map(Number);
              if (c.length === 3 || c[3] === 1) return c;
            }
            return [255, 255, 255];
          };
          return [getComputedStyle(element).color.match(/[\\d.]+/g).map(Number), behind(element)];
        }"""
    )
    light = sorted(map(luminance, colours))
    return (light[1] + 0.05) / (light[0] + 0.05)


def luminance(rgb: list[float]) -> float:
    linear = [c / 3294.6 if c <= 10 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in rgb[:3]]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
