"""What the explorer shows, as the Python lines that give the same."""

from __future__ import annotations

import inspect
import json
from collections.abc import Sequence
from typing import Any

from clipnb.maps import Projection, project
from clipnb.maps.projecting import OPTIONS
from clipnb.stored import StoredEmbeddings
from clipnb.widgets.as_code import load_line
from clipnb.widgets.explorer.spaces import Space

__all__ = ["explorer_lines"]

_WIDTH = 100


def explorer_lines(
    spaces: Sequence[Space], at: int, *, selected: Sequence[int], query: str, k: int, words: int, texts: str | None
) -> str:
    """Lines that make the map, the selection, the search and the words again.

    What the lines cannot know they expect under a name that a comment says.

    Args:
        spaces: one a map.
        at: which of them is looked at.
        selected: rows of the map's own points.
        query: that was searched for; "" for none.
        k: how many points were found.
        words: how many words were shown; 0 for none.
        texts: the expression of the words to choose from; None: they were given.
    """
    space = spaces[at]
    comments: list[str] = []
    body = _rows(space, comments)
    body += _map(spaces, at, comments)
    if query or words:
        line = load_line(space.model) if space.model is not None else None
        if line is None:
            comments.append("# model: the one that the panel was given")
        else:
            body.append(f"model = {line}")
    if selected:
        body += _selection(space.projection, selected)
    if query:
        row = f"clipnb.Embeddings(model.encode_text([{_text(query)}]), ids=[{_text(query)}], model=model.name)"
        body.append(f"query = {_like(space, row)}")
        body.append(f"found = clipnb.search(embeddings, query, k={k})")
    if words and selected:
        if texts is None:
            comments.append("# texts: Embeddings of the texts that the panel was given, their ids the texts")
        else:
            body.append(f"texts = {texts}")
        body.append("others = [row for row in range(len(embeddings)) if row not in set(rows)]")
        against = "embeddings[others]" if len(set(selected)) < len(space.projection) else "None"
        body.append(
            f"words = clipnb.representative_texts(\n    embeddings[rows], {_like(space, 'texts')}, k={words}, "
            f"against={against}\n)"
        )
    return "\n".join(["import clipnb", "", *dict.fromkeys(comments), *body])


def _rows(space: Space, comments: list[str]) -> list[str]:
    rows = None if space.projection.source is None else space.projection.source.rows
    if space.joint is not None:
        comments.append("# joint: the one that the panel was given")
        return ["embeddings = joint.embeddings"]
    if isinstance(rows, StoredEmbeddings):
        return [f"embeddings = clipnb.open_embeddings({_text(rows.folder)})"]
    comments.append("# embeddings: the rows that the map was made from, in their order")
    return []


def _map(spaces: Sequence[Space], at: int, comments: list[str]) -> list[str]:
    projection = spaces[at].projection
    if len(spaces) > 1 or {"frame", "aligned"} & set(projection.params) or projection.method not in OPTIONS:
        comments.append("# projection: the map that the panel was given")
        return []
    arguments = [f"method={_text(projection.method)}"]
    if projection.seed is not None:
        arguments.append(f"seed={projection.seed}")
    defaults = {name: p.default for name, p in inspect.signature(project).parameters.items()}
    defaults |= OPTIONS[projection.method]
    for name in ("n_components", "n_neighbors", "min_dist", *OPTIONS[projection.method]):
        value = projection.params.get(name, defaults[name])
        value = tuple(value) if isinstance(value, list) else value
        if value != defaults[name]:
            arguments.append(f"{name}={value!r}")
    return _call("projection = clipnb.project", ["embeddings", *arguments])


def _selection(projection: Projection, selected: Sequence[int]) -> list[str]:
    if len(set(projection.ids)) < len(projection.ids):  # an id alone would not say which point
        return _listed("rows", [repr(int(row)) for row in selected])
    named = [_text(projection.ids[row]) for row in selected]
    return [
        *_listed("selected", named),
        "place = {point: row for row, point in enumerate(projection.ids)}",
        "rows = [place[point] for point in selected]",
    ]


def _like(space: Space, rows: str) -> str:
    return rows if space.joint is None else f'joint.like({rows}, "text")'


def _call(head: str, arguments: Sequence[str]) -> list[str]:
    line = f"{head}({', '.join(arguments)})"
    return [line] if len(line) <= _WIDTH else [f"{head}(", *(f"    {each}," for each in arguments), ")"]


def _listed(name: str, entries: Sequence[str]) -> list[str]:
    """``name = [...]``, over several lines where one would be long."""
    line = f"{name} = [{', '.join(entries)}]"
    if len(line) <= _WIDTH:
        return [line]
    rows = [""]
    for entry in (f"{each}," for each in entries):
        if rows[-1] and len(rows[-1]) + len(entry) + 5 > _WIDTH:
            rows.append("")
        rows[-1] += f" {entry}" if rows[-1] else entry
    return [f"{name} = [", *(f"    {row}" for row in rows), "]"]


def _text(value: Any) -> str:
    """A text as a Python literal in double quotes, in its own script."""
    return json.dumps(str(value), ensure_ascii=False)
