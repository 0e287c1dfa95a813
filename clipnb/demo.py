"""``clipnb demo``: names, finds and maps the bundled pictures in eight languages, and writes a page about it."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from clipnb.demo_page import demo_page
from clipnb.demo_results import LANGUAGES, SENTENCES, Results, compute
from clipnb.types import ClipModel

__all__ = ["run"]


def run(model: ClipModel, out: Path, *, console: Console | None = None, seed: int = 0, umap: bool = True) -> Path:
    """Compute, print the tables, and write the page.

    Args:
        model: any model; the embedded one knows these drawings and languages.
        out: the HTML file to write; its folders are made.
        console: where to print.
        seed: of the choice of pictures for the map, and of UMAP.
        umap: False lays the map out by PCA.

    Returns:
        The path of the page.
    """
    console = console or Console()
    columns = (TextColumn("{task.description:<29}"), BarColumn(28), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as bar:
        found = compute(model, bar, seed=seed, umap=umap)
    for table in (_mixed(found), _scores(found), _searches(found)):
        console.print()
        console.print(table)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(demo_page(found, model), encoding="utf-8")
    took = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in found.seconds.items())
    console.print(f"\nMeasured here on {model.device}: {took}.", style="dim")
    return out


def _mixed(found: Results) -> Table:
    table = Table(title="Twelve pictures, twelve names in eight languages", title_justify="left")
    for heading in ("picture", "its name", "the model says", "probability"):
        table.add_column(heading, justify="right" if heading == "probability" else "left")
    result = found.mixed
    for i, guess in enumerate(result.predictions):
        name, share = result.classnames[i], f"{100 * result.probabilities[i].max():.0f} %"
        table.add_row(result.image_ids[i], name, f"[green]{guess}[/]" if guess == name else f"[red]{guess} ✗[/]", share)
    return table


def _scores(found: Results) -> Table:
    title = "Language by language: the twelve, then all animals, plants and food"
    table = Table(title=title, title_justify="left")
    for heading in ("language", "of the twelve", "names", "right", "in the first 5", "by chance"):
        table.add_column(heading, justify="left" if heading == "language" else "right")
    for code, result in found.many.items():
        metrics, twelve = result.metrics(), found.twelve[code]
        right = f"{sum(map(str.__eq__, twelve.predictions, twelve.classnames))}"
        cells = (f"{100 * share:.1f} %" for share in (metrics["top1"], metrics["top5"], 1 / len(result.classnames)))
        table.add_row(LANGUAGES[code], right, str(len(result.classnames)), *cells)
    return table


def _searches(found: Results) -> Table:
    title = f"A sentence finds its pictures among {len(found.pictures)}"
    table = Table(title=title, title_justify="left")
    for heading in ("language", "sentence", "which says", "best five"):
        table.add_column(heading)
    for (code, sentence, meaning), hits in zip(SENTENCES, found.hits, strict=True):
        table.add_row(LANGUAGES[code], sentence, meaning, "  ".join(found.pictures.emojis[row] for row, _ in hits))
    return table
