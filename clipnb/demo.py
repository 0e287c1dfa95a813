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
    for table in (_named(found), _scores(found), _searches(found)):
        console.print()
        console.print(table)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(demo_page(found, model), encoding="utf-8")
    took = ", ".join(f"{step} {seconds:.1f} s" for step, seconds in found.seconds.items())
    console.print(f"\nMeasured here on {model.device}: {took}.", style="dim")
    return out


def _named(found: Results) -> Table:
    table = Table(title="Twelve pictures among their twelve names", title_justify="left")
    table.add_column("picture")
    for name in LANGUAGES.values():
        table.add_column(name)
    for row, character in enumerate(found.twelve["en"].image_ids):
        cells = []
        for result in found.twelve.values():
            assert result.labels is not None
            guess = result.predictions[row]
            cells.append(f"[green]{guess}[/]" if guess == result.labels[row] else f"[red]{guess} ✗[/]")
        table.add_row(character, *cells)
    return table


def _scores(found: Results) -> Table:
    table = Table(title="Every animal, plant, food and drink among all their names", title_justify="left")
    for heading in ("language", "names", "right", "among the first five", "by chance"):
        table.add_column(heading, justify="left" if heading == "language" else "right")
    for code, result in found.many.items():
        metrics = result.metrics()
        cells = (f"{100 * share:.1f} %" for share in (metrics["top1"], metrics["top5"], 1 / len(result.classnames)))
        table.add_row(LANGUAGES[code], str(len(result.classnames)), *cells)
    return table


def _searches(found: Results) -> Table:
    title = f"A sentence finds its pictures among {len(found.pictures)}"
    table = Table(title=title, title_justify="left")
    for heading in ("language", "sentence", "which says", "best five"):
        table.add_column(heading)
    for (code, sentence, meaning), hits in zip(SENTENCES, found.hits, strict=True):
        table.add_row(LANGUAGES[code], sentence, meaning, "  ".join(found.pictures.emojis[row] for row, _ in hits))
    return table
