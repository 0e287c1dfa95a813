"""``clipnb embed`` in a terminal: what it prints, what it leaves, and Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import clipnb
from clipnb.cli import main


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for i, picture in enumerate(clipnb.datasets.emoji("fluent").images[:30]):
        picture.save(root / f"{i:02d}.png")
    (root / "page.jpg").write_text("<html>")
    return root


def test_rows_errors_and_a_second_run(folder, tmp_path, capsys):
    command = [
        "embed",
        str(folder),
        "--out",
        str(tmp_path / "rows"),
        "--quiet",
        "--batch-size",
        "8",
        "--workers",
        "auto",
    ]
    assert main(command) == 0
    printed = capsys.readouterr().out
    assert "30 rows of 256 columns" in printed
    assert "1 errors" in printed
    assert "  page.jpg: not a picture in a format that Pillow knows" in printed
    assert main(command) == 0
    assert len(clipnb.open_embeddings(tmp_path / "rows")) == 30


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere", "--out", "x"], "nowhere: no such file or folder"),
        (["{folder}", "--out", "{folder}/page.jpg"], "a part of the path is a file|there is a file of that name"),
        (["{folder}", "--out", "x", "--model", "RN51"], "Did you mean 'RN50'"),
        (["{folder}", "--out", "x", "--backend", "jax"], "backend='jax'"),
    ],
)
def test_what_is_wrong_is_one_line(folder, tmp_path, monkeypatch, capsys, arguments, said):
    import re

    monkeypatch.chdir(tmp_path)
    assert main(["embed", "--quiet", *(argument.format(folder=folder) for argument in arguments)]) == 2
    printed = capsys.readouterr().err
    assert re.search(said, printed)
    assert printed.count("\n") == 1


@pytest.mark.skipif(os.name != "posix", reason="SIGINT")
def test_control_c_leaves_a_folder_that_goes_on(tmp_path):
    lines = tmp_path / "lines.txt"
    lines.write_text("\n".join(f"sentence number {i}" for i in range(60_000)))
    out = tmp_path / "rows"
    command = [sys.executable, "-m", "clipnb", "embed", str(lines), "--out", str(out)]
    with_bar = {**os.environ, "TQDM_DISABLE": "0"}  # whatever the tests themselves run under
    process = subprocess.Popen(
        command,
        stderr=subprocess.PIPE,
        text=True,
        env=with_bar,
        # A shell that starts the tests in the background would have everything below it ignore the signal.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    while not list(out.glob("shard-*.json")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from what is in" in printed
    assert "Traceback" not in printed
    assert "text/s" in printed  # the bar had a rate
    partial = clipnb.open_embeddings(out)
    partial.check()
    assert 0 < len(partial) < 60_000
    assert not partial.complete
