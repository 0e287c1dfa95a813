"""The files of a stand-in, by the family of the model that it stands for."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import torch

from clipnb.catalog import Entry
from clipnb.models.practice import images, texts
from clipnb.models.practice.weights import numbers

__all__ = ["write", "write_head"]

WRITERS: dict[str, Callable[[Entry, Path], None]] = {
    "clip": images.write_clip,
    "openai": images.write_open_clip,
    "m-clip": texts.write_m_clip,
    "m-bert": texts.write_m_bert,
    "taiyi": texts.write_taiyi,
    "taiyi-pooler": texts.write_taiyi,
}


def write(entry: Entry, folder: Path) -> None:
    """A checkpoint in the published form of a known model, into an empty folder."""
    with torch.random.fork_rng(devices=[]):  # modules draw the weights that they start with
        if entry.family == "sentence-transformers":
            (texts.write_st_text if entry.text_only else images.write_st_clip)(entry, folder)
        else:
            WRITERS[entry.family](entry, folder)


def write_head(entry: Entry, file: Path) -> None:
    """The linear head of M-BERT: two arrays, weight [width, dim] and bias [dim], pickled by an older numpy."""
    weight = numbers((texts.WIDTH, entry.dim), entry.name, "head", "weight") / texts.WIDTH**0.5
    bias = numbers((entry.dim,), entry.name, "head", "bias")
    pickled = pickle.dumps([weight.numpy(), bias.numpy()], protocol=3)
    file.write_bytes(pickled.replace(b"numpy._core", b"numpy.core"))
