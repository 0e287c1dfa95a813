"""Figures of a classification's scores, as data: who stands where, which number a mark has, what is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
from scipy.stats import binomtest

from clipnb import errors, metrics, plots
from clipnb.plots.intervals import wilson
from clipnb.plots.ordering import class_groups, class_order
from clipnb.zeroshot import ZeroShot


def frame(counts, names=None):
    names = names or [f"c{i}" for i in range(len(counts))]
    return pd.DataFrame(np.asarray(counts), index=pd.Index(names), columns=pd.Index(names))


@pytest.fixture
def result():
    """200 pictures of eight classes, of which the last has none; class names that a figure could trip over."""
    rng = np.random.default_rng(0)
    names = ("cat", "Hund", "一只猫", "قطة", "<b>bold</b>", "a label of more than twenty-eight letters A", "x", "empty")
    names = (*names[:5], "a label of more than twenty-eight letters B", *names[5:])
    labels = [names[i] for i in rng.integers(0, len(names) - 1, 200)]
    truth = np.array([names.index(label) for label in labels])
    logits = rng.normal(size=(200, len(names))) + 2 * np.eye(len(names))[truth]
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return ZeroShot(logits, shares, names, [f"{i}.png" for i in range(200)], labels)


# --- order ----------------------------------------------------------------------------------------------------------


def test_classes_that_are_confused_stand_side_by_side():
    rng = np.random.default_rng(1)
    block = np.repeat(np.arange(4), 5)
    scattered = rng.permutation(20)
    counts = np.where(block[:, None] == block, 3, 0) + 10 * np.eye(20, dtype=int)
    order = class_order(counts[np.ix_(scattered, scattered)])
    blocks = block[scattered][order]
    assert sorted(order) == list(range(20))
    assert (np.diff(blocks) != 0).sum() == 3  # four runs: every block in one piece


def test_groups_keep_their_order_and_their_members():
    counts = np.random.default_rng(2).integers(0, 5, (12, 12))
    groups = ["b", "a", "c"] * 4
    order = class_order(counts, groups)
    assert [groups[i] for i in order] == ["b"] * 4 + ["a"] * 4 + ["c"] * 4
    assert sorted(order) == list(range(12))


def test_classes_without_confusions_keep_their_order_and_come_last():
    counts = np.diag([5, 5, 5, 5, 5])
    counts[1, 4] = counts[4, 1] = 2
    assert class_order(counts) == [1, 4, 0, 2, 3]
    assert class_order(np.zeros((3, 3), dtype=int)) == [0, 1, 2]


def test_groups_by_name_must_be_complete():
    assert class_groups(["a", "b"], {"b": "y", "a": "x", "z": "?"}) == ["x", "y"]
    assert class_groups(["a"], None) is None
    with pytest.raises(errors.UnknownLabel, match="'b'"):
        class_groups(["a", "b"], {"a": "x"})
    with pytest.raises(errors.WrongShape, match="groups"):
        class_groups(["a", "b"], ["x"])


# --- the matrix -----------------------------------------------------------------------------------------------------


def cell(figure, true, predicted):
    """Value and count of a cell, by the names that stand on the axes."""
    trace = figure.data[0]
    i, j = list(trace.y).index(true), list(trace.x).index(predicted)
    return trace.z[i][j], trace.customdata[i][j]


def test_cells_hold_shares_of_the_true_class_and_counts():
    figure = plots.confusion_matrix(frame([[3, 1, 0], [0, 4, 0], [2, 2, 4]], ["a", "b", "c"]))
    assert isinstance(figure.data[0], go.Heatmap)
    assert cell(figure, "a", "b") == (0.25, 1)
    assert cell(figure, "c", "c") == (0.5, 4)
    assert cell(figure, "a", "c")[0] is None  # an empty cell is the page
    assert (figure.data[0].zmin, figure.data[0].zmax) == (0, 1)
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first class on top
    assert figure.layout.xaxis.type == figure.layout.yaxis.type == "category"


def test_cells_hold_counts_where_asked():
    figure = plots.confusion_matrix(frame([[3, 1], [0, 14]], ["a", "b"]), normalize=None)
    assert cell(figure, "b", "b") == (14, 14)
    assert figure.data[0].zmax == 14
    assert "of the class" not in figure.data[0].hovertemplate


def test_a_result_is_drawn_with_every_class_told_apart(result):
    figure = plots.confusion_matrix(result, title="Which for which")
    trace = figure.data[0]
    assert len(set(trace.x)) == len(result.classnames) == len(trace.z)
    assert list(trace.x) == list(trace.y) == list(figure.layout.xaxis.categoryarray)
    assert "&lt;b&gt;bold&lt;/b&gt;" in trace.x
    assert sum(name.startswith("a label of more") for name in trace.x) == 2
    shown = np.nan_to_num(np.asarray(trace.customdata))
    assert shown.sum() == 200
    assert np.trace(shown) == result.correct.sum()
    assert "1 of 9 classes have no picture" in figure.layout.annotations[0].text
    assert trace.texttemplate  # few classes: numbers in the cells


def test_groups_have_borders_and_names():
    figure = plots.confusion_matrix(frame(np.eye(6, dtype=int)), groups=["x", "x", "x", "y", "y", "y"])
    assert {(s.y0, s.y1) for s in figure.layout.shapes} == {(2.5, 2.5), (-0.5, 5.5)}
    assert [(note.text, note.y) for note in figure.layout.annotations] == [("x", 1.0), ("y", 4.0)]


def test_a_title_is_wider_than_two_classes():
    two, title = frame(np.eye(2, dtype=int)), "Two classes under a title of some sixty letters, which has to fit"
    plain, titled = plots.confusion_matrix(two), plots.confusion_matrix(two, title=title)
    assert titled.layout.width > 8 * len(title) > plain.layout.width
    for figure in (plain, titled):  # cells stay square
        inner = figure.layout.width - figure.layout.margin.l - figure.layout.margin.r
        assert inner == figure.layout.height - figure.layout.margin.t - figure.layout.margin.b


@pytest.mark.parametrize("classes", [120, 400])
def test_hundreds_of_classes_stay_light_and_complete(classes):
    rng = np.random.default_rng(3)
    counts = np.diag(rng.integers(20, 50, classes))
    counts[rng.integers(0, classes, 300), rng.integers(0, classes, 300)] += 1
    figure = plots.confusion_matrix(frame(counts), groups=[f"g{i // 10}" for i in range(classes)])
    trace = figure.data[0]
    assert len(figure.to_json()) < 500_000
    assert figure.layout.xaxis.tickmode is None  # plotly shows as many names as fit, and more when enlarged
    assert figure.layout.width <= 980
    if classes == 400:  # cells would be thinner than a pixel: a mark for each that is not empty
        assert len(trace.x) == np.count_nonzero(counts)
        assert trace.marker.size >= 3
        drawn = {(y, x): value[0] for y, x, value in zip(trace.y, trace.x, trace.customdata, strict=True)}
        assert all(drawn[f"c{i}", f"c{j}"] == counts[i, j] for i, j in np.argwhere(counts))
    else:
        assert trace.texttemplate is None


def test_rare_confusions_differ_from_the_page_and_from_each_other():
    for mode, page in (("light", 255), ("dark", 22)):
        scale = dict(plots.confusion_matrix(frame([[1]]), mode=mode).data[0].colorscale)
        rgb = {place: np.array([int(v) for v in colour[4:-1].split(",")]) for place, colour in scale.items()}
        places = sorted(rgb)
        assert np.abs(rgb[places[0]] - page).max() > 40
        assert np.abs(rgb[places[0]] - rgb[places[2]]).max() > 40  # nothing and 6%


@pytest.mark.parametrize(
    ("bad", "error"),
    [
        ([[1, 2]], errors.WrongType),
        (pd.DataFrame([[1, 2]], columns=["a", "b"]), errors.WrongShape),
        (frame([[0.5, 0.5], [0, 1]]), errors.WrongType),
        (frame([[1, -1], [0, 1]]), errors.WrongType),
        (pd.DataFrame(), errors.EmptyInput),
    ],
)
def test_what_is_no_confusion_matrix_is_refused(bad, error):
    with pytest.raises(error):
        plots.confusion_matrix(bad)


def test_other_ways_to_normalise_are_refused():
    with pytest.raises(errors.UnsupportedOption, match="pred"):
        plots.confusion_matrix(frame([[1]]), normalize="pred")


# --- recall ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("right", "total"), [(0, 1), (1, 1), (2, 3), (50, 50), (17, 240)])
def test_intervals_are_wilsons(right, total):
    low, high = wilson(right, total)
    theirs = binomtest(right, total).proportion_ci(method="wilson")
    assert (float(low), float(high)) == pytest.approx((theirs.low, theirs.high), abs=1e-12)


def test_nothing_is_known_of_no_picture():
    assert np.isnan(wilson(0, 0)).all()


def test_the_worst_classes_come_first_with_their_numbers(result):
    table = result.per_class()
    figure = plots.class_recall(result, k=4)
    expected = table["recall"].dropna().sort_values(kind="stable")
    np.testing.assert_allclose(figure.data[0].x, expected.to_numpy()[:4])
    names = [entry[0].replace("&lt;", "<").replace("&gt;", ">") for entry in figure.data[0].customdata]
    assert [table["recall"][name] for name in names] == pytest.approx(list(figure.data[0].x))
    assert [entry[2] for entry in figure.data[0].customdata] == [table["support"][name] for name in names]
    bars = figure.data[0].error_x
    low, high = wilson([e[1] for e in figure.data[0].customdata], [e[2] for e in figure.data[0].customdata])
    np.testing.assert_allclose(figure.data[0].x + np.asarray(bars.array), high)
    np.testing.assert_allclose(figure.data[0].x - np.asarray(bars.arrayminus), low)
    assert figure.layout.shapes[0].x0 == pytest.approx(result.metrics()["mean_per_class_recall"])


def test_the_best_classes_all_classes_and_chosen_ones(result):
    best = plots.class_recall(result, k=3, lowest=False).data[0].x
    assert list(best) == sorted(result.per_class()["recall"].dropna(), reverse=True)[:3]
    assert len(plots.class_recall(result, k=None).data[0].x) == 8  # the class without a picture has no recall
    chosen = plots.class_recall(result, classes=["x", "cat"])
    assert list(chosen.layout.yaxis.ticktext) == ["x", "cat"]
    with pytest.raises(errors.EmptyInput, match="empty"):
        plots.class_recall(result, classes=["empty"])
    with pytest.raises(errors.UnsupportedOption, match="dog"):
        plots.class_recall(result, classes=["dog"])
    with pytest.raises(errors.UnsupportedOption, match="k=0"):
        plots.class_recall(result, k=0)
    with pytest.raises(errors.WrongType, match="per_class"):
        plots.class_recall([0.5])


# --- calibration and abstention -------------------------------------------------------------------------------------


def test_the_reliability_diagram_has_the_bins_that_hold_pictures(result):
    figure = plots.reliability_diagram(result, bins=10)
    bars = result.calibration(10)
    used = bars.count > 0
    accuracy, points, pictures = figure.data
    np.testing.assert_allclose(accuracy.y, bars.accuracy[used])
    np.testing.assert_allclose(points.x, bars.confidence[used])
    np.testing.assert_allclose(np.asarray(pictures.y) * 200, bars.count[used])
    np.testing.assert_allclose(np.asarray(accuracy.x), ((bars.lower + bars.upper) / 2)[used])
    assert f"{result.metrics()['ece']:.3f}" in plots.reliability_diagram(result).layout.annotations[0].text
    np.testing.assert_allclose(plots.reliability_diagram(bars).data[0].y, accuracy.y)


def test_bins_of_any_width_are_drawn_as_wide_as_they_are():
    bars = metrics.calibration([0.1, 0.2, 0.6, 0.9], [0, 1, 1, 1], 2, "mass")
    figure = plots.reliability_diagram(bars)
    np.testing.assert_allclose(figure.data[0].width, bars.upper - bars.lower)


def test_the_abstention_curve_ends_at_top1(result):
    figure = plots.abstention_curve(result)
    curve = figure.data[0]
    assert curve.x[-1] == 1
    assert curve.y[-1] == pytest.approx(result.metrics()["top1"])
    np.testing.assert_allclose(curve.customdata[-1], result.confidence.min())
    assert figure.layout.shapes[0].y0 == curve.y[-1]
    assert not figure.layout.showlegend


def test_several_abstention_curves_and_long_ones(result):
    rng = np.random.default_rng(4)
    long = metrics.abstention(rng.random(20_000), rng.random(20_000) < 0.5)
    figure = plots.abstention_curve({"ours": result, "long": long})
    assert [trace.name for trace in figure.data] == ["ours", "long"]
    assert len(figure.data[1].x) <= 1000
    assert figure.data[0].line.dash != figure.data[1].line.dash


@pytest.mark.parametrize("draw", [plots.reliability_diagram, plots.abstention_curve])
def test_what_has_no_confidence_is_refused(draw):
    with pytest.raises(errors.WrongType):
        draw([0.5])
    with pytest.raises(errors.NoLabels):
        draw(ZeroShot([[1.0]], [[1.0]], ["a"], ["x.png"]))


def test_no_curve_at_all_is_refused():
    with pytest.raises(errors.EmptyInput):
        plots.abstention_curve({})
