"""The rows of one shard as a Parquet file, whose vectors can be mapped."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import StoreError
from clipnb.types import FloatArray

__all__ = ["read_column", "read_vectors", "write_rows"]


def write_rows(path: Path, ids: Sequence[str], positions: Sequence[int], vectors: FloatArray) -> int:
    """The rows as Parquet; returns where the block of vectors begins, -1 if it is not in one piece.

    Without compression, dictionary and page limits the values of a float column lie in the file as they lie in memory,
    at the end of its only page: that block can be mapped.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    block: NDArray[np.float32] = np.ascontiguousarray(vectors, dtype="<f4")
    dim = block.shape[1]
    item = pa.field("element", pa.float32(), nullable=False)
    kind = pa.list_(item, dim)
    schema = pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("position", pa.int64(), nullable=False),
            pa.field("vector", kind, nullable=False),
        ]
    )
    column = pa.FixedSizeListArray.from_arrays(pa.array(block.ravel(), type=pa.float32()), type=kind)
    table = pa.Table.from_arrays([pa.array(ids, pa.string()), pa.array(positions, pa.int64()), column], schema=schema)
    pq.write_table(
        table,
        path,
        row_group_size=len(block),
        compression={"id": "zstd", "position": "zstd", "vector.list.element": "none"},
        use_dictionary=False,
        write_statistics=["id", "position"],
        data_page_size=2**31 - 1,
        max_rows_per_page=max(len(block), 1),
    )
    chunk = pq.ParquetFile(path).metadata.row_group(0).column(2)
    offset = int(chunk.data_page_offset + chunk.total_compressed_size - block.nbytes)
    with path.open("rb") as file:
        file.seek(offset)
        whole = file.read(block.nbytes) == block.tobytes()
        os.fsync(file.fileno())
    return offset if whole else -1


def read_vectors(path: Path, rows: int, dim: int, offset: int) -> FloatArray:
    """The unit rows, float32 [row, dim]: mapped from ``offset`` and read when touched, or read now where that is -1.

    Raises:
        StoreError: the file is missing, damaged or of another length.
    """
    try:
        if offset >= 0 and path.stat().st_size >= offset + rows * dim * 4:
            return np.memmap(path, dtype="<f4", mode="r", offset=offset, shape=(rows, dim))
        import pyarrow.parquet as pq

        column = pq.read_table(path, columns=["vector"])["vector"].combine_chunks()
        vectors: FloatArray = column.flatten().to_numpy().reshape(-1, dim)
    except Exception as error:
        raise StoreError(f"{path}: cannot be read ({error})") from error
    if len(vectors) != rows:
        raise StoreError(f"{path}: {len(vectors)} rows, its commit says {rows}")
    return vectors


def read_column(path: Path, name: str) -> Any:
    """The column ``id`` or ``position``, as an Arrow array.

    Raises:
        StoreError: the file is missing or damaged.
    """
    import pyarrow.parquet as pq

    try:
        return pq.read_table(path, columns=[name])[name].combine_chunks()
    except Exception as error:
        raise StoreError(f"{path}: cannot be read ({error})") from error
