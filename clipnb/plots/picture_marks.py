"""Pictures as marks of a map, none on another."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from clipnb.plots.palette import page
from clipnb.plots.thumbnails import layout_image

__all__ = ["apart", "layout_images"]


def apart(points: NDArray[np.float64], order: Iterable[int], side: float, pictures: Sequence[Any]) -> NDArray[np.intp]:
    """Rows of the points that get their picture: in the given order each that lies on no picture drawn before.

    Args:
        points: [point, 2].
        order: of their rows.
        side: of a picture, in the points' unit.
        pictures: one a point, None for a point without; looked up only where there is room.
    """
    cells: dict[tuple[int, int], list[int]] = {}
    places = np.floor(points / side).astype(np.int64).tolist()
    where = points.tolist()
    kept = []
    for row in order:
        column, line = places[row]
        x, y = where[row]
        near = (other for i in (-1, 0, 1) for j in (-1, 0, 1) for other in cells.get((column + i, line + j), ()))
        if any(abs(where[o][0] - x) < side and abs(where[o][1] - y) < side for o in near):
            continue
        if pictures[row] is not None:
            cells.setdefault((column, line), []).append(row)
            kept.append(row)
    return np.array(kept, dtype=np.intp)


def layout_images(
    points: NDArray[np.float64], rows: NDArray[np.intp], side: float, pictures: Sequence[Image.Image | None], mode: str
) -> list[dict[str, Any]]:
    """The pictures of those rows as layout images, ``side`` large in the map's units: zooming makes them grow.

    A transparent one gets the page's colour behind it, so that no dot below shows through.
    """
    return [
        layout_image(
            _on_page(picture, mode), size=64, xref="x", yref="y", x=float(points[row, 0]), y=float(points[row, 1]),
            xanchor="center", yanchor="middle", sizex=side, sizey=side,
        )
        for row in rows.tolist() if (picture := pictures[row]) is not None
    ]  # fmt: skip


def _on_page(picture: Image.Image, mode: str) -> Image.Image:
    if not isinstance(picture, Image.Image) or not ("A" in picture.getbands() or "transparency" in picture.info):
        return picture
    whole = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", whole.size, page(mode)), whole).convert("RGB")
