"""Files dropped on a panel, brought to Python."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import anywidget
import traitlets as T

from clipnb.errors import UnsupportedOption, quote

__all__ = ["FileDrop"]

_HERE = Path(__file__).parent
# Drops that were begun and never ended (a page that was closed meanwhile) are forgotten when newer ones come.
_UNFINISHED = 4

Files = list[tuple[str, bytes]]


class FileDrop(anywidget.AnyWidget):
    """An unseen widget: files dropped on the nearest ``clipnb-map`` or ``clipnb-drop-target`` arrive here.

    It looks for that class around itself and upwards as far as the panel, so put it anywhere in the same panel. The
    target has an outline while a file hovers. A drop needs a mouse: an ordinary `FileUpload` belongs beside it, and of
    one with the class ``clipnb-upload`` in the same panel the files come here too, in parts, within the same limits.

    Args:
        max_files: of one drop; what is more is not sent.
        max_megabytes: of one file; larger ones are not sent.

    Traits:
        problem (str): why files of the last drop did not come, one sentence a line; "" when all came. It is set before
            the functions of `on_files` are called, and it is the only news of a drop of which nothing came.

    Raises:
        UnsupportedOption: a limit below one file or of no size.
    """

    _esm = _HERE / "file_drop.js"
    _css = _HERE / "file_drop.css"

    max_files = T.Int(read_only=True).tag(sync=True)
    max_bytes = T.Int(read_only=True).tag(sync=True)
    problem = T.Unicode()

    def __init__(self, *, max_files: int = 20, max_megabytes: float = 25) -> None:
        if max_files < 1 or not max_megabytes > 0:
            raise UnsupportedOption(
                f"max_files={max_files}, max_megabytes={max_megabytes}; expected one file or more, of a size above zero"
            )
        super().__init__()
        self.set_trait("max_files", int(max_files))
        self.set_trait("max_bytes", int(max_megabytes * 1e6))
        self._calls: list[Callable[[Files], None]] = []
        self._drops: dict[str, dict[int, tuple[str, list[bytes]]]] = {}
        self.on_msg(self._receive)

    def on_files(self, call: Callable[[Files], None]) -> None:
        """Call with the name and content of each file of a drop, in the order of the drop; not when none came."""
        self._calls.append(call)

    def _receive(self, _: Any, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        if content.get("kind") == "part":
            self._keep(content, b"".join(bytes(part) for part in buffers))
        elif content.get("kind") == "end":
            self._finish(self._drops.pop(content["drop"], {}), content["refused"])

    def _keep(self, content: dict[str, Any], part: bytes) -> None:
        files = self._drops.setdefault(content["drop"], {})
        while len(self._drops) > _UNFINISHED:
            self._drops.pop(next(iter(self._drops)))
        files.setdefault(content["index"], (content["name"], []))[1].append(part)

    def _finish(self, files: dict[int, tuple[str, list[bytes]]], refused: list[dict[str, Any]]) -> None:
        self.problem = ""  # the same problem twice is news twice
        self.problem = "\n".join(self._words(refused))
        arrived = [(name, b"".join(parts)) for _, (name, parts) in sorted(files.items())]
        if arrived:
            for call in self._calls:
                call(arrived)

    def _words(self, refused: list[dict[str, Any]]) -> list[str]:
        """What did not come and why: files of their own reason by name, those beyond the number counted."""
        words = []
        for each in refused:
            name = quote(each["name"])
            if each["why"] == "folder":
                words.append(f"{name} is a folder: drop the files in it.")
            elif each["why"] == "size":
                limit = f"{self.max_bytes / 1e6:g}"
                words.append(f"{name} has {each['size'] / 1e6:,.1f} MB; a file may have up to {limit} MB.")
            elif each["why"] == "unreadable":
                words.append(f"{name} could not be read by the browser: was it moved or deleted?")
        more = sum(each["why"] == "count" for each in refused)
        if more:
            were = "file was" if more == 1 else "files were"
            words.append(f"{more} {were} left out: up to {self.max_files} can be dropped at once.")
        return words
