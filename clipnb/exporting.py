"""Tables to files, of the kind that the file's ending names."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from clipnb.errors import UnsupportedOption

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ENDINGS", "check_target", "write_table"]

ENDINGS = (".csv", ".tsv", ".parquet", ".json", ".jsonl")


def check_target(path: str | os.PathLike[str]) -> Path:
    """The path, if a table can be written there: worth asking before a long computation.

    Raises:
        UnsupportedOption: another ending, or the folder is not there.
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in ENDINGS:
        raise UnsupportedOption(f"{target}: a table is written as {', '.join(ENDINGS)}; choose one of these endings")
    if not target.parent.is_dir():
        raise UnsupportedOption(f"{target}: cannot be written, there is no folder {target.parent}")
    return target


def write_table(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write the rows, without the index: .csv, .tsv (UTF-8), .parquet, .json (a list of records) or .jsonl.

    Raises:
        UnsupportedOption: another ending, or the folder is not there or cannot be written.
    """
    target = check_target(path)
    ending = target.suffix.lower()
    try:
        if ending in (".csv", ".tsv"):
            table.to_csv(target, index=False, sep="\t" if ending == ".tsv" else ",")
        elif ending == ".parquet":
            table.to_parquet(target, index=False)
        else:
            table.to_json(target, orient="records", lines=ending == ".jsonl", force_ascii=False)
    except OSError as error:
        raise UnsupportedOption(f"{target}: cannot be written ({error.strerror or error})") from error
    return target
