"""A contact sheet: pictures with a caption under each."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go
from PIL import Image

from clipnb.errors import EmptyInput
from clipnb.plots.arrays import same_length
from clipnb.plots.palette import heading, plain, template
from clipnb.plots.thumbnails import layout_image


def picture_grid(
    images: Sequence[Image.Image],
    captions: Sequence[str] | None = None,
    *,
    columns: int = 8,
    picture: int = 72,
    title: str | None = None,
    mode: str = "light",
) -> go.Figure:
    """Pictures row by row, `columns` of them in a row, each `picture` CSS pixels wide.

    Captions may be in any script; a line break in one starts a second line. What does not fit
    under a picture is cut, and is whole on hovering.
    """
    if not len(images):
        raise EmptyInput("there is no picture to show: images is empty")
    same_length("captions", captions, len(images))
    across = min(columns, len(images))
    down = -(-len(images) // across)
    lines = 0 if captions is None else 1 + max(c.count("\n") for c in captions)
    wide, high = picture + 24, picture + 16 + 17 * lines
    x = [i % across + 0.5 for i in range(len(images))]
    y = [i // across + (6 + picture / 2) / high for i in range(len(images))]

    figure = go.Figure(
        go.Scatter(
            x=x,
            y=y,
            mode="markers",
            marker={"size": picture, "symbol": "square", "opacity": 0},
            customdata=[plain(c, None) for c in captions] if captions is not None else None,
            hovertemplate="%{customdata}<extra></extra>" if captions is not None else "%{pointNumber}<extra></extra>",
            showlegend=False,
        )
    )
    for i, image in enumerate(images):
        figure.add_layout_image(
            layout_image(
                image, size=2 * picture, xref="x", yref="y", x=x[i], y=y[i], xanchor="center", yanchor="middle",
                sizex=picture / wide, sizey=picture / high,
            )
        )  # fmt: skip
        if captions is not None:
            limit = max(4, int(wide / 6.6))
            text = "<br>".join(plain(line, limit) for line in captions[i].split("\n"))
            figure.add_annotation(
                x=x[i], y=i // across + (10 + picture) / high, text=text, showarrow=False, yanchor="top",
                font={"size": 12},
            )  # fmt: skip
    top = 44 if title else 8
    bare = {"visible": False, "fixedrange": True}
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=max(across * wide + 24, 320),
        height=down * high + top + 8,
        margin={"l": 12, "r": 12, "t": top, "b": 8},
        xaxis=dict(range=[0, across], **bare),
        yaxis=dict(range=[down, 0], **bare),
    )
    return figure
