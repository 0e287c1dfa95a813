"""The panel without a browser: set a trait or a control, look at another."""

from __future__ import annotations

import io
import sys
import types
from datetime import datetime, timezone

import ipywidgets as W
import numpy as np
import pytest
from PIL import Image

from clipnb.errors import TextTooLong, UnsupportedOption
from clipnb.plots.palette import ink
from clipnb.prompts import TEMPLATES, Prompts
from clipnb.types import ClipModel
from clipnb.widgets import ZeroShotPanel
from clipnb.widgets.uploads import uploaded
from clipnb.zeroshot import zero_shot

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
EIGHT = int(W.__version__.split(".")[0]) >= 8
RGB = {"red": (1, 0, 0), "rot": (1, 0, 0), "green": (0, 1, 0), "أخضر": (0, 1, 0), "blue": (0, 0, 1), "蓝色": (0, 0, 1)}


class ColourClip:
    """Knows three colours in four languages, and counts what it is asked."""

    name, dim, languages, device = "colours", 4, ("en", "de", "ar", "zh"), "cpu"
    context_length, logit_scale, logit_bias = 12, 20.0, 0.0

    def __init__(self):
        self.texts, self.pictures = [], 0

    def encode_text(self, texts, *, normalize=True, truncate=False, languages=None):
        self.texts += texts
        for text in texts:
            if len(text.split()) > self.context_length:
                raise TextTooLong(f"{text[:20]!r}: {len(text.split())} tokens > {self.context_length}")
        # The fourth column is what a sentence says beside its colour.
        rows = [
            (*next((rgb for word, rgb in RGB.items() if word in text), (0, 0, 0)), 0.1 * len(text.split()))
            for text in texts
        ]
        return self._unit(rows)

    def encode_image(self, images, *, normalize=True):
        self.pictures += len(images)
        return self._unit([(*np.asarray(image.convert("RGB")).mean(axis=(0, 1)) / 255, 0.1) for image in images])

    def tokenize(self, texts):
        return {}

    def preprocess(self, images):
        return np.zeros((len(images), 3, 8, 8), np.float32)

    def probabilities(self, sim):
        e = np.exp(self.logit_scale * (np.asarray(sim) - np.max(sim, axis=1, keepdims=True)))
        return (e / e.sum(axis=1, keepdims=True)).astype(np.float32)

    @staticmethod
    def _unit(rows):
        rows = np.asarray(rows, np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.fixture
def model():
    return ColourClip()


@pytest.fixture
def panel(model):
    pictures = [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]
    return ZeroShotPanel(model, pictures, ["red", "green", "blue"], names=["tomato", "grass", "sea"])


def png(colour="blue"):
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), colour).save(buffer, format="PNG")
    return buffer.getvalue()


def put(panel, **files):
    """What the browser does when files are uploaded, by the version of ipywidgets."""
    upload = panel.view.upload
    if EIGHT:
        upload.value = tuple(
            {"name": name, "type": "", "size": len(data), "content": memoryview(data), "last_modified": NOW}
            for name, data in files.items()
        )
    else:
        upload.metadata = [{"name": name} for name in files]
        upload.data = list(files.values())
        upload._counter += 1


def best(panel):
    return panel.classnames[int(np.argmax(panel.probabilities))]


def test_the_fake_is_a_clip_model(model):
    assert isinstance(model, ClipModel)


def test_a_new_panel_has_a_result(panel):
    assert best(panel) == "red"
    assert sum(panel.probabilities) == pytest.approx(1)
    assert panel.status.startswith("tomato: red")
    assert len(panel.cosines) == 3


@pytest.mark.parametrize("templates", ["plain", "photo", ["{}", "a very {} thing"]])
def test_the_panel_says_what_zero_shot_says(panel, model, templates):
    result = zero_shot(model, panel.images, ["rot", "green"], templates)
    panel.classnames = ["rot", "green"]
    panel.templates = list(Prompts.of(["a"], templates).templates)
    for i, row in enumerate(result.probabilities):
        panel.selected = i
        assert panel.probabilities == pytest.approx(row.tolist())
    assert panel.cosines == pytest.approx(result.similarity[-1].tolist())


def test_choosing_a_picture_changes_the_probabilities(panel):
    panel.selected = 1
    assert best(panel) == "green"
    panel.view.picker._grid.children[2].click()
    assert panel.selected == 2
    assert best(panel) == "blue"
    assert "clipnb-chosen" in panel.view.picker._grid.children[2]._dom_classes
    assert 'alt="the chosen picture: sea"' in panel.view.picture.value


def test_typing_labels_in_any_language_changes_the_probabilities(panel):
    panel.view.labels.value = "rot\nأخضر\n\n  蓝色  "
    assert panel.classnames == ["rot", "أخضر", "蓝色"]
    assert best(panel) == "rot"
    panel.selected = 2
    assert best(panel) == "蓝色"


def test_the_trait_writes_the_field(panel):
    panel.classnames = ["blue", "red"]
    assert panel.view.labels.value == "blue\nred"


def test_a_keystroke_encodes_one_new_text_and_no_picture(panel, model):
    model.texts.clear()
    pictures = model.pictures
    panel.view.labels.value = "red\ngreen\nblue\nroti"
    assert model.texts == ["roti"]
    panel.view.labels.value = "red\ngreen\nblue"
    panel.selected = 1
    panel.selected = 0
    assert model.texts == ["roti"]
    assert model.pictures == pictures + 1


def test_templates_by_menu_by_trait_and_of_ones_own(panel, model):
    before = list(panel.cosines)
    panel.view.template_set.value = "photo"
    assert panel.templates == list(TEMPLATES["photo"])
    assert panel.cosines != before
    assert panel.view.own_templates.layout.display == "none"
    panel.view.template_set.value = "own"
    assert panel.view.own_templates.layout.display is None
    panel.view.own_templates.value = "one {} thing"
    assert panel.templates == ["one {} thing"]
    assert model.texts[-3:] == ["one red thing", "one green thing", "one blue thing"]
    panel.templates = ["{}"]
    assert panel.view.template_set.value == "plain"
    assert panel.cosines == pytest.approx(before)


def test_the_figure_is_updated_in_place(panel):
    figure, trace = panel.view.figure, panel.view.figure.data[0]
    panel.classnames = ["blue", "red"]
    assert panel.view.figure is figure
    assert figure.data[0] is trace
    assert list(figure.layout.yaxis.ticktext) == ["red", "blue"]
    np.testing.assert_allclose(trace.x, [100 * panel.probabilities[1], 100 * panel.probabilities[0]])


def test_an_uploaded_picture_is_added_and_chosen(panel):
    put(panel, **{"lake.png": png("blue")})
    assert len(panel.images) == 4
    assert panel.selected == 3
    assert panel.status.startswith("lake.png: blue")
    assert not panel.view.upload.value
    put(panel, **{"lake.png": png("green")})  # the same name once more
    assert best(panel) == "green"


def test_an_upload_that_is_no_picture_is_said_in_words(panel):
    put(panel, **{"notes.txt": b"not a picture", "leaf.png": png("green")})
    assert "“notes.txt” cannot be read" in panel.status
    assert "Traceback" not in panel.view.message.value
    assert best(panel) == "green"  # the other one was taken
    put(panel, **{"empty.png": b""})
    assert "“empty.png”" in panel.status
    assert len(panel.images) == 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "write at least one"),
        (" \n ", "write at least one"),
        ("red\nblue\nred", "'red'"),
        ("red\n" + "very " * 20 + "red", "tokens > 12"),
    ],
)
def test_labels_that_do_not_work_are_said_in_words_and_leave_no_result(panel, text, words):
    panel.view.labels.value = text
    assert words in panel.status
    assert panel.probabilities == []
    assert 'class="clipnb-problem"' in panel.view.message.value
    assert not panel.view.figure.data[0].x
    panel.view.labels.value = "red\nblue"
    assert best(panel) == "red"
    assert "problem" not in panel.view.message.value


@pytest.mark.parametrize("template", ["no place", "{} and {}", "{name}", "{"])
def test_templates_that_do_not_work_are_said_in_words(panel, template):
    panel.view.template_set.value = "own"
    panel.view.own_templates.value = template
    assert template in panel.status
    assert panel.probabilities == []


def test_pictures_given_to_the_panel_that_cannot_be_read_are_named(model):
    panel = ZeroShotPanel(
        model, [b"broken", Image.new("RGB", (8, 8), "green")], ["red", "green"], names=["a.png", "b.png"]
    )
    assert "“a.png” cannot be read" in panel.status
    assert best(panel) == "green"


def test_a_panel_without_pictures_asks_for_one(model):
    assert "upload one" in ZeroShotPanel(model, []).status


def test_a_selection_outside_the_pictures_is_said_in_words(panel):
    panel.selected = 9
    assert "no picture 9" in panel.status


def test_an_unforeseen_failure_is_said_in_words(panel, model, monkeypatch):
    monkeypatch.setattr(model, "encode_text", lambda *a, **k: 1 / 0)
    panel.classnames = ["a new one"]
    assert "division by zero" in panel.status
    assert panel.probabilities == []


def test_what_people_type_is_shown_not_obeyed(panel):
    panel.classnames = ["<img src=x onerror=alert(1)>", "red"]
    panel.images = [Image.new("RGB", (8, 8), "red")]
    put(panel, **{'"><script>.png': png()})
    for widget in (panel.view.message, panel.view.picture):
        assert "<script>" not in widget.value
        assert "<img src=x" not in widget.value
    assert "<img src=x" not in " ".join(panel.view.figure.layout.yaxis.ticktext)


def test_one_label_alone_is_explained(panel):
    panel.classnames = ["green"]
    assert panel.probabilities == [1.0]
    assert "Add another" in panel.status


def test_a_right_to_left_label_leaves_its_number_in_place(panel):
    panel.classnames = ["أخضر", "red"]
    assert "red" in panel.status
    assert "\u2068أخضر\u2069 " in panel.status


def test_buttons_of_the_picker_have_names(panel):
    assert [button.description for button in panel.view.picker._grid.children] == ["tomato", "grass", "sea"]


def test_uploads_of_both_versions_of_ipywidgets_read_the_same():
    seven = {"a.png": {"metadata": {"name": "a.png", "size": 3}, "content": b"abc"}}
    eight = ({"name": "a.png", "content": memoryview(b"abc"), "size": 3},)
    assert uploaded(seven) == uploaded(eight) == [("a.png", b"abc")]
    assert uploaded({}) == uploaded(()) == []


def test_the_bars_take_the_colours_of_the_page_unless_told_otherwise(model):
    def outputs(**mode):
        panel = ZeroShotPanel(model, [Image.new("RGB", (8, 8))], ["red"], **mode)
        (output,) = [box for box in panel.view.children[1].children if "clipnb-output" in box._dom_classes]
        return output, panel.view.figure.layout.template.layout.font.color

    output, _ = outputs()
    assert "clipnb-as-page" in output._dom_classes
    for mode in ("light", "dark"):
        output, colour = outputs(mode=mode)
        assert "clipnb-as-page" not in output._dom_classes
        assert colour == ink(mode)
    with pytest.raises(UnsupportedOption, match="sepia"):
        outputs(mode="sepia")


def test_on_colab_custom_widgets_are_enabled(model, monkeypatch):
    calls = []
    google, colab, output = (types.ModuleType(name) for name in ("google", "google.colab", "google.colab.output"))
    google.colab, colab.output = colab, output
    output.enable_custom_widget_manager = lambda: calls.append(1)
    for module in (google, colab, output):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    ZeroShotPanel(model, [Image.new("RGB", (8, 8))])
    assert calls  # once by the panel; anywidget may ask again


def test_the_default_pictures_are_emoji_with_their_names(model):
    panel = ZeroShotPanel(model)
    assert len(panel.images) == 18
    assert panel.status.startswith("cat face:")
