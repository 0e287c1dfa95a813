"""The command line: ``clipnb demo | models | embed | zero-shot | reproduce | lab``."""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clipnb import __version__, zero_shot_command
from clipnb.errors import ClipnbError, MissingExtra, UnsupportedOption

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 if all went well, 2 if the input was at fault, which a line on stderr then names."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):  # a terminal without emoji shows "?" instead of failing
            stream.reconfigure(errors="replace")  # type: ignore[union-attr]
    parser = _parser()
    options, rest = parser.parse_known_args(arguments)
    if rest and options.run is not _lab:
        parser.error(f"unknown arguments: {' '.join(rest)}")
    options.rest = rest
    try:
        return int(options.run(options) or 0)
    except ClipnbError as error:
        sys.stderr.write(f"clipnb: {error}\n")
        return 2
    except KeyboardInterrupt:
        sys.stderr.write("clipnb: interrupted\n")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="clipnb", description="A notebook lab for the CLIP family of models.")
    parser.add_argument("--version", action="version", version=f"clipnb {__version__}")
    commands = parser.add_subparsers(metavar="command", required=True)

    demo = commands.add_parser("demo", help="name, find and map the bundled pictures in eight languages")
    demo.add_argument("--out", type=Path, default=Path("demo/index.html"), help="the page to write (%(default)s)")
    _model_options(demo)
    demo.set_defaults(run=_demo)

    models = commands.add_parser("models", help="list the known models")
    models.add_argument("--family", default=None, help="only this family, for example m-clip")
    models.add_argument("--language", default=None, metavar="CODE", help="only models that read it, for example sw")
    models.add_argument("--max-megabytes", type=float, default=None, metavar="N", help="only downloads up to this size")
    models.add_argument("--text-only", action="store_true", default=None, help="only text towers with a pairing")
    models.add_argument("--search", default=None, metavar="WORDS", help="only rows that hold these words")
    form = models.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="every fact, as JSON")
    form.add_argument("--csv", action="store_true", help="every fact, as CSV")
    models.set_defaults(run=_models)

    embed = commands.add_parser("embed", help="embed a folder, a table or an archive into shards of Parquet")
    embed.add_argument("source", metavar="SOURCE", help="a folder, a glob, .parquet, .csv, .zip, .tar or .txt")
    embed.add_argument("--out", type=Path, required=True, help="the folder to write; a run cut short goes on there")
    embed.add_argument("--column", default=None, help="of a table, the column to embed")
    embed.add_argument("--id-column", default=None, help="of a table, the column that names the rows")
    embed.add_argument("--modality", choices=("image", "text"), default=None, help="where the source does not tell")
    embed.add_argument("--batch-size", type=_count, default="auto", metavar="N", help="pictures in one pass")
    embed.add_argument("--workers", type=_count, default="auto", metavar="N", help="threads that decode pictures")
    embed.add_argument("--backend", default="torch", help="torch, openvino or onnxruntime (%(default)s)")
    embed.add_argument("--dtype", default=None, help="float32, bfloat16 or float16; with onnxruntime also int8")
    embed.add_argument("--strict", action="store_true", help="the reference processor's pixels, bit for bit")
    embed.add_argument("--truncate", action="store_true", help="cut long texts instead of listing them as errors")
    embed.add_argument("--no-resume", action="store_true", help="delete what an earlier run left, and begin again")
    embed.add_argument("--quiet", action="store_true", help="no progress bar")
    _model_options(embed)
    embed.set_defaults(run=_embed)

    zero_shot_command.add(commands, _model_options).set_defaults(run=lambda said: zero_shot_command.run(said, _load))

    again = commands.add_parser("reproduce", help="measure a published number again; 1 if it is missed")
    again.add_argument("name", nargs="?", metavar="SET", help="imagenet, cifar10, emoji-fluent, ...; see --list")
    again.add_argument("--list", action="store_true", help="the published numbers that are known here")
    again.add_argument("--data", default=None, metavar="PATH", help="the folder with the test pictures")
    again.add_argument(
        "--truth", default=None, metavar="FILE", help="what they show, where it does not lie beside them"
    )
    again.add_argument(
        "--as", dest="published_as", default=None, metavar="NAME", help="compare with this model's number"
    )
    again.add_argument("--limit", type=int, default=None, metavar="N", help="only N pictures, drawn at random")
    again.add_argument("--partial", action="store_true", help="the data are a random part of the set")
    again.add_argument("--batch-size", type=_count, default="auto", metavar="N", help="pictures in one pass")
    again.add_argument("--workers", type=_count, default="auto", metavar="N", help="threads that decode pictures")
    again.add_argument("--strict", action="store_true", help="the reference processor's pixels, bit for bit")
    again.add_argument("--quiet", action="store_true", help="no progress bar")
    _model_options(again)
    again.set_defaults(run=_reproduce)

    lab = commands.add_parser("lab", help="open the notebooks in JupyterLab, which gets all other arguments")
    lab.set_defaults(run=_lab)
    return parser


def _model_options(command: argparse.ArgumentParser) -> None:
    command.add_argument("--model", default=None, help="a name of `clipnb models`, a Hub id or a folder")
    command.add_argument("--device", default=None, help="cpu, cuda, ...; default: CUDA where there is one")


def _count(text: str) -> int | str:
    return text if text == "auto" else int(text)


def _load(options: argparse.Namespace, **others: Any):  # type: ignore[no-untyped-def]  # its type would import numpy
    from clipnb.models import load

    name = () if options.model is None else (options.model,)
    return load(*name, device=options.device, **others)


def _embed(options: argparse.Namespace) -> int:
    from clipnb.embedding import embed

    model = _load(options, backend=options.backend, dtype=options.dtype)
    try:
        found = embed(
            model,
            options.source,
            out=options.out,
            modality=options.modality,
            column=options.column,
            id_column=options.id_column,
            batch_size=options.batch_size,
            workers=options.workers,
            resume=not options.no_resume,
            progress=not options.quiet,
            strict=options.strict,
            truncate=options.truncate,
        )
    except KeyboardInterrupt:
        sys.stderr.write(f"clipnb: interrupted; the same command goes on from what is in {options.out}\n")
        return 130
    failed = found.errors
    sys.stdout.write(f"{len(found)} rows of {found.dim} columns in {options.out}, {len(failed)} errors\n")
    for row in failed.head(10).itertuples():
        sys.stdout.write(f"  {row.id}: {str(row.reason).removeprefix(f'{row.id}: ')}\n")
    if len(failed) > 10:
        sys.stdout.write(f"  and {len(failed) - 10} more, in clipnb.open_embeddings({str(options.out)!r}).errors\n")
    return 0


def _demo(options: argparse.Namespace) -> None:
    from rich.console import Console

    from clipnb.demo import run

    console = Console()
    page = run(_load(options), options.out, console=console)
    console.print(
        f"The page with the figures: [bold]{page}[/] ({page.stat().st_size / 1e6:.1f} MB). Open it in a browser."
    )


def _models(options: argparse.Namespace) -> None:
    import dataclasses
    import json

    from clipnb.catalog import list_models, select

    filters = {name: getattr(options, name) for name in ("family", "language", "max_megabytes", "text_only", "search")}
    if options.json:
        found = [dataclasses.asdict(entry) for entry in select(**filters)]
        sys.stdout.write(json.dumps(found, ensure_ascii=False, indent=2) + "\n")
    elif options.csv:
        sys.stdout.write(list_models(**filters).to_csv())
    else:
        _models_table(list_models(**filters))


def _models_table(listed: pd.DataFrame) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    console = Console()
    more = [column for column, width in {"px": 110, "license": 110, "family": 132}.items() if console.width >= width]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    for column in ("name", "languages", "dim", "MB", *more):
        table.add_column(
            column,
            justify="right" if column in ("dim", "MB", "px") else "left",
            # A name is there to be copied; a licence or the languages may be cut.
            overflow="fold" if column == "name" else "ellipsis",
            no_wrap=column != "name",
            max_width=14 if column == "languages" else None,
        )
    shown = listed.reset_index().astype(object)
    for row in shown.where(shown.notna(), "").itertuples():
        size = f"{row.megabytes:.0f}" if row.megabytes else ""
        facts = {"px": str(row.image_size), "license": row.license, "family": row.family}
        table.add_row(row.name, row.languages, str(row.dim), size, *(facts[column] for column in more))
    console.print(table)
    console.print(f"{len(listed)} models. Sizes are of the weights to download; --json and --csv give every fact.")


def _reproduce(options: argparse.Namespace) -> int:
    """0: every published value met; 1: missed; 2: not measured."""
    from clipnb.reproducing import reproduce, reproductions

    if options.list:
        listed = reproductions()
        if options.name is not None:
            from clipnb.reproducing.published import find_set

            listed = listed[listed["set"] == find_set(options.name).name]
        for (test, source), rows in listed.groupby(["set", "source"], sort=False):
            first = rows.drop_duplicates("metric")
            values = ", ".join(f"{row.metric} {row.published:.1f} ± {row.tolerance:g} %" for row in first.itertuples())
            sys.stdout.write(f"{test}  {' = '.join(rows['model'].unique())}\n    {values}  ({source})\n")
        return 0
    if options.name is None:
        raise UnsupportedOption("which test set? clipnb reproduce --list names them")
    found = reproduce(
        options.name,
        options.model,
        options.data,
        truth=options.truth,
        published_as=options.published_as,
        limit=options.limit,
        partial=options.partial,
        device=options.device,
        batch_size=options.batch_size,
        workers=options.workers,
        strict=options.strict,
        progress=not options.quiet,
    )
    sys.stdout.write(f"{found}\n")
    return 2 if found.skipped else 0 if found.passed else 1


def _lab(options: argparse.Namespace) -> int:
    if importlib.util.find_spec("jupyterlab") is None:
        raise MissingExtra("JupyterLab is not installed: pip install clipnb[lab]")
    beside_package = Path(__file__).parents[1] / "notebooks"
    folder = next((place for place in (Path("notebooks"), beside_package) if place.is_dir()), Path())
    # In a container one is usually root, whom Jupyter turns away unless told; it listens on this machine alone.
    root = ["--allow-root"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return subprocess.call([sys.executable, "-m", "jupyterlab", str(folder), *root, *options.rest])
