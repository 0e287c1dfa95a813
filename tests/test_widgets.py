"""The panel without a browser: set a trait or a control, look at another."""

from __future__ import annotations

import ast
import inspect
import io
import re
import sys
import types
from datetime import datetime, timezone

import ipywidgets as W
import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clipnb import datasets
from clipnb.errors import EmptyInput, TextTooLong, UnknownModel, UnsupportedOption, WrongType
from clipnb.models import load
from clipnb.plots.palette import ink
from clipnb.prompts import TEMPLATES, Prompts
from clipnb.scores.baseline import BINS, ScoreBaseline
from clipnb.types import ClipModel
from clipnb.widgets import ZeroShotPanel
from clipnb.widgets.as_code import load_line
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


def test_pictures_dropped_on_the_panel_come_in_parts_and_what_does_not_come_is_said(panel):
    content, drop = png("blue"), panel.view.drop
    for some in (content[:20], content[20:]):
        drop._handle_custom_msg({"kind": "part", "drop": "a", "index": 0, "name": "lake.png"}, [some])
    drop._handle_custom_msg({"kind": "part", "drop": "a", "index": 1, "name": "notes.txt"}, [b"not a picture"])
    refused = [{"name": "huge.png", "why": "size", "size": 26_000_000}]
    drop._handle_custom_msg({"kind": "end", "drop": "a", "refused": refused}, [])
    assert len(panel.images) == 4
    assert best(panel) == "blue"
    assert "“notes.txt” cannot be read" in panel.status
    assert "huge.png" in panel.status
    assert "25 MB" in panel.status

    drop._handle_custom_msg({"kind": "end", "drop": "b", "refused": refused}, [])  # a drop of which nothing came
    assert panel.status.startswith(drop.problem)


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


# --- several models, numbers to take away, code ---------------------------------------------------------------------


class Other(ColourClip):
    """Sees pictures with red and blue exchanged, and reads no more than three words."""

    name, context_length = "exchanged", 3

    def encode_image(self, images, *, normalize=True):
        return super().encode_image(images)[:, [2, 1, 0, 3]]


@pytest.fixture
def pictures():
    return [Image.new("RGB", (16, 16), colour) for colour in ("red", "green", "blue")]


@pytest.fixture
def two(model, pictures):
    return ZeroShotPanel([model, Other()], pictures, ["red", "green", "blue"], names=["tomato", "grass", "sea"])


def titles(panel):
    return [box.children[0].value for box in panel.view.charts.children]


def test_models_stand_side_by_side(two, model, pictures):
    assert two.models == ("colours", "exchanged")
    for name, other in (("colours", model), ("exchanged", Other())):
        result = zero_shot(other, pictures[:1], ["red", "green", "blue"])
        assert two.by_model[name]["probabilities"] == pytest.approx(result.probabilities[0].tolist())
        assert two.by_model[name]["cosines"] == pytest.approx(result.similarity[0].tolist())
    assert two.probabilities == two.by_model["colours"]["probabilities"]
    assert titles(two) == ["<strong>colours</strong>", "<strong>exchanged</strong>"]
    assert "colours, tomato: red" in two.status
    assert "exchanged, tomato: blue" in two.status


def test_charts_share_the_order_of_their_labels(two):
    ticks = [list(figure.layout.yaxis.ticktext) for figure in two.view.figures]
    assert ticks[0] == ticks[1]
    mean = np.mean([two.by_model[name]["probabilities"] for name in two.models], axis=0)
    assert ticks[0] == [two.classnames[j] for j in np.argsort(-mean, kind="stable")]
    for figure, name in zip(two.view.figures, two.models, strict=True):
        shown = dict(zip(ticks[0], figure.data[0].x, strict=True))
        expected = dict(zip(two.classnames, two.by_model[name]["probabilities"], strict=True))
        assert shown == pytest.approx({label: 100 * p for label, p in expected.items()})


def test_a_model_can_be_added_and_is_told_apart(panel):
    panel.selected = 2
    panel.add_model(ColourClip())
    assert panel.models == ("colours", "colours (2)")
    assert panel.by_model["colours"] == panel.by_model["colours (2)"]
    assert len(panel.view.charts.children) == 2
    assert "2 models" in repr(panel)
    with pytest.raises(WrongType, match=r"clipnb\.load\('RN50'\)"):
        panel.add_model("RN50")
    with pytest.raises(WrongType, match="int"):
        ZeroShotPanel([3])
    with pytest.raises(EmptyInput, match="models"):
        ZeroShotPanel([])


def test_one_model_that_fails_does_not_silence_the_other(two):
    two.classnames = ["red", "one two three four red"]
    assert list(two.by_model) == ["colours"]
    assert "exchanged has no result" in two.status
    assert "tokens > 3" in two.status
    assert 'class="clipnb-problem"' in two.view.message.value
    assert not two.view.figures[1].data[0].x
    two.classnames = ["red", "red"]
    assert two.by_model == {}
    assert two.status.count("'red'") == 1  # what is wrong with the labels is said once
    two.classnames = ["red", "blue"]
    assert list(two.by_model) == ["colours", "exchanged"]
    assert two.view.figures[1].data[0].x


def test_the_menu_has_every_set_of_templates_and_ones_own(panel):
    keys = [key for _, key in panel.view.template_set.options]
    assert keys[:4] == ["plain", "photo", "emoji", "own"]
    assert sorted(keys) == sorted([*TEMPLATES, "own"])
    words = [words for words, _ in panel.view.template_set.options]
    assert "Languages · A photo, in German (5 sentences)" in words
    assert "Data sets · OpenAI's 80 for ImageNet (80 sentences)" in words
    for key in keys:
        if key != "own":
            panel.view.template_set.value = key
            assert panel.templates == list(TEMPLATES[key])
            assert panel.view.template_set.value == key  # of equal sets, the one that was chosen


def test_the_table_is_what_is_shown(two):
    two.selected = 2
    table = two.table()
    assert list(table.columns) == ["image", "model", "classname", "rank", "probability", "cosine"]
    assert set(table["image"]) == {"sea"}
    for name in two.models:
        mine = table[table["model"] == name]
        assert list(mine["rank"]) == [1, 2, 3]
        assert mine["probability"].is_monotonic_decreasing
        shown = dict(zip(two.classnames, two.by_model[name]["probabilities"], strict=True))
        assert dict(zip(mine["classname"], mine["probability"], strict=True)) == pytest.approx(shown)


def test_the_table_of_every_picture_is_zero_shots(panel, model, pictures):
    table = panel.table(every=True)
    expected = zero_shot(model, pictures, panel.classnames, image_ids=["tomato", "grass", "sea"]).top(3)
    pd.testing.assert_frame_equal(table[list(expected.columns)], expected[list(expected.columns)], check_dtype=False)


@pytest.mark.parametrize(("ending", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)])
def test_numbers_are_saved(two, tmp_path, ending, read):
    path = two.save(tmp_path / f"numbers.{ending}")
    pd.testing.assert_frame_equal(read(path), two.table(), check_dtype=False, rtol=1e-6)


def test_the_button_saves_and_says_where(panel, tmp_path):
    panel.view.path.value = str(tmp_path / "shown.csv")
    panel.view.every.value = True
    panel.view.save.click()
    assert len(pd.read_csv(tmp_path / "shown.csv")) == 9
    assert "shown.csv" in panel.status
    panel.view.path.value = str(tmp_path / "shown.docx")
    panel.view.save.click()
    assert ".parquet" in panel.status
    assert 'class="clipnb-problem"' in panel.view.message.value
    assert panel.probabilities  # a name that does not work takes no result away
    panel.classnames = []
    panel.view.path.value = str(tmp_path / "none.csv")
    panel.view.save.click()
    assert "write at least one" in panel.status


def executed(code, **given):
    """The names that the lines leave behind; the value of the last line is a table."""
    body = ast.parse(code).body
    names = dict(given)
    exec(compile(ast.Module(body[:-1], []), "code", "exec"), names)
    names["shown"] = eval(compile(ast.Expression(body[-1].value), "code", "eval"), names)
    return names


@pytest.mark.parametrize("templates", [["{}"], list(TEMPLATES["photo"]), ["so {}!", 'the "{}"']])
def test_the_code_gives_what_is_shown(panel, model, pictures, templates):
    panel.templates = templates
    panel.classnames = ["red", "أخضر", 'a "blue" one', *(f"blue number {i}" for i in range(30))]
    panel.selected = 1
    assert "# model: the one that the panel was given" in panel.code()
    assert max(map(len, panel.code().splitlines())) <= 120
    names = executed(panel.code(), model=model, images=pictures)
    assert names["result"].probabilities[0].tolist() == pytest.approx(panel.probabilities)
    assert list(names["shown"]["image"]) == ["grass"] * 5
    assert 'templates = "photo"' in panel.code() or templates != list(TEMPLATES["photo"])


def test_the_code_of_several_models(two, model, pictures):
    names = executed(two.code(), given=[model, Other()], images=pictures)
    for name, result in names["results"].items():
        assert result.probabilities[0].tolist() == pytest.approx(two.by_model[name]["probabilities"])
    assert set(names["shown"].index.get_level_values(0)) == set(two.models)


def test_the_code_of_files_uploads_and_emoji(model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, colour in (("a leaf.png", "green"), ("lake.png", "blue")):
        Image.new("RGB", (8, 8), colour).save(name)
    panel = ZeroShotPanel(model, ["a leaf.png"], ["red", "green", "blue"])
    put(panel, **{"lake.png": png("blue")})
    for i, remark in enumerate([None, "uploaded"]):
        panel.selected = i
        assert ("uploaded" in panel.code()) is (remark == "uploaded")
        names = executed(panel.code(), model=model)
        assert names["result"].probabilities[0].tolist() == pytest.approx(panel.probabilities)
    panel = ZeroShotPanel(model, datasets.emoji("noto").select(names=["red heart", "keycap: #"]), ["red", "blue"])
    panel.selected = 1
    names = executed(panel.code(), model=model)
    assert names["result"].probabilities[0].tolist() == pytest.approx(panel.probabilities)
    assert names["result"].image_ids == ("keycap: #",)


def test_the_code_opens_a_model_as_it_was_opened(model):
    model.opened_with = {"name": "RN50", "dtype": "bfloat16", "trust_remote_code": False, "truncate": None}
    assert load_line(model) == 'clipnb.load("RN50", dtype="bfloat16")'
    model.opened_with = {"name": inspect.signature(load).parameters["name"].default}
    assert load_line(model) == "clipnb.load()"
    panel = ZeroShotPanel(model, [Image.new("RGB", (8, 8))])
    assert "model = clipnb.load()" in panel.code()
    assert load_line(Other()) is None


def test_the_code_is_on_the_panel_and_folded_away(panel):
    assert panel.view.code.layout.display == "none"
    panel.view.show_code.value = True
    assert panel.view.code.layout.display is None
    panel.classnames = ["<b>", "red"]
    assert "&lt;b&gt;" in panel.view.code.value
    assert "<b>" not in panel.view.code.value
    panel.classnames = []
    assert panel.view.code.value == ""


def baseline(name="colours", templates=("{}",)):
    counts = np.zeros(BINS, dtype=np.int64)
    counts[BINS // 2 : 3 * BINS // 4] = 10  # cosines from 0 to 0.5, evenly
    return ScoreBaseline(counts, 0.25, 0.5 / np.sqrt(12), 0.0, 0.5, model=name, templates=templates)


def test_cosines_stand_beside_their_baseline(model, pictures):
    of_model = baseline()
    panel = ZeroShotPanel(model, pictures, ["red", "green", "blue"], baseline=of_model)
    rows = re.findall(r"<tr><th scope=\"row\"[^>]*>(.*?)</th>(.*?)</tr>", panel.view.scores.value)
    assert [label for label, _ in rows] == list(panel.view.figure.layout.yaxis.ticktext)
    for label, cells in rows:
        cosine = panel.cosines[panel.classnames.index(label)]
        assert f"<td>{cosine:.3f}</td>" in cells
        assert f"above {of_model.percentile(cosine):.1f}%" in cells
    table = panel.table()
    np.testing.assert_allclose(table["percentile"], of_model.percentile(table["cosine"].to_numpy(float)))
    np.testing.assert_allclose(table["z"], of_model.z(table["cosine"].to_numpy(float)))
    assert "other sentences" not in panel.view.scores.value
    panel.templates = ["a {}"]
    assert "other sentences" in panel.view.scores.value
    names = executed(panel.code(), model=model, images=pictures, baseline=baseline(templates=("a {}",)))
    assert "percentile" in names["shown"].columns
    panel.classnames = []
    assert panel.view.scores.value == ""


def test_baselines_belong_to_their_models(model, pictures):
    panel = ZeroShotPanel([model, Other()], pictures, ["red"], baseline=baseline("exchanged"))
    assert panel.table().groupby("model")["z"].count().to_dict() == {"colours": 0, "exchanged": 1}
    both = ZeroShotPanel([model, Other()], pictures, baseline={n: baseline(n) for n in ("colours", "exchanged")})
    assert both.view.scores.value.count("probability</th>") == 2
    with pytest.raises(UnknownModel, match="'stranger'"):
        ZeroShotPanel(model, pictures, baseline=baseline("stranger"))
    with pytest.raises(UnknownModel, match=r"'coulors'.*'colours'"):
        ZeroShotPanel(model, pictures, baseline={"coulors": baseline()})
    with pytest.raises(WrongType, match="score_baseline"):
        ZeroShotPanel(model, pictures, baseline=0.3)
