"""Figures of pictures beside texts, and of several maps beside each other, tested as data."""

import numpy as np
import plotly.graph_objects as go
import pytest

import clipnb
from clipnb import errors, plots
from clipnb.plots import palette

RNG = np.random.default_rng(0)
THINGS = RNG.normal(size=(50, 8))
IMAGES = clipnb.Embeddings(THINGS + 1, tuple(f"i{n}" for n in range(50)), "image")
TEXTS = clipnb.Embeddings(THINGS - 1, tuple(f"<b>t{n}" for n in range(50)), "text")
GAP = clipnb.modality_gap(IMAGES, TEXTS, pairs="rows")
MAPS = [RNG.normal(size=(40, 2)), 10 * RNG.normal(size=(40, 2)) + 50]
GROUPS = ["a", "b"] * 20


def named(figure, name):
    return [trace for trace in figure.data if trace.name == name]


def test_the_gap_is_drawn_to_scale():
    figure = plots.modality_gap(GAP, lines=7)
    assert isinstance(figure, go.Figure)
    raw, centred = named(figure, "centres")
    apart = np.hypot(np.diff(raw.x), np.diff(raw.y))[0]
    assert apart == pytest.approx(GAP.distance, abs=1e-6)  # the way between the centres lies in the plane of the figure
    assert np.ptp(raw.y) == pytest.approx(0, abs=1e-6)
    assert np.ptp(centred.x) < 0.1 * np.ptp(raw.x)
    assert [len(trace.x) for trace in named(figure, "pictures")] == [50, 50]
    assert "%" in figure.layout.annotations[0].text
    assert figure.layout.xaxis2.matches == "x"
    assert figure.layout.yaxis.scaleanchor == "x"


def test_lines_join_pairs_and_labels_are_plain():
    figure = plots.modality_gap(GAP, lines=7)
    for line, pictures, texts in zip(*(named(figure, name) for name in ("pairs", "pictures", "texts")), strict=True):
        ends = np.column_stack([line.x, line.y])
        assert np.isfinite(ends).all(axis=1).sum() == 14
        first = np.flatnonzero(np.isclose(pictures.x, ends[0, 0]) & np.isclose(pictures.y, ends[0, 1]))
        second = np.flatnonzero(np.isclose(texts.x, ends[1, 0]) & np.isclose(texts.y, ends[1, 1]))
        np.testing.assert_array_equal(first, second)
    assert texts.customdata[3] == "&lt;b&gt;t3"
    unpaired = plots.modality_gap(clipnb.modality_gap(IMAGES, TEXTS, pairs=None), points=20)
    assert len(named(unpaired, "pairs")[0].x) == 0
    assert len(named(unpaired, "texts")[0].x) == 20


def test_a_gap_that_cannot_be_centred_has_one_panel():
    figure = plots.modality_gap(clipnb.modality_gap(IMAGES[:1], TEXTS[:4]), mode="dark")
    assert len(named(figure, "centres")) == 1
    assert figure.layout.template.layout.font.color == palette.ink("dark")
    with pytest.raises(errors.WrongType, match=r"clipnb\.modality_gap"):
        plots.modality_gap(IMAGES)
    with pytest.raises(errors.UnsupportedOption, match="points=0"):
        plots.modality_gap(GAP, points=0)


def test_a_point_has_one_colour_in_all_maps_and_its_row_with_it():
    figure = plots.side_by_side(MAPS, [f"p{i}" for i in range(40)], GROUPS, names=["one", "<two>"])
    for name in ("a", "b"):
        first, second = named(figure, name)
        assert first.marker.color == second.marker.color
        assert (first.showlegend, second.showlegend) == (True, False)
        rows = [int(row) for _, row in second.customdata]
        assert {GROUPS[row] for row in rows} == {name}
        np.testing.assert_allclose(np.column_stack([second.x, second.y]), MAPS[1][rows])
    assert [note.text for note in figure.layout.annotations] == ["<b>one</b>", "<b>&lt;two&gt;</b>"]


def test_a_highlighted_point_is_lit_in_all_maps():
    figure = plots.side_by_side(MAPS, highlight=[3, 7])
    for coords, ring in zip(MAPS, named(figure, "highlighted"), strict=True):
        np.testing.assert_allclose(np.column_stack([ring.x, ring.y]), coords[[3, 7]])
    assert plots.light_points(figure, MAPS, [5]) is figure
    for coords, ring in zip(MAPS, named(figure, "highlighted"), strict=True):
        np.testing.assert_allclose(np.column_stack([ring.x, ring.y]), coords[[5]])
    plots.light_points(figure, MAPS, [])
    assert all(len(ring.x) == 0 for ring in named(figure, "highlighted"))
    widget = go.FigureWidget(figure)
    plots.light_points(widget, MAPS, [1])
    assert [ring.x[0] for ring in named(widget, "highlighted")] == [coords[1, 0] for coords in MAPS]
    with pytest.raises(errors.UnsupportedOption, match="expected rows from 0 to 39"):
        plots.light_points(figure, MAPS, [40])


def test_numbers_colour_the_points_of_every_map_on_one_scale():
    overlap = clipnb.neighbourhood_overlap(MAPS[0], MAPS[1], 5)
    figure = plots.side_by_side(MAPS, values=overlap, value_name="overlap")
    points = [trace for trace in figure.data if trace.name != "highlighted"]
    assert len(points) == 2
    for trace in points:
        np.testing.assert_allclose(trace.marker.color, overlap)
        assert trace.marker.coloraxis == "coloraxis"
    assert figure.layout.coloraxis.colorbar.title.text.startswith("overlap<br>")


def test_points_without_a_value_are_hollow_and_many_groups_share_an_entry():
    values = np.where(np.arange(40) < 3, np.nan, 1.0)
    figure = plots.side_by_side(MAPS, values=values, modality=["image", "text"] * 20)
    hollow = [trace for trace in figure.data if trace.name == "no value (3)"]
    assert [list(trace.marker.symbol) for trace in hollow] == [["circle-open", "diamond-open", "circle-open"]] * 2
    assert [int(row) for _, row in hollow[1].customdata] == [0, 1, 2]
    assert [trace.showlegend for trace in hollow] == [True, False]
    many = plots.side_by_side(MAPS, groups=[f"g{n:02d}" for n in range(20)] * 2)
    points = [trace for trace in many.data if trace.customdata is not None]
    assert len(points) == 2 * 11
    assert points[10].name == "10 smaller groups"
    assert sorted(points[10].text) == sorted([f"g{n}" for n in range(10, 20)] * 2)


@pytest.mark.parametrize("options", [{"groups": GROUPS}, {"values": np.arange(40)}, {}])
def test_on_a_narrow_page_the_maps_have_the_whole_width(options):
    figure = plots.side_by_side(MAPS, width=400, **options)
    assert figure.layout.margin.r == 16
    assert figure.layout.legend.orientation == ("h" if "groups" in options else None)
    bar = figure.layout.coloraxis.colorbar
    assert (bar.orientation == "h" and bar.y < 0) == ("values" in options)


def test_aligned_maps_share_the_stretch_of_their_axes_and_others_do_not():
    rows = [clipnb.Embeddings(THINGS, model="m"), clipnb.Embeddings(THINGS[:, ::-1], model="n")]
    apart = [clipnb.project(each, method="pca") for each in rows]
    aligned = plots.side_by_side(clipnb.project_aligned(apart))
    assert aligned.layout.xaxis.range == aligned.layout.xaxis2.range
    assert aligned.layout.yaxis2.scaleanchor == "x2"
    assert [note.text for note in aligned.layout.annotations] == ["<b>m</b>", "<b>n</b>"]
    free = plots.side_by_side(MAPS)
    assert free.layout.xaxis.range != free.layout.xaxis2.range
    for figure, maps in ((aligned, [each.coords for each in clipnb.project_aligned(apart)]), (free, MAPS)):
        for n, coords in enumerate(maps):
            low, high = figure.layout["xaxis" + ("" if n == 0 else "2")].range
            assert low < coords[:, 0].min() < coords[:, 0].max() < high


def test_panels_of_many_maps_do_not_overlap():
    figure = plots.side_by_side([MAPS[0]] * 5, modality=["image", "text"] * 20)
    boxes = [
        (*figure.layout[f"xaxis{n or ''}"].domain, *figure.layout[f"yaxis{n or ''}"].domain) for n in (0, 2, 3, 4, 5)
    ]
    for i, (x0, x1, y0, y1) in enumerate(boxes):
        assert 0 <= x0 < x1 <= 1
        assert 0 <= y0 < y1 <= 1
        for u0, u1, v0, v1 in boxes[:i]:
            assert x0 >= u1 or u0 >= x1 or y0 >= v1 or v0 >= y1
    assert set(figure.data[0].marker.symbol) == {"circle", "diamond"}


@pytest.mark.parametrize(
    ("maps", "options", "error", "words"),
    [
        ([], {}, errors.EmptyInput, "no maps"),
        (None, {}, errors.WrongType, "expected a list of maps"),
        ([MAPS[0], MAPS[1][:9]], {}, errors.WrongShape, "map 2 has shape"),
        ([np.zeros((5, 3))], {}, errors.WrongShape, "map 1 has shape"),
        (MAPS, {"groups": ["a"]}, errors.WrongShape, "groups"),
        (MAPS, {"names": ["a"]}, errors.WrongShape, "names"),
        (MAPS, {"values": [np.inf] * 40}, errors.UnsupportedOption, "infinite"),
        ([MAPS[0], MAPS[0] * np.nan], {}, errors.InvalidEmbeddings, "map 2 has no position for row 0"),
        (MAPS, {"values": [1.0]}, errors.WrongShape, "values"),
        (MAPS, {"values": np.ones(40), "groups": GROUPS}, errors.WrongType, "one colour"),
        (MAPS, {"highlight": [-1]}, errors.UnsupportedOption, "highlight"),
    ],
)
def test_maps_that_cannot_stand_beside_each_other(maps, options, error, words):
    with pytest.raises(error, match=words):
        plots.side_by_side(maps, **options)
