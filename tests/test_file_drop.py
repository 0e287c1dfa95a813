"""Dropped files without a browser: the messages that the page sends, and what arrives."""

from __future__ import annotations

import pytest

from clipnb.errors import UnsupportedOption
from clipnb.widgets.file_drop import FileDrop


def part(drop, index, name, content, widget):
    widget._handle_custom_msg({"kind": "part", "drop": drop, "index": index, "name": name}, content)


def end(drop, widget, refused=()):
    widget._handle_custom_msg({"kind": "end", "drop": drop, "refused": list(refused)}, [])


@pytest.fixture
def listened():
    widget, seen = FileDrop(max_files=3, max_megabytes=1.5), []
    widget.on_files(lambda files: seen.append(("files", files)))
    widget.observe(lambda change: seen.append(("problem", change["new"])), "problem")
    return widget, seen


def test_parts_are_put_together_in_the_order_of_the_drop(listened):
    widget, seen = listened
    part("a", 1, "قطة.png", [b"second"], widget)
    part("a", 0, "one.png", [memoryview(b"fi")], widget)
    part("a", 0, "one.png", [memoryview(b"rst")], widget)
    part("a", 2, "empty.png", [], widget)
    assert seen == []  # not before the drop is whole
    end("a", widget)
    assert seen == [("files", [("one.png", b"first"), ("قطة.png", b"second"), ("empty.png", b"")])]


def test_two_files_of_one_name_and_two_drops_at_once_stay_apart(listened):
    widget, seen = listened
    part("a", 0, "x.png", [b"1"], widget)
    part("b", 0, "x.png", [b"2"], widget)
    part("a", 1, "x.png", [b"3"], widget)
    end("b", widget)
    end("a", widget)
    assert [files for _, files in seen] == [[("x.png", b"2")], [("x.png", b"1"), ("x.png", b"3")]]


def test_what_was_refused_is_said_with_the_limit_before_the_files_arrive(listened):
    widget, seen = listened
    part("a", 0, "good.png", [b"g"], widget)
    refused = [
        {"name": "huge.tif", "why": "size", "size": 31_234_567},
        {"name": "holiday", "why": "folder"},
        {"name": "gone.png", "why": "unreadable"},
        {"name": "4.png", "why": "count"},
        {"name": "5.png", "why": "count"},
    ]
    end("a", widget, refused)
    assert [kind for kind, _ in seen] == ["problem", "files"]
    lines = seen[0][1].splitlines()
    assert len(lines) == 4
    assert "'huge.tif' has 31.2 MB" in lines[0]
    assert "up to 1.5 MB" in lines[0]
    assert "'holiday' is a folder" in lines[1]
    assert "'gone.png' could not be read" in lines[2]
    assert lines[3].startswith("2 files were left out: up to 3")


def test_the_same_problem_is_said_again_and_the_next_good_drop_takes_it_away(listened):
    widget, seen = listened
    for drop in "ab":
        end(drop, widget, [{"name": "holiday", "why": "folder"}])
    assert [bool(words) for _, words in seen] == [True, False, True]
    assert all(kind == "problem" for kind, _ in seen)  # no files, no call
    part("c", 0, "x.png", [b"1"], widget)
    end("c", widget)
    assert widget.problem == ""
    assert seen[-1] == ("files", [("x.png", b"1")])


def test_drops_that_never_end_are_not_kept(listened):
    widget, seen = listened
    for drop in range(50):
        part(str(drop), 0, "x.png", [b"0" * 1000], widget)
    assert len(widget._drops) <= 4
    end("49", widget)
    assert len(seen) == 1


def test_the_limits_reach_the_page_and_cannot_be_nothing():
    state = FileDrop(max_files=2, max_megabytes=0.5).get_state()
    assert (state["max_files"], state["max_bytes"]) == (2, 500_000)
    assert "problem" not in state  # words are the panel's; the page shows none
    for wrong in ({"max_files": 0}, {"max_megabytes": 0}, {"max_megabytes": float("nan")}):
        with pytest.raises(UnsupportedOption, match="expected one file or more"):
            FileDrop(**wrong)
