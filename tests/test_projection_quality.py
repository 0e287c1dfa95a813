"""Measures of a map beside scikit-learn's and beside plain definitions."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import spearmanr
from sklearn.manifold import trustworthiness

import clipnb
from clipnb.errors import UnsupportedOption

RNG = np.random.default_rng(2)
POINTS = clipnb.Embeddings(RNG.normal(size=(150, 8)))
MAP = clipnb.project(POINTS, method="pca")


def nearest(distances, k):
    np.fill_diagonal(distances, np.inf)
    return np.argsort(distances, axis=1)[:, :k]


@pytest.mark.parametrize("k", [1, 15, 74])
def test_measures_are_those_of_others(k):
    found = MAP.quality(k)
    expected = trustworthiness(POINTS.vectors, MAP.coords, n_neighbors=k, metric="cosine")
    assert found["trustworthiness"] == pytest.approx(expected, abs=1e-9)
    # continuity is trustworthiness with the two spaces in each other's place
    unit = POINTS.vectors.astype(float)
    expected = trustworthiness(MAP.coords.astype(float), unit, n_neighbors=k, metric="euclidean")
    assert found["continuity"] == pytest.approx(expected, abs=1e-9)
    true, shown = nearest(1 - unit @ unit.T, k), nearest(cdist(MAP.coords, MAP.coords), k)
    expected = np.mean([len(set(a) & set(b)) / k for a, b in zip(true, shown, strict=True)])
    assert found["neighbourhood recall"] == pytest.approx(expected)


def test_shepard_correlation_is_spearmans_of_all_distances():
    upper = np.triu_indices(len(POINTS), 1)
    true = cdist(POINTS.vectors, POINTS.vectors, "cosine")[upper]
    shown = cdist(MAP.coords, MAP.coords)[upper]
    assert MAP.quality()["Shepard correlation"] == pytest.approx(spearmanr(true, shown).statistic, abs=0.02)


def test_a_sample_is_near_the_whole_and_seeded():
    whole, part = MAP.quality(10), MAP.quality(10, sample=75, seed=1)
    assert part.sampled == 75
    for name in ("trustworthiness", "continuity", "neighbourhood recall"):
        assert part[name] == pytest.approx(whole[name], abs=0.05)
        assert part[name] != whole[name]
    assert part == MAP.quality(10, sample=75, seed=1)


def test_every_number_has_its_caution():
    found = clipnb.project(POINTS, n_epochs=30).quality(seeds=2)
    table = found.table()
    assert list(table["measure"]) == [each.name for each in found.measures]
    assert len(found.measures) == 6
    for each in found.measures:
        assert each.name in str(found)
        assert each.caution in " ".join(str(found).split())
    assert max(map(len, str(found).splitlines())) <= 106
    assert "all 150 points" in str(found)
    assert "75 of 150 points" in str(MAP.quality(sample=75))
    assert 0 < found["stable neighbours"] <= 1
    assert 0 <= found["Procrustes disparity"] < 1


def test_a_turned_map_of_the_plane_itself_is_perfect():
    angles = RNG.uniform(0, 1.5, 60)  # on the unit sphere's quarter circle: two dimensions hold it
    flat = clipnb.Embeddings(np.column_stack([np.cos(angles), np.sin(angles)]))
    found = clipnb.project(flat, method="pca")
    assert found.quality(5)["trustworthiness"] == 1
    assert found.quality(5)["continuity"] == 1
    assert found.torn(5).max() == 0


def test_torn_points_are_those_that_stand_beside_strangers():
    centres = np.eye(2, 8) * 9
    group = np.arange(100) % 2
    rows = clipnb.Embeddings(centres[group] + RNG.normal(size=(100, 8)))
    made = clipnb.project(rows)
    assert made.torn(10).max() < 0.7
    coords = made.coords.copy()
    coords[0] = coords[group == 1].mean(axis=0)
    torn = replace(made, coords=coords).torn(10)
    assert torn[0] == 1
    assert np.median(torn) < 0.3
    # as defined: not among the nearest `within` of the map
    true = nearest(1 - rows.vectors.astype(float) @ rows.vectors.T, 10)
    shown = nearest(cdist(coords, coords), 12)
    expected = [1 - len(set(a) & set(b)) / 10 for a, b in zip(true, shown, strict=True)]
    np.testing.assert_allclose(replace(made, coords=coords).torn(10, within=12), expected)


def test_what_cannot_be_measured_is_said():
    with pytest.raises(UnsupportedOption, match="k=75; with 150 points expected a whole number from 1 to 74"):
        MAP.quality(75)
    with pytest.raises(UnsupportedOption, match="pca gives one map only"):
        MAP.quality(seeds=2)
    with pytest.raises(UnsupportedOption, match="within=3"):
        MAP.torn(5, within=3)
    for option in ({"k": 3.5}, {"k": "3"}, {"sample": 2.5}, {"seed": None}, {"seeds": 1.5}):
        with pytest.raises(UnsupportedOption, match=next(iter(option))):
            MAP.quality(**option)
    with pytest.raises(UnsupportedOption, match="k=150"):
        MAP.torn(150)
    more = replace(MAP, coords=np.concatenate([MAP.coords, MAP.coords]))
    with pytest.raises(UnsupportedOption, match="one row for each point"):
        more.quality()
    with pytest.raises(UnsupportedOption, match="no measure 'beauty'"):
        MAP.quality()["beauty"]
