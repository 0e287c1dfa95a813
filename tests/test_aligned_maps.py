import numpy as np
import pytest
from scipy.spatial import procrustes
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

import clipnb
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.maps.frames import onto
from clipnb.maps.together import alike, pull

RNG = np.random.default_rng(0)
COUNT = 240
GROUP = np.repeat(np.arange(6), COUNT // 6)
SPACE = RNG.normal(size=(6, 20))[GROUP] + 0.6 * RNG.normal(size=(COUNT, 20))
IDS = tuple(f"p{i}" for i in range(COUNT))
ONE = clipnb.Embeddings(SPACE, IDS, "image", "one")
#: Another model: more columns, all directions turned, and a little noise.
OTHER = clipnb.Embeddings(
    (SPACE + 0.2 * RNG.normal(size=SPACE.shape)) @ np.linalg.qr(RNG.normal(size=(32, 20)))[0].T, IDS, "image", "other"
)


@pytest.mark.parametrize("components", [2, 3])
def test_a_turned_mirrored_scaled_and_shifted_map_is_found_again(components):
    """The frame is known, and scipy's Procrustes says the same of noisy maps."""
    coords = RNG.normal(size=(50, components))
    turn = np.linalg.qr(RNG.normal(size=(components, components)))[0]
    turn[:, 0] *= -np.sign(np.linalg.det(turn))  # mirrored
    target = 2.5 * coords @ turn + np.arange(components)
    frame = onto(target, coords)
    np.testing.assert_allclose(frame.place(coords), target, atol=1e-5)
    assert frame.scale == pytest.approx(2.5)
    assert frame.disparity == pytest.approx(0, abs=1e-9)
    noisy = coords + 0.5 * RNG.normal(size=coords.shape)
    assert onto(target, noisy).disparity == pytest.approx(procrustes(target, noisy)[2])
    found = onto(target, noisy)
    left = np.linalg.norm(found.place(noisy) - target)
    for angle in (-0.02, 0.02):
        turn = np.eye(components)
        turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
        worse = found._replace(rotation=found.rotation @ turn)
        worse = worse._replace(shift=target.mean(axis=0) - worse.scale * noisy.mean(axis=0) @ worse.rotation)
        assert np.linalg.norm(worse.place(noisy) - target) > left
    # As large as the other, also where the two have nothing in common.
    for other in (noisy, RNG.normal(size=coords.shape)):
        np.testing.assert_allclose(
            onto(target, other).place(other).var(axis=0).sum(), target.var(axis=0).sum(), rtol=1e-5
        )
    with pytest.raises(UnsupportedOption, match="one place"):
        onto(target, np.zeros_like(coords))


def test_procrustes_turns_maps_and_keeps_their_shape(tmp_path):
    mirrored = clipnb.Embeddings(-ONE.vectors, IDS)
    first, second = clipnb.project_aligned([ONE, mirrored], layout="pca", progress=False)
    np.testing.assert_array_equal(first.coords, clipnb.project(ONE, method="pca").coords)
    np.testing.assert_allclose(second.coords, first.coords, atol=1e-5)
    assert second.params["frame"]["disparity"] == pytest.approx(0, abs=1e-9)
    # New points are turned as the old ones were, after saving too.
    np.testing.assert_allclose(second.transform(mirrored[5:9]), second.coords[5:9], atol=1e-5)
    second.save(tmp_path / "map")
    again = clipnb.Projection.load(tmp_path / "map")
    np.testing.assert_allclose(again.transform(mirrored[5:9]), second.coords[5:9], atol=1e-5)


def test_maps_that_were_made_before_are_turned_and_twice_is_once():
    maps = [clipnb.project(each, method="pca") for each in (ONE, OTHER)]
    turned = clipnb.project_aligned(maps)
    assert turned[0] is maps[0]
    assert np.linalg.norm(turned[1].coords - maps[0].coords) < np.linalg.norm(maps[1].coords - maps[0].coords) + 1e-9
    twice = clipnb.project_aligned(turned)
    np.testing.assert_allclose(twice[1].coords, turned[1].coords, atol=1e-5)
    np.testing.assert_allclose(twice[1].transform(OTHER[:3]), turned[1].coords[:3], atol=1e-5)
    assert procrustes(turned[1].coords, maps[1].coords)[2] == pytest.approx(0, abs=1e-9)


def test_umap_laid_out_together_lies_together_and_keeps_neighbourhoods():
    apart = clipnb.project_aligned([ONE, OTHER], progress=False)
    together = clipnb.project_aligned([ONE, OTHER], method="aligned_umap", progress=False)

    def distance(maps):
        return np.median(np.linalg.norm(maps[0].coords - maps[1].coords, axis=1)) / maps[0].coords.std()

    assert distance(together) < 0.5 * distance(apart)
    free = clipnb.project_aligned([ONE, OTHER], method="aligned_umap", strength=0, progress=False)
    assert distance(together) < distance(free)
    for each, rows in zip(together, (ONE, OTHER), strict=True):
        assert trustworthiness(rows.vectors, each.coords, n_neighbors=15, metric="cosine") > 0.93
        assert (each.method, each.ids) == ("umap", IDS)
        assert each.params["aligned"]["of"] == 2
        near = np.linalg.norm(each.transform(rows[:10]) - each.coords[:10], axis=1)
        assert np.median(near) < 0.2 * each.coords.std()
    again = clipnb.project_aligned([ONE, OTHER], method="aligned_umap", progress=False, threads=1)
    for each, same in zip(together, again, strict=True):
        np.testing.assert_array_equal(each.coords, same.coords)


def test_the_pull_is_that_of_its_words():
    places = [np.array(each, dtype=np.float32) for each in ([[0, 0], [1, 1]], [[2, 4], [3, 1]])]
    likeness = np.zeros((2, 2, 2), dtype=np.float32)
    likeness[0, 1] = likeness[1, 0] = [1.0, 0.5]
    pull(places, likeness, 1.0)
    np.testing.assert_allclose(places[0], [[1, 2], [1.5, 1]])
    np.testing.assert_allclose(places[1], [[1, 2], [2.5, 1]])
    index = np.array([[0, 1, 2], [1, 0, 2]])
    other = np.array([[0, 2, 3], [1, 2, 0]])
    np.testing.assert_allclose(alike([index, other])[0, 1], [1 / 3, 1])  # {1, 2} and {2, 3}; the same two


def test_overlap_is_that_of_scikit_learns_neighbours():
    def near(rows, metric):
        found = NearestNeighbors(n_neighbors=9, metric=metric).fit(rows).kneighbors(rows, return_distance=False)
        return [set(row) - {i} for i, row in enumerate(found)]

    projection = clipnb.project(OTHER, method="pca")
    for b, theirs in ((OTHER, near(OTHER.vectors, "cosine")), (projection, near(projection.coords, "euclidean"))):
        expected = [len(x & y) / 8 for x, y in zip(near(ONE.vectors, "cosine"), theirs, strict=True)]
        np.testing.assert_allclose(clipnb.neighbourhood_overlap(ONE, b, 8), expected)
    np.testing.assert_array_equal(clipnb.neighbourhood_overlap(SPACE, 3 * SPACE, 5), np.ones(COUNT))
    chance = clipnb.neighbourhood_overlap(SPACE, RNG.normal(size=(COUNT, 4)), 10).mean()
    assert chance == pytest.approx(10 / (COUNT - 1), abs=0.02)


def test_inputs_that_are_not_about_the_same_points():
    with pytest.raises(WrongShape, match=f"{COUNT} points in the first, 9"):
        clipnb.neighbourhood_overlap(ONE, OTHER[:9])
    order = np.r_[1, 0, 2:COUNT]
    with pytest.raises(InvalidEmbeddings, match="row 0 is 'p0' in the first and 'p1' in number 2"):
        clipnb.project_aligned([ONE, OTHER[order]])
    with pytest.raises(EmptyInput, match="got 1"):
        clipnb.project_aligned([ONE])
    with pytest.raises(WrongType, match="a list of embeddings"):
        clipnb.project_aligned(ONE)
    with pytest.raises(WrongShape, match="3 components"):
        clipnb.project_aligned([clipnb.project(ONE, method="pca"), clipnb.project(OTHER, method="pca", n_components=3)])
    with pytest.raises(WrongType, match="got NoneType"):
        clipnb.project_aligned(None)
    with pytest.raises(EmptyInput, match="1 point;"):
        clipnb.neighbourhood_overlap(ONE[:1], OTHER[:1])
    for k in (0, COUNT, 2.5, "3"):
        with pytest.raises(UnsupportedOption, match=f"k={k!r}"):
            clipnb.neighbourhood_overlap(ONE, OTHER, k)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "ruler"}, "method='ruler'"),
        ({"method": "aligned_umap", "layout": "pca"}, "layout='pca'"),
        ({"layout": "isomap"}, "layout='isomap'"),
        ({"method": "aligned_umap", "strength": 2}, "strength=2"),
        ({"method": "aligned_umap", "pca": 5}, "pca=5"),
        ({"method": "aligned_umap", "perplexity": 5}, "perplexity=5"),
        ({"method": "aligned_umap", "n_components": 4}, "n_components=4"),
    ],
)
def test_options_out_of_range(options, words):
    with pytest.raises(UnsupportedOption, match=words):
        clipnb.project_aligned([ONE, OTHER], progress=False, **options)


def test_rows_of_different_lengths():
    ragged = [[1.0, 2.0], [3.0]]
    with pytest.raises(InvalidEmbeddings, match="different lengths"):
        clipnb.neighbourhood_overlap(ragged, ONE)
    with pytest.raises(InvalidEmbeddings, match="different lengths"):
        clipnb.project_aligned([ONE, ragged])


def test_maps_and_points_that_cannot_be_laid_out_together():
    with pytest.raises(WrongType, match="not maps"):
        clipnb.project_aligned([ONE, clipnb.project(OTHER, method="pca")], method="aligned_umap")
    with pytest.raises(InvalidEmbeddings, match="4 points"):
        clipnb.project_aligned([ONE[:4], OTHER[:4]], method="aligned_umap")
    with pytest.raises(InvalidEmbeddings, match="number 2 point in the same direction"):
        clipnb.project_aligned([SPACE, np.ones((COUNT, 3))], method="aligned_umap")
    pieces = np.eye(6)[GROUP] + 0.05 * RNG.normal(size=(COUNT, 6))  # whose graphs have no edge between the groups
    apart = clipnb.project_aligned([pieces, pieces], method="aligned_umap", init="spectral", progress=False)
    assert apart[0].params["init"] == "pca"
    np.testing.assert_array_equal(apart[0].coords, apart[1].coords)
    few = clipnb.project_aligned([ONE[:6], OTHER[:6]], method="aligned_umap", progress=False)
    assert np.isfinite(few[1].coords).all()
    assert few[0].params["n_neighbors"] == 6
