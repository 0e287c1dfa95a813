"""What a panel shows, as the Python lines that give the same numbers."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Sequence
from typing import Any

from clipnb.types import ClipModel

__all__ = ["load_line", "python_lines"]

_WIDTH = 100


def python_lines(
    models: Sequence[tuple[str, ClipModel]],
    picture: str,
    name: str,
    classnames: Sequence[str],
    templates: str | Sequence[str],
    *,
    remark: str = "",
    with_baseline: bool = False,
) -> str:
    """Lines that classify one picture as the panel does.

    Args:
        models: names and models; of one that does not know how it was opened, a comment says so and the lines expect
            it under ``model`` or, where there are several, in the list ``given``.
        picture: an expression for the picture.
        name: what tables call it.
        classnames: the labels.
        templates: the sentences around them, or the name of a set.
        remark: what the expression needs, in words.
        with_baseline: the cosines stand beside a baseline, expected under ``baseline``.
    """
    comments, opened = [], []
    for i, (_, model) in enumerate(models):
        line = load_line(model)
        if line is None:
            line = "model" if len(models) == 1 else f"given[{i}]"
            what = "model: the one" if len(models) == 1 else "given: the models, in their order,"
            comments.append(f"# {what} that the panel was given")
        opened.append(line)
    comments += [f"# {remark}"] if remark else []
    comments += ["# baseline: the one that the panel was given"] if with_baseline else []

    arguments = f"[picture], classnames, templates, image_ids=[{_text(name)}]"
    body = [f"picture = {picture}", _assigned("classnames", classnames), _assigned("templates", templates)]
    if len(models) == 1:
        first = [] if opened == ["model"] else [f"model = {opened[0]}"]
        result = [f"result = clipnb.zero_shot(model, {arguments})"]
        result += ["baseline.table(result)" if with_baseline else "result.top()"]
    else:
        pairs = [f"    {_text(name)}: {line}," for (name, _), line in zip(models, opened, strict=True)]
        first = ["models = {", *pairs, "}"]
        result = ["results = {", f"    name: clipnb.zero_shot(model, {arguments})"]
        result += ["    for name, model in models.items()", "}"]
        result += ["pandas.concat({name: result.top() for name, result in results.items()})"]
    imports = ["import clipnb"] if len(models) == 1 else ["import pandas", "", "import clipnb"]
    return "\n".join([*imports, "", *dict.fromkeys(comments), *first, *body, *result])


def load_line(model: ClipModel) -> str | None:
    """The call of ``clipnb.load`` that opens the model again; None where it does not know it."""
    opened = getattr(model, "opened_with", None)
    if not isinstance(opened, dict):
        return None
    from clipnb.models import load

    arguments = []
    for key, parameter in inspect.signature(load).parameters.items():
        value = opened.get(key, parameter.default)
        if value is None or value == parameter.default:
            continue
        words = _text(os.fspath(value)) if isinstance(value, (str, os.PathLike)) else repr(value)
        arguments.append(words if key == "name" else f"{key}={words}")
    return f"clipnb.load({', '.join(arguments)})"


def _assigned(name: str, value: str | Sequence[str]) -> str:
    """``name = ...``, a list over several lines where one would be long."""
    if isinstance(value, str):
        return f"{name} = {_text(value)}"
    line = f"{name} = [{', '.join(map(_text, value))}]"
    if len(line) <= _WIDTH:
        return line
    rows = [""]
    for text in value:
        entry = f"{_text(text)},"
        if rows[-1] and len(rows[-1]) + 1 + len(entry) > _WIDTH - 4:
            rows.append("")
        rows[-1] += f" {entry}" if rows[-1] else entry
    return "\n".join([f"{name} = [", *(f"    {row}" for row in rows), "]"])


def _text(value: Any) -> str:
    """A text as a Python literal in double quotes, in its own script."""
    return json.dumps(str(value), ensure_ascii=False)
