"""The slices of a run on a Ray cluster: every actor has a model, takes a slice, and commits its shard by itself.

Ray Data hands out nothing but numbers of slices. Pictures and rows do not pass through its object store: an actor
reads its slice of the source and writes its shard, with the same code, errors and commits as the local engine. A
killed actor's slice is given to another one; a killed cluster goes on from the commits that lie in the folder.
"""

from __future__ import annotations

import copy
import math
import os
from typing import Any

from clipnb.errors import MissingExtra, SourceError, UnsupportedOption
from clipnb.running import Fill, Run
from clipnb.store import Shard, Store

__all__ = ["fill"]


def fill(*, actors: int | tuple[int, int] | None = None, gpus: float = 0, cpus: float = 1, **ray_options: Any) -> Fill:
    """What :meth:`clipnb.running.Run.to_folder` calls to have its slices done.

    Args:
        actors: how many, or from how many to how many; default: as many as the cluster's GPUs or processors allow.
        gpus: of each actor; a fraction lets several share one.
        cpus: of each actor; its threads decode pictures.
        ray_options: further arguments of ``ray.data.Dataset.map_batches``.

    Raises:
        MissingExtra: Ray is not installed.
    """
    try:
        import ray.data
    except ImportError as error:
        raise MissingExtra("Ray is not installed: pip install clipnb[ray]") from error
    if gpus < 0 or cpus <= 0:
        raise UnsupportedOption(f"gpus={gpus!r}, cpus={cpus!r}; expected 0 or more GPUs and more than 0 processors")

    def do(run: Run, store: Store, shard_rows: int, done: dict[int, Shard], bar: Any) -> None:
        if run.source.length is None:
            raise SourceError(
                f"{run.source.kind}: its length is not known, so it cannot be divided among machines; list it in a "
                "table first, for example Parquet with a column of paths"
            )
        todo = [index for index in range(math.ceil(run.source.length / shard_rows)) if index not in done]
        if not todo:
            return
        if not ray.is_initialized():
            ray.init(log_to_driver=False)
        size = actors or max(1, int(ray.cluster_resources().get("GPU" if gpus else "CPU", 1) // (gpus or cpus)))
        low, high = (size, size) if isinstance(size, int) else size
        pool = ray.data.ActorPoolStrategy(min_size=min(low, len(todo)), max_size=min(high, len(todo)))
        folder = os.path.abspath(store.folder)  # noqa: PTH100  # an actor has another working folder
        slices = ray.data.from_items([{"index": index} for index in todo], override_num_blocks=len(todo)).map_batches(
            _Slices,
            fn_constructor_args=(_travelling(run, cpus), folder, shard_rows),
            batch_size=1,
            batch_format="numpy",
            compute=pool,
            num_cpus=cpus,
            num_gpus=gpus or None,
            **ray_options,
        )
        errors = sum(len(shard.errors) for shard in done.values())
        for row in slices.iter_rows():
            errors += int(row["errors"])
            bar.set_postfix(errors=errors, refresh=False)
            bar.update(int(row["items"]))

    return do


def _travelling(run: Run, cpus: float) -> tuple[Run, dict[str, Any] | None]:
    """The run without its model, and how to open that again; a model without such a memory travels itself."""
    how = getattr(run.model, "opened_with", None)
    light = copy.copy(run)
    light.workers = max(1, int(cpus))
    light.progress = False
    if how is not None:
        del light.model
    return light, how


class _Slices:
    """An actor."""

    def __init__(self, job: tuple[Run, dict[str, Any] | None], folder: str, shard_rows: int) -> None:
        self.run, how = job
        if how is not None:
            from clipnb.models import load

            self.run.model = load(**how)
        self.store = Store(folder)
        self.shard_rows = shard_rows

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[int]]:
        shards = [self.run.slice(self.store, self.shard_rows, int(index)) for index in batch["index"]]
        return {
            "index": [shard.index for shard in shards],
            "items": [shard.items for shard in shards],
            "errors": [len(shard.errors) for shard in shards],
        }
