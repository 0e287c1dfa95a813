"""The README's Python runs as it stands, in order, on the embedded model."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

README = Path(__file__).resolve().parent.parent / "README.md"
BLOCKS = re.findall(r"^```python\n(.*?)^```", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::UserWarning:umap")
def test_examples_of_the_readme_run() -> None:
    offline = [block for block in BLOCKS if "openai/" not in block]
    assert len(offline) >= 2
    names: dict[str, object] = {}
    for block in offline:
        exec(compile(block, str(README), "exec"), names)
