"""``project``: rows of a model's space to places on a map."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.maps.options import OPTIONS, check
from clipnb.maps.projection import Projection
from clipnb.maps.source import Source
from clipnb.maps.stages import Stages
from clipnb.types import Embeddings, as_embeddings

__all__ = ["OPTIONS", "again", "check", "project"]


def project(
    embeddings: Embeddings | ArrayLike,
    *,
    method: Literal["umap", "pca", "tsne", "pacmap"] = "umap",
    n_components: int = 2,
    metric: Literal["cosine"] = "cosine",
    seed: int = 0,
    n_neighbors: int = 15,
    min_dist: float = 0.1,
    progress: bool = True,
    **options: Any,
) -> Projection:
    """Lay the rows out on a map.

    - ``"umap"`` (McInnes, Healy and Melville 2018) keeps neighbourhoods: near means alike, and distances between far
      groups mean little. Neighbours are exact up to 50,000 rows; the layout is this package's own, in as many threads
      as there are processors, and a seed gives the same map whatever their number.
    - ``"pca"`` keeps the directions of largest variance: linear, the same everywhere; signs are fixed so that the
      largest loading is positive.
    - ``"tsne"`` (van der Maaten and Hinton 2008), by scikit-learn from a PCA: keeps close neighbourhoods.
    - ``"pacmap"`` (Wang et al. 2021), by its authors' package, ``clipnb[pacmap]``: neighbourhoods, and more of the
      arrangement of groups.

    Args:
        embeddings: Embeddings, or an array [point, dim] that is made into some.
        method: see above.
        n_components: 2 or 3.
        metric: ``"cosine"``, by which unit rows are compared.
        seed: of the random numbers; PCA has none.
        n_neighbors: how many neighbours UMAP and PaCMAP look at; with UMAP each point counts as its own first. Cut
            down where there are fewer points, which ``params`` then says.
        min_dist: how closely UMAP may pack the points.
        progress: show a bar that says what is waited for: neighbours, compiling, the layout.
        options: of one method. UMAP: ``init`` ("pca", "random", or "spectral" where the graph is in one piece),
            ``n_epochs`` (500 up to 10,000 points, else 200), ``spread``, ``learning_rate``, ``repulsion_strength``,
            ``neighbors`` ("exact", "descent" or "auto": by the number of rows), ``pca`` (search neighbours in so many
            principal components: takes half the time of exact ones, and finds other neighbours for a sixth of them;
            descent does not gain), ``threads``. t-SNE: ``perplexity`` (30, cut down to a third of the points),
            ``early_exaggeration``, ``learning_rate``, ``max_iter``. PaCMAP: ``MN_ratio``, ``FP_ratio``, ``num_iters``.

    Returns:
        Projection: coords float32 [point, n_components], the settings used, after every fallback, and what it takes
        to add points, to save the map and to ask how good it is.

    Raises:
        InvalidEmbeddings: rows that are zero or not finite; fewer points than components + 1 (PCA) or than
            components + 3; rows that all point in one direction.
        UnsupportedOption: another method, metric, option or number of components.
        MissingExtra: PaCMAP is not installed.
    """
    settings = check(method, n_components, metric, seed, n_neighbors, min_dist, options)
    n_components = int(n_components)
    points = as_embeddings(embeddings)
    fewest = n_components + (1 if method == "pca" else 3)
    if len(points) < fewest:
        count = f"{len(points)} point{'' if len(points) == 1 else 's'}"
        raise InvalidEmbeddings(f"{count}; {method} in {n_components} dimensions needs {fewest} or more")
    vectors = points.vectors
    if (vectors == vectors[0]).all():
        raise InvalidEmbeddings(f"all {len(points)} rows point in the same direction; there is nothing to lay out")
    params: dict[str, Any] = {"n_components": n_components, "metric": metric}
    stages = Stages(progress)
    run = {"umap": _umap, "pca": _pca, "tsne": _tsne, "pacmap": _pacmap}[method]
    source = run(points, params, settings, int(seed), stages)
    coords = source.coords
    coords.setflags(write=False)
    kept_seed = None if method == "pca" else int(seed)
    return Projection(coords, points.ids, method, params, kept_seed, source, stages.seconds)


def again(projection: Projection, seed: int) -> Projection:
    """The same rows and settings laid out with another seed."""
    source, params = projection.source, projection.params
    if source is None:
        raise UnsupportedOption("this map does not know the rows that it was made from; make it with clipnb.project")
    kept = {name: params[name] for name in ("n_neighbors", "min_dist", *OPTIONS[projection.method]) if name in params}
    method: Any = projection.method
    components = params["n_components"]
    return project(source.embeddings, method=method, n_components=components, seed=seed, progress=False, **kept)


def _pca(points: Embeddings, params: dict[str, Any], settings: dict[str, Any], seed: int, stages: Stages) -> Source:
    from clipnb.maps.pca import principal_axes

    with stages.stage("layout", "principal components"):
        axes = principal_axes(points.vectors, params["n_components"])
        coords = axes.place(points.vectors)
    params["explained"] = [round(float(v / axes.total), 6) for v in axes.variances]
    return Source(points, coords, None, axes)


def _umap(points: Embeddings, params: dict[str, Any], settings: dict[str, Any], seed: int, stages: Stages) -> Source:
    from clipnb.maps import neighbours, umap_graph, umap_layout
    from clipnb.maps.pca import principal_axes

    count, k = len(points), min(settings["n_neighbors"], len(points))
    exact = settings["neighbors"] == "exact" or (settings["neighbors"] == "auto" and count <= neighbours.EXACT_UP_TO)
    rows = points.vectors
    if settings["pca"] and settings["pca"] < points.dim:
        with stages.stage("pca", "principal components"):
            rows = principal_axes(rows, settings["pca"]).place(rows)
            rows = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    if exact:
        with stages.stage("neighbours", "neighbours", count, "row") as done:
            found = neighbours.among_themselves(rows, k, done=done)
    else:
        with stages.stage("neighbours", "neighbours by descent (the first time, compiling)"):
            found = neighbours.approximate(rows, k, seed)
    with stages.stage("graph", "fuzzy graph and first places"):
        graph = umap_graph.graph(*found)
        # Eigenvectors say nothing within the pieces of a graph, and few points have too few of them.
        whole = settings["init"] != "spectral" or (count > 50 and umap_graph.pieces(graph) == 1)
        init = settings["init"] if whole else "pca"
        start = umap_layout.first_places(points.vectors, graph, params["n_components"], init, seed)
    params |= {
        "n_neighbors": k,
        "min_dist": float(settings["min_dist"]),
        "spread": float(settings["spread"]),
        "learning_rate": float(settings["learning_rate"]),
        "repulsion_strength": float(settings["repulsion_strength"]),
        "n_epochs": int(settings["n_epochs"] or umap_layout.epochs_for(count)),
        "init": init,
        "neighbors": "exact" if exact else "descent",
        "pca": settings["pca"],
    }
    twins = int((found[1][:, 1:2] == 0).sum())
    if twins:
        params["rows_with_duplicates"] = twins
    layout = umap_layout.Layout(
        graph, start, n_epochs=params["n_epochs"], min_dist=params["min_dist"], spread=params["spread"],
        learning_rate=params["learning_rate"], repulsion=params["repulsion_strength"], seed=seed,
    )  # fmt: skip
    (coords,) = umap_layout.lay_out([layout], params["n_epochs"], threads=settings["threads"], stages=stages)
    return Source(points, coords, found, None)


def _tsne(points: Embeddings, params: dict[str, Any], settings: dict[str, Any], seed: int, stages: Stages) -> Source:
    from clipnb.maps.tsne import lay_out

    names = OPTIONS["tsne"]
    params |= {name: settings[name] for name in names}
    params["perplexity"] = min(settings["perplexity"], max(1.0, (len(points) - 1) / 3))
    with stages.stage("layout", "t-SNE, its neighbours first", params["max_iter"], "round") as done:
        asked = {name: params[name] for name in names}
        coords = lay_out(points.vectors, params["n_components"], seed=seed, done=done, **asked)
    return Source(points, coords)


def _pacmap(points: Embeddings, params: dict[str, Any], settings: dict[str, Any], seed: int, stages: Stages) -> Source:
    from clipnb.maps.pacmap_layout import lay_out

    params |= {name: settings[name] for name in OPTIONS["pacmap"]}
    params["n_neighbors"] = min(settings["n_neighbors"], len(points) - 1)
    if points.dim < params["n_components"]:
        raise InvalidEmbeddings(
            f"rows of {points.dim} column; pacmap starts from as many principal components as places"
        )
    if round(params["n_neighbors"] * params["FP_ratio"]) < 1:
        raise UnsupportedOption(f"FP_ratio={params['FP_ratio']!r}; that is less than one further pair a point")
    words = "PaCMAP, compiling and its neighbours first"
    with stages.stage("layout", words, sum(params["num_iters"]), "round") as done:
        coords = lay_out(
            points.vectors, params["n_components"], n_neighbors=params["n_neighbors"], seed=seed, done=done,
            MN_ratio=params["MN_ratio"], FP_ratio=params["FP_ratio"], num_iters=tuple(params["num_iters"]),
        )  # fmt: skip
    return Source(points, coords)
