"""The README is true: its Python runs as it stands, in order, on the embedded model, and it names every module."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import clipnb

README = Path(__file__).resolve().parent.parent / "README.md"
TEXT = README.read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)


@pytest.mark.filterwarnings("ignore::UserWarning:umap")
def test_examples_of_the_readme_run(tmp_path: Path) -> None:
    offline = [block for block in BLOCKS if "openai/" not in block]
    assert len(offline) >= 2
    names: dict[str, object] = {"folder": tmp_path}
    for block in offline:
        exec(compile(block, str(README), "exec"), names)


def test_architecture_names_every_module() -> None:
    house = TEXT.partition("## Architecture")[2].partition("```\n")[2].partition("```")[0]
    rooms = Path(clipnb.__file__).parent.iterdir()
    modules = [
        path.name for path in rooms if path.suffix == ".py" or (path.is_dir() and (path / "__init__.py").exists())
    ]
    assert not {name for name in modules if name not in house} - {"__init__.py"}


def test_architecture_names_every_module_of_models() -> None:
    """The largest floor: its modules and rooms, by their bare names."""
    house = TEXT.partition("## Architecture")[2].partition("```\n")[2].partition("```")[0]
    floor = re.search(r"^  models/ .*?(?=^  \w)", house, re.MULTILINE | re.DOTALL)
    assert floor is not None
    rooms = {path.stem for path in (Path(clipnb.__file__).parent / "models").iterdir()} - {"__init__", "__pycache__"}
    assert rooms <= set(re.findall(r"\w+", floor.group()))
