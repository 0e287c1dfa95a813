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
    spaces: Sequence[Space],
    at: int,
    *,
    selected: Sequence[int],
    query: str,
    k: int,
    words: int,
    texts: str | None,
    added: Sequence[tuple[str, str]] = (),
) -> str:
    """Lines that make the map, the selection, the search, the words and the places of added pictures again.

    What the lines cannot know they expect under a name that a comment says.

    Args:
        spaces: one a map.
        at: which of them is looked at.
        selected: rows of the map's own points.
        query: that was searched for; "" for none.
        k: how many points were found.
        words: how many words were shown; 0 for none.
        texts: the expression of the `Vocabulary` to choose from; None: the texts were given.
        added: of each picture that was added, an expression, and what it needs, in words.
    """
    space = spaces[at]
    comments: list[str] = []
    body = _maps(spaces, at, comments) if len(spaces) > 1 else _map(space, comments)
    if query or words or added:
        line = load_line(space.model) if space.model is not None else None
        if line is None:
            comments.append("# model: the one that the panel was given")
        else:
            body.append(f"model = {line}")
    if selected:
        body += _selection(space.projection, selected)
    if query:
        row = f"clipnb.Embeddings(model.encode_text([{_text(query)}]), ids=[{_text(query)}], model=model.name)"
        body.append(f"query = {_like(space, row, 'text')}")
        body.append(f"found = clipnb.search(embeddings, query, k={k})")
    if words and selected:
        if texts is None:
            comments.append("# texts: Embeddings of the texts that the panel was given, their ids the texts")
        else:
            body += [f"names = {texts}", "texts = names.encode(model)"]
        body.append("others = [row for row in range(len(embeddings)) if row not in set(rows)]")
        against = "embeddings[others]" if len(set(selected)) < len(space.projection) else "None"
        each_once = [] if texts is None else ["one_of=names.about"]
        arguments = ["embeddings[rows]", _like(space, "texts", "text"), f"k={words}", f"against={against}", *each_once]
        body += _call("words = clipnb.representative_texts", arguments)
    if added:
        comments += [f"# {remark}" for _, remark in added if remark]
        body += _listed("pictures", [picture for picture, _ in added])
        row = "clipnb.Embeddings(model.encode_image(pictures), model=model.name)"
        body.append(f"places = projection.transform({_like(space, row, 'image')})")
    return "\n".join(["import clipnb", "", *dict.fromkeys(comments), *body])


def _map(space: Space, comments: list[str]) -> list[str]:
    """Lines for ``embeddings`` and ``projection``."""
    projection = space.projection
    rows = space.rows if space.knows_rows else None
    lines = []
    if space.joint is not None:
        comments.append("# joint: the one that the panel was given")
        lines.append("embeddings = joint.embeddings")
    elif isinstance(rows, StoredEmbeddings):
        lines.append(f"embeddings = clipnb.open_embeddings({_text(rows.folder)})")
    else:
        comments.append("# embeddings: the rows that the map was made from, in their order")
    if {"frame", "aligned"} & set(projection.params) or projection.method not in OPTIONS:
        comments.append("# projection: the map that the panel was given")
        return lines
    arguments = [f"method={_text(projection.method)}", *_options(projection)]
    return [*lines, *_call("projection = clipnb.project", ["embeddings", *arguments])]


def _maps(spaces: Sequence[Space], at: int, comments: list[str]) -> list[str]:
    """The same of one of several maps, which are made together where they were."""
    maps = [space.projection for space in spaces]
    turned = "frame" not in maps[0].params and all("frame" in each.params for each in maps[1:])
    together = [each.params.get("aligned", {}) for each in maps]
    alike = len({(each.method, *_options(each)) for each in maps}) == 1 and maps[0].method in OPTIONS
    if alike and turned:
        how = [f"layout={_text(maps[0].method)}"]
    elif alike and [each.get("map") for each in together] == list(range(len(maps))):
        how = ['method="aligned_umap"', f"strength={together[0]['strength']!r}"]
    else:
        comments.append("# embeddings, projection: the rows and the map that the panel was given")
        return []
    names = [f"embeddings_{n}" for n in range(1, len(maps) + 1)]
    comments.append(f"# {', '.join(names)}: the rows that the maps were made from, in their order")
    made = _call("projections = clipnb.project_aligned", [f"[{', '.join(names)}]", *how, *_options(maps[0])])
    return [*made, f"embeddings, projection = {names[at]}, projections[{at}]"]


def _options(projection: Projection) -> list[str]:
    """The arguments that are not as they would be anyway."""
    arguments = [f"seed={projection.seed}"] if projection.seed is not None else []
    defaults = {name: p.default for name, p in inspect.signature(project).parameters.items()}
    defaults |= OPTIONS.get(projection.method, {})
    for name in ("n_components", "n_neighbors", "min_dist", *OPTIONS.get(projection.method, {})):
        value = projection.params.get(name, defaults[name])
        value = tuple(value) if isinstance(value, list) else value
        if value != defaults[name]:
            arguments.append(f"{name}={value!r}")
    return arguments


def _selection(projection: Projection, selected: Sequence[int]) -> list[str]:
    if len(set(projection.ids)) < len(projection.ids):  # an id alone would not say which point
        return _listed("rows", [repr(int(row)) for row in selected])
    named = [_text(projection.ids[row]) for row in selected]
    return [
        *_listed("selected", named),
        "place = {point: row for row, point in enumerate(projection.ids)}",
        "rows = [place[point] for point in selected]",
    ]


def _like(space: Space, rows: str, modality: str) -> str:
    return rows if space.joint is None else f'joint.like({rows}, "{modality}")'


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
