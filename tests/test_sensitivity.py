"""Single templates against the ensemble: the numbers are those of a classification with that template alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from PIL import Image

import clipnb
from clipnb import errors, plots
from clipnb.prompts import Prompts
from clipnb.types import Embeddings
from clipnb.zeroshot import encode_images, zero_shot
from clipnb.zeroshot.sensitivity import ENSEMBLE, prompt_sensitivity

NAMES = ["red", "green", "blue", "yellow"]
# Sentences that carry another colour mislead FakeClip, each in its own way; one names no class at all.
TEMPLATES = ["{}", "a red {}", "a thing that is {}", "a blue or {} one"]


@pytest.fixture
def pictures():
    rng = np.random.default_rng(0)
    colours = [(255, 0, 0), (0, 160, 0), (0, 0, 255), (255, 255, 0)] * 6
    noisy = [np.clip(np.array(c) + rng.normal(0, 60, 3), 0, 255).astype(int) for c in colours]
    return [Image.new("RGB", (4, 4), tuple(int(v) for v in c)) for c in noisy]


LABELS = NAMES * 6


def alone(frame, template):
    (row,) = frame[(frame["template"] == template) & frame["classname"].isna()].to_dict("records")
    return row


@pytest.mark.parametrize("templates", [TEMPLATES, TEMPLATES[:1]])
def test_every_row_is_what_zero_shot_says_with_that_template(pictures, templates):
    frame = prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, templates)
    assert list(frame["template"]) == [*templates, ENSEMBLE]
    assert list(frame["kind"]) == ["single"] * len(templates) + ["ensemble"]
    truth = [NAMES.index(label) for label in LABELS]
    for template, used in [*((t, [t]) for t in templates), (ENSEMBLE, templates)]:
        result = zero_shot(FakeClip(), pictures, NAMES, used, LABELS)
        row, scores = alone(frame, template), result.metrics()
        assert (row["top1"], row["top5"]) == pytest.approx((scores["top1"], scores["top5"]))
        assert row["probability"] == pytest.approx(result.probabilities[range(24), truth].mean(), abs=1e-6)
        assert row["cosine"] == pytest.approx(result.similarity[range(24), truth].mean(), abs=1e-6)
        assert row["images"] == 24
    if len(templates) > 1:
        assert frame["top1"].nunique() > 1  # else nothing was compared


def test_rows_by_class_are_recalls(pictures):
    frame = prompt_sensitivity(FakeClip(), pictures, LABELS, [*NAMES, "black"], TEMPLATES, by_class=True)
    assert len(frame) == 5 * 6
    for template in TEMPLATES:
        expected = zero_shot(FakeClip(), pictures, [*NAMES, "black"], [template], LABELS).per_class()["recall"]
        mine = frame[(frame["template"] == template) & frame["classname"].notna()].set_index("classname")
        np.testing.assert_allclose(mine["top1"], expected.loc[mine.index])
    assert frame[frame["classname"] == "black"]["top1"].isna().all()  # no picture, no recall
    assert (frame[frame["classname"] == "black"]["images"] == 0).all()


def test_equal_cosines_keep_the_order_of_the_classes(pictures):
    frame = prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, ["a red {}"])
    assert alone(frame, "a red {}")["top1"] == 0.25  # every sentence says red: all get the first class
    assert zero_shot(FakeClip(), pictures, NAMES, ["a red {}"], LABELS).metrics()["top1"] == 0.25


def test_synonyms_count_in_every_row(pictures):
    names = {"red": ["red", "rot"], "green": ["green", "a blue pear"], "blue": ["blue"], "yellow": ["yellow"]}
    frame = prompt_sensitivity(FakeClip(), pictures, LABELS, names, TEMPLATES)
    for template, used in ((TEMPLATES[0], TEMPLATES[:1]), (ENSEMBLE, TEMPLATES)):
        result = zero_shot(FakeClip(), pictures, Prompts(names, used), labels=LABELS)
        truth = [NAMES.index(label) for label in LABELS]
        assert alone(frame, template)["cosine"] == pytest.approx(result.similarity[range(24), truth].mean(), abs=1e-6)


def test_without_labels_classes_are_scored_on_all_pictures(pictures):
    frame = prompt_sensitivity(FakeClip(), pictures[:3], None, NAMES, TEMPLATES, by_class=True)
    result = zero_shot(FakeClip(), pictures[:3], NAMES, TEMPLATES[2:3])
    rows = frame[frame["template"] == TEMPLATES[2]].set_index("classname")
    np.testing.assert_allclose(rows.loc[NAMES, "probability"], result.probabilities.mean(axis=0), atol=1e-6)
    np.testing.assert_allclose(rows.loc[NAMES, "cosine"], result.similarity.mean(axis=0), atol=1e-6)
    assert frame["top1"].isna().all()


def test_pictures_are_encoded_once_and_embeddings_never(pictures):
    model = FakeClip()
    frame = prompt_sensitivity(model, pictures, LABELS, NAMES, TEMPLATES)
    assert model.image_calls == 1
    rows = encode_images(model, pictures)
    again = prompt_sensitivity(model, rows, LABELS, NAMES, TEMPLATES)
    assert model.image_calls == 2
    pd.testing.assert_frame_equal(frame, again)


def test_a_folder_brings_its_labels_and_its_failures(pictures, tmp_path):
    for i, (picture, label) in enumerate(zip(pictures, LABELS, strict=True)):
        (tmp_path / label).mkdir(exist_ok=True)
        picture.save(tmp_path / label / f"{i}.png")
    (tmp_path / "red" / "broken.png").write_bytes(b"no picture")
    frame = prompt_sensitivity(FakeClip(), tmp_path, "folder", NAMES, TEMPLATES)
    listed = prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, TEMPLATES)
    np.testing.assert_allclose(frame["top1"], listed["top1"])
    assert [name for name, _ in frame.attrs["failures"]] == ["red/broken.png"]


def test_the_size_of_the_blocks_changes_nothing(pictures, monkeypatch):
    whole = prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, TEMPLATES, by_class=True)
    monkeypatch.setattr("clipnb.zeroshot.sensitivity._CELLS", 20)
    pd.testing.assert_frame_equal(
        prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, TEMPLATES, by_class=True), whole
    )


def test_what_does_not_fit_is_named(pictures):
    with pytest.raises(errors.NoLabels, match="by_class"):
        prompt_sensitivity(FakeClip(), pictures, None, NAMES, TEMPLATES)
    with pytest.raises(errors.InvalidEmbeddings, match="'other'"):
        prompt_sensitivity(FakeClip(), Embeddings(np.eye(8), model="other"), ["red"] * 8, NAMES, TEMPLATES)
    with pytest.raises(errors.InvalidEmbeddings, match="3 columns"):
        prompt_sensitivity(FakeClip(), Embeddings(np.eye(3)), ["red"] * 3, NAMES, TEMPLATES)
    with pytest.raises(errors.InvalidEmbeddings, match="rows of texts"):
        prompt_sensitivity(FakeClip(), Embeddings(np.eye(8), modality="text"), ["red"] * 8, NAMES, TEMPLATES)
    with pytest.raises(errors.UnknownLabel, match="purple"):
        prompt_sensitivity(FakeClip(), pictures[:1], ["purple"], NAMES, TEMPLATES)
    with pytest.raises(errors.BadTemplate):
        prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, ["no place"])


def test_it_is_public():
    assert clipnb.prompt_sensitivity is prompt_sensitivity


# --- the strip ------------------------------------------------------------------------------------------------------


def test_a_strip_has_a_dot_a_template_and_marks_the_ensemble(pictures):
    frame = prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, TEMPLATES)
    figure = plots.prompt_sensitivity(frame, title="Prompts")
    dots, ensemble = figure.data
    assert dict(zip(dots.customdata, dots.x, strict=True)) == dict(zip(frame["template"], frame["top1"][:-1]))  # noqa: B905
    assert list(ensemble.x) == [frame["top1"].iloc[-1]]
    named = {note.text: note.x for note in figure.layout.annotations}
    single = frame[frame["kind"] == "single"]
    assert sorted(named.values()) == [single["top1"].min(), single["top1"].max()]
    assert all(alone(frame, words)["top1"] == x for words, x in named.items())


def test_a_strip_a_class_those_that_differ_most_first(pictures):
    frame = prompt_sensitivity(FakeClip(), pictures, LABELS, NAMES, TEMPLATES, by_class=True)
    figure = plots.prompt_sensitivity(frame, k=2)
    strips = list(figure.layout.yaxis.ticktext)
    reach = frame[frame["kind"] == "single"].groupby("classname")["top1"].agg(np.ptp).sort_values(ascending=False)
    assert strips[0] == "all classes"
    assert len(strips) == 3
    assert list(reach[strips[1:]]) == list(reach[:2])
    assert len(figure.data[0].x) == 3 * len(TEMPLATES)
    assert len(plots.prompt_sensitivity(frame, k=None, value="cosine").layout.yaxis.ticktext) == 5


def test_equal_dots_are_spread_within_their_strip():
    frame = pd.DataFrame({"template": list("abcd"), "kind": "single", "classname": None, "top1": [0.5, 0.5, 0.5, 0.9]})
    y = np.asarray(plots.prompt_sensitivity(frame).data[0].y)
    assert len(set(y[:3])) == 3
    assert np.abs(y).max() < 0.5


def test_frames_that_are_none_are_refused(pictures):
    frame = prompt_sensitivity(FakeClip(), pictures[:2], None, NAMES, TEMPLATES, by_class=True)
    with pytest.raises(errors.EmptyInput, match="labels"):
        plots.prompt_sensitivity(frame)
    with pytest.raises(errors.UnsupportedOption, match="f1"):
        plots.prompt_sensitivity(frame, value="f1")
    with pytest.raises(errors.UnknownColumn, match="kind"):
        plots.prompt_sensitivity(frame.drop(columns="kind"), value="cosine")
    with pytest.raises(errors.WrongType):
        plots.prompt_sensitivity([1, 2])
