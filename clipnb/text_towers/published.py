"""What others have published of retrieval in many languages: data/published/, a file a corpus."""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from clipnb.errors import UnsupportedOption, nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["DIRECTIONS", "PublishedTable", "of_corpus", "published_retrieval"]

DIRECTIONS = ("text_to_image", "image_to_text")


@dataclass(frozen=True)
class PublishedTable:
    """Recall of some models on one corpus, as somebody has published it.

    Attributes:
        corpus: its name, as the readers of ``clipnb.datasets`` give it.
        pictures: of the whole corpus, among which was searched.
        column: whose numbers these are, as a table heads them.
        direction: ``"text_to_image"`` or ``"image_to_text"``.
        k: of recall@k.
        languages: codes.
        percent: by the name of the model, a number for each of the languages.
        source: where the numbers stand.
        note: what is known of how they were measured.
        same_weights: other names of the models.
    """

    corpus: str
    pictures: int
    column: str
    direction: str
    k: int
    languages: tuple[str, ...]
    percent: dict[str, tuple[float, ...]]
    source: str
    note: str
    same_weights: dict[str, str]

    def of(self, model: str) -> dict[str, float]:
        """Recall within [0, 1] by language; empty where nothing is published of the model."""
        values = self.percent.get(self.same_weights.get(model, model), ())
        return {code: value / 100 for code, value in zip(self.languages, values, strict=bool(values))}


@functools.lru_cache(maxsize=1)
def _tables() -> tuple[PublishedTable, ...]:
    found = []
    for path in sorted((Path(__file__).parents[1] / "data" / "published").glob("*.toml")):
        read = tomllib.loads(path.read_text(encoding="utf-8"))
        for table in read["tables"]:
            percent = {model: tuple(values) for model, values in table.pop("percent").items()}
            table["languages"] = tuple(table["languages"])
            table.setdefault("note", "")
            same = read.get("same_weights", {})
            found.append(PublishedTable(read["corpus"], read["pictures"], percent=percent, same_weights=same, **table))
    return tuple(found)


def of_corpus(corpus: str) -> tuple[PublishedTable, ...]:
    """The tables of a corpus, by its name; none where nothing is published."""
    return tuple(table for table in _tables() if table.corpus == corpus)


def published_retrieval(corpus: str | None = None, models: str | Iterable[str] | None = None) -> pd.DataFrame:
    """Published recall on parallel corpora, a row a number.

    Of Multilingual-CLIP on XTD10 there are two tables that do not agree, its makers' and an independent re-run's, and
    both are here. A text tower's number is that of the pair: with the image tower it was trained beside.

    Args:
        corpus: ``"XTD10"``, ``"XM3600"``, ``"Flickr30k-CN"``, in any case. Default: all.
        models: names of the catalog. Default: all.

    Returns:
        Columns corpus, column (whose number), model, language, direction, k, recall (within [0, 1]), pictures (among
        which was searched), source, note.

    Raises:
        UnsupportedOption: no table of such a corpus; names those there are.
    """
    import pandas as pd

    known = {table.corpus.casefold(): table.corpus for table in _tables()}
    if corpus is not None and str(corpus).casefold() not in known:
        raise UnsupportedOption(
            f"nothing is published here on {corpus!r}.{nearest(str(corpus), known.values())} There is on "
            f"{', '.join(known.values())}"
        )
    chosen = None if models is None else {models} if isinstance(models, str) else set(models)
    rows = []
    for table in _tables() if corpus is None else of_corpus(known[corpus.casefold()]):
        # Under a second name of the same weights only where that was asked for.
        names = [*table.percent, *(name for name in table.same_weights if chosen is not None and name in chosen)]
        for model in names:
            if chosen is None or model in chosen:
                for code, recall in table.of(model).items():
                    what = (table.corpus, table.column, model, code, table.direction, table.k)
                    rows.append((*what, recall, table.pictures, table.source, table.note))
    columns = ["corpus", "column", "model", "language", "direction", "k", "recall", "pictures", "source", "note"]
    return pd.DataFrame(rows, columns=columns)
