"""Embeddings on disk: shards of Parquet, each committed by a record of its own, under one manifest.

```
out/
  manifest.json         what made the rows: model, preprocessing, versions; written first, totals added at the end
  shard-000000.parquet  id, position (in the source), vector; the rows of one slice of the source
  shard-000000.json     the commit: rows, hash, the errors of the slice; written last, a shard without it is void
```
"""

from clipnb.store.commits import Shard, digest
from clipnb.store.folder import Store

__all__ = ["Shard", "Store", "digest"]
