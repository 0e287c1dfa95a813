"""The figure of what a map tore, beside scikit-learn's neighbours."""

import numpy as np
import plotly.graph_objects as go
import pytest
from sklearn.neighbors import NearestNeighbors

import clipnb
from clipnb import errors, plots

RNG = np.random.default_rng(0)
ROWS = clipnb.Embeddings(RNG.normal(size=(120, 12)), ids=tuple(f"row {n}" for n in range(120)))
MAP = clipnb.project(ROWS, method="pca")


def neighbours(table, k):
    return NearestNeighbors(n_neighbors=k + 1).fit(table).kneighbors(table, return_distance=False)[:, 1:]


def lost(projection, k, within):
    near, shown = neighbours(projection.source.embeddings.vectors, k), neighbours(projection.coords, within)
    return [set(a) - set(b) for a, b in zip(near.tolist(), shown.tolist(), strict=True)]


def trace(figure, name):
    return next(each for each in figure.data if each.name == name)


@pytest.mark.parametrize("components", [2, 3])
def test_lines_lead_from_the_worst_points_to_the_neighbours_that_they_lost(components):
    projection = clipnb.project(ROWS, method="pca", n_components=components)
    figure = plots.torn(projection, 5, within=10, worst=4)
    true = lost(projection, 5, 10)
    shares = np.array([len(each) / 5 for each in true])
    points = next(each for each in figure.data if each.customdata is not None)
    np.testing.assert_allclose(points.marker.color, shares)
    letters = "xyz"[:components]
    ring = trace(figure, "highlighted")
    ringed = [
        np.abs(projection.coords - place).sum(axis=1).argmin()
        for place in zip(*(ring[c] for c in letters), strict=True)
    ]
    assert len(ringed) == 4
    assert shares[ringed].min() >= np.sort(shares)[-4]
    path = np.column_stack([trace(figure, "torn")[letter] for letter in letters])
    assert np.isnan(path[2::3]).all()
    drawn = {}
    for start, end in zip(path[0::3], path[1::3], strict=True):
        row, other = (int(np.abs(projection.coords - place).sum(axis=1).argmin()) for place in (start, end))
        drawn.setdefault(row, set()).add(other)
    assert drawn == {row: true[row] for row in ringed}


def test_among_equals_those_with_the_farthest_neighbours_come_first():
    figure = plots.torn(MAP, 2, within=4, worst=3)
    true = lost(MAP, 2, 4)
    away = [
        (len(gone), np.mean([np.linalg.norm(MAP.coords[row] - MAP.coords[g]) for g in gone]) if gone else 0, row)
        for row, gone in enumerate(true)
    ]
    expected = [row for _, _, row in sorted(away, reverse=True)[:3]]
    np.testing.assert_allclose(trace(figure, "highlighted").x, MAP.coords[expected, 0])


def test_a_sentence_says_how_much_was_torn():
    shares = np.array([len(each) / 5 for each in lost(MAP, 5, 15)])
    figure = plots.torn(MAP, 5, width=2000)
    words = " ".join(note.text for note in figure.layout.annotations if note.xref == "paper")
    assert f"{shares.mean():.0%} of its 5 nearest rows" in words
    assert f"{(shares > 0.5).mean():.0%} of the points" in words
    assert figure.layout.coloraxis.cmin == 0
    assert figure.layout.coloraxis.cmax == 1
    assert any(":.0%" in (each.hovertemplate or "") for each in figure.data)


def test_the_worst_are_named_or_nothing_is_ringed():
    figure = plots.torn(MAP, 5, worst=2, labels=[f"name {n}" for n in range(120)])
    assert {note.text[:4] for note in figure.layout.annotations if note.xref != "paper"} == {"name"}
    assert isinstance(figure.data[0], go.Scatter)
    assert figure.data[0].mode == "lines"  # below the points
    bare = plots.torn(MAP, 5, worst=0, named=False, mode="dark")
    assert len(trace(bare, "torn").x) == len(trace(bare, "highlighted").x) == 0
    assert not [note for note in bare.layout.annotations if note.xref != "paper"]
    whole = clipnb.project(clipnb.Embeddings([[1, 0], [0.9, 0.3], [0, 1], [-1, 0.2]]), method="pca")
    assert len(trace(plots.torn(whole, 1), "highlighted").x) == 0  # nothing was torn


def test_rings_and_lines_lie_above_points_that_are_many():
    rows = clipnb.Embeddings(RNG.normal(size=(8100, 3)))
    figure = plots.torn(clipnb.project(rows, method="pca"), 3, worst=2)
    assert [each.name for each in figure.data][-2:] == ["torn", "highlighted"]
    assert {each.type for each in figure.data} == {"scattergl"}  # anything else would lie below


def test_what_has_no_neighbours_to_lose_is_named():
    with pytest.raises(errors.WrongType, match="expected a Projection"):
        plots.torn(np.zeros((5, 2)))
    with pytest.raises(errors.UnsupportedOption, match="k=120"):
        plots.torn(MAP, 120)
    with pytest.raises(errors.UnsupportedOption, match="worst=-1"):
        plots.torn(MAP, worst=-1)
    with pytest.raises(errors.UnsupportedOption, match="one row for each point"):
        plots.torn(clipnb.Projection(MAP.coords, MAP.ids, "pca"))
