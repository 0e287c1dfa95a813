"""A static copy of a figure, for pages without JavaScript."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import plotly.graph_objects as go

from clipnb.errors import MissingExtra

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)


def find_chromium() -> str | None:
    """The path of a Chromium-like browser: $BROWSER_PATH, then the search path, then the usual places."""
    chosen = os.environ.get("BROWSER_PATH")
    if chosen and Path(chosen).is_file():
        return chosen
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    return found or next((place for place in _PLACES if Path(place).is_file()), None)


def png(figure: go.Figure, *, width: int | None = None, height: int | None = None, scale: float = 2) -> bytes:
    """The figure as PNG bytes, drawn by kaleido in a headless Chromium (3 to 4 s a call).

    `width` and `height` are in CSS pixels and default to the figure's own (700 x 500 where it has
    none); the picture has `scale` times as many. Raises `MissingExtra` when kaleido or a
    Chromium is missing.
    """
    return pngs([figure], width=width, height=height, scale=scale)[0]


def pngs(
    figures: Sequence[go.Figure], *, width: int | None = None, height: int | None = None, scale: float = 2
) -> list[bytes]:
    """`png` for several figures: the browser is started once, so each further one takes about 0.3 s."""
    if not figures:
        return []
    browser = find_chromium()
    try:
        import kaleido
    except ImportError:
        raise MissingExtra("kaleido, which draws static pictures, is missing: pip install 'clipnb[lab]'") from None
    if not hasattr(kaleido, "Kaleido"):
        raise MissingExtra("the installed kaleido is older than 1.0: pip install --upgrade 'kaleido>=1'")
    if browser is None:
        raise MissingExtra(
            "no Chromium or Chrome was found to draw a static picture: install one (Debian, Ubuntu: "
            "apt-get install chromium) or name it in the environment variable BROWSER_PATH"
        )
    return _drawn(figures, browser, {"format": "png", "width": width, "height": height, "scale": scale})


def _drawn(figures: Sequence[go.Figure], browser: str, size: dict[str, Any]) -> list[bytes]:
    """The drawing proper, in a thread of its own: a notebook's kernel already runs an event loop."""
    import asyncio
    from concurrent.futures import ThreadPoolExecutor

    from kaleido import Kaleido

    async def draw() -> list[bytes]:
        # Without MathJax, which would be fetched from the network.
        async with Kaleido(mathjax=False, path=browser) as page:
            return [await page.calc_fig(go.Figure(figure), opts=_opts(figure, size)) for figure in figures]

    with ThreadPoolExecutor(max_workers=1) as pool:
        return pool.submit(lambda: asyncio.run(draw())).result()


def _opts(figure: go.Figure, size: dict[str, Any]) -> dict[str, Any]:
    return {
        **size,
        "width": size["width"] or figure.layout.width or 700,
        "height": size["height"] or figure.layout.height or 500,
    }
