"""An index beside the shards it is of: whole or not there, and of these rows or refused."""

from __future__ import annotations

import contextlib
import json
import re
import uuid
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_type_hints

from clipnb.errors import StoreError
from clipnb.searching.index import EFFORTS, Recall, SearchIndex, usearch
from clipnb.store import Store
from clipnb.store.disk import in_words, partial_of, publish, sha256_of, write_json
from clipnb.stored import StoredEmbeddings

__all__ = ["check", "is_there", "kept_index", "save"]

FORMAT = "clipnb-search-index/1"
FACTS = "search-index.json"
GRAPHS = "search-index-*.usearch"
GRAPH = re.compile(r"search-index-[0-9a-f]{12}\.usearch")
WRITTEN = {
    "fingerprint": str,
    "rows": int,
    "file": str,
    "sha256": str,
    "effort": int,
    "recall": dict,
    "seconds": float,
}
AGAIN = "make it again with build_index(rows)"


def is_there(rows: StoredEmbeddings) -> bool:
    """Whether an index lies beside the rows, be it theirs or not."""
    return (Path(rows.folder) / FACTS).is_file()


def check(rows: StoredEmbeddings) -> None:
    """Find out whether an index could be written beside the rows.

    Raises:
        FolderBusy, StoreError: a run writes there, or the folder cannot be written.
    """
    with Store(rows.folder).locked():
        pass


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
            "sha256": sha256_of(path),
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
    return _mapped(rows, facts)  # whose hash was taken a moment ago


def kept_index(rows: StoredEmbeddings) -> SearchIndex:
    """The index that lies beside the rows, mapped into memory: it is read where a search touches it.

    Raises:
        StoreError: there is none, it is damaged, or the rows have changed since it was made.
        MissingExtra: usearch is not installed.
    """
    facts = _facts(rows)
    path = Path(rows.folder) / facts["file"]
    try:
        sound = sha256_of(path) == facts["sha256"]  # usearch follows a damaged graph out of its memory
    except OSError:
        sound = False
    if not sound:
        raise StoreError(f"{path}: missing or damaged; {AGAIN}")
    return _mapped(rows, facts)


def _mapped(rows: StoredEmbeddings, facts: dict[str, Any]) -> SearchIndex:
    path = Path(rows.folder) / facts["file"]
    try:
        graph = usearch().Index.restore(path, view=True)
    except (RuntimeError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); {AGAIN}") from error
    if graph is None or len(graph) != len(rows) or graph.ndim != rows.dim:
        raise StoreError(f"{path}: damaged; {AGAIN}")
    recall = Recall(**{each.name: facts["recall"][each.name] for each in fields(Recall)})
    return SearchIndex(rows, graph, facts["effort"], recall, facts["seconds"], str(path))


def _facts(rows: StoredEmbeddings) -> dict[str, Any]:
    """What is written about the index of these rows; a folder may come from anywhere, so each word is looked at."""
    path = Path(rows.folder) / FACTS
    try:
        facts = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise StoreError(f"{rows.folder}: no index beside the rows; make one with build_index(rows)") from error
    except (OSError, ValueError) as error:
        raise StoreError(f"{path}: cannot be read ({error}); {AGAIN}") from error
    if not isinstance(facts, dict) or facts.get("format") != FORMAT:
        raise StoreError(f"{path}: not in the format {FORMAT!r}; {AGAIN}")
    if not _has(facts, WRITTEN) or not _has(facts["recall"], get_type_hints(Recall)):
        raise StoreError(f"{path}: damaged; {AGAIN}")
    if not GRAPH.fullmatch(facts["file"]) or not 0 < facts["effort"] <= EFFORTS[-1]:
        raise StoreError(f"{path}: damaged; {AGAIN}")
    if facts["fingerprint"] != rows.fingerprint:
        raise StoreError(
            f"{rows.folder}: the rows have changed since their index was made ({facts['rows']:,} then, {len(rows):,} "
            f"now); {AGAIN}"
        )
    return facts


def _has(entry: dict[str, Any], kinds: dict[str, type]) -> bool:
    return all(isinstance(entry.get(key), kind) for key, kind in kinds.items())
