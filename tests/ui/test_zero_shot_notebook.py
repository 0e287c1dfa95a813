"""A reader's way through the first notebook: open it, run it, type a label, upload a picture."""

from __future__ import annotations

import re

import pytest
from notebook_page import ERROR, KERNEL_IDLE, open_notebook, run_command, screenshot
from PIL import Image

pytestmark = [pytest.mark.ui, pytest.mark.slow]

NOTEBOOK = "01-zero-shot-classification.ipynb"
RUN = 240_000  # milliseconds for the whole notebook, on a busy machine too


@pytest.fixture
def page(browser, lab):
    """The notebook, open and run from top to bottom."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    page = open_notebook(context, lab, NOTEBOOK)
    # Each figure and panel is drawn when it scrolls into view; the stored outputs would be mistaken for new ones.
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:clear-all-cell-outputs')")
    run_command(page, "notebook:run-all-cells")
    try:
        page.locator(f".clipnb-zero-shot, {ERROR}").first.wait_for(timeout=RUN, state="attached")
        assert page.locator(ERROR).all_inner_texts() == []
        page.wait_for_function(KERNEL_IDLE, timeout=RUN)
        yield page
    finally:
        screenshot(page, "notebook")
        context.close()


def test_the_panel_follows_what_the_reader_types_and_uploads(page, tmp_path):
    from playwright.sync_api import expect

    expect.set_options(timeout=20_000)  # a busy machine is no failure

    panel = page.locator(".clipnb-zero-shot")
    panel.scroll_into_view_if_needed()
    status, bars = panel.locator(".clipnb-status"), panel.locator(".js-plotly-plot .ytick text")
    expect(bars).not_to_have_count(0)

    # A picture is chosen by its name, as a screen reader would say it.
    panel.get_by_role("button", name="cat face", exact=True).click()
    expect(status).to_contain_text("cat face:")
    before = status.inner_text()
    expect(panel.locator(".clipnb-picture img")).to_have_attribute("alt", re.compile("cat face"))

    # Labels in two scripts, typed key by key: the probabilities change at once.
    labels = panel.locator(".clipnb-labels textarea")
    labels.fill("")
    expect(status).to_contain_text("write at least one")
    labels.press_sequentially("pizza\n猫\nDatei")
    expect(status).to_contain_text("猫")
    expect(bars).to_have_count(3)
    expect(bars.first).to_have_text(re.compile("pizza|猫|Datei"))
    expect(status).to_contain_text("%")
    assert status.inner_text() != before

    # A mistake is said in words, and mended by typing on.
    labels.press_sequentially("\npizza")
    expect(status).to_contain_text("'pizza'")
    expect(panel.locator(".clipnb-problem")).to_have_count(1)
    labels.press_sequentially(" oven")
    expect(panel.locator(".clipnb-problem")).to_have_count(0)
    expect(bars).to_have_count(4)

    # One's own picture.
    picture = tmp_path / "my drawing.png"
    Image.new("RGB", (80, 60), "orange").save(picture)
    with page.expect_file_chooser() as chooser:
        panel.locator(".clipnb-upload").click()
    chooser.value.set_files(picture)
    expect(status).to_contain_text("my drawing.png:")
    expect(panel.locator(".clipnb-thumbnail")).to_have_count(19)

    # And a file that is none.
    broken = tmp_path / "notes.png"
    broken.write_bytes(b"not a picture")
    with page.expect_file_chooser() as chooser:
        panel.locator(".clipnb-upload").click()
    chooser.value.set_files(broken)
    expect(status).to_contain_text("“notes.png” cannot be read as a picture")

    # A picture larger than a message to the kernel may be, and one that is larger than the panel takes.
    large, huge = tmp_path / "large.bmp", tmp_path / "huge.bmp"
    Image.new("RGB", (2000, 2000), "red").save(large)  # 12 MB
    Image.new("RGB", (3000, 3000), "green").save(huge)  # 27 MB
    with page.expect_file_chooser() as chooser:
        panel.locator(".clipnb-upload").click()
    chooser.value.set_files([large, huge])
    expect(panel.locator(".clipnb-thumbnail")).to_have_count(20)
    expect(status).to_contain_text("'huge.bmp' has 27.0 MB; a file may have up to 25 MB")

    # In a dark theme the bars are dark too, and their words light.
    labels.fill("pizza\n猫")
    expect(bars).to_have_count(2)
    run_command(page, "apputils:change-theme", theme="JupyterLab Dark")
    expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    chart = panel.locator(".js-plotly-plot")
    assert brightness(chart.locator(".main-svg").first, "backgroundColor") < 60
    assert min(brightness(text, "fill") for text in chart.locator("text").all()) > 200


def brightness(locator, colour):
    """The mean of red, green and blue, 0 to 255, of one of an element's colours as it is drawn."""
    value = locator.evaluate(f"(element) => getComputedStyle(element).{colour}")
    channels = [float(part) for part in re.findall(r"[\d.]+", value)]
    assert len(channels) == 3 or channels[3] > 0.8, value  # opaque
    return sum(channels[:3]) / 3
