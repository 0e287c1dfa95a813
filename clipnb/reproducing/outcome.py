"""What came of measuring a published number again."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from clipnb.types import Failure

if TYPE_CHECKING:
    import pandas as pd

    from clipnb.zeroshot import ZeroShot

__all__ = ["Check", "Reproduction"]

_WORDS = {"top1": "top-1", "top5": "top-5"}


class Check(NamedTuple):
    """One number beside its published value; all in percent of the pictures, ``allowed`` in points."""

    metric: str
    measured: float
    published: float
    allowed: float
    """The tolerance, plus, for a part of the pictures, what chance may add."""

    @property
    def passed(self) -> bool:
        """Measured is no further from published than is allowed."""
        return abs(self.measured - self.published) <= self.allowed + 1e-9

    def __str__(self) -> str:
        off = self.measured - self.published
        verdict = "reproduced" if self.passed else f"NOT reproduced, {abs(off):.1f} too {'high' if off > 0 else 'low'}"
        name = _WORDS.get(self.metric, self.metric)
        return f"{name} {self.measured:.1f} %, published {self.published:.1f} ± {self.allowed:.1f}: {verdict}"


@dataclass(frozen=True, eq=False)
class Reproduction:
    """A published number, measured again or skipped with a reason; ``str()`` says it in a sentence or two.

    Attributes:
        set: the test set's name.
        title: the test set in words.
        model: the model's name.
        checks: one for each published value; empty if skipped.
        source: where the published value stands.
        also: other published values of the same thing.
        reason: why it was skipped; empty if it was not.
        images: pictures that were asked for; an unreadable one counts as wrong.
        total: pictures of the whole set.
        classes: classes among which the model chose.
        templates: sentences for each class.
        failures: the pictures that could not be read.
        seconds: taken by the measurement, without opening the model.
        result: the classification itself, of the pictures that could be read.
    """

    set: str
    title: str
    model: str
    checks: tuple[Check, ...] = ()
    source: str = ""
    also: str = ""
    reason: str = ""
    images: int = 0
    total: int = 0
    classes: int = 0
    templates: int = 0
    failures: tuple[Failure, ...] = ()
    seconds: float = 0.0
    result: ZeroShot | None = None

    @property
    def skipped(self) -> bool:
        """Nothing was measured; ``reason`` says why."""
        return not self.checks

    @property
    def passed(self) -> bool:
        """Every published value was met. False if skipped: what was not measured was not reproduced."""
        return bool(self.checks) and all(check.passed for check in self.checks)

    @property
    def measured(self) -> float:
        """The first value, percent; nan if skipped."""
        return self.checks[0].measured if self.checks else float("nan")

    @property
    def published(self) -> float:
        """What it is compared with, percent; nan if skipped."""
        return self.checks[0].published if self.checks else float("nan")

    @property
    def tolerance(self) -> float:
        """Points that it may be away, with chance where pictures were drawn; nan if skipped."""
        return self.checks[0].allowed if self.checks else float("nan")

    @property
    def errors(self) -> pd.DataFrame:
        """The pictures that could not be read, and why: columns id, position and reason."""
        import pandas as pd

        return pd.DataFrame(list(self.failures), columns=list(Failure._fields))

    def __str__(self) -> str:
        head = f"{self.title}, {self.model}: "
        if self.skipped:
            return f"{head}skipped. {self.reason}"
        part = "" if self.images == self.total else f" of {self.total:,}"
        lines = [head + "; ".join(map(str, self.checks)) + f" ({self.source})."]
        lines.append(
            f"{self.images:,}{part} pictures, {self.classes:,} classes, {self.templates} "
            f"{'template' if self.templates == 1 else 'templates'}, {self.seconds:.0f} s."
        )
        if self.failures:
            lines.append(f"{len(self.failures):,} could not be read and count as wrong; see .errors.")
        if self.also:
            lines.append(f"Published as well: {self.also}.")
        return " ".join(lines)
