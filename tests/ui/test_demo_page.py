"""The page that the demonstration writes, opened from its file as a reader does."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytestmark = [pytest.mark.ui, pytest.mark.slow, pytest.mark.filterwarnings("ignore::UserWarning:umap")]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_demo_page_opens_without_a_network_and_without_errors(browser, demo_page, theme):
    context = browser.new_context(color_scheme=theme, viewport={"width": 1100, "height": 900}, offline=True)
    page = context.new_page()
    complaints, fetched = [], []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("request", lambda request: fetched.append(request.url))
    page.goto(demo_page.as_uri())
    page.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .main-svg').length > 0")
    page.wait_for_timeout(500)
    assert complaints == []
    assert [url for url in fetched if not url.startswith(("file:", "data:"))] == []
    assert page.locator(".js-plotly-plot").count() >= 3
    assert page.locator("img:not([alt])").count() == 0
    if folder := os.environ.get("CLIPNB_SCREENSHOTS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=f"{folder}/demo-{theme}.png", full_page=True)
    context.close()


@pytest.fixture(scope="module")
def demo_page(tmp_path_factory):
    from clipnb.cli import main

    path = tmp_path_factory.mktemp("demo") / "index.html"
    assert main(["demo", "--out", str(path)]) == 0
    return path
