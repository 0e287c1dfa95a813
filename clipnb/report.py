"""One self-contained page of headings, tables, pictures and figures: opens from a file, without a network."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from typing import Any

from PIL import Image

from clipnb.plots.palette import template
from clipnb.plots.thumbnails import data_uri

__all__ = ["figure", "page", "paragraph", "picture", "row", "section", "table", "text"]

STYLE = """
:root { color-scheme: light dark; --ink: #1d1d1f; --soft: #55555b; --page: #ffffff; --line: #d9d9de;
  --good: #006b4f; --bad: #a33b00; }
@media (prefers-color-scheme: dark) { :root { --ink: #ececf0; --soft: #b0b0b8; --page: #16161a; --line: #3c3c44;
  --good: #4fd1a5; --bad: #ff9e5e; } }
body { font: 17px/1.55 system-ui, -apple-system, "Segoe UI", "Noto Sans", "Noto Sans CJK SC", "Noto Sans Arabic",
  "Noto Sans Devanagari", sans-serif; color: var(--ink); background: var(--page); max-width: 60rem; margin: 0 auto;
  padding: 1.5rem 1rem 4rem; }
h1 { font-size: 2.1rem; line-height: 1.2; margin: 0.5rem 0; }
h2 { font-size: 1.45rem; margin: 3rem 0 0.5rem; border-top: 1px solid var(--line); padding-top: 1.2rem; }
p { max-width: 46rem; }
.soft, footer { color: var(--soft); font-size: 0.92rem; }
.wide { overflow-x: auto; margin: 1rem 0; }
table { border-collapse: collapse; font-size: 0.95rem; }
th, td { padding: 0.35rem 0.7rem; border-bottom: 1px solid var(--line); text-align: start; vertical-align: middle; }
th { color: var(--soft); font-weight: 600; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; }
.good { color: var(--good); } .bad { color: var(--bad); }
.picture { display: inline-block; vertical-align: middle; background: #fff; border-radius: 6px; padding: 3px; }
figure { margin: 0; } figcaption { text-align: center; font-size: 0.8rem; color: var(--soft); max-width: 6.5rem; }
.row { display: flex; flex-wrap: wrap; gap: 0.6rem; }
.row figure { display: flex; flex-direction: column; align-items: center; }
"""

SCRIPT = """
(() => {
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const dress = () => document.querySelectorAll(".js-plotly-plot").forEach(
    (plot) => Plotly.relayout(plot, { template: TEMPLATES[dark.matches ? "dark" : "light"] }));
  dark.addEventListener("change", dress);
  window.addEventListener("load", dress);
})();
"""


def text(words: str, language: str | None = None) -> str:
    """Words as HTML that runs in the direction of its script."""
    lang = f' lang="{escape(language)}"' if language else ""
    return f'<span dir="auto"{lang}>{escape(words)}</span>'


def paragraph(words: str, kind: str = "") -> str:
    """Plain words as a paragraph."""
    return f'<p class="{kind}">{escape(words)}</p>' if kind else f"<p>{escape(words)}</p>"


def picture(image: Image.Image, alt: str, *, size: int = 56, caption: str | None = None) -> str:
    """A picture inside the page, ``size`` pixels wide, with a text for those who do not see it."""
    tag = f'<img class="picture" src="{data_uri(image, 64)}" alt="{escape(alt, quote=True)}" width="{size}">'
    return tag if caption is None else f"<figure>{tag}<figcaption>{escape(caption)}</figcaption></figure>"


def row(*parts: str) -> str:
    """Parts beside each other, wrapped where the page is narrow."""
    return f'<div class="row">{"".join(parts)}</div>'


def table(header: Sequence[str], rows: Sequence[Sequence[str]], *, numbers: Sequence[int] = ()) -> str:
    """A table of cells that are HTML already; the columns in ``numbers`` are set right."""
    head = "".join(f'<th scope="col" dir="auto">{escape(name)}</th>' for name in header)
    body = []
    for row in rows:
        cells = (f"<td{' class=number' if j in numbers else ' dir=auto'}>{cell}</td>" for j, cell in enumerate(row))
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def figure(plot: Any, alt: str, *, tools: bool = False) -> str:
    """A plotly figure, with its zooming tools or without; the page brings plotly.js once for all."""
    config = {"displaylogo": False, "displayModeBar": tools}
    html = plot.to_html(full_html=False, include_plotlyjs=False, config=config)
    return f'<div class="wide" role="img" aria-label="{escape(alt, quote=True)}">{html}</div>'


def section(heading: str, *parts: str) -> str:
    """A heading and what stands under it."""
    return f"<section><h2>{escape(heading)}</h2>{''.join(parts)}</section>"


def page(title: str, lead: str, sections: Sequence[str], footer: Sequence[str]) -> str:
    """The whole page, about five megabytes of it plotly.js."""
    from plotly.offline import get_plotlyjs

    templates = json.dumps({mode: template(mode).to_plotly_json() for mode in ("light", "dark")})
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(title)}</title>
<style>{STYLE}</style>
<script>{get_plotlyjs()}</script>
</head>
<body>
<header><h1>{escape(title)}</h1>{paragraph(lead)}</header>
<noscript>{paragraph("The figures need JavaScript; the tables and pictures do not.", "soft")}</noscript>
<main>{"".join(sections)}</main>
<footer><h2>About this page</h2>{"".join(paragraph(line) for line in footer)}</footer>
<script>const TEMPLATES = {templates};{SCRIPT}</script>
</body>
</html>
"""
