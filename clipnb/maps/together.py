"""Aligned UMAP: the layouts of several models' points made together, each pulled towards the others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.maps import neighbours, umap_graph, umap_layout
from clipnb.maps.options import check
from clipnb.maps.overlap import shared_neighbours
from clipnb.maps.projection import Projection
from clipnb.maps.source import Source
from clipnb.maps.stages import Stages
from clipnb.types import Embeddings, FloatArray

__all__ = ["project"]


def project(
    rows: list[Embeddings], strength: float, n_components: int, seed: int, stages: Stages, options: dict[str, Any]
) -> list[Projection]:
    """See :func:`clipnb.project_aligned`; the rows are about the same points."""
    asked = {"n_neighbors": 15, "min_dist": 0.1, "metric": "cosine", **options}
    k, min_dist, metric = (asked.pop(name) for name in ("n_neighbors", "min_dist", "metric"))
    settings = check("umap", n_components, metric, seed, k, min_dist, asked)
    k, min_dist, n_components, seed = settings["n_neighbors"], settings["min_dist"], int(n_components), int(seed)
    if asked.get("pca"):
        raise UnsupportedOption(
            f"pca={asked['pca']!r}; method='aligned_umap' searches neighbours among the rows as they are"
        )
    count = len(rows[0])
    if count < n_components + 3:
        raise InvalidEmbeddings(f"{count} points; umap in {n_components} dimensions needs {n_components + 3} or more")
    for n, each in enumerate(rows, start=1):
        if (each.vectors == each.vectors[0]).all():
            raise InvalidEmbeddings(f"all {count} rows of number {n} point in the same direction; nothing to lay out")
    k = min(k, count)
    exact = settings["neighbors"] == "exact" or (settings["neighbors"] == "auto" and count <= neighbours.EXACT_UP_TO)
    with stages.stage("neighbours", "neighbours", count * len(rows), "row") as done:
        found = [
            neighbours.among_themselves(each.vectors, k, done=done)
            if exact
            else neighbours.approximate(each.vectors, k, seed)
            for each in rows
        ]
    with stages.stage("graph", "fuzzy graphs and first places"):
        graphs = [umap_graph.graph(*each) for each in found]
        # One start for all, from what the models have in common: the mean of their graphs, or of their cosines, whose
        # principal components are those of their columns side by side.
        mean = sum(graphs[1:], graphs[0]) / len(graphs)
        whole = settings["init"] != "spectral" or (count > 50 and umap_graph.pieces(mean) == 1)
        init = settings["init"] if whole else "pca"
        columns = np.concatenate([each.vectors for each in rows], axis=1)
        start = umap_layout.first_places(columns, mean, n_components, init, seed)
        likeness = alike([index for index, _ in found])
    params = {
        "n_components": n_components, "metric": metric, "n_neighbors": k, "min_dist": float(min_dist),
        "spread": float(settings["spread"]), "learning_rate": float(settings["learning_rate"]),
        "repulsion_strength": float(settings["repulsion_strength"]),
        "n_epochs": int(settings["n_epochs"] or umap_layout.epochs_for(count)), "init": init,
        "neighbors": "exact" if exact else "descent",
    }  # fmt: skip
    epochs = params["n_epochs"]
    layouts = [
        umap_layout.Layout(
            graph, start, n_epochs=epochs, min_dist=params["min_dist"], spread=params["spread"],
            learning_rate=params["learning_rate"], repulsion=params["repulsion_strength"], seed=seed,
        )
        for graph in graphs
    ]  # fmt: skip

    def after(n: int) -> None:
        # The pull fades as the layout's own steps do.
        pull([layout.coords for layout in layouts], likeness, strength * (1 - n / epochs))

    places = umap_layout.lay_out(layouts, epochs, threads=settings["threads"], stages=stages, after=after)
    maps = []
    for n, (each, near, coords) in enumerate(zip(rows, found, places, strict=True)):
        coords.setflags(write=False)
        aligned = {"method": "aligned_umap", "strength": float(strength), "map": n, "of": len(rows)}
        source = Source(each, coords, near)
        maps.append(Projection(coords, each.ids, "umap", params | {"aligned": aligned}, seed, source, stages.seconds))
    return maps


def alike(indices: list[NDArray[np.int32]]) -> NDArray[np.float32]:
    """How much the neighbourhoods of a point have in common: the Jaccard index, float32 [map, map, point].

    Args:
        indices: int [point, k] for each map, each point its own first, which does not count.
    """
    many, (count, k) = len(indices), indices[0].shape
    out = np.zeros((many, many, count), dtype=np.float32)
    for a in range(many):
        for b in range(a + 1, many):
            shared = shared_neighbours(indices[a][:, 1:], indices[b][:, 1:])
            out[a, b] = out[b, a] = shared / np.maximum(1, 2 * (k - 1) - shared)
    return out


def pull(places: list[FloatArray], likeness: NDArray[np.float32], step: float) -> None:
    """Draw the points of every map towards their places on the others, in place.

    A point moves by ``step`` times the mean over all maps, its own among them, of its likeness there times the way to
    its place there. With two maps, and a step and a likeness of 1, both places become one. All maps see where the
    others stood before.
    """
    before = np.stack(places)
    for m, mine in enumerate(places):
        mine += np.float32(step) * np.einsum("op,opc->pc", likeness[m], before - before[m]) / len(places)
