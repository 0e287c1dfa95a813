"""From a source to unit rows, in memory or in a folder that survives the night: :func:`embed`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from clipnb.errors import UnsupportedOption, WrongType
from clipnb.running import Run
from clipnb.sources import open_source
from clipnb.store import Store
from clipnb.types import ClipModel, Embeddings, is_model

__all__ = ["embed"]


def embed(
    model: ClipModel,
    source: Any,
    *,
    out: str | os.PathLike[str] | None = None,
    modality: Literal["image", "text"] | None = None,
    column: str | None = None,
    id_column: str | None = None,
    batch_size: int | Literal["auto"] = "auto",
    workers: int | Literal["auto"] = "auto",
    on_error: Literal["record", "raise"] = "record",
    resume: bool = True,
    progress: bool = True,
    strict: bool = False,
    truncate: bool = False,
    shard_rows: int = 10_000,
    engine: Literal["local", "ray"] = "local",
    engine_options: Mapping[str, Any] | None = None,
) -> Embeddings:
    """Embed everything in a source; what cannot be embedded gets a line in ``.errors``, and the run goes on.

    Args:
        model: any model of the family, see :func:`clipnb.load`.
        source: a folder, a glob, a zip or tar (WebDataset) file, a table (.parquet, .csv, .tsv, .arrow, .jsonl, a
            DataFrame, an Arrow table, a HF dataset), a .txt file of lines, a list, or an iterator. Pictures are paths,
            http(s) addresses, bytes, PIL images or height x width x 3 uint8 arrays; ``(id, picture)`` names one.
        out: a folder for shards of Parquet; without it the rows stay in memory.
        modality: ``"image"`` or ``"text"``, where that cannot be told from the source.
        column: of a table, the one to embed; id_column: the one that names the rows.
        id_column: see there.
        batch_size: pictures in one pass of the model; ``"auto"``: what the memory of the device holds, at most 16 on a
            processor.
        workers: threads that read and resize pictures.
        on_error: ``"record"`` a line in ``.errors``, or ``"raise"`` at the first one.
        resume: go on from what an earlier, interrupted run left in ``out``; False: delete it and begin again.
        progress: show a bar.
        strict: the reference processor's own pixels, bit for bit, instead of the quick path, which may differ by one
            grey level.
        truncate: cut texts over the context, with a warning, instead of a line in ``.errors``.
        shard_rows: items of the source in one shard; a killed run loses the work on one.
        engine: ``"local"``, or ``"ray"`` for a cluster (``clipnb[ray]``); ``out`` and the source then lie on storage
            that every machine sees.
        engine_options: for Ray, see :func:`clipnb.scale.ray_engine.fill`.

    Returns:
        :class:`Embeddings`, in the order of the source; with ``out`` a :class:`StoredEmbeddings`, read when touched.

    Raises:
        SourceError, EmptyInput, UnknownColumn, WrongType: the source; each says what to do.
        StoreError: ``out`` cannot be written, is of another model or source, or (FolderBusy) another run writes there.
        InvalidEmbeddings: nothing in the source could be embedded.
    """
    for option, value in {"batch_size": batch_size, "workers": workers, "shard_rows": shard_rows}.items():
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not (value == "auto" and option != "shard_rows") and not (whole and int(value) > 0):
            raise UnsupportedOption(f"{option}={value!r}; expected a whole number above 0")
    if engine not in ("local", "ray"):
        raise UnsupportedOption(f"engine={engine!r}; expected 'local' or 'ray'")
    if engine_options and engine == "local":
        raise UnsupportedOption(
            f"engine_options={engine_options!r}: the local engine has none; see workers, batch_size"
        )
    if on_error not in ("record", "raise"):
        raise UnsupportedOption(f"on_error={on_error!r}; expected 'record' or 'raise'")
    if not is_model(model):
        raise WrongType(f"the model is a {type(model).__name__}; open one first: clipnb.load({model!r})")
    found = open_source(source, modality=modality, column=column, id_column=id_column)
    run = Run(model, found, batch_size, workers, on_error, progress, strict, truncate)
    if engine == "ray":
        if out is None:
            raise UnsupportedOption("engine='ray' writes shards: pass out=, a folder that every machine sees")
        from clipnb.scale import ray_engine

        return run.to_folder(Store(out), shard_rows, resume, ray_engine.fill(**(engine_options or {})))
    return run.in_memory() if out is None else run.to_folder(Store(out), shard_rows, resume)
