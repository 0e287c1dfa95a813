"""ZeroShot: the dense and the streamed form say the same, and every table and score is what its words say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from sklearn import metrics as sk

import clipnb
from clipnb.errors import EmptyInput, InvalidEmbeddings, NoLabels, UnknownLabel, UnsupportedOption, WrongShape
from clipnb.types import Failure
from clipnb.zeroshot.ranking import Leading

IMAGES, CLASSES = 120, 9
NAMES = tuple(f"class {j}" for j in range(CLASSES))
IDS = tuple(f"{i:03}.jpg" for i in range(IMAGES))
LOST = (Failure("broken.jpg", 4, "damaged"),)


def made(dense: bool = True, labelled: bool = True, kept: int = 4) -> clipnb.ZeroShot:
    """The same scores in either form; the last two classes have no example."""
    rng = np.random.default_rng(8)
    truth = rng.integers(0, CLASSES - 2, IMAGES)
    sim = rng.uniform(-0.3, 0.3, (IMAGES, CLASSES)).astype(np.float32)
    sim[np.arange(IMAGES), truth] += 0.2
    shares = FakeClip().probabilities(sim)
    facts: dict[str, Any] = {
        "classnames": NAMES,
        "image_ids": IDS,
        "labels": [NAMES[j] for j in truth] if labelled else None,
        "model": "m",
        "failures": LOST,
    }
    if dense:
        return clipnb.ZeroShot(sim, shares, **facts)
    leading = Leading.room(IMAGES, kept, labelled)
    leading.put(0, sim, shares, truth if labelled else None)
    return clipnb.ZeroShot(None, None, leading=leading, **facts)


ASKED: dict[str, Callable[[clipnb.ZeroShot], Any]] = {
    "top": lambda result: result.top(4),
    "table": lambda result: result.table(3),
    "predictions": lambda result: result.predictions,
    "order": lambda result: result.order[:, :4],
    "metrics": lambda result: result.metrics(),
    "confusion": lambda result: result.confusion(),
    "confused": lambda result: result.confused(7),
    "per_class": lambda result: result.per_class(),
    "calibration": lambda result: result.calibration(5).table(),
    "by mass": lambda result: result.calibration(5, "mass").table(),
    "abstention": lambda result: result.abstention().table(),
    "correct": lambda result: result.correct,
    "notes": lambda result: result.notes,
    "errors": lambda result: result.errors,
    "missing": lambda result: result.classes_without_example,
}


@pytest.mark.parametrize("asked", ASKED)
def test_the_streamed_form_says_what_the_dense_one_says(asked):
    one, other = ASKED[asked](made()), ASKED[asked](made(dense=False))
    if isinstance(one, pd.DataFrame):
        pd.testing.assert_frame_equal(one, other)
    else:
        np.testing.assert_equal(one, other)


@pytest.mark.parametrize("dense", [True, False])
def test_the_scores_are_scikit_learns(dense):
    result, whole = made(dense), made()
    truth, there = result.truth, range(CLASSES - 2)
    guess, p = whole.probabilities.argmax(axis=1), whole.probabilities.astype(np.float64)
    found = result.metrics()
    assert found["top1"] == pytest.approx(sk.accuracy_score(truth, guess))
    assert found["top5"] == pytest.approx(sk.top_k_accuracy_score(truth, p, k=5, labels=range(CLASSES)))
    assert found["mean_per_class_recall"] == pytest.approx(sk.recall_score(truth, guess, average="macro", labels=there))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(truth, guess, average="macro", labels=there))
    p /= p.sum(axis=1, keepdims=True)
    assert found["nll"] == pytest.approx(sk.log_loss(truth, p, labels=range(CLASSES)), abs=1e-6)
    hot = np.eye(CLASSES)[truth]
    assert found["brier"] == pytest.approx(((p - hot) ** 2).sum(axis=1).mean(), abs=1e-6)
    np.testing.assert_array_equal(result.confusion(), sk.confusion_matrix(truth, guess, labels=range(CLASSES)))
    report = sk.classification_report(
        truth, guess, labels=there, target_names=NAMES[:-2], output_dict=True, zero_division=np.nan
    )
    frame = result.per_class()
    for name in NAMES[:-2]:
        expected = [report[name][key] for key in ("precision", "recall", "f1-score", "support")]
        np.testing.assert_allclose(frame.loc[name, ["precision", "recall", "f1", "support"]].astype(float), expected)


def test_classes_without_an_example_and_unread_images_are_named():
    result = made()
    assert result.classes_without_example == NAMES[-2:]
    assert result.notes == (
        "images that could not be read, see .errors: 1 ('broken.jpg')",
        "classes without an example: 2 of 9 ('class 7', 'class 8')",
    )
    assert result.errors.to_dict("records") == [{"id": "broken.jpg", "position": 4, "reason": "damaged"}]
    assert result.per_class().loc["class 7", ["recall", "f1"]].isna().all()
    assert np.isfinite(list(result.metrics().values())).all()
    assert made(labelled=False).classes_without_example == ()


def test_what_was_not_kept_is_said_in_words():
    result = made(dense=False)
    for name in ("similarity", "probabilities"):
        with pytest.raises(UnsupportedOption, match=rf"\.{name} of 120 images x 9 classes was not kept.*dense=True"):
            getattr(result, name)
    with pytest.raises(UnsupportedOption, match=r"the 4 leading classes .* keep=5"):
        result.top(5)
    assert (result.dense, result.kept, made().dense, made().kept) == (False, 4, True, 9)
    assert repr(result) == (
        "ZeroShot(120 images, 9 classes, model 'm', zero-shot, the 4 leading classes kept, with labels, unread: 1)"
    )
    assert len(made(dense=False, kept=9).top(50)) == 120 * 9


def test_the_table_has_a_row_an_image():
    table = made().table(2)
    assert list(table.columns) == [
        *("image", "classname", "probability", "cosine"),
        *("label", "correct", "label_rank", "label_probability", "label_cosine"),
        *("classname_2", "probability_2", "cosine_2"),
    ]
    assert (table["correct"] == (table["classname"] == table["label"])).all()
    assert (table["correct"] == (table["label_rank"] == 1)).all()
    second = table[table["label_rank"] == 2]
    assert len(second)
    assert (second["classname_2"] == second["label"]).all()
    np.testing.assert_array_equal(second["probability_2"], second["label_probability"])
    assert list(made(labelled=False).table(1).columns) == ["image", "classname", "probability", "cosine"]


@pytest.mark.parametrize("ending", [".csv", ".tsv", ".parquet", ".json", ".jsonl"])
def test_a_saved_table_reads_as_it_was(ending, tmp_path):
    result = clipnb.ZeroShot(
        np.array([[0.5, 0.1], [0.2, 0.3]], dtype=np.float32),
        np.array([[0.9, 0.1], [0.4, 0.6]], dtype=np.float32),
        ('猫, "gross"', "собака"),
        ("ä b.jpg", "001"),
    )
    path = result.save(tmp_path / f"out{ending}")
    read = {
        ".csv": lambda: pd.read_csv(path),
        ".tsv": lambda: pd.read_csv(path, sep="\t"),
        ".parquet": lambda: pd.read_parquet(path),
        ".json": lambda: pd.DataFrame(json.loads(path.read_text(encoding="utf-8"))),
        ".jsonl": lambda: pd.DataFrame(map(json.loads, path.read_text(encoding="utf-8").splitlines())),
    }[ending]()
    expected = result.table()
    assert read["image"].tolist() == ["ä b.jpg", "001"]
    assert read["classname"].tolist() == expected["classname"].tolist()
    np.testing.assert_allclose(read["probability"], expected["probability"], rtol=1e-6)


def test_a_table_is_saved_to_what_is_there(tmp_path):
    with pytest.raises(UnsupportedOption, match=r"out\.xlsx: a table is written as \.csv"):
        made().save(tmp_path / "out.xlsx")
    with pytest.raises(UnsupportedOption, match="cannot be written"):
        made().save(tmp_path / "gone" / "out.csv")


def test_other_scores_may_rank_the_classes():
    sim = np.array([[0.9, 0.1, 0.5]], dtype=np.float32)
    logits = np.array([[0.0, 3.0, 1.0]], dtype=np.float32)
    p = np.array([[0.1, 0.7, 0.2]], dtype=np.float32)
    result = clipnb.ZeroShot(sim, p, ("a", "b", "c"), ("x",), ("c",), method="probe", scores=logits)
    assert result.predictions == ["b"]
    assert result.top(3)["classname"].tolist() == ["b", "c", "a"]
    np.testing.assert_array_equal(result.similarity, sim)
    assert result.table()["label_rank"].tolist() == [2]
    assert "probe" in repr(result)


def test_the_most_confused_pairs_come_first():
    sim = np.eye(3, dtype=np.float32)[[1, 1, 2, 0, 2, 2]]
    result = clipnb.ZeroShot(sim, sim, ("a", "b", "c"), tuple("uvwxyz"), ("a", "a", "a", "a", "b", "c"))
    assert result.confused().to_dict("records") == [
        {"true": "a", "predicted": "b", "count": 2, "share": 0.5},
        {"true": "a", "predicted": "c", "count": 1, "share": 0.25},
        {"true": "b", "predicted": "c", "count": 1, "share": 1.0},
    ]


def test_bad_parts_are_refused():
    good = np.ones((2, 2), dtype=np.float32)
    with pytest.raises(InvalidEmbeddings, match=r"similarity: expected \[image, class\] = \[2, 2\], got \[2, 3\]"):
        clipnb.ZeroShot(np.ones((2, 3)), good, ("a", "b"), ("x", "y"))
    with pytest.raises(InvalidEmbeddings, match="probabilities of image 1 is not a number"):
        clipnb.ZeroShot(good, [[0.5, 0.5], [0.5, np.nan]], ("a", "b"), ("x", "y"))
    with pytest.raises(WrongShape, match="leading="):
        clipnb.ZeroShot(good, None, ("a", "b"), ("x", "y"))
    with pytest.raises(WrongShape, match="of 3 images for 2 image_ids"):
        clipnb.ZeroShot(None, None, ("a", "b"), ("x", "y"), leading=Leading.room(3, 1, False))
    with pytest.raises(UnknownLabel, match=r"'cats' is not among the 2 class names\. Did you mean 'cat'\?"):
        clipnb.ZeroShot(good, good, ("cat", "dog"), ("x", "y"), ("cat", "cats"))
    with pytest.raises(UnsupportedOption, match="k=0"):
        made().top(0)


def test_scores_need_labels_and_images():
    for ask in ("metrics", "confusion", "confused", "per_class", "calibration", "abstention"):
        with pytest.raises(NoLabels, match="labels="):
            getattr(made(labelled=False), ask)()
    empty = np.empty((0, 2), dtype=np.float32)
    with pytest.raises(EmptyInput, match="at least one image"):
        clipnb.ZeroShot(empty, empty, ("a", "b"), (), ()).metrics()
    assert clipnb.ZeroShot(empty, empty, ("a", "b"), ()).predictions == []


def test_a_square_of_too_many_classes_is_not_drawn_up():
    names = tuple(map(str, range(5001)))
    leading = Leading.room(1, 1, True)
    row = np.zeros((1, 5001), dtype=np.float32)
    leading.put(0, row, row, np.array([3]))
    result = clipnb.ZeroShot(None, None, names, ("x",), ("3",), leading=leading)
    with pytest.raises(UnsupportedOption, match=r"5,001 classes; \.confused\(\)"):
        result.confusion()
    assert result.confused().iloc[0].tolist() == ["3", "0", 1, 1.0]
