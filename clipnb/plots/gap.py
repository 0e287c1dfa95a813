"""Pictures and texts as two clouds: what lies between them, and what is left when each side's mean is taken away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from clipnb.errors import UnsupportedOption, WrongType
from clipnb.modality import GapMeasures, ModalityGap
from clipnb.plots.palette import OKABE_ITO, heading, ink, plain, template
from clipnb.types import FloatArray, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["modality_gap"]

_LOOKS = {"image": (OKABE_ITO[0], "circle", "pictures"), "text": (OKABE_ITO[1], "diamond", "texts")}
_SVG_UP_TO = 2000
_HEADS = ("as the model gives them", "each side's mean taken away")


def modality_gap(
    gap: ModalityGap,
    *,
    points: int = 1000,
    lines: int = 60,
    title: str | None = None,
    width: int = 860,
    height: int = 420,
    mode: str = "light",
) -> go.Figure:
    """Two panels, raw and centred: the way from the texts' centre to the pictures' sideways, upwards the direction in
    which rows of one side differ most.

    It is a straight look at the sphere: both axes are in the units of its radius and the same in both panels, nothing
    is bent. Centres are crosses; thin lines join what belongs together.

    Args:
        gap: of `clipnb.modality_gap`.
        points: how many of a side are drawn at most, at random.
        lines: how many of the pairs are joined at most, at random.
        title: above the figure, if any.
        width: in CSS pixels.
        height: in CSS pixels.
        mode: "light" or "dark", the page it is for.

    Raises:
        WrongType: ``gap`` is something else.
        UnsupportedOption: fewer points than one, or fewer lines than none.
    """
    if not isinstance(gap, ModalityGap):
        raise WrongType(f"expected the result of clipnb.modality_gap, got a {type(gap).__name__}")
    if points < 1 or lines < 0:
        raise UnsupportedOption(f"points={points}, lines={lines}; expected one or more, and none or more")
    sides = {"image": gap.images.vectors, "text": gap.texts.vectors}
    means = {name: rows.mean(axis=0, dtype=np.float64) for name, rows in sides.items()}
    basis = _basis(sides, means)
    rng = np.random.default_rng(gap.seed)
    shown = {name: np.sort(rng.permutation(len(rows))[:points]) for name, rows in sides.items()}
    joined = np.empty((0, 2), dtype=int)
    if gap.pairs is not None:
        kept = np.isin(gap.pairs[:, 0], shown["image"]) & np.isin(gap.pairs[:, 1], shown["text"])
        joined = rng.permutation(gap.pairs[kept])[:lines]
    figure = go.Figure()
    panels: list[tuple[str, GapMeasures, dict[str, FloatArray]]] = [(_HEADS[0], gap.raw, sides)]
    if gap.centred is not None:
        left = {name: unit_rows(rows - means[name].astype(np.float32)) for name, rows in sides.items()}
        panels.append((_HEADS[1], gap.centred, left))
    for n, (head, measures, rows) in enumerate(panels):
        _draw(figure, n, rows, basis, shown, joined, gap, mode)
        figure.add_annotation(
            text=f"<b>{head}</b><br>{_words(measures)}", xref=f"{_axis('x', n)} domain", yref=f"{_axis('y', n)} domain",
            x=0, y=1, yshift=6, xanchor="left", yanchor="bottom", align="left", showarrow=False,
        )  # fmt: skip
    _lay_out(figure, len(panels), title, width, height, mode)
    return figure


def _basis(sides: dict[str, FloatArray], means: dict[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Two orthogonal directions [2, dim]: between the centres, and of the largest variance within the sides."""
    across = means["image"] - means["text"]
    length = float(np.linalg.norm(across))
    across = across / length if length > 1e-9 else np.eye(len(across))[0]
    scatter = np.zeros((len(across), len(across)))
    for name, rows in sides.items():
        apart = rows - means[name].astype(np.float32)
        scatter += (apart.T @ apart) / len(rows)
    flat = np.eye(len(across)) - np.outer(across, across)
    up = np.linalg.eigh(flat @ scatter @ flat)[1][:, -1]
    return np.stack([across, up * (np.sign(up[np.abs(up).argmax()]) or 1.0)])


def _draw(
    figure: go.Figure, n: int, rows: dict[str, FloatArray], basis: NDArray[np.float64],
    shown: dict[str, NDArray[np.intp]], joined: NDArray[np.intp], gap: ModalityGap, mode: str,
) -> None:  # fmt: skip
    on = {"xaxis": _axis("x", n), "yaxis": _axis("y", n)}
    places = {name: side @ basis.T for name, side in rows.items()}
    ends = np.full((3 * len(joined), 2), np.nan)
    ends[0::3], ends[1::3] = places["image"][joined[:, 0]], places["text"][joined[:, 1]]
    # WebGL is quick, and drawn above everything else.
    kind = go.Scatter if max(map(len, shown.values())) <= _SVG_UP_TO else go.Scattergl
    for name, (colour, symbol, words) in _LOOKS.items():
        chosen, ids = shown[name], (gap.images if name == "image" else gap.texts).ids
        figure.add_trace(
            kind(
                x=places[name][chosen, 0], y=places[name][chosen, 1], mode="markers", name=words, legendgroup=name,
                showlegend=n == 0, customdata=[plain(ids[i], 60) for i in chosen], opacity=0.7,
                marker={"color": colour, "symbol": symbol, "size": 5},
                hovertemplate="<b>%{customdata}</b><extra>" + words + "</extra>", **on,
            )
        )  # fmt: skip
    figure.add_trace(
        go.Scatter(
            x=ends[:, 0], y=ends[:, 1], mode="lines", name="pairs", legendgroup="pairs", opacity=0.5,
            line={"color": ink(mode), "width": 0.8}, hoverinfo="skip", showlegend=n == 0 and len(joined) > 0, **on,
        )
    )  # fmt: skip
    centres = np.stack([places[name].mean(axis=0) for name in _LOOKS])
    figure.add_trace(
        go.Scatter(
            x=centres[:, 0], y=centres[:, 1], mode="lines+markers", name="centres", legendgroup="centres",
            showlegend=n == 0, customdata=[words for _, _, words in _LOOKS.values()],
            marker={
                "color": ink(mode), "symbol": "x", "size": 13,
                "line": {"width": 1.5, "color": ink("light" if mode == "dark" else "dark")},
            }, line={"color": ink(mode), "width": 2},
            hovertemplate="centre of the %{customdata}<extra></extra>", **on,
        )
    )  # fmt: skip


def _lay_out(figure: go.Figure, panels: int, title: str | None, width: int, height: int, mode: str) -> None:
    figure.update_layout(
        template=template(mode),
        title=heading(title),
        width=width,
        height=height,
        margin={"l": 56, "r": 16, "t": 96 if title else 64, "b": 84},
        legend={"orientation": "h", "x": 0, "y": 0, "yref": "container", "yanchor": "bottom", "itemsizing": "constant"},
    )
    for n in range(panels):
        gutter = 0.06 if panels > 1 else 0.0
        share = (1 - gutter) / panels
        x, y = _axis("xaxis", n), _axis("yaxis", n)
        figure.layout[x] = {
            "domain": [n * (share + gutter), n * (share + gutter) + share],
            "anchor": _axis("y", n),
            "matches": "x" if n else None,
            "title": {"text": "from the texts' centre to the pictures'", "font": {"size": 13}},
        }  # fmt: skip
        figure.layout[y] = {
            "anchor": _axis("x", n), "scaleanchor": _axis("x", n), "matches": "y" if n else None,
            "showticklabels": n == 0,
            "title": {"text": "" if n else "largest difference within a side", "font": {"size": 13}},
        }  # fmt: skip


def _words(measures: GapMeasures) -> str:
    words = [f"centres {measures.distance:.2f} apart"]
    if np.isfinite(measures.separability):
        words.append(f"a plane is right {measures.separability:.0%} of the time")
    return ", ".join(words)


def _axis(letter: str, n: int) -> str:
    return letter if n == 0 else f"{letter}{n + 1}"
