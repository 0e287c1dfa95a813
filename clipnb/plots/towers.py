"""The architecture in one picture: two towers that end in the same space."""

from __future__ import annotations

from typing import Any

import plotly.graph_objects as go
from PIL import Image

from clipnb.plots.palette import OKABE_ITO, ink, plain, template
from clipnb.plots.thumbnails import layout_image

_BLUE, _ORANGE = OKABE_ITO[0], OKABE_ITO[1]
_WIDTH, _HEIGHT = 760, 330


def two_towers(
    image: Image.Image, text: str, *, dim: int, cosine: float | None = None, mode: str = "light"
) -> go.Figure:
    """A picture and a text, each through its tower to a unit vector, and the cosine of the two.

    Args:
        image: the picture drawn at one entrance.
        text: the words written at the other.
        dim: length of both vectors.
        cosine: written at the meeting point when given.
        mode: "light" or "dark", the page it is for.
    """
    figure = go.Figure()
    figure.update_layout(
        template=template(mode),
        width=_WIDTH,
        height=_HEIGHT,
        margin={"l": 8, "r": 8, "t": 8, "b": 8},
        xaxis={"range": [0, _WIDTH], "visible": False, "fixedrange": True},
        yaxis={"range": [0, _HEIGHT], "visible": False, "fixedrange": True},
    )
    # One invisible point a station, so that the drawing can be read by hovering and tested as data.
    stations = [
        (80, 245, "the picture"), (255, 245, "image tower"), (440, 245, "image vector"),
        (80, 85, "the text"), (255, 85, "text tower"), (440, 85, "text vector"), (600, 165, "cosine"),
    ]  # fmt: skip
    xs, ys, names = zip(*stations, strict=True)
    figure.add_trace(
        go.Scatter(
            x=xs, y=ys, customdata=names, mode="markers", marker={"size": 40, "opacity": 0},
            hovertemplate="%{customdata}<extra></extra>", showlegend=False,
        )
    )  # fmt: skip
    figure.add_layout_image(
        layout_image(
            image, size=192, xref="x", yref="y", x=80, y=245, xanchor="center", yanchor="middle", sizex=96, sizey=96
        )
    )
    _box(figure, 12, 65, 148, 105, ink(mode), fill=None)
    _words(figure, 80, 85, plain(text, 20))
    for y, colour, tower, vector in (
        (245, _BLUE, "image tower", "image vector"),
        (85, _ORANGE, "text tower", "text vector"),
    ):
        _arrow(figure, 152, y, 186, y, mode)
        _tower(figure, y, colour)
        _words(figure, 255, y, f"<b>{tower}</b>", color="#FFFFFF")
        _arrow(figure, 326, y, 360, y, mode)
        _vector(figure, y, colour)
        _words(figure, 440, y - 30, f"{vector}: {dim} numbers, length 1", size=11)
    _arrow(figure, 524, 240, 572, 190, mode)
    _arrow(figure, 524, 90, 572, 140, mode)
    figure.add_shape(type="circle", x0=562, x1=638, y0=127, y1=203, line={"color": ink(mode), "width": 2})
    _words(figure, 600, 165, "<b>cosine</b>" + ("" if cosine is None else f"<br>{cosine:.2f}"))
    _words(figure, 698, 165, "how well do<br>they match?")
    return figure


def _words(figure: go.Figure, x: float, y: float, text: str, **font: Any) -> None:
    figure.add_annotation(x=x, y=y, text=text, showarrow=False, font=font or None)


def _arrow(figure: go.Figure, x0: float, y0: float, x1: float, y1: float, mode: str) -> None:
    figure.add_annotation(
        x=x1, y=y1, ax=x0, ay=y0, xref="x", yref="y", axref="x", ayref="y", text="", showarrow=True,
        arrowhead=2, arrowwidth=2, arrowcolor=ink(mode),
    )  # fmt: skip


def _box(figure: go.Figure, x0: float, y0: float, x1: float, y1: float, colour: str, fill: str | None) -> None:
    figure.add_shape(type="rect", x0=x0, x1=x1, y0=y0, y1=y1, line={"color": colour, "width": 1.5}, fillcolor=fill)


def _tower(figure: go.Figure, y: float, colour: str) -> None:
    """A trapezoid: wide where much comes in, narrow where little goes out."""
    figure.add_shape(
        type="path",
        path=f"M 190,{y - 52} L 320,{y - 26} L 320,{y + 26} L 190,{y + 52} Z",
        line={"color": colour, "width": 1},
        fillcolor=colour,
        layer="below",
    )


def _vector(figure: go.Figure, y: float, colour: str, cells: int = 12) -> None:
    """Cells of differing strength: a picture of a vector, not the values of one."""
    for i in range(cells):
        figure.add_shape(
            type="rect", x0=364 + 12.6 * i, x1=375 + 12.6 * i, y0=y - 13, y1=y + 13, line={"width": 0},
            fillcolor=colour, opacity=0.25 + ((i * 5 + int(y)) % 7) / 8,
        )  # fmt: skip
