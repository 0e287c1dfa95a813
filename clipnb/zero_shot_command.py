"""``clipnb zero-shot``: pictures in a terminal, a table out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipnb.zeroshot import ZeroShot

__all__ = ["add", "run"]

SHOWN = 20
"""Pictures up to which each has its lines in the terminal."""


def add(commands: Any, model_options: Callable[[argparse.ArgumentParser], None]) -> argparse.ArgumentParser:
    """Describe the command to the parser."""
    command = commands.add_parser("zero-shot", help="which of these labels fits each picture?")
    command.add_argument(
        "images", nargs="+", metavar="IMAGE", help="picture files; or one folder, glob, zip, tar or table"
    )
    command.add_argument(
        "--labels", nargs="+", required=True, metavar="LABEL", help="in any language of the model; or a set, or a file"
    )
    command.add_argument(
        "--templates", default="plain", help="plain, photo, imagenet-80, ..., a file, or a sentence with one {}"
    )
    command.add_argument(
        "--truth", default=None, metavar="WHERE", help="'folder', a column of the table, or a .csv of pictures, labels"
    )
    command.add_argument("--column", default=None, help="of a table, the one with the pictures")
    command.add_argument("--id-column", default=None, help="of a table, the one that names the rows")
    command.add_argument("--top", type=int, default=5, help="labels to show for each picture (%(default)s)")
    command.add_argument("--out", type=Path, default=None, help="write all rows to a .csv, .tsv, .parquet or .json")
    command.add_argument("--truncate", action="store_true", help="cut long texts instead of refusing them")
    command.add_argument("--quiet", action="store_true", help="no progress bar")
    model_options(command)
    return command


def run(options: argparse.Namespace, load: Callable[[argparse.Namespace], Any]) -> None:
    """Classify, show, write."""
    from clipnb.exporting import check_target
    from clipnb.zeroshot import zero_shot

    if options.out is not None:
        check_target(options.out)  # before the work, not after it
    one = options.images[0] if len(options.images) == 1 and not _is_picture(options.images[0]) else None
    result = zero_shot(
        load(options),
        options.images if one is None else one,
        options.labels[0] if len(options.labels) == 1 and _names_a_set(options.labels[0]) else options.labels,
        [options.templates] if "{" in options.templates else options.templates,
        options.truth,
        column=options.column,
        id_column=options.id_column,
        truncate=options.truncate,
        progress=not options.quiet and sys.stderr.isatty(),
    )
    _show(result, options)
    if options.out is not None:
        path = result.save(options.out, min(options.top, result.kept))
        sys.stdout.write(f"{len(result)} {'row' if len(result) == 1 else 'rows'} in {path}\n")


def _is_picture(text: str) -> bool:
    from clipnb.sources.items import IMAGE_SUFFIXES

    return Path(text).suffix.lower() in IMAGE_SUFFIXES and not any(mark in text for mark in "*?[")


def _names_a_set(text: str) -> bool:
    from clipnb.prompts.files import is_file
    from clipnb.prompts.sets import set_names

    return text in set_names("classnames") or is_file(text)


def _show(result: ZeroShot, options: argparse.Namespace) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    console = Console()
    top = result.top(min(options.top, result.kept) if options.top > 0 else options.top)
    table = Table(title=escape(f"{result.model}, templates {options.templates!r}"), title_justify="left")
    for column in ("picture", "label", "probability", "cosine"):
        table.add_column(column, justify="right" if column in ("probability", "cosine") else "left")
    per_picture = len(top) // max(1, len(result))
    for row in top.head(SHOWN * per_picture).itertuples():
        first = row.rank == 1
        cells = (row.image if first else "", row.classname, f"{100 * row.probability:.1f} %", f"{row.cosine:.3f}")
        table.add_row(*map(escape, cells), style="bold" if first else "")
    console.print(table)
    if len(result) > SHOWN:
        hint = "" if options.out is not None else "; --out FILE.csv writes all of them"
        console.print(f"{SHOWN} of {len(result)} pictures shown{hint}", markup=False)
    if result.labels is not None:
        found = result.metrics()
        shares = {"top-1": "top1", "top-5": "top5", "mean recall of the classes": "mean_per_class_recall"}
        shares |= {"macro F1": "macro_f1", "calibration error": "ece"}
        console.print(", ".join(f"{words} {100 * found[key]:.1f} %" for words, key in shares.items()), markup=False)
    for note in result.notes:
        console.print(note.replace(", see .errors", ""), markup=False)
