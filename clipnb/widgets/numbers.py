"""What a panel's models say, as rows of a table and as cells on the panel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from clipnb.plots.bars import percentage
from clipnb.widgets.judges import Judge, Verdict

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cosine_cells", "number_rows"]

_ROWS = 10


def number_rows(
    image: str, judges: Sequence[Judge], verdicts: Mapping[str, Verdict], classnames: Sequence[str]
) -> pd.DataFrame:
    """A row for each model that has a verdict and label, best first: the columns of `ZeroShotPanel.table`."""
    import pandas as pd

    parts = []
    for judge in judges:
        if judge.name not in verdicts:
            continue
        probabilities, cosines = verdicts[judge.name]
        order = np.argsort(-cosines, kind="stable")
        part = pd.DataFrame(
            {
                "image": image,
                "model": judge.name,
                "classname": [classnames[j] for j in order],
                "rank": np.arange(1, len(order) + 1),
                "probability": probabilities[order],
                "cosine": cosines[order],
            }
        )
        parts.append(part if judge.baseline is None else judge.baseline.table(part))
    return pd.concat(parts, ignore_index=True)


def cosine_cells(
    judges: Sequence[Judge],
    verdicts: Mapping[str, Verdict],
    classnames: Sequence[str],
    templates: Sequence[str],
) -> tuple[list[str], list[list[str]], str]:
    """Heads, rows and a remark: raw cosines of the likeliest labels, against each model's unrelated pairs.

    Only models with a baseline have columns; no such model, no rows.
    """
    measured = [judge for judge in judges if judge.baseline is not None and judge.name in verdicts]
    if not measured:
        return [], [], ""
    mean = np.mean([verdict.probabilities for verdict in verdicts.values()], axis=0)
    order = np.argsort(-mean, kind="stable")[:_ROWS]
    heads, rows = ["label"], [[classnames[j]] for j in order]
    for judge in measured:
        verdict, baseline = verdicts[judge.name], judge.baseline
        assert baseline is not None
        heads += [
            f"{judge.name}: probability" if len(judges) > 1 else "probability",
            "cosine",
            "of unrelated pairs",
            "z",
        ]
        for row, j in zip(rows, order, strict=True):
            value = float(verdict.cosines[j])
            row += [
                percentage(100 * float(verdict.probabilities[j])),
                f"{value:.3f}",
                f"above {baseline.percentile(value):.1f}%",
                f"{baseline.z(value):+.1f}",
            ]
    other = [judge.name for judge in measured if judge.baseline and tuple(judge.baseline.templates) != tuple(templates)]
    return heads, rows, "The unrelated pairs were scored with other sentences." if other else ""
