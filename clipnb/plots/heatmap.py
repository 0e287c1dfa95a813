"""Cosines of every picture with every text (or of any two lists), as a heatmap."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from clipnb.plots.arrays import as_matrix, same_length
from clipnb.plots.palette import DIVERGING, SEQUENTIAL, heading, plain, template, text_columns
from clipnb.plots.thumbnails import layout_image

_NUMBERS_UP_TO = 200
_THUMB = 40


def similarity_heatmap(
    sim: Any,
    rows: Sequence[str],
    columns: Sequence[str],
    thumbnails: Sequence[Image.Image] | None = None,
    *,
    centre: float | None = None,
    title: str | None = None,
    x_title: str = "text",
    y_title: str = "picture",
    width: int = 720,
    mode: str = "light",
) -> go.Figure:
    """sim[i, j], the cosine of row i and column j, as a coloured table; numbers up to 200 cells.

    The scale is sequential, from the smallest to the largest value shown: between pictures and
    texts of a CLIP model a cosine of 0 means nothing in particular (the two lie in different
    cones, Liang et al. 2022), only "more" and "less" do. Where a value does divide the good from
    the bad (a difference from a baseline), give it as `centre` for a diverging scale around it.

    Args:
        sim: [row, column] cosines, or any numbers without unit.
        rows: their labels, in any script.
        columns: theirs.
        thumbnails: one PIL image a row, drawn between label and cells.
        centre: the value that is white on a diverging scale; None for the sequential one.
        title: above the figure, if any.
        x_title: what the columns are.
        y_title: what the rows are.
        width: in CSS pixels; cells are 44 to 56 high while there are at most 20 rows, then flatter.
        mode: "light" or "dark", the page it is for.
    """
    values = as_matrix("sim", sim)
    same_length("rows", rows, values.shape[0])
    same_length("columns", columns, values.shape[1])
    same_length("thumbnails", thumbnails, values.shape[0])

    numbers = values.size <= _NUMBERS_UP_TO
    cell = (56 if len(rows) <= 6 else 44) if len(rows) <= 20 else max(6, 800 // len(rows))
    with_pictures = thumbnails is not None and cell >= _THUMB
    row_text, column_text = [plain(r) for r in rows], [plain(c) for c in columns]
    left = 46 + int(7.2 * max(map(text_columns, row_text))) + (_THUMB + 12 if with_pictures else 0)
    slant = max(map(text_columns, column_text)) * 7.4 > (width - left - 110) / len(columns)
    bottom = 50 + (int(6.0 * max(map(text_columns, column_text))) if slant else 14)
    height, top = cell * len(rows), 48 if title else 16

    figure = go.Figure(
        go.Heatmap(
            z=values,
            x=list(range(len(columns))),
            y=list(range(len(rows))),
            customdata=[[(plain(r, None), plain(c, None)) for c in columns] for r in rows],
            hovertemplate="%{customdata[0]}<br>%{customdata[1]}<br>%{z:.3f}<extra></extra>",
            xgap=1,
            ygap=1,
            texttemplate="%{z:.2f}" if numbers else None,
            colorbar={"title": {"text": "cosine"}, "thickness": 14, "outlinewidth": 0},
            **_scale(values, centre),
        )
    )
    span = width - left - 110
    for i, picture in enumerate(thumbnails or () if with_pictures else ()):
        figure.add_layout_image(
            layout_image(
                picture,
                size=2 * _THUMB,
                xref="paper",
                yref="y",
                x=-6 / span,
                y=i,
                xanchor="right",
                yanchor="middle",
                sizex=_THUMB / span,
                sizey=_THUMB / cell,
            )
        )
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height + top + bottom,
        margin={"l": left, "r": 110, "t": top, "b": bottom},
        xaxis=_names(
            column_text, len(columns), x_title, tickangle=-40 if slant else 0, range=[-0.5, len(columns) - 0.5]
        ),
        # The clear tick is as long as a thumbnail is wide: it keeps the labels clear of it.
        yaxis=_names(
            row_text,
            len(rows),
            y_title,
            range=[len(rows) - 0.5, -0.5],
            ticks="outside",
            ticklen=_THUMB + 10 if with_pictures else 4,
            tickcolor="rgba(0,0,0,0)",
        ),
    )
    return figure


def _names(text: list[str], count: int, title: str, **more: Any) -> dict[str, Any]:
    return dict(
        tickvals=list(range(count)), ticktext=text, title={"text": title}, showgrid=False, zeroline=False, **more
    )


def _scale(values: np.ndarray, centre: float | None) -> dict[str, Any]:
    if centre is None:
        return {"colorscale": SEQUENTIAL}
    reach = float(np.nanmax(np.abs(values - centre))) or 1.0
    return {"colorscale": DIVERGING, "zmin": centre - reach, "zmax": centre + reach}
