"""The confusion panel without a browser: a cell by trait, by menu or by what a click calls."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
from PIL import Image
from plotly.callbacks import InputDeviceState, Points

from clipnb import errors
from clipnb.widgets import ConfusionPanel
from clipnb.zeroshot import ZeroShot

NAMES = ("cat", "dog", "قطة", "<b>pizza</b>", "none")
CELLS = [("cat", "cat")] * 4 + [("cat", "dog")] * 3 + [("dog", "dog")] * 2 + [("قطة", "<b>pizza</b>")]
CELLS += [("<b>pizza</b>", "<b>pizza</b>")]
IDS = [f"{i}.png" for i in range(len(CELLS))]


@pytest.fixture
def result():
    sure = np.linspace(0.5, 0.9, len(CELLS))
    shares = np.full((len(CELLS), len(NAMES)), 0.01)
    shares[np.arange(len(CELLS)), [NAMES.index(p) for _, p in CELLS]] = sure
    return ZeroShot(shares, shares, NAMES, IDS, [t for t, _ in CELLS])


@pytest.fixture
def images():
    return [Image.new("RGB", (8, 8), (20 * i, 0, 0)) for i in range(len(CELLS))]


@pytest.fixture
def panel(result, images):
    return ConfusionPanel(result, images)


def ids(true, predicted):
    """The pictures of a cell by the list above, the surest, which are the latest, first."""
    return [name for name, cell in reversed(list(zip(IDS, CELLS, strict=True))) if cell == (true, predicted)]


def click(panel, true, predicted):
    """What plotly calls when a cell is clicked."""
    trace = panel.view.figure.data[0]
    ticks = panel.view._ticks
    points = Points(point_inds=[0], xs=[ticks[predicted]], ys=[ticks[true]], trace_name=None, trace_index=0)
    trace._dispatch_on_click(points, InputDeviceState())


def test_it_begins_with_the_pair_confused_most_often(panel):
    assert panel.cell == ("cat", "dog")
    assert panel.pictures == ids("cat", "dog")
    assert "3 of 7 pictures of “cat” were classified as “dog”" in panel.status


@pytest.mark.parametrize("cell", sorted(set(CELLS)))
def test_a_click_shows_the_pictures_of_the_cell(panel, cell):
    click(panel, *cell)
    assert panel.cell == cell
    assert panel.pictures == ids(*cell)
    assert panel.view.grid.value.count("<img") == len(ids(*cell))
    assert all(f'alt="{name}"' in panel.view.grid.value for name in ids(*cell))
    assert (panel.view.true.value, panel.view.predicted.value) == cell


def test_the_menus_do_what_a_click_does(panel):
    panel.view.true.value = "قطة"
    assert panel.cell == ("قطة", "<b>pizza</b>")  # what it is taken for
    panel.view.true.value = "dog"
    assert panel.cell == ("dog", "dog")  # never taken for anything else
    panel.view.true.value = "cat"
    assert [name for _, name in panel.view.predicted.options] == ["cat", "dog"]
    assert ("dog (3 pictures)", "dog") in panel.view.predicted.options
    panel.view.predicted.value = "cat"
    assert panel.cell == ("cat", "cat")
    assert "4 of 7 pictures of “cat” were classified rightly" in panel.status
    assert ("cat (3 wrong)", "cat") in panel.view.true.options


def test_the_trait_moves_the_menus_and_the_mark(panel):
    panel.cell = ("dog", "cat")
    assert panel.pictures == []
    assert "0 of 2" in panel.status
    assert panel.view.predicted.value == "cat"
    panel.cell = ("none", "dog")
    assert "no picture of “none”" in panel.status
    order = list(panel.view.figure.layout.xaxis.categoryarray)
    panel.cell = ("cat", "dog")
    mark = panel.view.figure.layout.shapes[-1]
    assert ((mark.x0 + mark.x1) / 2, (mark.y0 + mark.y1) / 2) == (order.index("dog"), order.index("cat"))
    panel.cell = ("dog", "dog")
    assert len(panel.view.figure.layout.shapes) == 1  # the mark moves, there is never a second


def test_borders_of_groups_stay_when_the_mark_moves(result, images):
    panel = ConfusionPanel(result, images, groups=["animal", "animal", "animal", "food", "food"])
    before = len(panel.view.figure.layout.shapes)
    panel.cell = ("dog", "dog")
    assert len(panel.view.figure.layout.shapes) == before == 3


def test_captions_say_how_sure_it_was(panel):
    captions = re.findall(r"<figcaption[^>]*>(.*?)</figcaption>", panel.view.grid.value)
    sure = [np.linspace(0.5, 0.9, len(CELLS))[IDS.index(name)] for name in panel.pictures]
    assert captions == [f"dog {100 * p:.0f}%" for p in sure]


def test_many_pictures_come_in_pages(result, images):
    panel = ConfusionPanel(result, images, limit=2)
    assert panel.pictures == ids("cat", "dog")[:2]
    assert "Here are 1 to 2" in panel.status
    assert panel.view.back.disabled
    panel.view.on.click()
    assert (panel.page, panel.pictures) == (1, ids("cat", "dog")[2:])
    assert "Here are 3 to 3" in panel.status
    assert panel.view.on.disabled
    panel.view.back.click()
    assert panel.page == 0
    panel.page = 7
    assert "no page 7" in panel.status
    panel.cell = ("cat", "cat")
    assert (panel.page, len(panel.pictures)) == (0, 2)
    panel.cell = ("dog", "dog")
    assert panel.view._turns.layout.display == "none"


def test_pictures_are_opened_when_they_are_looked_at(result, images):
    opened = []

    class Lazy(list):
        def __getitem__(self, row):
            opened.append(row)
            return super().__getitem__(row)

    panel = ConfusionPanel(result, Lazy(images))
    assert [IDS[row] for row in opened] == panel.pictures


def test_ids_are_files_of_a_folder_or_paths(result, images, tmp_path, monkeypatch):
    for name, image in zip(IDS, images, strict=True):
        image.save(tmp_path / name)
    assert ConfusionPanel(result, tmp_path).view.grid.value.count("<img") == 3
    monkeypatch.chdir(tmp_path)
    assert ConfusionPanel(result).view.grid.value.count("<img") == 3


def test_pictures_that_are_gone_are_named(result, images, tmp_path):
    images[4].save(tmp_path / IDS[4])
    (tmp_path / IDS[5]).write_bytes(b"no picture")
    panel = ConfusionPanel(result, tmp_path)
    assert "2 cannot be opened: “6.png”, “5.png”" in panel.status
    assert panel.view.grid.value.count("<img") == 1
    assert panel.view.grid.value.count("cannot be opened") == 2


def test_a_class_that_is_none_is_said_in_words(panel):
    panel.cell = ("cat", "dgo")
    assert "'dgo' is no class" in panel.status
    assert "'dog'" in panel.status
    assert panel.pictures == []
    panel.cell = ("cat", "dog")
    assert panel.pictures


def test_what_cannot_be_shown_is_refused(result, images):
    with pytest.raises(errors.WrongShape, match="2 images"):
        ConfusionPanel(result, images[:2])
    with pytest.raises(errors.WrongType, match="DataFrame"):
        ConfusionPanel(result.confusion())
    with pytest.raises(errors.NoLabels):
        ConfusionPanel(ZeroShot([[1.0]], [[1.0]], ["a"], ["x.png"]))


def test_names_are_shown_not_obeyed(panel):
    panel.cell = ("قطة", "<b>pizza</b>")
    assert "<b>" not in panel.view.grid.value
    assert "<b>" not in panel.view.message.value


def test_hundreds_of_classes_can_be_clicked_too():
    names = [f"class {i}" for i in range(300)]
    shares = np.eye(300)[np.r_[1:300, 0]]
    result = ZeroShot(shares, shares, names, [str(i) for i in range(300)], names)
    panel = ConfusionPanel(result, [Image.new("RGB", (4, 4))] * 300)
    click(panel, "class 7", "class 8")
    assert panel.pictures == ["7"]
    assert repr(panel) == "ConfusionPanel(300 pictures, 300 classes)"


def test_what_goes_to_the_browser_is_json(panel):
    json.dumps(panel.view.figure.to_dict()["data"][0]["z"], allow_nan=False)


def test_without_a_mistake_it_begins_with_what_is_right():
    result = ZeroShot(np.eye(2), np.eye(2), ["a", "b"], ["x", "y"], ["a", "b"])
    assert ConfusionPanel(result, [Image.new("RGB", (4, 4))] * 2).cell == ("a", "a")
