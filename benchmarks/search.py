"""Search in many rows, exact and by an index: ``python benchmarks/search.py [--rows 1000000] [--index NAMES]``

The rows are made, 512 columns wide, and clustered as those of a CLIP are: a direction that all of them share, 300
topics, 20,000 things of very unequal numbers, and what is each row's own, all drawn from a spectrum that falls by a
power. On independent noise, where every row is as far as any other, no index finds anything, and a recall says nothing.
Two kinds of queries: *alike* are more rows of the same making, as pictures among pictures; *across* are moved away by a
gap and hold half noise, as texts among pictures, whose best cosine is low. The first lines print what this looks like:
the cosines, and the local dimension (Levina and Bickel, 2004). ``--real FILE.npy`` takes rows of a model instead, 500
of them as queries.

Exact search: the contenders take turns, in one process; what is printed is the median. ``clipnb, on disk`` reads a
folder of shards; its memory is what rises above the process before, without the pages of mapped files.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from zero_shot import Watch

import clipnb
from clipnb.errors import ApproximateSearch
from clipnb.searching.index import processors
from clipnb.similarity import nearest_rows
from clipnb.store import Store, digest

K = 10
INDICES = ("usearch i8", "usearch f16", "faiss IVF SQ8", "faiss HNSW SQ8")


def made(count: int, queries: int, dim: int = 512, topics: int = 300, things: int = 20_000):
    """Unit rows [count, dim], and two kinds of queries [queries, dim]."""
    rng = np.random.default_rng(0)
    spread = (np.arange(dim) + 1.0) ** -0.6
    spread = (spread / np.linalg.norm(spread)).astype(np.float32)
    turned = np.linalg.qr(rng.standard_normal((dim, dim)))[0].astype(np.float32)

    def drawn(rows: int) -> np.ndarray:
        return rng.standard_normal((rows, dim), dtype=np.float32) * spread

    def unit(rows: np.ndarray) -> np.ndarray:
        return rows / np.linalg.norm(rows, axis=-1, keepdims=True)

    shared, gap, topic = unit(drawn(1)), unit(drawn(1)), drawn(topics)
    thing = 0.5 * topic[rng.integers(topics, size=things)] + 0.5 * drawn(things)
    share = (np.arange(things) + 10.0) ** -0.7
    which = rng.choice(things, size=count + queries, p=share / share.sum())
    rows = np.empty((count + queries, dim), dtype=np.float32)
    for start in range(0, len(rows), 65_536):
        part = slice(start, start + 65_536)
        rows[part] = unit((0.55 * shared + thing[which[part]] + 0.5 * drawn(len(which[part]))) @ turned)
    across = unit((0.8 * gap - 0.165 * shared + 0.7 * thing[which[count:]] + 0.5 * drawn(queries)) @ turned)
    return rows[:count], {"alike": rows[count:], "across": across}


def described(rows: np.ndarray, queries: np.ndarray, near: int = 15) -> str:
    sim = queries @ rows[:100_000].T
    best = -np.sort(-sim, axis=1)[:, :near]
    far = np.sqrt(np.maximum(2 - 2 * best, 1e-9))
    dimension = 1 / (np.log(far[:, -1:] / far[:, :-1]).sum(axis=1) / (near - 2)).mean()
    cosines = f"mean cosine {sim.mean():.2f}, best {best[:, 0].mean():.2f}, tenth {best[:, 9].mean():.2f}"
    return f"{cosines}, local dimension {dimension:.0f}"


def write_rows(folder: Path, rows: np.ndarray, shard_rows: int = 10_000) -> None:
    store = Store(folder)
    with store.locked():
        store.start({"model": "", "dim": rows.shape[1], "modality": "image", "shard_rows": shard_rows})
        for first in range(0, len(rows), shard_rows):
            part = rows[first : first + shard_rows]
            places = list(range(first, first + len(part)))
            ids = [f"{place:07}.jpg" for place in places]
            store.write(first // shard_rows, first, ids, places, part, [], digest(ids))
        store.finish(store.shards(), {"rows": len(rows), "errors": 0, "items": len(rows)})


def naive(queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    return np.argsort(-(queries @ rows.T), axis=1)[:, :K]


def exact_contenders(rows: np.ndarray, stored) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    memory = clipnb.Embeddings(rows)
    found = {
        "numpy, all sorted": lambda q: naive(q, rows),
        "clipnb, in memory": lambda q: nearest_rows(q, memory.blocks(), K).rows,
        "clipnb, on disk": lambda q: nearest_rows(q, stored.blocks(), K).rows,
    }
    try:
        import faiss

        flat = faiss.IndexFlatIP(rows.shape[1])
        flat.add(rows)
        found["faiss, flat"] = lambda q: flat.search(q, K)[1]
    except ImportError:
        print("(faiss is not installed: left out)")
    try:
        import torch
        from sentence_transformers.util import semantic_search

        corpus = torch.from_numpy(rows)
        found["sentence-transformers"] = lambda q: np.array(
            [[hit["corpus_id"] for hit in hits] for hits in semantic_search(torch.from_numpy(q), corpus, top_k=K)]
        )
    except ImportError:
        print("(sentence-transformers is not installed: left out)")
    return found


def exact(rows: np.ndarray, queries: np.ndarray, folder: Path, rounds: int) -> None:
    write_rows(folder, rows)
    contenders = exact_contenders(rows, clipnb.open_embeddings(folder))
    print(f"\n**Exact, the {K} nearest of {len(rows):,} rows**\n")
    print("| | 1 query, ms (processor, ms) | 100 queries, ms (processor, ms) | memory of 100, MB |\n|---|---|---|---|")
    times: dict[str, dict[int, list[tuple[float, float]]]] = {name: {1: [], 100: []} for name in contenders}
    rises = dict.fromkeys(contenders, 0.0)
    expected = nearest_rows(queries[:100], [(0, rows)], K).cosine
    for _ in range(rounds):
        for name, search in contenders.items():
            for count in (1, 100):
                watch = Watch()
                watch.start()
                start, busy = time.perf_counter(), time.process_time()
                found = search(queries[:count])
                times[name][count].append((time.perf_counter() - start, time.process_time() - busy))
                rises[name] = max(rises[name], watch.stop()[1])
                cosines = np.einsum("qkd,qd->qk", rows[found], queries[:count])  # equal rows may change places
                assert np.allclose(cosines, expected[:count], atol=1e-5), name
    for name, line in times.items():
        one, many = (1000 * np.median(line[count], axis=0) for count in (1, 100))
        print(
            f"| {name} | {one[0]:.0f} ({one[1]:.0f}) | {many[0]:.0f} ({many[1]:.0f}) | {rises[name]:.0f} |", flush=True
        )


def kept(folder: Path, asked: dict[str, np.ndarray]) -> None:
    """clipnb's own index, tuned on one half of the queries and measured on the other."""
    print("\n**build_index, beside the shards**\n")
    print("| tuned on (recall) | built in, s (processor) | MB | effort | first, ms | others, ms | recall of others |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for kind, queries in {"its own rows": None, "across": asked["across"]}.items():
        half = None if queries is None else clipnb.Embeddings(queries[::2], modality="text")
        busy = time.process_time()
        index = clipnb.build_index(clipnb.open_embeddings(folder), queries=half)
        facts = f"{index.seconds:.0f} ({time.process_time() - busy:.0f}) | {Path(index.path).stat().st_size / 1e6:.0f}"
        others = asked["alike"] if queries is None else queries
        rows, times = clipnb.open_embeddings(folder), []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ApproximateSearch)
            for query in others[1::2][:100]:
                start = time.perf_counter()
                clipnb.search(rows, query, K, index="approximate")
                times.append(1000 * (time.perf_counter() - start))
        found = index.measure(clipnb.Embeddings(others[1::2]), K)
        line = f"{index.effort} | {times[0]:.0f} | {np.median(times):.1f} | {found.value:.3f}"
        print(f"| {kind} ({index.recall.value:.3f}) | {facts} | {line} |", flush=True)


def graph_usearch(rows: np.ndarray, dtype: str):
    import usearch.index

    graph = usearch.index.Index(ndim=rows.shape[1], metric="ip", dtype=dtype, connectivity=16, expansion_add=64)
    graph.add(np.arange(len(rows)), rows, threads=processors())

    def search(queries: np.ndarray, count: int) -> np.ndarray:
        found = graph.search(queries, count, threads=processors() if len(queries) > 1 else 1)
        return np.atleast_2d(found.keys).astype(np.int64)

    def tuned() -> Iterator[tuple[str, Callable[[np.ndarray, int], np.ndarray]]]:
        for effort in (64, 128, 256, 512, 1024):
            graph.expansion_search = effort
            yield f"effort {effort}", search

    return graph.serialized_length, tuned


def index_faiss(rows: np.ndarray, recipe: str, setting: str, values: tuple[int, ...]):
    import faiss

    faiss.omp_set_num_threads(processors())
    index = faiss.index_factory(rows.shape[1], recipe, faiss.METRIC_INNER_PRODUCT)
    if recipe.startswith("HNSW"):
        index.hnsw.efConstruction = 64
    lists = int(recipe[3 : recipe.index(",")]) if recipe.startswith("IVF") else 500
    index.train(rows[np.random.default_rng(0).permutation(len(rows))[: lists * 40]])
    index.add(rows)

    def tuned() -> Iterator[tuple[str, Callable[[np.ndarray, int], np.ndarray]]]:
        for value in values:
            setattr(index.hnsw if recipe.startswith("HNSW") else index, setting, value)
            yield f"{setting} {value}", lambda q, n: index.search(q, n)[1]

    return len(faiss.serialize_index(index)), tuned


def built(name: str, rows: np.ndarray):
    if name.startswith("usearch"):
        return graph_usearch(rows, name.split()[1])
    if name == "faiss HNSW SQ8":
        return index_faiss(rows, "HNSW16_SQ8", "efSearch", (64, 128, 256, 512, 1024))
    lists = 2 ** round(np.log2(4 * np.sqrt(len(rows))))
    return index_faiss(rows, f"IVF{lists},SQ8", "nprobe", (16, 32, 64, 128))


def put_in_order(queries: np.ndarray, proposed: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """The best of what was proposed, by the rows themselves."""
    found = []
    for query, places in zip(queries, proposed, strict=True):
        places = places[places >= 0]
        found.append(np.pad(places[np.argsort(-(rows[places] @ query))[:K]], (0, K), constant_values=-1)[:K])
    return np.array(found)


def indices(names: list[str], rows: np.ndarray, asked: dict[str, np.ndarray]) -> None:
    true = {kind: nearest_rows(queries, [(0, rows)], K).rows for kind, queries in asked.items()}
    print(f"\n**By an index, the {K} nearest of {len(rows):,} rows; 36 proposed, put in order by the rows**\n")
    print("| | built in, s (processor, s) | MB | | one query, ms | recall alike | recall across |")
    print("|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        start, busy = time.perf_counter(), time.process_time()
        size, tuned = built(name, rows)
        facts = f"{time.perf_counter() - start:.0f} ({time.process_time() - busy:.0f}) | {size / 1e6:.0f}"
        for label, search in tuned():
            recall = {}
            for kind, queries in asked.items():
                found = put_in_order(queries, search(queries, 36), rows)
                recall[kind] = np.mean([len(set(a) & set(b)) / K for a, b in zip(found, true[kind], strict=True)])
            one = []
            for query in asked["alike"][:100]:
                start = time.perf_counter()
                put_in_order(query[None], search(query[None], 36), rows)
                one.append(time.perf_counter() - start)
            line = " | ".join(f"{recall[kind]:.3f}" for kind in ("alike", "across"))
            print(f"| {name} | {facts} | {label} | {np.median(one) * 1000:.2f} | {line} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--real", type=Path, help="a file of rows, .npy, instead of made ones")
    parser.add_argument("--across", type=Path, help="with --real: a file of queries of the other kind")
    parser.add_argument("--index", nargs="*", default=list(INDICES), choices=INDICES, help="none: exact search alone")
    parser.add_argument("--no-exact", action="store_true")
    options = parser.parse_args()
    if options.real:
        real = np.random.default_rng(0).permutation(np.load(options.real))
        rows, asked = real[options.queries :][: options.rows], {"alike": real[: options.queries]}
        asked["across"] = np.load(options.across)[: options.queries] if options.across else asked["alike"]
    else:
        rows, asked = made(options.rows, options.queries)
    print(f"load at the start {os.getloadavg()[0]:.1f}, {processors()} cores; {rows.shape[0]:,} x {rows.shape[1]}")
    for kind, queries in asked.items():
        print(f"{kind}: {described(rows, queries)}")
    if not options.no_exact:
        with tempfile.TemporaryDirectory() as work:
            exact(rows, asked["alike"], Path(work) / "rows", options.rounds)
            if options.index:
                kept(Path(work) / "rows", asked)
    if options.index:
        indices(options.index, rows, asked)
    print(f"\nLoad at the end {os.getloadavg()[0]:.1f}.")


if __name__ == "__main__":
    main()
