"""The map of counts, tested as data beside numpy's own histogram."""

import numpy as np
import pytest
from plotly.colors import sample_colorscale

import clipnb
from clipnb import errors, plots
from clipnb.plots import palette
from clipnb.plots.binning import cells_of
from clipnb.plots.shades import strengths

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(5000, 2)) * [3, 1]
GROUPS = RNG.choice(["a", "b", "c"], size=5000, p=[0.6, 0.3, 0.1])


def edges(cells):
    lines, columns = cells.shape
    return [low + cells.side * np.arange(n + 1) for low, n in zip(cells.low, (columns, lines), strict=True)]


def histogram(points, bins, weights=None):
    """[line, column], by numpy."""
    return np.histogram2d(*points.T, bins=edges(cells_of(points, bins)), weights=weights)[0].T


def colour(trace, line, column):
    """What plotly paints there, by its own rule for a colour scale."""
    place = (trace.z[line][column] - trace.zmin) / (trace.zmax - trace.zmin)
    return sample_colorscale([list(stop) for stop in trace.colorscale], float(place), colortype="tuple")[0]


def rgb(text):
    return np.array([int(text[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def test_every_point_is_counted_where_it_lies():
    trace = plots.density(POINTS, bins=50).data[0]
    counts = np.asarray(trace.customdata)
    np.testing.assert_array_equal(counts, histogram(POINTS, 50))
    assert counts.sum() == 5000
    assert counts.shape[1] == 50
    np.testing.assert_array_equal(np.isnan(trace.z), counts == 0)
    np.testing.assert_allclose(trace.z[counts > 0], np.log10(counts[counts > 0]), atol=1e-6)
    linear = plots.density(POINTS, bins=50, log=False).data[0]
    np.testing.assert_array_equal(linear.z[counts > 0], counts[counts > 0])
    # A cell is where its points are.
    fullest = np.unravel_index(counts.argmax(), counts.shape)
    side = trace.x[1] - trace.x[0]
    inside = (np.abs(POINTS - [trace.x[fullest[1]], trace.y[fullest[0]]]) < side / 2).all(axis=1)
    assert inside.sum() == counts.max()


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_cell_has_the_hue_of_its_largest_group_and_the_strength_of_its_count(mode):
    figure = plots.density(POINTS, GROUPS, bins=40, mode=mode)
    trace = figure.data[0]
    each = np.stack([_of(name, 40) for name in "abc"])
    counts = each.sum(axis=0)
    np.testing.assert_array_equal(np.asarray(trace.customdata)[..., 0], counts)
    wheel = palette.colours(["a", "b", "c"], mode)
    for line, column in np.argwhere(counts > 0)[::17]:
        here = each[:, line, column]
        name = "abc"[here.argmax()]  # the first of equals is the larger group
        assert trace.text[line][column] == name
        assert trace.customdata[line][column][1] == round(100 * here.max() / here.sum())
        faint, full = (rgb(end) for end in strengths(wheel[name], mode))
        strength = np.log(here.sum()) / np.log(counts.max())
        np.testing.assert_allclose(colour(trace, line, column), faint + strength * (full - faint), atol=0.01)
    assert [entry.name for entry in figure.data[1:]] == ["a", "b", "c"]
    assert [entry.marker.color for entry in figure.data[1:]] == list(wheel.values())


def _of(name, bins):
    cells = cells_of(POINTS, bins)
    return np.histogram2d(*POINTS[name == GROUPS].T, bins=edges(cells))[0].T


def test_smaller_groups_share_grey_and_a_single_one_keeps_its_name():
    names = np.array([f"g{n:02d}" for n in range(14) for _ in range(20 - n)])
    entries = [trace for trace in plots.density(RNG.normal(size=(len(names), 2)), names).data if trace.showlegend]
    assert [entry.name for entry in entries][8:] == ["g08", "5 smaller groups"]
    assert entries[-1].marker.color == palette.OTHER
    ten = [f"g{n}" for n in range(10)] * 3
    assert plots.density(RNG.normal(size=(30, 2)), ten).data[-1].name == "g9"


def test_values_are_averaged_and_cells_without_any_are_grey():
    values = POINTS[:, 0].copy()
    gone = POINTS[:, 0] > 4
    values[gone] = np.nan
    figure = plots.density(POINTS, values=values, value_name="place", bins=30)
    mean, empty, entry = figure.data
    total, have = (_sum(w, ~gone) for w in (values, np.ones(5000)))
    with np.errstate(invalid="ignore"):
        np.testing.assert_allclose(mean.z, np.where(have > 0, total / have, np.nan), rtol=1e-5)
    counts = np.asarray(mean.customdata)
    np.testing.assert_array_equal(np.isfinite(empty.z), (counts > 0) & (have == 0))
    assert entry.name == f"no value ({gone.sum()})"
    assert figure.layout.coloraxis.colorbar.title.text.startswith("place<br>")


def _sum(weights, chosen):
    cells = cells_of(POINTS, 30)
    return np.histogram2d(*POINTS[chosen].T, bins=edges(cells), weights=weights[chosen])[0].T


def test_the_figure_does_not_grow_with_the_points():
    sizes = []
    for count in (30_000, 600_000):
        points = np.clip(np.random.default_rng(1).normal(size=(count, 2)), -2, 2)
        groups = np.random.default_rng(2).choice(list("abcdef"), size=count)
        sizes.append([len(plots.density(points, bins=50, **more).to_json()) for more in ({}, {"groups": groups})])
    for small, large in zip(*sizes, strict=True):
        assert large < 1.3 * small
        assert large < 200_000


def test_named_points_are_marked_in_any_number_of_points():
    labels = [f"name {n}" for n in range(5000)]
    figure = plots.density(POINTS, GROUPS, labels=labels, named=[7, 5])
    named = figure.data[-1]
    np.testing.assert_array_equal(np.column_stack([named.x, named.y]), POINTS[[7, 5]])
    assert [list(custom) for custom in named.customdata] == [["name 7", "", "7"], ["name 5", "", "5"]]
    words = [note.text for note in figure.layout.annotations if note.xref != "paper"]
    assert words == ["name 7", "name 5"]
    many = RNG.normal(size=(150_000, 2))
    chosen = plots.density(many, ["most"] * 149_999 + ["one"], named=12).data[-1]
    assert len(chosen.x) == 12
    rows = [int(row) for _, _, row in chosen.customdata]
    np.testing.assert_array_equal(many[rows, 0], chosen.x)
    assert [name for name, _, _ in chosen.customdata] == [f"point {row}" for row in rows]


def test_the_names_are_the_ids_of_a_projection():
    rows = clipnb.Embeddings(RNG.normal(size=(12, 4)), ids=tuple("abcdefghijkl"))
    figure = plots.density(clipnb.project(rows, method="pca"), named=[3])
    assert figure.data[-1].customdata[0][0] == "d"
    assert figure.layout.xaxis.title.text == "PCA 1"


@pytest.mark.parametrize(
    "points", [[[0, 0]], [[1, 1]] * 3, [[0, 0], [1, 0]], [[0, 0], [0, 5]], [[0, 0], [1, 1], [0.5, 0.2]]]
)
@pytest.mark.parametrize("options", [{}, {"groups": True}, {"values": True}])
def test_a_few_points_are_counted_too(points, options):
    more = {"groups": ["g"] * len(points)} if "groups" in options else {}
    more |= {"values": np.arange(len(points))} if "values" in options else {}
    trace = plots.density(points, named=1, width=400, **more).data[0]
    counts = np.asarray(trace.customdata)
    counts = counts[..., 0] if counts.ndim == 3 else counts
    assert counts.sum() == len(points)
    assert np.isfinite(np.asarray(trace.z, dtype=float)).sum() == len({tuple(point) for point in points})


@pytest.mark.parametrize(
    ("points", "options", "error", "said"),
    [
        (np.zeros((4, 3)), {}, errors.WrongShape, "cells lie on a plane"),
        (np.zeros((0, 2)), {}, errors.EmptyInput, "coords is empty"),
        ([[0, 0], [np.nan, 1]], {}, errors.InvalidEmbeddings, "row 1"),
        (POINTS, {"groups": ["a"]}, errors.WrongShape, "groups has 1"),
        (POINTS, {"labels": ["a"]}, errors.WrongShape, "labels has 1"),
        (POINTS, {"values": [1]}, errors.WrongShape, "values have shape"),
        (POINTS, {"groups": GROUPS, "values": np.ones(5000)}, errors.WrongType, "one colour"),
        (POINTS, {"bins": 2.5}, errors.UnsupportedOption, "whole number"),
        (POINTS, {"bins": 1}, errors.UnsupportedOption, "bins=1"),
        (POINTS, {"named": [5000]}, errors.UnsupportedOption, "row 5000"),
    ],
)
def test_what_cannot_be_counted_is_named(points, options, error, said):
    with pytest.raises(error, match=said):
        plots.density(points, **options)
