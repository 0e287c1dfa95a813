"""The noun of this room: some points of a map."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from clipnb.exporting import write_table
from clipnb.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Selection"]


@dataclass(frozen=True, eq=False)
class Selection:
    """Some points of a map, and what is known of them. Each field but ``rows`` has one entry a chosen point.

    Attributes:
        rows: places among the map's points, ascending; points that were added to the map count on after them.
        ids: their ids.
        labels: their names.
        vectors: their unit rows, float32 [point, dim]; None where the map does not know them.
        columns: whatever else there is to know, such as "group", by the name of the column.
    """

    rows: NDArray[np.intp]
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    vectors: FloatArray | None = field(default=None, repr=False)
    columns: dict[str, tuple[object, ...]] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def cosines(self) -> NDArray[np.float64] | None:
        """Of each point with the selection's centre, the mean of its unit rows; None where the rows are not known.

        NaN where the centre is zero, and so has no direction.
        """
        if self.vectors is None or not len(self):
            return None
        centre = self.vectors.mean(axis=0, dtype=np.float64)
        length = np.linalg.norm(centre)
        return self.vectors @ centre / length if length > 1e-9 else np.full(len(self), np.nan)

    def table(self) -> pd.DataFrame:
        """A row for each point, the most central first: row, id, label, the other columns, cosine (to the centre)."""
        import pandas as pd

        table = pd.DataFrame({"row": self.rows, "id": list(self.ids), "label": list(self.labels)})
        for name, values in self.columns.items():
            table[name] = list(values)
        if self.cosines is not None:
            table["cosine"] = self.cosines
            table = table.sort_values("cosine", ascending=False, kind="stable", ignore_index=True)
        return table

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write `table` to a file: .csv, .tsv, .parquet, .json or .jsonl.

        Raises:
            UnsupportedOption: another ending, or it cannot be written there.
        """
        return write_table(self.table(), path)
