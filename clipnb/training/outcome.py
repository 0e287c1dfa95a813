"""What a training says when it is done."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd

    from clipnb.models.clip import Clip

__all__ = ["LOG", "RECORDS", "VALIDATION", "Distilled"]

RECORDS, LOG, VALIDATION = "training", "log.csv", "validation.csv"
"""A folder in that of the result, and the tables in it."""


@dataclass(frozen=True)
class Distilled:
    """A finished training: the folder of the text tower, and how it went.

    Attributes:
        folder: in Multilingual-CLIP's form.
        steps: batches that it learned from.
        teacher: the name of the model whose space it is.
    """

    folder: Path
    steps: int
    teacher: str

    @property
    def log(self) -> pd.DataFrame:
        """While it learned: step, epoch, loss, lr and seconds since the start.

        The loss is the squared error per number, the mean of the batches since the row before, in units of the
        variance of the teacher's rows: 1 is what the mean of all rows would have.
        """
        return self._table(LOG)

    @property
    def validation(self) -> pd.DataFrame:
        """On sentences that it did not learn from, a row per step and language.

        step, language, texts, cosine (mean, with the teacher's row of the source), recall@1 and recall@10 (the share of
        texts whose source is the nearest, or among the ten nearest, of all sources of the validation), and sources,
        the number of these.
        """
        return self._table(VALIDATION)

    def _table(self, name: str) -> pd.DataFrame:
        import pandas as pd

        file = self.folder / RECORDS / name
        try:
            return pd.read_csv(file, keep_default_na=False)  # "na" is a language
        except OSError as error:
            raise StoreError(f"{file}: cannot be read ({error})") from error

    def load(self, image_tower: str | os.PathLike[str] | bool | None = None, **options: Any) -> Clip:
        """The text tower with the pictures of its teacher.

        Args:
            image_tower: default: the teacher, by its name.
            options: of :func:`clipnb.load`.
        """
        from clipnb.models import load

        return load(self.folder, image_tower=self.teacher if image_tower is None else image_tower, **options)

    @classmethod
    def read(cls, folder: str | os.PathLike[str]) -> Distilled:
        """The result in a folder.

        Raises:
            StoreError: there is none, or it is not finished.
        """
        path = Path(folder)
        try:
            record = json.loads((path / "config.json").read_text(encoding="utf-8"))["clipnb"]
            return cls(path, int(record["steps"]), str(record["teacher"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise StoreError(f"{path}: no finished training of clipnb in it ({type(error).__name__})") from error
