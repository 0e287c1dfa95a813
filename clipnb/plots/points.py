"""The map: pictures and texts as points of a plane (or of space)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from clipnb.errors import WrongShape
from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.palette import colours, heading, ink, plain, template
from clipnb.plots.thumbnails import layout_image

# Beyond this many points SVG gets slow and WebGL takes over.
_SVG_UP_TO = 8000
_SYMBOLS = {"image": "circle", "text": "diamond"}


def scatter(
    coords: Any,
    labels: Sequence[str] | None = None,
    groups: Sequence[str] | None = None,
    *,
    modality: Sequence[str] | None = None,
    thumbnails: Sequence[Image.Image | None] | None = None,
    thumbnail_size: float = 0.045,
    size: float | None = None,
    title: str | None = None,
    axis: str | None = None,
    width: int = 860,
    height: int | None = None,
    mode: str = "light",
) -> go.Figure:
    """Points [n, 2 or 3] in the colour of their group, pictures as dots and texts as diamonds.

    Args:
        coords: an array [n, 2 or 3] or a `Projection`. The axes have no unit: only nearness counts.
        labels: one name a point, shown on hovering.
        groups: one group a point. The ten largest have a colour each, smaller ones share grey.
        modality: "image" or "text" for each point; one legend entry a group serves both.
        thumbnails: one PIL image (or None) a point, drawn as its mark; for two dimensions and up
            to a few hundred points.
        thumbnail_size: side of a thumbnail as a share of the map's width.
        size: of a mark in pixels; default: 4 to 9, by the number of points.
        title: above the figure, if any.
        axis: name of the axes ("UMAP" gives "UMAP 1", "UMAP 2"); default: the projection's method.
        width: in CSS pixels.
        height: in CSS pixels; default: what the shape of the map needs, between 420 and 760.
        mode: "light" or "dark", the page it is for.
    """
    points = as_matrix("coords", getattr(coords, "coords", coords))
    count, dimensions = points.shape
    if dimensions not in (2, 3):
        raise WrongShape(f"coords must have 2 or 3 columns, not {dimensions}")
    for name, values in {"labels": labels, "groups": groups, "modality": modality, "thumbnails": thumbnails}.items():
        same_length(name, values, count)
    axis = str(axis or getattr(coords, "method", "dimension"))
    axis = axis.upper() if axis in ("umap", "pca") else axis

    names = np.array([plain(t, 60) for t in labels] if labels is not None else [f"point {i}" for i in range(count)])
    kind = np.array(modality if modality is not None else ["image"] * count)
    group = np.array([str(g) for g in groups] if groups is not None else [""] * count)
    palette = colours(_by_size(group), mode)
    size = size or (9 if count <= 300 else 6 if count <= 3000 else 4)

    figure = go.Figure()
    for name, colour in palette.items():
        first = True
        for what in [m for m in dict.fromkeys(kind) if np.any((group == name) & (kind == m))]:
            chosen = (group == name) & (kind == what)
            figure.add_trace(
                _trace(
                    points[chosen],
                    count,
                    name=plain(name, 32),
                    legendgroup=name,
                    showlegend=first and bool(name),
                    customdata=np.column_stack([names[chosen], kind[chosen], np.flatnonzero(chosen).astype(str)]),
                    marker={
                        "color": colour,
                        "size": size * (1.15 if what == "text" else 1),
                        "symbol": _SYMBOLS.get(what, "square"),
                        "opacity": 0.85,
                        "line": {"width": 0.6 if size > 5 else 0, "color": ink("light" if mode == "dark" else "dark")},
                    },
                    hovertemplate="<b>%{customdata[0]}</b>"
                    + (f"<br>{plain(name, None)}" if name else "")
                    + ("<br>%{customdata[1]}" if modality is not None else "")
                    + "<extra></extra>",
                )
            )
            first = False
    _lay_out(figure, dimensions, axis, title, width, height or _fitting_height(points, width), mode)
    if modality is not None and len(set(kind)) > 1:
        words = {"image": "● picture", "text": "◆ text"}
        figure.add_annotation(
            text="   ".join(words.get(m, f"■ {m}") for m in dict.fromkeys(kind)),
            xref="paper", yref="paper", x=0, y=1, yanchor="bottom", showarrow=False,
        )  # fmt: skip
    if thumbnails is not None and dimensions == 2:
        _draw(figure, points, thumbnails, thumbnail_size)
    return figure


def _fitting_height(points: np.ndarray, width: int) -> int:
    """A unit is as long upwards as sideways, so a flat map in a tall figure would leave half of it empty."""
    if points.shape[1] == 3:
        return 640
    across, up = np.ptp(points, axis=0)
    share = float(up / across) if across > 0 else 1.0
    return int(np.clip(104 + 1.05 * share * (width - 220), 420, 760))


def _by_size(group: np.ndarray) -> list[str]:
    """Groups, the largest first, so that the grey of "other" falls to the smallest."""
    names, counts = np.unique(group, return_counts=True)
    return [str(n) for n in names[np.argsort(-counts, kind="stable")]]


def _trace(points: np.ndarray, count: int, **more: Any) -> Any:
    if points.shape[1] == 3:
        more["marker"]["size"] *= 0.6
        return go.Scatter3d(x=points[:, 0], y=points[:, 1], z=points[:, 2], mode="markers", **more)
    kind = go.Scatter if count <= _SVG_UP_TO else go.Scattergl
    return kind(x=points[:, 0], y=points[:, 1], mode="markers", **more)


def _lay_out(
    figure: go.Figure, dimensions: int, axis: str, title: str | None, width: int, height: int, mode: str
) -> None:
    quiet = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height,
        margin={"l": 36, "r": 16, "t": 64, "b": 40},
        legend={"itemsizing": "constant", "tracegroupgap": 0},
    )
    if dimensions == 3:
        named = {f"{letter}axis": dict(title={"text": f"{axis} {i + 1}"}, **quiet) for i, letter in enumerate("xyz")}
        figure.update_layout(scene=dict(aspectmode="data", **named))
        return
    figure.update_layout(
        xaxis=dict(title={"text": f"{axis} 1"}, **quiet),
        # One unit is as long upwards as sideways, else the map would stretch distances.
        yaxis=dict(title={"text": f"{axis} 2"}, scaleanchor="x", scaleratio=1, **quiet),
    )


def _draw(figure: go.Figure, points: np.ndarray, thumbnails: Sequence[Image.Image | None], share: float) -> None:
    side = share * float(np.ptp(points, axis=0).max() or 1.0)
    for (x, y), picture in zip(points, thumbnails, strict=True):
        if picture is not None:
            figure.add_layout_image(
                layout_image(
                    picture, size=64, xref="x", yref="y", x=float(x), y=float(y),
                    xanchor="center", yanchor="middle", sizex=side, sizey=side,
                )
            )  # fmt: skip
