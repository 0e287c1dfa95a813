"""Names on a map: which points have one, and where it is written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import UnsupportedOption, WrongType
from clipnb.plots.grouping import Groups
from clipnb.plots.palette import ink, isolated, page, plain, text_columns
from clipnb.plots.placing import arrange
from clipnb.plots.window import Window

__all__ = ["as_rows", "group_words", "middles", "named_rows", "words_beside", "words_in_space"]

_COLUMN, _HEIGHT = 6.9, 18.0
_LIMIT = 26


def as_rows(name: str, rows: ArrayLike | Sequence[int], count: int) -> NDArray[np.intp]:
    """Rows of points, each once, in the given order.

    Raises:
        WrongType, UnsupportedOption: no whole numbers, or a row that is not there.
    """
    given = np.asarray(list(rows) if isinstance(rows, Iterable) else rows)
    if given.ndim == 1 and given.size == 0:
        return np.empty(0, dtype=np.intp)
    if given.ndim != 1 or given.dtype.kind not in "iu":
        raise WrongType(f"{name} must be rows of points, whole numbers from 0 to {count - 1}")
    if given.min() < 0 or given.max() >= count:
        wrong = int(given.min()) if given.min() < 0 else int(given.max())
        raise UnsupportedOption(f"{name} holds row {wrong}; expected rows from 0 to {count - 1}")
    return np.array(list(dict.fromkeys(given.tolist())), dtype=np.intp)


def named_rows(named: int | ArrayLike, points: NDArray[np.float64], groups: Groups) -> NDArray[np.intp]:
    """The rows to name, the most wanted first.

    A number of them is chosen like this: the middle of each group, the largest group first, then again and again the
    point farthest from all that are named already, which finds the map's edges and islands before it fills the rest.
    """
    if isinstance(named, bool | np.bool_) or not isinstance(named, Integral):
        if isinstance(named, bool | np.bool_):
            raise WrongType("named must be a number of points or their rows, not a yes or no")
        return as_rows("named", named, len(points))
    wanted = int(named)
    if wanted < 0:
        raise UnsupportedOption(f"named={wanted}; expected how many points to name, or their rows")
    chosen = middles(points, groups)[:wanted].tolist()
    near, columns = np.full(len(points), np.inf), np.ascontiguousarray(points.T)
    for n in range(min(wanted, len(points))):
        if n == len(chosen):
            far = int(near.argmax())
            if not near[far] > 0:  # all others lie where one is named already
                break
            chosen.append(far)
        away = [column - column[chosen[n]] for column in columns]
        np.minimum(near, sum(part * part for part in away), out=near)
    return np.array(chosen, dtype=np.intp)


def middles(points: NDArray[np.float64], groups: Groups) -> NDArray[np.intp]:
    """For each group that has any the point nearest to the median of its coordinates, much like its medoid."""
    order = np.argsort(groups.codes, kind="stable")
    found = []
    for members in np.split(order, np.cumsum(np.bincount(groups.codes, minlength=len(groups.names)))[:-1]):
        if not len(members):
            continue
        away = ((points[members] - np.median(points[members], axis=0)) ** 2).sum(axis=1)
        found.append(members[away.argmin()])
    return np.array(found, dtype=np.intp)


def group_words(
    points: NDArray[np.float64], groups: Groups, window: Window, kept: NDArray[np.intp], mode: str
) -> tuple[list[dict[str, Any]], NDArray[np.float64], list[str]]:
    """The groups' names at their middles as annotations, their boxes [box, 4] in pixels, and the groups left out."""
    rows = middles(points, groups)
    names = [plain(name, _LIMIT) for name in groups.names]
    sizes = np.array([[_COLUMN * 1.1 * text_columns(name) + 14, 21.0] for name in names])
    at = window.pixels(points[rows])
    offsets = arrange(at, sizes, room=window.inner, kept=window.pixels(points[kept]), over=True)
    words, boxes = [], []
    for code, (row, offset) in enumerate(zip(rows, offsets, strict=True)):
        if np.isfinite(offset).all():
            words.append(
                _word(points[row], f"<b>{isolated(names[code])}</b>", offset, mode) | _bordered(groups.colour(code))
            )
            boxes.append([*(at[code] + offset - sizes[code] / 2), *(at[code] + offset + sizes[code] / 2)])
    left = [groups.names[code] for code in range(len(names)) if not np.isfinite(offsets[code]).all()]
    return words, np.array(boxes).reshape(-1, 4), left


def words_beside(
    points: NDArray[np.float64], rows: NDArray[np.intp], labels: Sequence[str], window: Window, *, mark: float,
    own: NDArray[np.float64], covered: NDArray[np.float64], taken: NDArray[np.float64], mode: str,
) -> tuple[list[dict[str, Any]], int]:  # fmt: skip
    """The names of some points as annotations, a line to those that were moved off, and how many found no room.

    Args:
        points: [point, 2], of the map.
        rows: of the points with a name.
        labels: one a row, as they are to be written.
        window: on the map.
        mark: width of a mark in pixels.
        own: the width of each row's own mark.
        covered: [mark, 2], further places in pixels that are better not covered.
        taken: [box, 4], in pixels.
        mode: "light" or "dark".
    """
    at = window.pixels(points[rows])
    sizes = np.array([[_COLUMN * text_columns(label) + 6, _HEIGHT] for label in labels]).reshape(-1, 2)
    offsets = arrange(
        at, sizes, room=window.inner, marks=np.concatenate([window.pixels(points), covered]), mark=mark, own=own,
        kept=at, taken=taken,
    )  # fmt: skip
    words = [
        _word(points[row], isolated(label), offset, mode, size, half)
        for row, label, offset, size, half in zip(rows, labels, offsets, sizes, own / 2, strict=True)
        if np.isfinite(offset).all()
    ]
    return words, len(rows) - len(words)


def words_in_space(
    points: NDArray[np.float64], rows: NDArray[np.intp], labels: Sequence[str], groups: Groups | None, mode: str
) -> list[dict[str, Any]]:
    """Annotations of a scene: the labels above their points, and the groups' names at their middles."""
    words = [
        _word(points[row], isolated(plain(label, _LIMIT)), np.array([0.0, 11.0]), mode)
        for row, label in zip(rows, labels, strict=True)
    ]
    for code, row in enumerate(middles(points, groups) if groups is not None else ()):
        assert groups is not None
        name = f"<b>{isolated(plain(groups.names[code], _LIMIT))}</b>"
        words.append(_word(points[row], name, np.zeros(2), mode) | _bordered(groups.colour(code)))
    for word, row in zip(words, [*rows, *(middles(points, groups) if groups is not None else ())], strict=True):
        word["z"] = float(points[row, 2])
    return words


def _bordered(colour: str) -> dict[str, Any]:
    return {"bordercolor": colour, "borderwidth": 1.5, "borderpad": 2}


def _word(
    point: NDArray[np.float64], text: str, offset: NDArray[np.float64], mode: str,
    size: NDArray[np.float64] | None = None, half: float = 0.0,
) -> dict[str, Any]:  # fmt: skip
    r, g, b = (int(page(mode)[i : i + 2], 16) for i in (1, 3, 5))
    dx, dy = offset.tolist()
    word: dict[str, Any] = {
        "x": float(point[0]), "y": float(point[1]), "text": text, "xanchor": "center", "yanchor": "middle",
        "font": {"size": 12, "color": ink(mode)}, "bgcolor": f"rgba({r},{g},{b},0.72)", "borderpad": 0,
    }  # fmt: skip
    if size is None:
        return word | {"showarrow": False, "xshift": dx, "yshift": dy}
    gap = float(np.hypot(*np.maximum(np.abs(offset) - size / 2, 0))) - half
    if gap > 8:
        return word | {
            "showarrow": True, "ax": dx, "ay": -dy, "arrowhead": 0, "arrowwidth": 1, "arrowcolor": ink(mode),
            "standoff": half, "opacity": 0.95,
        }  # fmt: skip
    # Held at the side of its mark, so that a text narrower than was thought still begins there.
    if abs(dx) >= size[0] / 2:
        word |= {"xanchor": "left" if dx > 0 else "right"}
        dx -= float(np.sign(dx) * size[0] / 2)
    return word | {"showarrow": False, "xshift": dx, "yshift": dy}
