"""Changes to the files of a checkpoint, for tests of what may lie in a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch


def edit(file: Path, **changes: Any) -> None:
    """Change a configuration; ``a__b`` is the key b of the table a, and None takes a key out."""
    said = json.loads(file.read_text(encoding="utf-8"))
    for place, value in changes.items():
        *tables, key = place.split("__")
        table = said
        for name in tables:
            table = table[name]
        if value is None:
            table.pop(key, None)
        else:
            table[key] = value
    file.write_text(json.dumps(said), encoding="utf-8")


def edit_weights(file: Path, change: Callable[[dict[str, torch.Tensor]], object]) -> None:
    """Change the tensors of a file of torch's, in place."""
    tensors = torch.load(file, weights_only=True)
    change(tensors)
    torch.save(tensors, file)
