"""The student: a transformer that reads many languages, its tokenizer, and a linear layer into the teacher's space."""

from __future__ import annotations

import copy
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from clipnb.errors import UnsupportedOption, WrongType
from clipnb.models import bert
from clipnb.models.configuration import read_json
from clipnb.models.families import m_clip
from clipnb.models.folder import check_tokenizer, token_ids
from clipnb.models.resolving import resolve
from clipnb.models.towers import Options
from clipnb.models.weights import read_tensors

__all__ = ["Student", "Tower", "open_student"]


@dataclass(frozen=True, eq=False)
class Student:
    """What learns.

    Attributes:
        transformer: of transformers; gives ``last_hidden_state``.
        tokenizer: of transformers.
        head: the linear layer [text, width] to [text, dim]; None: a fresh one, made for the teacher.
        name: for messages and for the record.
        base: what ``modelBase`` will say, from which the original library builds the transformer: a Hub id. Empty: the
            result brings its base along.
    """

    transformer: Any
    tokenizer: Any
    head: torch.nn.Linear | None = None
    name: str = "student"
    base: str = ""

    @property
    def width(self) -> int:
        """Columns of the transformer's states."""
        return int(self.transformer.config.hidden_size)

    @property
    def context_length(self) -> int:
        """Tokens per text, marks included."""
        return int(min(bert.positions(self.transformer), self.tokenizer.model_max_length))

    @property
    def parameters(self) -> int:
        """Numbers in the transformer and the head."""
        parts = [self.transformer, *([] if self.head is None else [self.head])]
        return sum(weight.numel() for part in parts for weight in part.parameters())

    def __repr__(self) -> str:
        return (
            f"Student({self.name!r}, {self.parameters / 1e6:.1f} M parameters, {len(self.tokenizer)} tokens, "
            f"context {self.context_length})"
        )

    def token_rows(self, texts: Sequence[str]) -> list[list[int]]:
        """The ids of each text with its marks, uncut."""
        return token_ids(self.tokenizer, list(texts))

    def cut_rows(self, texts: Sequence[str]) -> list[list[int]]:
        """The same, cut at the context length, marks kept."""
        return token_ids(self.tokenizer, list(texts), self.context_length)

    def copy(self) -> Student:
        """The same, with weights of its own."""
        return replace(self, transformer=copy.deepcopy(self.transformer), head=copy.deepcopy(self.head))

    def fitted(self, dim: int, seed: int) -> Student:
        """The same with a head of ``dim`` columns, drawn from ``seed`` where there was none.

        Raises:
            UnsupportedOption: it has a head for another teacher.
        """
        if self.head is not None:
            if self.head.out_features != dim:
                raise UnsupportedOption(
                    f"{self.name}: its head gives {self.head.out_features} columns and the teacher's rows have {dim}; "
                    "take the teacher that it learned from, or a student without a head"
                )
            return self
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return replace(self, head=torch.nn.Linear(self.width, dim))

    def digest(self) -> str:
        """A fingerprint of tokenizer and weights."""
        found = hashlib.sha256(self.tokenizer.backend_tokenizer.to_str().encode())
        for part in (self.transformer, self.head):
            for name, tensor in part.state_dict().items() if part is not None else ():
                found.update(name.encode())
                found.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
        return found.hexdigest()[:32]


class Tower(torch.nn.Module):
    """Multilingual-CLIP's shape, under the names that its files have: masked mean of the states, linear layer."""

    def __init__(self, transformer: torch.nn.Module, head: torch.nn.Linear) -> None:
        super().__init__()
        self.transformer = transformer
        self.LinearTransformation = head

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Raw features [text, dim] of ``ids`` and ``mask`` [text, token]."""
        out = self.transformer(input_ids=ids, attention_mask=mask)
        features: torch.Tensor = self.LinearTransformation(bert.masked_mean(out, mask))
        return features


def open_student(name: str | os.PathLike[str], *, local_files_only: bool = False) -> Student:
    """A student that knows something already.

    Args:
        name: a Hub id or a folder of a multilingual encoder, ``"FacebookAI/xlm-roberta-base"`` for one; or of a
            Multilingual-CLIP, also one that :func:`clipnb.training.distill` made, which then goes on learning.
        local_files_only: do not ask the network.

    Raises:
        WrongType: it is something else.
        UnknownModel, ModelUnavailable, ModelFolderError, UnsafeCheckpoint, UnsupportedModel: see :func:`clipnb.load`.
    """
    if not isinstance(name, (str, os.PathLike)):
        raise WrongType(f"the student is a {type(name).__name__}; expected a Student, a Hub id or a folder")
    source = resolve(os.fspath(name), local_files_only=local_files_only)
    options = Options.resolve("cpu", None)
    said = read_json(source.path / "config.json", source.name)
    if said.get("model_type") == "M-CLIP" or "modelBase" in said:
        transformer, head, tokenizer = m_clip.open_parts(source, options)
        base = str(said.get("modelBase", ""))
        kept = "" if (source.path / m_clip.OWN_BASE).is_dir() or Path(base).is_dir() else base
        found = Student(transformer, tokenizer, head, source.name, kept)
    else:
        path = source.fetch(*bert.WEIGHTS)
        kind = bert.base_config(path, source.name)
        transformer = bert.open_transformer(kind, read_tensors(path, source.name), source.name, options)
        found = Student(transformer, bert.open_tokenizer(path, source.name, kind), None, source.name, source.repo)
    check_tokenizer(found.tokenizer, found.transformer.config.vocab_size, source.name)
    return found
