import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors

import clipnb
from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.maps.neighbours import among_themselves

RNG = np.random.default_rng(0)
CENTRES = np.eye(3, 12) * 5
GROUP = np.repeat(np.arange(3), 30)
POINTS = clipnb.Embeddings(CENTRES[GROUP] + RNG.normal(size=(90, 12)), tuple(f"p{i}" for i in range(90)))


def test_pca_is_that_of_scikit_learn():
    for n_components in (2, 3):
        found = clipnb.project(POINTS, method="pca", n_components=n_components)
        expected = PCA(n_components).fit_transform(POINTS.vectors.astype(float))
        np.testing.assert_allclose(np.abs(found.coords), np.abs(expected), atol=1e-5)
        assert (found.ids, found.method, found.seed) == (POINTS.ids, "pca", None)


def test_neighbours_are_exact_also_among_duplicates():
    twice = np.concatenate([POINTS.vectors, POINTS.vectors[:20], POINTS.vectors[:20]])
    index, distances = among_themselves(clipnb.Embeddings(twice).vectors, 10)
    expected, _ = NearestNeighbors(n_neighbors=10, metric="cosine").fit(twice).kneighbors(twice)
    np.testing.assert_allclose(distances, expected, atol=1e-5)
    np.testing.assert_array_equal(index[:, 0], np.arange(len(twice)))
    assert all(len(set(row)) == 10 for row in index)


@pytest.mark.slow
def test_umap_keeps_groups_together_and_repeats_itself():
    found = clipnb.project(POINTS, seed=3)
    assert found.coords.shape == (90, 2)
    assert found.coords.dtype == np.float32
    centres = np.stack([found.coords[g == GROUP].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(found.coords[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == GROUP).mean() > 0.95
    np.testing.assert_array_equal(clipnb.project(POINTS, seed=3).coords, found.coords)
    for n in (5, 6, 20):
        few = clipnb.project(POINTS[:n])
        assert np.isfinite(few.coords).all()
        assert few.params["n_neighbors"] == min(n, 15)


@pytest.mark.parametrize("method", ["umap", "pca"])
def test_too_few_or_undefined_points(method):
    with pytest.raises(InvalidEmbeddings, match=f"1 points; {method}"):
        clipnb.project(POINTS[:1], method=method)
    with pytest.raises(InvalidEmbeddings, match="rows 1"):
        clipnb.project([[1.0, 2.0], [np.nan, 1.0]], method=method)


@pytest.mark.parametrize(
    "options", [{"method": "isomap"}, {"metric": "euclidean"}, {"n_components": 4}, {"n_neighbors": 1}]
)
def test_unknown_options_are_named(options):
    with pytest.raises(UnsupportedOption, match=next(iter(options))):
        clipnb.project(POINTS, **options)
