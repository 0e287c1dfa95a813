"""What has been published, and on which test set: data/reproductions.toml."""

from __future__ import annotations

import functools
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb.errors import UnsupportedOption, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["METRICS", "Number", "TestSet", "find_number", "find_set", "numbers", "reproductions"]

METRICS = ("top1", "top5")


@dataclass(frozen=True)
class TestSet:
    """Pictures with true classes, and the words under which they are compared.

    Attributes:
        name: what :func:`clipnb.reproduce` takes.
        title: what a sentence calls it.
        images: pictures of the whole set.
        aliases: other spellings of the name.
        classnames: a set of ``clipnb.datasets.classnames``.
        templates: a set of ``clipnb.datasets.templates``.
        layouts: how it may lie on disk.
        splits: how files of the test split begin, where all splits lie together.
        get: where it comes from.
        emoji: for the bundled pictures: style, held_out, classes.
    """

    __test__ = False  # pytest collects classes called Test...

    name: str
    title: str
    images: int
    aliases: tuple[str, ...] = ()
    classnames: str = ""
    templates: str = "plain"
    layouts: tuple[str, ...] = ()
    splits: tuple[str, ...] = ()
    get: str = "ships with the package"
    emoji: dict[str, Any] | None = None


@dataclass(frozen=True)
class Number:
    """A published result.

    Attributes:
        set: name of the :class:`TestSet`.
        models: names of the same weights.
        tolerance: points by which two sound implementations differ.
        source: where the number stands.
        top1: percent of the pictures; None where it is not published.
        top5: the same.
        also: other published values of the same thing, in words.
    """

    set: str
    models: tuple[str, ...]
    tolerance: float
    source: str
    top1: float | None = None
    top5: float | None = None
    also: str = ""

    @property
    def values(self) -> dict[str, float]:
        """The published values by metric, in percent."""
        found = {metric: getattr(self, metric) for metric in METRICS}
        return {metric: value for metric, value in found.items() if value is not None}


@functools.lru_cache(maxsize=1)
def _table() -> tuple[dict[str, TestSet], tuple[Number, ...]]:
    path = Path(__file__).parents[1] / "data" / "reproductions.toml"
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    sets = {name: TestSet(name, **_tuples(row)) for name, row in table["sets"].items()}
    return sets, tuple(Number(**_tuples(row)) for row in table["numbers"])


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in row.items()}


def numbers() -> tuple[Number, ...]:
    """Every published number that is known here."""
    return _table()[1]


def find_set(name: str) -> TestSet:
    """The test set of this name or alias.

    Raises:
        UnsupportedOption: there is none; names the nearest.
    """
    sets = _table()[0]
    spelled = {alias: key for key, found in sets.items() for alias in (key, *found.aliases)}
    asked = str(name).strip().casefold()
    if asked not in spelled:
        hint = nearest(asked, spelled)
        raise UnsupportedOption(f"no test set {name!r} to reproduce.{hint} There are {', '.join(sets)}")
    return sets[spelled[asked]]


def find_number(test: TestSet, model: str) -> Number:
    """What is published of a model on a test set.

    Raises:
        UnsupportedOption: nothing is; names the models of which something is.
    """
    of_set = [number for number in numbers() if number.set == test.name]
    for number in of_set:
        if model in number.models:
            return number
    known = [name for number in of_set for name in number.models]
    raise UnsupportedOption(
        f"no published number of {model!r} on {test.name}.{nearest(model, known)} There are those of "
        f"{', '.join(known)}. A model under another name, such as a folder: published_as=, one of these names"
    )


def reproductions() -> pd.DataFrame:
    """Every number that :func:`clipnb.reproduce` can measure again, a row a value.

    Columns: set, model, metric, published (percent), tolerance (points), source, also, images, get.
    """
    import pandas as pd

    rows = []
    for number in numbers():
        test = find_set(number.set)
        for model in number.models:
            for metric, value in number.values.items():
                rows.append(
                    {
                        "set": test.name,
                        "model": model,
                        "metric": metric,
                        "published": value,
                        "tolerance": number.tolerance,
                        "source": number.source,
                        "also": number.also,
                        "images": test.images,
                        "get": test.get,
                    }
                )
    return pd.DataFrame(rows)
