"""The figures of the score explainer and of few-shot learning, as data."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip

import clipnb
from clipnb import errors, plots
from clipnb.scores.temperature import softmax_at
from clipnb.types import Embeddings


@pytest.fixture(scope="module")
def baseline() -> clipnb.ScoreBaseline:
    rng = np.random.default_rng(0)
    images, texts = (Embeddings(rng.normal(0.3, 1, (80, 8)), model=FakeClip.name) for _ in range(2))
    return clipnb.score_baseline(FakeClip(), images, texts, pairs="diagonal")


def heights(trace) -> tuple[np.ndarray, np.ndarray]:
    """Widths and heights of the steps of an outline."""
    x, y = np.array(trace.x)[1:-1], np.array(trace.y)[1:-1]
    assert (y[::2] == y[1::2]).all()
    return x[1::2] - x[::2], y[::2]


def test_both_outlines_enclose_everything(baseline):
    figure = plots.score_baseline(baseline)
    assert [trace.name for trace in figure.data] == ["unrelated pairs (6,320)", "related pairs (80)"]
    for trace in figure.data:
        width, height = heights(trace)
        assert (width * height / 0.01).sum() == pytest.approx(1)
    # The outline's mean is the baseline's, as far as a step is wide.
    width, height = heights(figure.data[0])
    middles = np.array(figure.data[0].x)[1:-1].reshape(-1, 2).mean(axis=1)
    assert (width * height / 0.01 * middles).sum() == pytest.approx(baseline.mean, abs=width.max() / 2)
    assert len(plots.score_baseline(baseline, related=False).data) == 1


def test_few_related_pairs_are_drawn_one_by_one():
    rng = np.random.default_rng(0)
    images, texts = (Embeddings(rng.normal(0.3, 1, (6, 8))) for _ in range(2))
    few = clipnb.score_baseline(FakeClip(), images, texts, pairs="diagonal")
    np.testing.assert_array_equal(plots.score_baseline(few).data[1].x, few.related)


def test_marked_cosines_tell_their_percentile(baseline):
    marked = {"<b>cat</b>": float(baseline.quantile(0.9)), "top": 1.0, "bottom": -1.0}
    figure = plots.score_baseline(baseline, marked, title="t")
    assert sorted(shape.x0 for shape in figure.layout.shapes) == sorted(marked.values())
    words = [note.text for note in figure.layout.annotations]
    assert words[0] == "bottom: -1.000, above none"
    assert words[1].startswith("&lt;b&gt;cat")
    assert words[1].endswith(f"above {baseline.percentile(marked['<b>cat</b>']):.1f}%")
    assert words[2] == "top: 1.000, above all"
    # Rows of words do not lie on each other, and every line is in sight.
    assert len({note.yshift for note in figure.layout.annotations}) == 3
    low, high = figure.layout.xaxis.range
    assert low < -1 and high > 1  # noqa: PT018
    assert plots.score_baseline(baseline, [0.25]).layout.annotations[0].text.startswith("0.250, above")
    with pytest.raises(errors.UnsupportedOption, match="27"):
        plots.score_baseline(baseline, [27.0])
    with pytest.raises(errors.WrongType, match="ScoreBaseline"):
        plots.score_baseline([0.1, 0.2])


def test_a_number_stays_behind_a_name_that_is_long_or_right_to_left(baseline):
    names = ["a name that is much longer than a legend is wide", "חתול"]
    legend = [trace.name for trace in plots.temperature([0.3, 0.2], names, 100.0).data]
    assert legend[0].endswith("… (0.300)")
    assert legend[1] == "\u2068חתול\u2069 (0.200)"
    (note,) = plots.score_baseline(baseline, {"חתול": 0.2}).layout.annotations
    assert note.text.startswith("\u2068חתול\u2069: 0.200, above")


def test_temperature_draws_the_softmax_over_all_classes():
    cosines, names = [0.1, 0.3, 0.25, -0.2], ["a", "b", "c", "d"]
    figure = plots.temperature(cosines, names, 100.0, k=2)
    assert [trace.name for trace in figure.data] == ["b (0.300)", "c (0.250)"]
    scales = np.array(figure.data[0].x)
    assert (scales[0], scales[-1]) == (pytest.approx(1), pytest.approx(1000))
    expected = softmax_at(cosines, scales)
    np.testing.assert_allclose(figure.data[0].y, expected[:, 1])
    np.testing.assert_allclose(figure.data[1].y, expected[:, 2])
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.shapes[0].x0 == 100
    assert "100" in figure.layout.annotations[0].text
    assert plots.temperature(cosines, names, 2000.0).data[0].x[-1] == pytest.approx(2000)
    with pytest.raises(errors.WrongShape):
        plots.temperature(cosines, names[:3], 100.0)
    for scale in (0, np.nan, -1):
        with pytest.raises(errors.UnsupportedOption, match="logit_scale"):
            plots.temperature(cosines, names, scale)


@pytest.fixture
def runs() -> pd.DataFrame:
    rows = [("zero-shot", 0, 0.4)]
    rows += [(m, n, 0.2 + 0.1 * i + 0.01 * s) for m in ("linear_probe", "tip_adapter") for i, n in enumerate((1, 2, 16))
             for s in range(3)]  # fmt: skip
    return pd.DataFrame(rows, columns=["method", "shots", "top1"])


def test_curve_has_means_and_bands(runs):
    figure = plots.learning_curve(runs, title="t")
    lines = {trace.name: trace for trace in figure.data if trace.showlegend is not False}
    assert list(lines) == ["linear probe", "Tip-Adapter", "zero-shot (40.0%)"]
    np.testing.assert_allclose(lines["linear probe"].y, [0.21, 0.31, 0.41])
    np.testing.assert_allclose(lines["linear probe"].x, [0, 1, 4])
    bands = [trace for trace in figure.data if trace.fill == "toself"]
    assert len(bands) == 2
    np.testing.assert_allclose(bands[0].y, [0.22, 0.32, 0.42, 0.40, 0.30, 0.20])
    assert list(figure.layout.xaxis.ticktext) == ["0", "1", "2", "16"]
    assert list(lines["zero-shot (40.0%)"].y) == [0.4, 0.4]


def test_curve_without_zero_shot_or_with_nothing_else(runs):
    assert list(plots.learning_curve(runs[runs["shots"] > 0]).layout.xaxis.ticktext) == ["1", "2", "16"]
    assert list(plots.learning_curve(runs[:1]).layout.xaxis.ticktext) == ["0"]
    # One seed has no band.
    single = runs.groupby(["method", "shots"], as_index=False).first()
    assert not [trace for trace in plots.learning_curve(single).data if trace.fill]


def test_curve_refuses_what_is_no_table_of_runs(runs):
    with pytest.raises(errors.UnknownColumn, match="'f1'"):
        plots.learning_curve(runs, metric="f1")
    with pytest.raises(errors.EmptyInput):
        plots.learning_curve(runs[:0])
    with pytest.raises(errors.WrongType):
        plots.learning_curve([1, 2])
    with pytest.raises(errors.UnsupportedOption, match="shots=-1"):
        plots.learning_curve(runs.assign(shots=-1))


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_figures_are_for_the_page_of_their_mode(mode, baseline, runs):
    from clipnb.plots.palette import template

    for figure in (
        plots.score_baseline(baseline, mode=mode),
        plots.temperature([0.1, 0.2], ["a", "b"], 100, mode=mode),
        plots.learning_curve(runs, mode=mode),
    ):
        assert figure.layout.template.layout.paper_bgcolor == template(mode).layout.paper_bgcolor
