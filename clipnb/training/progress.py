"""What a training has to remember in order to go on: kept in a file that is whole or not there."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from clipnb.errors import StoreError
from clipnb.store.disk import in_words, partial_of, publish, write_json
from clipnb.training.outcome import LOG, VALIDATION

__all__ = ["Progress", "begin", "clear"]

SETTINGS, CHECKPOINT = "settings.json", "checkpoint.pt"


@dataclass
class Progress:
    """How far it is.

    Attributes:
        step: batches learned from.
        seconds: of all runs together.
        log, validation: rows of the tables.
        losses: of the batches since the last row of the log.
    """

    step: int = 0
    seconds: float = 0.0
    log: list[dict[str, Any]] = field(default_factory=list)
    validation: list[dict[str, Any]] = field(default_factory=list)
    losses: list[Any] = field(default_factory=list)

    def save(
        self, folder: Path, tower: torch.nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
    ) -> None:
        """Write weights, the optimizer's memory, the random numbers' state and this.

        Raises:
            StoreError: the disk is full, or the folder cannot be written; the checkpoint before is intact.
        """
        state = {
            "tower": tower.state_dict(),
            "optimizer": optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "random_on_device": torch.cuda.get_rng_state(device) if device.type == "cuda" else None,
            "step": self.step,
            "seconds": self.seconds,
            "log": self.log,
            "validation": self.validation,
            "losses": [float(loss) for loss in self.losses],
        }
        with in_words(folder):
            with partial_of(folder / CHECKPOINT).open("wb") as file:
                torch.save(state, file)
                file.flush()
                os.fsync(file.fileno())
            publish(folder / CHECKPOINT)
        self.tables(folder)

    @classmethod
    def restore(
        cls, folder: Path, tower: torch.nn.Module, optimizer: torch.optim.Optimizer, device: torch.device
    ) -> Progress:
        """Where it was, or the very start.

        Raises:
            StoreError: the checkpoint cannot be read.
        """
        file = folder / CHECKPOINT
        if not file.exists():
            return cls()
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
            tower.load_state_dict(state["tower"])
            optimizer.load_state_dict(state["optimizer"])
            torch.set_rng_state(state["random"])
            if device.type == "cuda" and state["random_on_device"] is not None:
                torch.cuda.set_rng_state(state["random_on_device"], device)
        except Exception as error:
            raise StoreError(f"{file}: cannot be read ({error}); pass resume=False to start over") from error
        return cls(state["step"], state["seconds"], state["log"], state["validation"], state["losses"])

    def tables(self, folder: Path) -> None:
        """Write the two tables, as CSV."""
        import pandas as pd

        with in_words(folder):
            for name, rows in ((LOG, self.log), (VALIDATION, self.validation)):
                with partial_of(folder / name).open("w", encoding="utf-8", newline="") as file:
                    if rows:
                        pd.DataFrame(rows).to_csv(file, index=False)
                publish(folder / name)


def begin(folder: Path, settings: dict[str, Any], resume: bool) -> None:
    """Note what makes the result, or see that it is what an earlier run noted that learned something.

    Raises:
        StoreError: an earlier run was another training.
    """
    file = folder / SETTINGS
    with in_words(folder):
        if not resume:
            clear(folder)
        learned = [folder / CHECKPOINT, folder / LOG, folder.parent / "config.json"]
        if not file.exists() or not any(path.exists() for path in learned):
            write_json(file, settings)
            return
        try:
            found = dict(json.loads(file.read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise StoreError(f"{file}: cannot be read ({error}); pass resume=False to start over") from error
    other = [key for key in settings if found.get(key) != json.loads(json.dumps(settings[key]))]
    if other:
        shown = ", ".join(f"{key} was {found.get(key)!r} and is {settings[key]!r}" for key in other[:3])
        raise StoreError(
            f"{folder.parent}: it holds another training: {shown}; take another folder, or resume=False to start over"
        )


def clear(folder: Path) -> None:
    """Forget an earlier run; the teacher's rows stay."""
    for name in (SETTINGS, CHECKPOINT, LOG, VALIDATION):
        (folder / name).unlink(missing_ok=True)
