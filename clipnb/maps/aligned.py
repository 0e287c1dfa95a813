"""Several models' maps of the same points, laid so that they can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from numpy.typing import ArrayLike

from clipnb.errors import EmptyInput, UnsupportedOption, WrongShape, WrongType
from clipnb.maps import projecting, together
from clipnb.maps.frames import onto
from clipnb.maps.options import OPTIONS, number
from clipnb.maps.overlap import as_points, same_points
from clipnb.maps.projection import Projection
from clipnb.maps.stages import Stages
from clipnb.types import Embeddings

__all__ = ["project_aligned"]


def project_aligned(
    embeddings: Sequence[Embeddings | Projection | ArrayLike],
    *,
    method: Literal["procrustes", "aligned_umap"] = "procrustes",
    layout: Literal["umap", "pca", "tsne", "pacmap"] = "umap",
    strength: float = 0.2,
    n_components: int = 2,
    seed: int = 0,
    progress: bool = True,
    **options: Any,
) -> list[Projection]:
    """Maps of the same points as several models see them, one map a model, turned or laid out towards each other.

    - ``"procrustes"``: each map is made by itself, by ``layout``; then every one but the first is turned or
      mirrored onto the first as well as that goes, and made as large. No map is bent, so what still differs is the
      maps' own, chance included: two runs of UMAP on one model differ too.
    - ``"aligned_umap"``: the layouts are made together, from one start, and after each epoch every point is drawn
      towards its places on the other maps, the more the likelier its neighbourhoods are there (their Jaccard index,
      as in umap-learn's AlignedUMAP). So what stays apart is where the models disagree, but a map is no longer
      what its model alone would give.

    Args:
        embeddings: two or more, of any widths, about the same points in the same order (the same ids). With
            ``"procrustes"`` also maps that were made before.
        method: see above.
        layout: how each map is made, with ``"procrustes"``.
        strength: of the pull with ``"aligned_umap"``, within [0, 1]. 0: none, the maps only start alike. 1: a point
            whose neighbours are the same in all models is brought to one place on all maps after the first epoch, and
            may move apart as the pull fades.
        n_components: 2 or 3.
        seed: of all random numbers.
        progress: show bars.
        options: of :func:`clipnb.project`, such as ``n_neighbors`` and ``min_dist``; with ``"aligned_umap"`` those of
            UMAP but ``pca``.

    Returns:
        One Projection each, in the given order. Their ``params`` say how they were aligned: ``"frame"`` (scale,
        rotation, shift, and the disparity that is left, 0 to 1) or ``"aligned"``. New points of a model go onto its
        map with ``transform``.

    Raises:
        EmptyInput: fewer than two.
        WrongShape, InvalidEmbeddings: they are not about the same points.
        WrongType: a map among the inputs of ``"aligned_umap"``.
        UnsupportedOption: another method or option, or a strength out of range.
    """
    if isinstance(embeddings, Embeddings | Projection):
        raise WrongType("expected a list of embeddings, one for each model; got a single one")
    if method not in ("procrustes", "aligned_umap"):
        raise UnsupportedOption(f"method={method!r}; expected 'procrustes' or 'aligned_umap'")
    strength = number("strength", strength, 0, most=1)
    if not isinstance(embeddings, Iterable):
        raise WrongType(f"expected a list of embeddings, one for each model; got {type(embeddings).__name__}")
    if layout not in tuple(OPTIONS):
        raise UnsupportedOption(f"layout={layout!r}; expected {', '.join(map(repr, OPTIONS))}")
    given = [as_points(each) for each in embeddings]
    if len(given) < 2:
        raise EmptyInput(f"aligning takes the embeddings of two models or more; got {len(given)}")
    same_points(given)
    if method == "aligned_umap":
        rows = [each for each in given if isinstance(each, Embeddings)]
        if len(rows) < len(given):
            raise WrongType("method='aligned_umap' lays the maps out itself; give embeddings, not maps")
        if layout != "umap":
            raise UnsupportedOption(f"layout={layout!r}; method='aligned_umap' is of UMAP")
        return together.project(rows, strength, n_components, seed, Stages(progress), options)
    maps = [
        each
        if isinstance(each, Projection)
        else projecting.project(each, method=layout, n_components=n_components, seed=seed, progress=progress, **options)
        for each in given
    ]
    return [maps[0], *(_turned(each, maps[0]) for each in maps[1:])]


def _turned(projection: Projection, first: Projection) -> Projection:
    if projection.coords.shape != first.coords.shape:
        raise WrongShape(f"{projection.coords.shape[1]} components, the first map has {first.coords.shape[1]}")
    # A map that was turned before is turned from where it lay at first, so that one frame says it all.
    source = projection.source
    own = projection.coords if source is None or len(source.coords) != len(projection) else source.coords
    frame = onto(first.coords, own)
    coords = frame.place(own)
    coords.setflags(write=False)
    return replace(projection, coords=coords, params={**projection.params, "frame": frame.as_params()})
