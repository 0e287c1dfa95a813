"""An index beside the shards it is of: whole or not there, and of these rows or refused."""

from __future__ import annotations

import contextlib
import json
import uuid
from dataclasses import asdict
from pathlib import Path

from clipnb.errors import StoreError
from clipnb.searching.index import Recall, SearchIndex, usearch
from clipnb.store import Store
from clipnb.store.disk import in_words, partial_of, publish, write_json
from clipnb.stored import StoredEmbeddings

__all__ = ["is_there", "kept_index", "save"]

FORMAT = "clipnb-search-index/1"
FACTS = "search-index.json"
GRAPHS = "search-index-*.usearch"


def is_there(rows: StoredEmbeddings) -> bool:
    """Whether an index lies beside the rows, be it theirs or not."""
    return (Path(rows.folder) / FACTS).is_file()


def save(index: SearchIndex) -> SearchIndex:
    """Put it beside its rows, and read it from there from now on.

    Raises:
        FolderBusy, StoreError: a run writes there, the disk is full, or the folder cannot be written.
    """
    rows = index.rows
    assert isinstance(rows, StoredEmbeddings)
    folder = Path(rows.folder)
    path = folder / GRAPHS.replace("*", uuid.uuid4().hex[:12])
    with Store(folder).locked(), in_words(folder):
        try:
            index.graph.save(partial_of(path))
        except RuntimeError as error:  # what usearch makes of a disk that refuses
            partial_of(path).unlink(missing_ok=True)
            raise StoreError(f"{path}: the index cannot be written ({error}); the rows are intact") from error
        publish(path)
        facts = {
            "format": FORMAT,
            "fingerprint": rows.fingerprint,
            "rows": len(rows),
            "dim": rows.dim,
            "file": path.name,
            "bytes": path.stat().st_size,
            "effort": index.effort,
            "recall": asdict(index.recall),
            "seconds": round(index.seconds, 1),
            "usearch": str(getattr(__import__("usearch"), "__version__", "")),
        }
        write_json(folder / FACTS, facts)
        for old in folder.glob(GRAPHS):
            if old != path:
                with contextlib.suppress(OSError):  # Windows: another process still reads it
                    old.unlink()
    return kept_index(rows)


def kept_index(rows: StoredEmbeddings) -> SearchIndex:
    """The index that lies beside the rows, mapped into memory: it is read where a search touches it.

    Raises:
        StoreError: there is none, it is damaged, or the rows have changed since it was made.
        MissingExtra: usearch is not installed.
    """
    path = Path(rows.folder) / FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{rows.folder}: no index beside the rows; make one with build_index(rows)") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); make it again with build_index(rows)") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise StoreError(f"{path}: not in the format {FORMAT!r}; make it again with build_index(rows)")
    if facts["fingerprint"] != rows.fingerprint:
        raise StoreError(
            f"{rows.folder}: the rows have changed since their index was made ({facts['rows']:,} then, {len(rows):,} "
            "now); make it again with build_index(rows)"
        )
    path = Path(rows.folder) / facts["file"]
    if not path.is_file() or path.stat().st_size != facts["bytes"]:
        raise StoreError(f"{path}: missing or damaged; make it again with build_index(rows)")
    try:
        graph = usearch().Index.restore(path, view=True)
    except RuntimeError as error:
        raise StoreError(f"{path}: cannot be read ({error}); make it again with build_index(rows)") from error
    if graph is None or len(graph) != len(rows) or graph.ndim != rows.dim:
        raise StoreError(f"{path}: damaged; make it again with build_index(rows)")
    return SearchIndex(rows, graph, facts["effort"], Recall(**facts["recall"]), facts["seconds"], str(path))
