"""One thing's names in many languages, around its picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
import plotly.graph_objects as go
from numpy.typing import NDArray
from PIL import Image

from clipnb.corpus import EncodedCorpus
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.languages import Language, language
from clipnb.plots.arrays import as_matrix
from clipnb.plots.concepts import concept_of
from clipnb.plots.palette import OTHER, colours, heading, ink, plain, template, text_columns
from clipnb.plots.placing import place_labels
from clipnb.plots.scripts import directed, font_of
from clipnb.plots.thumbnails import layout_image
from clipnb.types import Embeddings, unit_rows

__all__ = ["translation_map"]

_PICTURE, _LEGEND, _MARK = 76, 190, 9
_INNER = 0.22
"""Where the nearest name stands in "around", as a share of the way to the farthest."""


class _Map(NamedTuple):
    points: NDArray[np.float64]
    picture: NDArray[np.float64] | None
    #: radius and cosine of each ring
    rings: list[tuple[float, float]]
    words: str


def translation_map(
    texts: Any,
    rows: Any = None,
    *,
    picture: Image.Image | None = None,
    picture_row: Any = None,
    coords: Any = None,
    layout: Literal["around", "pca"] | None = None,
    title: str | None = None,
    width: int = 920,
    mode: str = "light",
) -> go.Figure:
    """The names of one thing in many languages as points, each in its own script, in the colour of its family.

    "around": the picture is in the middle, and a name's distance from it is exact, linear in the cosine; rings say how
    much. The direction is that of the first two principal components of what the names do not share with the picture,
    so that names on one side are alike, as far as a plane can show it. "pca": the first two principal components of
    names and picture. A name without room for its label has it on hovering, and a line says how many these are.

    Args:
        texts: a mapping from language codes to texts; or an `EncodedCorpus`.
        rows: of the texts, in their order, [language, dim], of any length; with an `EncodedCorpus` the picture's id or
            place.
        picture: of the thing.
        picture_row: its row, [dim].
        coords: positions instead, [language, 2], or with the picture as a last row.
        layout: default: "around" where there is a row of the picture, else "pca".
        title: above the figure, if any.
        width: in CSS pixels.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongType, WrongShape, EmptyInput, InvalidEmbeddings, UnsupportedOption, CorpusError: each names the argument.
    """
    if layout not in (None, "around", "pca"):
        raise UnsupportedOption(f"layout={layout!r}; expected 'around' or 'pca'")
    if isinstance(texts, EncodedCorpus):
        if rows is None:
            raise WrongType("which picture? Give its id or its place: translation_map(encoded, 'KEY')")
        _, texts, rows, picture, picture_row = concept_of(texts, rows)
    if not isinstance(texts, Mapping):
        raise WrongType(f"expected a mapping from codes to texts, or an EncodedCorpus, not {type(texts).__name__}")
    if not texts:
        raise EmptyInput("there is no text to place: texts is empty")
    known = [language(code) for code in texts]
    codes, words = [each.code for each in known], [str(text) for text in texts.values()]
    vectors = None if rows is None else _rows(rows, len(codes))
    beside = None if picture_row is None else unit_rows(np.asarray(picture_row, dtype=float).reshape(1, -1))
    if vectors is not None and beside is not None and vectors.shape[1] != beside.shape[1]:
        raise InvalidEmbeddings(f"the picture has {beside.shape[1]} columns, the texts {vectors.shape[1]}: two models?")
    cosines = None if vectors is None or beside is None else (vectors @ beside[0]).astype(float)
    found = _placed(vectors, beside, cosines, coords, layout, len(codes))

    families = [family for family, _ in Counter(each.family for each in known).most_common()]
    across, above, below = width - _LEGEND - 24, 44 if title else 14, 34
    view = _View(found, across)
    pixels = view.pixels(found.points)
    order = np.argsort(-cosines, kind="stable") if cosines is not None else np.arange(len(codes))
    labels = [directed(plain(text, 22), code) for text, code in zip(words, codes, strict=True)]
    taken = [
        _box(at, 32, 14) for at in view.pixels(np.array([[0.0, radius] for radius, _ in found.rings]).reshape(-1, 2))
    ]
    if picture is not None and found.picture is not None:
        taken.append(_box(view.pixels(found.picture), _PICTURE, _PICTURE))
    sides, without = _sides(labels, pixels, order, view, taken)

    figure = go.Figure()
    palette = colours(families, mode)
    for family in families:
        mine = [i for i, each in enumerate(known) if each.family == family]
        figure.add_trace(
            go.Scatter(
                x=found.points[mine, 0],
                y=found.points[mine, 1],
                mode="markers+text",
                name=plain(family, 26),
                text=[labels[i] if sides[i] else "" for i in mine],
                textposition=[sides[i] or "middle right" for i in mine],
                textfont={"family": [font_of(codes[i]) for i in mine], "size": 13},
                customdata=[_hover(known[i], words[i], cosines, i) for i in mine],
                hovertemplate="%{customdata}<extra></extra>",
                marker={"color": palette.get(family, OTHER), "size": _MARK},
                cliponaxis=False,
            )
        )
    _draw_rings(figure, found, mode)
    if picture is not None and found.picture is not None:
        x, y = found.picture.tolist()
        figure.add_layout_image(
            layout_image(
                picture, size=2 * _PICTURE, xref="x", yref="y", x=x, y=y, xanchor="center", yanchor="middle",
                sizex=_PICTURE / view.scale, sizey=_PICTURE / view.scale,
            )
        )  # fmt: skip
    below_words = found.words + (f" {without} of {len(codes)} names are shown on hovering." if without else "")
    figure.add_annotation(
        text=below_words, xref="paper", yref="paper", x=0, y=0, yshift=-8, xanchor="left", yanchor="top",
        showarrow=False, font={"size": 11},
    )  # fmt: skip
    bare = {"showticklabels": False, "showgrid": False, "zeroline": False, "ticks": ""}
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=above + view.height + below,
        margin={"l": 12, "r": _LEGEND + 12, "t": above, "b": below},
        legend={"itemsizing": "constant", "tracegroupgap": 0, "itemclick": "toggle"},
        xaxis={**bare, "range": view.x_range},
        yaxis={**bare, "range": view.y_range},
    )
    return figure


def _rows(rows: Any, count: int) -> NDArray[np.float64]:
    given = rows.vectors if isinstance(rows, Embeddings) else rows
    if isinstance(given, Mapping):
        given = list(given.values())
    vectors = unit_rows(np.asarray(given, dtype=float)).astype(float)
    if len(vectors) != count:
        raise WrongShape(f"rows has {len(vectors)} entries where {count} are needed, one a text")
    return vectors


def _placed(
    vectors: NDArray[np.float64] | None,
    beside: NDArray[np.float32] | None,
    cosines: NDArray[np.float64] | None,
    coords: Any,
    layout: str | None,
    count: int,
) -> _Map:
    if coords is not None:
        points = as_matrix("coords", getattr(coords, "coords", coords))
        if points.shape[1] != 2 or len(points) not in (count, count + 1):
            raise WrongShape(
                f"coords has shape {list(points.shape)}; expected [{count}, 2], or the picture as one more row"
            )
        if not np.isfinite(points).all():
            raise InvalidEmbeddings(f"coords has no position for row {int(np.argmin(np.isfinite(points).all(axis=1)))}")
        return _Map(points[:count], points[count] if len(points) > count else None, [], "Positions as given.")
    if vectors is None:
        raise WrongType("rows is missing: give the rows of the texts, or coords")
    if layout == "around" and beside is None:
        raise WrongType("layout='around' needs picture_row, the row of the picture")
    if beside is None or layout == "pca":
        every = vectors if beside is None else np.concatenate([vectors, beside])
        points, share = _components(every)
        words = f"Principal components, {share:.0%} of the variance; only nearness counts."
        return _Map(points[:count], None if beside is None else points[count], [], words)
    assert cosines is not None
    return _around(vectors, beside[0].astype(float), cosines)


def _around(vectors: NDArray[np.float64], beside: NDArray[np.float64], cosines: NDArray[np.float64]) -> _Map:
    """Radius by cosine with the picture, direction by the components of the rest."""
    rest, share = _components(vectors - cosines[:, None] * beside)
    top, low = float(cosines.max()), float(cosines.min())
    reach = max(top - low, 0.02)

    def radius(value: Any) -> Any:
        return _INNER + (1 - _INNER) * (top - value) / reach

    angle = np.arctan2(rest[:, 1], rest[:, 0])
    away = radius(cosines)
    points = np.column_stack([away * np.cos(angle), away * np.sin(angle)])
    step = next(s for s in (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5) if reach / s <= 5)
    values = np.arange(np.ceil(low / step), np.floor(top / step) + 1) * step
    words = "Distance from the picture: the cosine, on the rings. Direction: principal components of the rest"
    return _Map(points, np.zeros(2), [(float(radius(v)), float(v)) for v in values], f"{words} ({share:.0%}).")


def _components(vectors: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The first two principal components, [row, 2], zeros where there are fewer, and their share of the variance."""
    centred = vectors - vectors.mean(axis=0)
    _, size, axes = np.linalg.svd(centred, full_matrices=False)
    axes = axes[:2]
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1, keepdims=True), axis=1)
    points = centred @ (axes * np.where(largest < 0, -1.0, 1.0)).T
    whole = float((size**2).sum())
    share = float((size[:2] ** 2).sum()) / whole if whole > 0 else 1.0
    return np.pad(points, ((0, 0), (0, 2 - points.shape[1]))), share


class _View:
    """A window on the map in which a unit is as long upwards as sideways, with room for labels at its edges."""

    def __init__(self, found: _Map, width: int) -> None:
        points = found.points if found.picture is None else np.vstack([found.points, found.picture])
        low, high = points.min(axis=0), points.max(axis=0)
        span = np.maximum(high - low, 1e-9)
        inside = width - 2 * 110
        self.width = width
        self.height = int(np.clip(2 * 34 + inside * span[1] / span[0], 420, 760))
        self.scale = float(min(inside / span[0], (self.height - 2 * 34) / span[1]))
        if not np.isfinite(self.scale) or self.scale > 1e8:  # a single place
            self.scale = 100.0
        middle, half = (low + high) / 2, np.array([self.width, self.height]) / (2 * self.scale)
        self.low, self.high = middle - half, middle + half

    @property
    def x_range(self) -> list[float]:
        return [float(self.low[0]), float(self.high[0])]

    @property
    def y_range(self) -> list[float]:
        return [float(self.low[1]), float(self.high[1])]

    def pixels(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray((points - self.low) * self.scale)


def _box(middle: NDArray[np.float64], wide: float, high: float) -> tuple[float, float, float, float]:
    x, y = middle.tolist()
    return x - wide / 2, y - high / 2, x + wide / 2, y + high / 2


def _sides(
    labels: Sequence[str],
    pixels: NDArray[np.float64],
    order: NDArray[np.intp],
    view: _View,
    taken: Sequence[tuple[float, float, float, float]],
) -> tuple[list[str | None], int]:
    """Where each label goes, the nearest to the picture first, and how many have none of their own.

    The same word at the same place, as languages that share it have, is written once.
    """
    places = [(labels[i], *np.round(pixels[i]).astype(int).tolist()) for i in range(len(labels))]
    first: dict[tuple[Any, ...], int] = {}
    for i in order.tolist():
        first.setdefault(places[i], i)
    chosen = list(first.values())
    found = place_labels(
        pixels[chosen],
        [4 + 7.3 * text_columns(labels[i]) for i in chosen],
        mark=_MARK,
        taken=taken,
        bounds=(0, 0, view.width, view.height),
    )
    sides: list[str | None] = [None] * len(labels)
    for i, side in zip(chosen, found, strict=True):
        sides[i] = side
    return sides, sum(side is None for side in found)


def _hover(known: Language, text: str, cosines: NDArray[np.float64] | None, place: int) -> str:
    words = f"<b>{directed(plain(text, None), known.code)}</b><br>{plain(known.name, None)} ({known.code})"
    return words if cosines is None else f"{words}<br>cosine with the picture {cosines[place]:.3f}"


def _draw_rings(figure: go.Figure, found: _Map, mode: str) -> None:
    for radius, cosine in found.rings:
        figure.add_shape(
            type="circle", x0=-radius, x1=radius, y0=-radius, y1=radius, layer="below",
            line={"color": "rgba(128,128,128,0.45)", "width": 0.8, "dash": "dot"},
        )  # fmt: skip
        figure.add_annotation(
            text=f"{cosine:.3f}".rstrip("0"), x=0, y=radius, showarrow=False, font={"size": 10, "color": ink(mode)},
            opacity=0.7,
        )  # fmt: skip
