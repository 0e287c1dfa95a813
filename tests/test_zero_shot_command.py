"""``clipnb zero-shot`` in a terminal, and the files that it reads the truth from."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest
from fakes import COLOURS, FakeClip
from PIL import Image

import clipnb
from clipnb import cli
from clipnb.errors import SourceError
from clipnb.zeroshot.labelling import labels_of_file

NAMES = ["red", "green", "blue"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cli, "_load", lambda options: FakeClip())
    for name in NAMES:
        (tmp_path / "in" / name).mkdir(parents=True)
        for i in range(8):
            Image.new("RGB", (8, 8), COLOURS[name]).save(tmp_path / "in" / name / f"{i}.png")
    (tmp_path / "in" / "red" / "broken.png").write_bytes(b"\x89PNG")
    return tmp_path / "in"


def test_a_folder_with_its_truth_into_a_file(folder, tmp_path, capsys):
    out = tmp_path / "out.csv"
    arguments = ["zero-shot", str(folder), "--labels", *NAMES, "--truth", "folder", "--top", "2", "--out", str(out)]
    assert cli.main(arguments) == 0
    printed = capsys.readouterr().out
    assert "20 of 24 pictures shown\n" in printed
    assert "top-1 100.0 %" in printed
    assert "images that could not be read: 1 ('red/broken.png')" in printed
    assert f"24 rows in {out}" in printed
    table = pd.read_csv(out)
    assert table["image"].tolist() == [f"{name}/{i}.png" for name in sorted(NAMES) for i in range(8)]
    assert table["correct"].all()
    assert "classname_2" in table
    assert "classname_3" not in table


def test_labels_templates_and_truth_from_files(folder, tmp_path, capsys):
    (tmp_path / "labels.txt").write_text("red\ngreen\nblue\n", encoding="utf-8")
    (tmp_path / "templates.json").write_text(json.dumps(["a {} thing", "{}"]), encoding="utf-8")
    rows = [f"{name}/{i}.png,{name}" for name in NAMES for i in range(8)]
    (tmp_path / "truth.csv").write_text("\n".join(["image,label", "red/broken.png,red", *rows]), encoding="utf-8")
    files = {"--labels": "labels.txt", "--templates": "templates.json", "--truth": "truth.csv"}
    options = [word for option, name in files.items() for word in (option, str(tmp_path / name))]
    assert cli.main(["zero-shot", str(folder), *options]) == 0
    assert "top-1 100.0 %" in capsys.readouterr().out


def test_named_sets_and_globs(folder, capsys):
    arguments = ["zero-shot", f"{folder}/*/0.png", "--labels", "cifar10", "--templates", "cifar10", "--top", "50"]
    assert cli.main(arguments) == 0
    assert sum(name in capsys.readouterr().out for name in ("airplane", "truck")) >= 1


def test_bad_input_is_one_line(folder, tmp_path, capsys):
    tries = {
        ("--labels", "red", "green", "--truth", "folder"): "'blue', is not among the 2 class names",
        ("--labels", *NAMES, "--out", str(tmp_path / "x.xlsx")): "a table is written as .csv",
        ("--labels", *NAMES, "--out", str(tmp_path / "gone" / "x.csv")): "there is no folder",
        ("--labels", *NAMES, "--truth", str(tmp_path / "gone.csv")): "labels cannot be read from it",
        ("--labels", *NAMES, "--truth", "colour"): "come from no table",
        ("--labels", *NAMES, "--top", "0"): "k=0",
    }
    for options, said in tries.items():
        assert cli.main(["zero-shot", str(folder), *options]) == 2, options
        error = capsys.readouterr().err
        assert said in error
        assert len(error.strip().splitlines()) == 1
    with pytest.raises(SystemExit):
        cli.main(["zero-shot", str(folder)])


def test_labels_of_files(tmp_path):
    path = tmp_path / "truth.csv"
    for text in ('001,cat\n"a,b.jpg",dog\n', 'file,size,label\n001,3,cat\n"a,b.jpg",4,dog\n'):
        path.write_text(text, encoding="utf-8-sig")
        assert labels_of_file(path) == {"001": "cat", "a,b.jpg": "dog"}  # an id stays a text
    lines = tmp_path / "truth.txt"
    lines.write_text("cat\ndog \n\n", encoding="utf-8")
    assert labels_of_file(lines) == ["cat", "dog"]
    picture = Image.new("RGB", (4, 4))
    for named in (lines, str(lines)):
        assert clipnb.zero_shot(FakeClip(), [picture] * 2, ["cat", "dog"], labels=named).labels == ("cat", "dog")
    wrong = {
        "a,b,c\n": "line 1: 3 columns, expected 2",
        "a,b\na,c\n": "line 2: 'a' is 'c' here and 'b' above",
        "a,b\nc\n": "line 2: 1 columns",
    }
    for text, said in wrong.items():
        path.write_text(text, encoding="utf-8")
        with pytest.raises(SourceError, match=said):
            labels_of_file(path)
    other = tmp_path / "truth.mat"
    other.write_bytes(b"abc")
    with pytest.raises(SourceError, match=r"read from \.csv"):
        labels_of_file(other)
