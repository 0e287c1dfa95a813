"""What a cosine is worth: the cosines of unrelated pictures and texts, and where another one stands among them."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import BaselineMismatch, EmptyInput, InvalidEmbeddings, SourceError, UnsupportedOption, WrongType
from clipnb.types import FloatArray

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["BINS", "ScoreBaseline", "percent_words"]

BINS = 4000
"""Bins of the histogram between -1 and 1: a percentile's cosine is known to 0.0005."""
_FORMAT = 1


@dataclass(frozen=True, eq=False)
class ScoreBaseline:
    """The cosines of unrelated picture-text pairs of one model; see :func:`clipnb.score_baseline`.

    Attributes:
        counts: int64 [BINS], pairs in equal bins of the cosine from -1 to 1.
        mean: of the cosines, exactly, not by the bins.
        std: their standard deviation (divided by the number of pairs).
        low: the lowest cosine.
        high: the highest one.
        model: the model's name.
        logit_scale: the model's own.
        source: what the pairs are, in words.
        templates: the sentences around the texts.
        related: float32 [pair], the cosines of the pairs that do belong together, where they are known.
        texts: the texts; ``text_mean`` and ``text_std``, float64 [text], are over the pictures unrelated to each.
    """

    counts: NDArray[np.int64]
    mean: float
    std: float
    low: float
    high: float
    model: str = ""
    logit_scale: float = 1.0
    source: str = ""
    templates: tuple[str, ...] = ("{}",)
    related: FloatArray = field(default_factory=lambda: np.empty(0, np.float32))
    texts: tuple[str, ...] = ()
    text_mean: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    text_std: NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if self.n < 2 or not self.std > 0:
            raise EmptyInput(
                f"{self.n} unrelated pairs with a standard deviation of {self.std}: nothing to compare a cosine with. "
                "Give more pictures and texts that do not belong together"
            )

    def __repr__(self) -> str:
        return f"ScoreBaseline({self.model!r}, {self.n:,} unrelated pairs, mean {self.mean:.3f}, std {self.std:.3f})"

    @property
    def n(self) -> int:
        """The number of unrelated pairs."""
        return int(self.counts.sum())

    def percentile(self, cosine: ArrayLike) -> Any:
        """The share of unrelated pairs with a lower cosine, in percent; of the shape of ``cosine``.

        Within a bin of the histogram pairs are taken to lie evenly. 0 at the lowest pair and below, 100 at the
        highest and above.

        Raises:
            UnsupportedOption: not cosines: outside of -1 to 1, or not a number.
        """
        at = _cosines(cosine)
        edges = np.linspace(-1, 1, len(self.counts) + 1)
        share = np.interp(at, edges, np.concatenate([[0], np.cumsum(self.counts)]) / self.n)
        share = np.where(at <= self.low, 0.0, np.where(at >= self.high, 1.0, share))
        return 100 * (share if share.ndim else float(share))

    def z(self, cosine: ArrayLike) -> Any:
        """Standard deviations above the mean of unrelated pairs; of the shape of ``cosine``.

        Raises:
            UnsupportedOption: not cosines: outside of -1 to 1, or not a number.
        """
        score = (_cosines(cosine) - self.mean) / self.std
        return score if score.ndim else float(score)

    def quantile(self, share: ArrayLike) -> Any:
        """The cosine that this share (0 to 1) of unrelated pairs does not reach, to 0.0005."""
        asked = np.asarray(share, dtype=float)
        if not ((asked >= 0) & (asked <= 1)).all():
            raise UnsupportedOption(f"share={share!r}; expected numbers from 0 to 1")
        edges = np.linspace(-1, 1, len(self.counts) + 1)
        filled = np.flatnonzero(self.counts)
        # Only edges of bins that hold pairs: elsewhere the share stands still and no cosine belongs to it.
        reached = np.cumsum(self.counts)[filled] / self.n
        value = np.interp(asked, np.concatenate([[0.0], reached]), np.concatenate([[self.low], edges[filled + 1]]))
        value = np.clip(value, self.low, self.high)
        return value if value.ndim else float(value)

    def explain(self, cosine: float, logit_scale: float | None = None) -> str:
        """What this cosine means, in a sentence or two.

        Args:
            cosine: of a picture and a text.
            logit_scale: the factor between cosines and logits; default: the model's own.

        Raises:
            WrongType, UnsupportedOption: not one cosine.

        The odds: adding d to a cosine multiplies e^(scale * cosine), hence the odds, by e^(scale * d).
        """
        scale = self.logit_scale if logit_scale is None else float(logit_scale)
        given = _cosines(cosine)
        if given.ndim:
            raise WrongType(f"explain() speaks of one cosine at a time, got {given.shape[0]}; table() takes many")
        cosine = float(given)
        percentile, z = self.percentile(cosine), self.z(cosine)
        if percentile >= 100:
            rank = f"higher than all {self.n:,}"
        elif percentile <= 0:
            rank = f"lower than all {self.n:,}"
        else:
            rank = f"higher than {percent_words(percentile)} of {self.n:,}"
        side = "above" if z >= 0 else "below"
        return (
            f"A cosine of {cosine:.3f} is {rank} unrelated picture-text pairs of this model: {abs(z):.1f} standard "
            f"deviations {side} their mean of {self.mean:.3f}. At a logit scale of {scale:.4g}, each 0.01 more "
            f"multiplies the odds by {np.exp(0.01 * scale):.2f}."
        )

    def table(self, result: Any) -> pd.DataFrame:
        """A table with a column ``cosine``, and beside each one its ``percentile`` and ``z``.

        Args:
            result: a :class:`ZeroShot`, whose ``top()`` is taken, or any such table.

        Raises:
            WrongType: neither.
            InvalidEmbeddings: the result is of another model.

        Warns:
            BaselineMismatch: the result's texts stand in other templates, which moves their cosines.
        """
        import pandas as pd

        frame = result
        if not isinstance(result, pd.DataFrame):
            if not hasattr(result, "top"):
                raise WrongType(f"expected a ZeroShot or a table, got a {type(result).__name__}")
            self._same_space(result)
            frame = result.top()
        if "cosine" not in frame.columns:
            raise WrongType(f"the table has no column 'cosine', only {', '.join(map(str, frame.columns))}")
        cosines = frame["cosine"].to_numpy(dtype=float)
        return frame.assign(percentile=self.percentile(cosines), z=self.z(cosines))

    def _same_space(self, result: Any) -> None:
        if self.model and result.model and result.model != self.model:
            raise InvalidEmbeddings(
                f"the baseline is of {self.model!r}, the result of {result.model!r}; their cosines do not compare"
            )
        if tuple(result.templates) != self.templates:
            warnings.warn(
                f"the result's texts stand in {_templates(result.templates)}, the baseline's in "
                f"{_templates(self.templates)}; pass the same templates= to score_baseline",
                BaselineMismatch,
                stacklevel=3,
            )

    def per_text(self) -> pd.DataFrame:
        """A row per text: its own ``mean`` and ``std`` over unrelated pictures, and the mean's ``z`` among all texts'.

        A text with a high mean is a hub, near to every picture (Radovanović et al. 2010, "Hubs in space").
        """
        import pandas as pd

        spread = self.text_mean.std()
        z = (self.text_mean - self.text_mean.mean()) / (spread if spread > 0 else 1.0)
        table = pd.DataFrame({"text": self.texts, "mean": self.text_mean, "std": self.text_std, "z": z})
        return table.sort_values("mean", ascending=False, ignore_index=True)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write it as JSON.

        Raises:
            UnsupportedOption: it cannot be written there.
        """
        filled = np.flatnonzero(self.counts)
        facts = {
            "format": _FORMAT,
            "model": self.model,
            "logit_scale": self.logit_scale,
            "source": self.source,
            "templates": list(self.templates),
            "mean": self.mean,
            "std": self.std,
            "low": self.low,
            "high": self.high,
            "bins": len(self.counts),
            "counts": {str(i): int(self.counts[i]) for i in filled},
            "related": [round(float(c), 6) for c in self.related],
            "texts": list(self.texts),
            "text_mean": self.text_mean.tolist(),
            "text_std": self.text_std.tolist(),
        }
        target = Path(path)
        try:
            target.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        except OSError as error:
            raise UnsupportedOption(f"{target}: cannot be written ({error.strerror or error})") from error
        return target

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ScoreBaseline:
        """Read what :meth:`save` wrote.

        Raises:
            SourceError: missing, damaged, or something else.
        """
        try:
            facts = json.loads(Path(path).read_text(encoding="utf-8"))
            if facts["format"] != _FORMAT:
                raise SourceError(f"{os.fspath(path)}: format {facts['format']}; this version reads {_FORMAT}")
            counts = np.zeros(int(facts["bins"]), dtype=np.int64)
            for place, count in facts["counts"].items():
                counts[int(place)] = count
            return cls(
                counts,
                mean=float(facts["mean"]),
                std=float(facts["std"]),
                low=float(facts["low"]),
                high=float(facts["high"]),
                model=facts["model"],
                logit_scale=float(facts["logit_scale"]),
                source=facts["source"],
                templates=tuple(facts["templates"]),
                related=np.array(facts["related"], dtype=np.float32),
                texts=tuple(facts["texts"]),
                text_mean=np.array(facts["text_mean"], dtype=float),
                text_std=np.array(facts["text_std"], dtype=float),
            )
        except OSError as error:
            raise SourceError(f"{os.fspath(path)}: {error.strerror or error}") from error
        except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
            if isinstance(error, SourceError):
                raise
            raise SourceError(f"{os.fspath(path)} is not a score baseline: {error!r}") from error


def _cosines(values: ArrayLike) -> NDArray[np.float64]:
    try:
        given = np.asarray(values, dtype=float)
    except (TypeError, ValueError):
        raise WrongType(f"expected a cosine or an array of them, got {values!r}") from None
    wrong = ~(np.abs(given) <= 1 + 1e-6)
    if wrong.any():
        raise UnsupportedOption(
            f"{float(given[wrong].flat[0]):.4g} is no cosine: those lie from -1 to 1. Divide a logit by the logit_scale"
        )
    return given


def percent_words(value: float) -> str:
    """As many digits as it takes to tell the value from 0 and from 100 percent."""
    for digits in (1, 2, 3):
        shown = f"{value:.{digits}f}"
        if 0 < float(shown) < 100:
            return f"{shown}%"
    return "less than 0.001%" if value < 50 else "more than 99.999%"


def _templates(templates: Iterable[str] | Mapping[str, Any]) -> str:
    listed = list(templates)
    return repr(listed[0]) + (f" and {len(listed) - 1} more" if len(listed) > 1 else "")
