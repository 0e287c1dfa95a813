"""What a browser makes of a map: labels measured where they are drawn, in the fonts that it found."""

from __future__ import annotations

import numpy as np
import pytest

from clipnb import plots

WORDS = ["umbrella", "Regenschirm", "雨伞", "傘を持つ人", "مظلة تحت المطر", "छाता", "ร่ม", "우산", "WWW MMM WWW"]
BOXES = "els => els.map(e => { const b = e.getBoundingClientRect(); return [b.left, b.top, b.right, b.bottom] })"


@pytest.fixture
def drawn(browser):
    """A function from a figure to a page with it."""
    page = browser.new_page(viewport={"width": 1100, "height": 900})

    def draw(figure):
        page.set_content(figure.to_html(include_plotlyjs=True, full_html=True))
        page.wait_for_selector(".js-plotly-plot .main-svg")
        page.wait_for_timeout(300)
        return page

    yield draw
    page.close()


def boxes(page, selector):
    return np.array(page.eval_on_selector_all(selector, BOXES)).reshape(-1, 4)


@pytest.mark.parametrize(("width", "mode"), [(900, "light"), (400, "dark")])
def test_no_label_lies_on_another_or_outside_the_map(drawn, width, mode):
    points = np.random.default_rng(0).normal(size=(400, 2))
    groups = [f"group {n % 4}" for n in range(400)]
    page = drawn(
        plots.scatter(
            points, [WORDS[n % 9] for n in range(400)], groups, named=40, group_names=True, width=width, mode=mode
        )
    )
    labels = boxes(page, ".annotation[data-index] .annotation-text")
    assert len(labels) >= 15
    frame = boxes(page, ".js-plotly-plot")[0]
    for i, a in enumerate(labels):
        assert a[0] >= frame[0] - 1
        assert a[2] <= frame[2] + 1
        for b in labels[:i]:
            across, up = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
            # A line's box is higher than what is written in it.
            assert across <= 1 or up <= 5, (a, b)


@pytest.mark.parametrize("width", [900, 400])
def test_legend_bar_and_lines_have_room_of_their_own(drawn, width):
    points = np.random.default_rng(0).normal(size=(400, 2))
    values = np.where(np.arange(400) % 9, np.arange(400), np.nan)
    page = drawn(plots.scatter(points, values=values, value_name="a name of several words", width=width, note="Said."))
    parts = [boxes(page, each)[0] for each in (".legend", ".cbfills", ".xtitle", ".annotation", ".nsewdrag")]
    grouped = drawn(plots.scatter(points, groups=[f"<group> {n % 14}" for n in range(400)], width=width))
    others = [boxes(grouped, each)[0] for each in (".legend", ".xtitle", ".nsewdrag")]
    for each in (parts, others):
        for i, a in enumerate(each):
            assert a[2] <= 8 + width + 1
            for b in each[:i]:
                assert min(a[2], b[2]) - max(a[0], b[0]) <= 1 or min(a[3], b[3]) - max(a[1], b[1]) <= 2, (i, a, b)
