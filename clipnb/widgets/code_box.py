"""Python lines behind a button."""

from __future__ import annotations

from html import escape

import ipywidgets as W

from clipnb.widgets.controls import named

__all__ = ["CodeBox"]

_SENT_UP_TO = 100_000
_COPY = "navigator.clipboard.writeText(this.parentElement.querySelector('code').textContent)"


class CodeBox:
    """A button that unfolds lines, and one beside them that copies them.

    Attributes:
        button: to be put on the panel, and below it
        lines: an ``HTML``.
    """

    def __init__(self) -> None:
        self.button = named(W.ToggleButton(description="The same in Python", icon="code"), "show-code")
        self.lines = named(W.HTML(), "code")
        self._code = ""
        self.button.observe(lambda _: self._fold(), "value")
        self._fold()

    def write(self, code: str) -> None:
        """Show other lines; very many are sent only when they are unfolded."""
        self._code = code
        if len(code) > _SENT_UP_TO and not self.button.value:
            code = ""
        button = f'<button type="button" class="clipnb-copy" onclick="{_COPY}">Copy</button>'
        self.lines.value = f"{button}<pre><code>{escape(code)}</code></pre>" if code else ""

    def _fold(self) -> None:
        self.lines.layout.display = None if self.button.value else "none"
        if len(self._code) > _SENT_UP_TO:
            self.write(self._code)
