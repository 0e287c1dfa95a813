"""The folders of sentence-transformers, read without it: a list of modules, each with a configuration of its own.

Two kinds are of the CLIP family: a whole CLIP in one module, and a text tower of a transformer, a pooling, and linear
layers into the space of a CLIP.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import torch

from clipnb.errors import ModelFolderError, UnsupportedModel
from clipnb.models import bert, folder
from clipnb.models.configuration import read_json
from clipnb.models.families import NATIVE, native
from clipnb.models.resolving import Source
from clipnb.models.towers import Options, Towers
from clipnb.models.weights import read_tensors

__all__ = ["open_towers"]

ACTIVATIONS = {"torch.nn.modules.linear.Identity": torch.nn.Identity, "torch.nn.modules.activation.Tanh": torch.nn.Tanh}


class Module(NamedTuple):
    """One of the modules that texts pass through, in order."""

    kind: str
    path: str
    """Inside the folder; "" for the folder itself."""


class Normalize(torch.nn.Module):
    """Rows of length one."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """[text, dim] to [text, dim]."""
        return torch.nn.functional.normalize(rows, dim=-1)


def open_towers(source: Source, options: Options) -> Towers:
    """Both towers of a CLIP, or the text tower of anything else.

    Raises:
        UnsupportedModel: a module that is none of these.
        ModelFolderError: a part is missing or damaged, or the parts do not belong together.
    """
    name = source.name
    first, *rest = _modules(source.path, name)
    kind = read_json(source.path / first.path / "config.json", name).get("model_type")
    if first.kind == "CLIPModel" or kind in NATIVE:
        if rest or kind not in NATIVE:
            what = rest[0].kind if rest else f"{first.kind} of the type {kind!r}"
            raise UnsupportedModel(f"{name}: modules.json has a module that this version does not open, {what}")
        inside = _fetch(source, first)
        return native.open_towers(dataclasses.replace(source, path=inside, repo=""), options)
    if not options.text:
        return Towers()
    _check_prompt(source.path, name)
    return Towers(_texts(source, options, first, rest))


def _modules(path: Path, name: str) -> list[Module]:
    """What ``modules.json`` lists; classes moved about between the versions, and their names stayed."""
    file = path / "modules.json"
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        modules = [(str(entry["type"]), str(entry["path"])) for entry in found]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelFolderError(f"{name}: modules.json cannot be read ({folder.first_line(error)})") from error
    if not modules:
        raise ModelFolderError(f"{name}: modules.json lists no modules")
    for kind, inside in modules:
        if not kind.startswith("sentence_transformers."):
            raise UnsupportedModel(f"{name}: modules.json has a module with code of its own, {kind}")
        parts = PurePosixPath(inside)
        if parts.is_absolute() or ".." in parts.parts or "\\" in inside or ":" in inside:
            raise ModelFolderError(f"{name}: modules.json names {inside!r}, which is not inside its folder")
    return [Module(kind.rpartition(".")[2], inside) for kind, inside in modules]


def _fetch(source: Source, module: Module) -> Path:
    """The folder of a module, with its weights."""
    inside = f"{module.path}/" if module.path else ""
    choices = [[inside + pattern for pattern in patterns] for patterns in bert.WEIGHTS]
    return source.fetch(*choices) / module.path


def _check_prompt(path: Path, name: str) -> None:
    """Some models put words before every text; none of the CLIP family does."""
    file = path / "config_sentence_transformers.json"
    said = read_json(file, name) if file.is_file() else {}
    default = said.get("default_prompt_name")
    if said.get("model_type", "SentenceTransformer") != "SentenceTransformer":
        raise UnsupportedModel(f"{name}: a {said['model_type']} of sentence-transformers, no SentenceTransformer")
    if default and (said.get("prompts") or {}).get(default):
        raise UnsupportedModel(f"{name}: it puts a prompt before every text ({default!r}), which this version does not")


def _texts(source: Source, options: Options, first: Module, rest: list[Module]) -> bert.BertTexts:
    name = source.name
    if first.kind != "Transformer" or not rest or rest[0].kind != "Pooling":
        found = ", ".join(module.kind for module in (first, *rest))
        raise UnsupportedModel(f"{name}: modules.json lists {found}; expected a CLIPModel, or Transformer and Pooling")
    said_file = source.path / first.path / "sentence_bert_config.json"
    said = read_json(said_file, name) if said_file.is_file() else {}
    task = said.get("transformer_task", "feature-extraction"), said.get("module_output_name", "token_embeddings")
    if task != ("feature-extraction", "token_embeddings") or said.get("processing_kwargs"):
        raise UnsupportedModel(f"{name}: sentence_bert_config.json asks for more than the states of its tokens: {said}")
    path = _fetch(source, first)
    config = bert.base_config(path, name)
    transformer = bert.open_transformer(config, read_tensors(path, name), name, options)
    pooling, dim = bert.pooling_of(
        read_json(source.path / rest[0].path / "config.json", name), config.hidden_size, name
    )
    layers: list[torch.nn.Module] = []
    for module in rest[1:]:
        if module.kind == "Normalize":
            layers.append(Normalize())
        elif module.kind == "Dense":
            layer, activation = _dense(source, module)
            if layer.in_features != dim:
                raise ModelFolderError(f"{name}: {module.path} takes {layer.in_features} columns, and gets {dim}")
            layers += [layer, activation]
            dim = layer.out_features
        else:
            raise UnsupportedModel(f"{name}: modules.json has a module that this version does not open, {module.kind}")
    tokenizer = bert.open_tokenizer(path, name, config)
    if said.get("do_lower_case"):
        _lower(tokenizer)
    longest = said.get("max_seq_length")
    head = torch.nn.Sequential(*layers)
    return bert.BertTexts(transformer, tokenizer, pooling, head, dim=dim, name=name, options=options, longest=longest)


def _dense(source: Source, module: Module) -> tuple[torch.nn.Linear, torch.nn.Module]:
    name = f"{source.name}, {module.path}"
    said: dict[str, Any] = read_json(source.path / module.path / "config.json", name)
    activation = said.get("activation_function", "torch.nn.modules.activation.Tanh")
    places = {said.get(key) or "sentence_embedding" for key in ("module_input_name", "module_output_name")}
    if activation not in ACTIVATIONS or said.get("use_residual") or places != {"sentence_embedding"}:
        raise UnsupportedModel(
            f"{name}: a linear layer of a kind that this version does not open: {said}; expected one of the pooled "
            f"states with {' or '.join(ACTIVATIONS)}"
        )
    tensors = read_tensors(_fetch(source, module), name)
    layer = {key.removeprefix("linear."): tensor for key, tensor in tensors.items()}
    return bert.linear(layer, name, bias=bool(said.get("bias", True))), ACTIVATIONS[activation]()


def _lower(tokenizer: Any) -> None:
    """Texts in lowercase before the tokenizer's own normalisation."""
    from tokenizers.normalizers import Lowercase, Sequence

    own = tokenizer.backend_tokenizer.normalizer
    tokenizer.backend_tokenizer.normalizer = Sequence([Lowercase(), *([own] if own is not None else [])])
