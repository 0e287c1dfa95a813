import re

import pytest
from fakes import FakeClip
from PIL import Image
from rich.console import Console

from clipnb import cli, demo, report
from clipnb.demo_results import LANGUAGES, SENTENCES


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    """The page and what the terminal showed."""
    out = tmp_path_factory.mktemp("demo") / "new" / "index.html"
    with (out.parents[1] / "terminal.txt").open("w", encoding="utf-8") as file:
        console = Console(file=file, width=200)
        assert demo.run(FakeClip(), out, console=console, umap=False) == out
    return out.read_text(encoding="utf-8"), (out.parents[1] / "terminal.txt").read_text(encoding="utf-8")


def test_the_page_needs_nothing_from_outside(shown):
    page, _ = shown
    body = page[page.index("<body>") :]
    assert not re.findall(r'(?:src|href)="(?!data:)', body)
    assert "<link" not in page
    assert "@import" not in page
    assert "plotly.js v" in page[:20000]
    assert body.count("plotly-graph-div") == 3


def test_every_language_and_sentence_is_on_it(shown):
    page, terminal = shown
    for code, name in LANGUAGES.items():
        assert f'lang="{code}"' in page
        assert name in page
        assert name in terminal
    for _, sentence, meaning in SENTENCES:
        assert sentence in page
        assert meaning in page
    assert page.count('<img class="picture" src="data:image/png;base64,') == 12 + 5 * len(SENTENCES)
    assert page.count("alt=") >= 12 + 5 * len(SENTENCES)


def test_times_and_authors_are_stated(shown):
    page, terminal = shown
    assert re.search(r"reading every picture \d+\.\d s", page)
    assert re.search(r"reading every picture \d+\.\d s", terminal)
    assert "Microsoft" in page
    assert "Unicode CLDR" in page
    assert "none in this style" not in page  # that is true of the embedded model alone


def test_text_of_others_cannot_become_markup():
    nasty = '<img src=x onerror="x">'
    for html in (
        report.text(nasty),
        report.paragraph(nasty),
        report.section(nasty),
        report.table([nasty], []),
        report.picture(Image.new("RGB", (2, 2)), nasty, caption=nasty),
    ):
        assert nasty not in html
        assert 'onerror="' not in html


def test_the_command_line_lists_models(capsys):
    assert cli.main(["models"]) == 0
    listed = capsys.readouterr().out
    assert "clipnb/emoji" in listed
    assert "IDEA-CCNL/Taiyi-CLIP-Roberta-large-326M-Chinese" in listed
    with pytest.raises(SystemExit):
        cli.main(["models", "--nonsense"])


def test_the_command_line_names_bad_input(capsys, tiny_folder):
    model = ["--model", str(tiny_folder), "--device", "cpu"]
    for arguments, said in {
        ("zero-shot", "gone.png", "--labels", "cat"): "gone.png: no such file",
        ("zero-shot", "gone.png", "--labels", "cat", "cat"): "'cat'",
        ("zero-shot", "gone.png", "--labels", "cat", "--templates", "a photo"): "'a photo'",
    }.items():
        assert cli.main([*arguments, *model]) == 2
        error = capsys.readouterr().err
        assert said in error
        assert len(error.splitlines()) == 1
    assert cli.main(["zero-shot", "x.png", "--labels", "a", "--model", "nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def test_the_command_line_classifies(capsys, tiny_folder, pictures):
    arguments = ["zero-shot", str(pictures["rgb.png"]), str(pictures["rgba.png"]), "--labels", "cat", "猫", "قطة"]
    assert cli.main([*arguments, "--model", str(tiny_folder), "--top", "2", "--device", "cpu"]) == 0
    assert capsys.readouterr().out.count("%") == 4


def test_lab_starts_for_root_too(monkeypatch):
    called = []
    monkeypatch.setattr("os.geteuid", lambda: 0, raising=False)
    monkeypatch.setattr("subprocess.call", lambda command: called.append(command) or 0)
    assert cli.main(["lab", "--no-browser"]) == 0
    assert called[0][-2:] == ["--allow-root", "--no-browser"]


def test_lab_starts_or_names_the_extra(monkeypatch, capsys):
    monkeypatch.setattr("os.geteuid", lambda: 1000, raising=False)
    called = []
    monkeypatch.setattr(cli.subprocess, "call", lambda command: called.append(command) or 0)
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: object())
    assert cli.main(["lab", "--no-browser"]) == 0
    assert called[0][1:3] == ["-m", "jupyterlab"]
    assert "--allow-root" not in called[0]
    assert called[0][-1] == "--no-browser"
    monkeypatch.setattr(cli.importlib.util, "find_spec", lambda name: None)
    assert cli.main(["lab"]) == 2
    assert "pip install clipnb[lab]" in capsys.readouterr().err
