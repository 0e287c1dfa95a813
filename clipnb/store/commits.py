"""The commit of a shard: what its small file says."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["COMMIT", "Shard", "digest", "shard_of"]

COMMIT = re.compile(r"shard-(\d+)\.json")
"""The name of a commit."""


@dataclass(frozen=True)
class Shard:
    """What a commit says: one slice of the source, embedded.

    Attributes:
        index: which slice, from 0.
        first: position of its first item in the source.
        items: how many items of the source it covers.
        rows: how many of them have a row; the others have a line in ``errors``.
        sha256: of the Parquet file, "" where no item has a row and there is no file.
        ids: digest of the ids of all its items, by which a changed source is noticed.
        offset: where in the file the block of vectors begins, -1 where it is not one plain block.
        errors: ``(id, position, reason)`` of each item without a row.
    """

    index: int
    first: int
    items: int
    rows: int
    sha256: str
    ids: str
    offset: int
    errors: tuple[tuple[str, int, str], ...] = ()

    @property
    def file(self) -> str:
        """The name of the Parquet file."""
        return f"shard-{self.index:06d}.parquet"

    @property
    def commit(self) -> str:
        """The name of the file that says all this."""
        return f"shard-{self.index:06d}.json"


def shard_of(entry: Mapping[str, Any]) -> Shard:
    """A shard from the JSON of its commit."""
    return Shard(**{**entry, "errors": tuple((str(i), int(p), str(r)) for i, p, r in entry["errors"])})


def digest(ids: Sequence[str]) -> str:
    """A fingerprint of a list of ids, in their order."""
    return hashlib.sha256("\0".join(ids).encode("utf-8", "surrogatepass")).hexdigest()[:32]
