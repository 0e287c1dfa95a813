"""Colours, fonts and the two templates that every figure shares.

The first seven colours are those of Okabe & Ito (2008, "Color Universal Design"), without black,
which is lost on a dark page. Three more were added by looking for the colours farthest (CIELAB
distance, the worst of normal, protan, deutan and tritan vision after Machado et al. 2009) from
those seven and from the grey of "other".
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any
from unicodedata import bidirectional, category, east_asian_width

import plotly.graph_objects as go

from clipnb.errors import UnsupportedOption

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442")
OTHER = "#8A8A8A"
_MORE = ("#7A3B00", "#8A2BE2")
_INK = {"light": "#1F2430", "dark": "#F2F3F5"}
_PAGE = {"light": "#FFFFFF", "dark": "#16161A"}

# The browser walks this list glyph by glyph, so one label may mix scripts.
FONT = (
    "Noto Sans, Noto Sans CJK SC, Noto Sans Arabic, Noto Sans Devanagari, Noto Sans Thai, "
    "system-ui, Segoe UI, Helvetica, Arial, sans-serif"
)

#: Cividis (Nuñez et al. 2018) reads the same with and without a colour-vision deficiency.
SEQUENTIAL = "Cividis"
#: Orange to blue, the pair that all common colour-vision deficiencies keep apart.
DIVERGING = [[0.0, "#B35806"], [0.25, "#FDB863"], [0.5, "#F7F7F7"], [0.75, "#92C5DE"], [1.0, "#0B5A9D"]]

#: Shares on an axis that may be short: ".0%" would write 2.5% and 3% alike.
PERCENT = "~%"


def colours(groups: Sequence[str], mode: str = "light") -> dict[str, str]:
    """One colour a group in the given order: ten of them, then grey for every later one."""
    wheel = (*OKABE_ITO, *_MORE, ink(mode))
    return {group: wheel[i] if i < len(wheel) else OTHER for i, group in enumerate(groups)}


def ink(mode: str = "light") -> str:
    """The colour of text on the page of that mode."""
    if mode not in _INK:
        raise UnsupportedOption(f"mode={mode!r} is neither 'light' nor 'dark'")
    return _INK[mode]


def page(mode: str = "light") -> str:
    """The colour of the page itself."""
    ink(mode)
    return _PAGE[mode]


def template(mode: str = "light") -> go.layout.Template:
    """A quiet template, opaque so that its ink can be read on whatever page it lands."""
    text = ink(mode)
    line = "rgba(128,128,128,0.35)"
    axis = {"gridcolor": line, "zerolinecolor": line, "linecolor": line, "automargin": False, "title": {"standoff": 8}}
    return go.layout.Template(
        layout={
            "font": {"family": FONT, "size": 13, "color": text},
            "title": {"x": 0, "xref": "container", "xanchor": "left", "font": {"size": 16}},
            "paper_bgcolor": _PAGE[mode],
            "plot_bgcolor": "rgba(0,0,0,0)",
            "colorway": [*OKABE_ITO, *_MORE],
            "xaxis": axis,
            "yaxis": axis,
            "hoverlabel": {"font": {"family": FONT, "size": 13}},
            "legend": {"bgcolor": "rgba(0,0,0,0)"},
        }
    )


def heading(title: str | None) -> dict[str, Any]:
    """The layout's title: at the top left, the same distance from the edge in every figure."""
    return {
        "text": plain(title, None) if title else None,
        "y": 1,
        "yanchor": "top",
        "yref": "container",
        "pad": {"l": 12, "t": 14},
    }


def isolated(text: str) -> str:
    """A right-to-left text between isolates: else it would draw the number that follows to its own side."""
    return f"\u2068{text}\u2069" if any(bidirectional(char) in ("R", "AL") for char in text) else text


def shorten(text: str, limit: int = 24) -> str:
    """`text` cut to `limit` columns (a CJK character takes two), with an ellipsis where it was cut."""
    if text_columns(text) <= limit:
        return text
    kept, used = "", 0
    for char in text:
        used += text_columns(char)
        if used > limit - 1:
            break
        kept += char
    return kept.rstrip() + "…"


def text_columns(text: str) -> int:
    """How many columns of a fixed-width page the text takes; good enough to reserve room for it."""
    if text.isascii():  # the same, quickly
        return len(text)
    return sum(0 if category(c) in ("Mn", "Me", "Cf") else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def plain(text: object, limit: int | None = 24) -> str:
    """A label as plotly must be given it: cut, and with markup characters shown, not obeyed."""
    words = " ".join(str(text).split())
    return escape(words if limit is None else shorten(words, limit), quote=False)
