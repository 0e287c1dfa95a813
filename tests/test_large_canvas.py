"""The canvas for large maps without a browser: what it sends, and what it makes of what comes back."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from plotly.colors import sample_colorscale, unlabel_rgb

from clipnb.errors import MissingExtra, UnsupportedOption, WrongShape
from clipnb.maps import Projection
from clipnb.plots import scatter
from clipnb.plots.palette import OTHER, SEQUENTIAL
from clipnb.widgets.explorer.point_colours import coloured, rgba

pytest.importorskip("jscatter", reason="jupyter-scatter is not installed: pip install clipnb[scatter]")

from clipnb.widgets.explorer.large_canvas import LargeCanvas

COUNT = 600
RNG = np.random.default_rng(5)
COORDS = RNG.normal(size=(COUNT, 2)) * (3, 1) + (40, -7)
GROUPS = [f"group {n}" for n in RNG.geometric(0.2, COUNT)]
LABELS = [f"label {n} 猫" for n in range(COUNT)]


def hex_of(colour):
    return "#" + "".join(f"{round(channel * 255):02X}" for channel in colour[:3])


def canvas(*, maps=(COORDS,), **more):
    return LargeCanvas(maps, labels=LABELS, **more)


def heard(made):
    """What the functions of `on_point`, `on_click` and `on_select` are called with."""
    calls = []
    made.on_point(lambda row: calls.append(("point", row)))
    made.on_click(lambda row: calls.append(("click", row)))
    made.on_select(lambda rows: calls.append(("select", rows.tolist())))
    return calls


def lasso(plot, rows):
    """As it comes from the page."""
    array = np.array(rows, dtype=np.uint32)
    plot.set_state({"selection": {"view": memoryview(array), "dtype": "uint32", "shape": array.shape}})


# --- colours ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_groups_have_the_colours_that_plotly_gives_them(mode):
    made = coloured(COUNT, GROUPS, mode=mode)
    expected = {}
    for trace in scatter(COORDS, LABELS, GROUPS, mode=mode).data:
        for entry in trace.customdata if trace.customdata is not None else []:
            expected[int(entry[2])] = trace.marker.color.upper()
    assert len(set(GROUPS)) > 11  # some share grey
    assert {row: hex_of(made.palette[int(code)]) for row, code in enumerate(made.codes)} == expected
    assert made.codes.dtype == np.float32
    assert made.legend.count("<li>") == 11
    assert f"{len(set(GROUPS)) - 10} other groups" in made.legend


def test_names_of_groups_are_words_and_no_markup():
    legend = coloured(2, ["<script>", "a & b"]).legend
    assert "<script>" not in legend
    assert "&lt;script&gt;" in legend
    assert "a &amp; b" in legend


def as_drawn(made):
    """The shader's rule: whole numbers only are indices, anything else shares of the way through the palette."""
    assert made.continuous
    assert not np.all(made.codes == np.round(made.codes))
    return np.floor(made.codes.astype(np.float64) * (len(made.palette) - 1)).astype(int)


@pytest.mark.parametrize(
    "values",
    [RNG.normal(size=50), np.array([0, 1, 1, 0]), np.array([3.0, np.nan, -1.0, np.inf]), np.array([2.0, 2.0, np.nan])],
    ids=["any", "two", "gaps", "equal"],
)
@pytest.mark.parametrize(("mode", "first", "last"), [("light", 0.8, 0.0), ("dark", 0.24, 1.0), ("auto", 0.8, 0.24)])
def test_values_have_the_colours_of_the_scale_and_gaps_are_grey(values, mode, first, last):
    made = coloured(len(values), values=values, value_name="x <y>", mode=mode)
    known = np.isfinite(values)
    low, span = values[known].min(), np.ptp(values[known])
    for index, value in zip(as_drawn(made), values, strict=True):
        if not np.isfinite(value):
            assert hex_of(made.palette[index]) == OTHER.upper()
            continue
        share = (value - low) / span if span else 0.5
        wanted = np.array(unlabel_rgb(sample_colorscale(SEQUENTIAL, [float(first + share * (last - first))])[0]))
        assert np.abs(np.array(made.palette[index][:3]) * 255 - wanted).max() < 4
    assert ("no value (1)" in made.legend) == (not known.all() and (~known).sum() == 1)
    assert "x &lt;y&gt;" in made.legend


def test_no_value_at_all_is_grey_everywhere():
    made = coloured(3, values=[np.nan] * 3)
    assert {hex_of(made.palette[index]) for index in as_drawn(made)} == {OTHER.upper()}
    assert "no value (3)" in made.legend


def test_a_colour_as_four_numbers():
    assert rgba("#0072B2") == [0.0, 114 / 255, 178 / 255, 1.0]


# --- what is sent ----------------------------------------------------------------------------------------------------


def test_points_are_three_small_floats_each_and_keep_their_shape():
    made = canvas(groups=GROUPS)
    points = made._plots[0].points
    assert points.dtype == np.float32
    assert points.shape == (COUNT, 3)
    assert np.abs(points[:, :2]).max() == pytest.approx(0.94)
    assert np.abs(points[:, :2].min(axis=0) + points[:, :2].max(axis=0)).max() < 1e-6  # in the middle
    stretch = np.ptp(points[:, :2], axis=0) / np.ptp(COORDS, axis=0)
    assert stretch[0] == pytest.approx(stretch[1])


def test_labels_stay_in_python_until_one_is_asked_for():
    made = canvas(groups=GROUPS)
    widgets = [*made._plots, *made._marks]
    assert "label" not in str([marks.get_state()["label"] for marks in made._marks])
    assert not any("猫" in str(widget.get_state()) for widget in widgets)
    sent = sum(len(value["view"].tobytes()) for value in made._plots[0].get_state().values() if is_array(value))
    assert sent <= 12 * COUNT + 64
    calls = heard(made)
    made._plots[0].set_state({"hovering": 17})
    assert calls == [("point", 17)]
    assert (made._marks[0].at, made._marks[0].label) == (17, LABELS[17])
    made._plots[0].set_state({"hovering": None})
    assert (made._marks[0].at, made._marks[0].label) == (-1, "")
    assert len(calls) == 1


def is_array(value):
    return isinstance(value, dict) and "view" in value


def test_without_groups_the_modality_is_the_colour():
    made = canvas(modality=["image", "text"] * (COUNT // 2))
    assert made._plots[0].points[:4, 2].tolist() == [0, 1, 0, 1]
    assert "pictures" in made._legend.value
    assert "texts" in made._legend.value
    made.colour(groups=["one"] * COUNT)
    assert "pictures" not in made._legend.value


def test_maps_that_were_aligned_share_axes_and_move_together():
    other = COORDS[:, ::-1] * 0.5

    def made(params):
        ids = tuple(LABELS)
        first, second = (
            Projection(COORDS.astype("f4"), ids, "umap"),
            Projection(other.astype("f4"), ids, "umap", params),
        )
        return canvas(maps=(first, second))

    together, apart = made({"aligned": True}), made({})
    assert together._plots[0].view_sync == together._plots[1].view_sync is not None
    assert apart._plots[0].view_sync is None
    unit = [np.ptp(plot.points[:, 0]) for plot in together._plots]
    assert unit[1] / unit[0] == pytest.approx(np.ptp(other[:, 0]) / np.ptp(COORDS[:, 0]), rel=1e-5)
    assert all(np.abs(plot.points[:, :2]).max() == pytest.approx(0.94) for plot in apart._plots)


def test_one_point_and_points_that_all_lie_in_one_place_are_drawn_in_the_middle():
    for coords in (np.ones((1, 2)), np.full((5, 2), 3.0)):
        made = LargeCanvas([coords], labels=["x"] * len(coords))
        assert np.all(made._plots[0].points[:, :2] == 0)


# --- what comes back -------------------------------------------------------------------------------------------------


def test_a_lasso_in_one_map_is_seen_in_the_other_and_said_once():
    made = canvas(maps=(COORDS, -COORDS))
    calls = heard(made)
    lasso(made._plots[1], [9, 3, 5])
    assert calls == [("select", [3, 5, 9])]
    assert made._plots[0].selection.tolist() == [3, 5, 9]
    lasso(made._plots[0], [])
    assert calls[1:] == [("select", [])]
    assert len(made._plots[1].selection) == 0


def test_selecting_from_code_calls_nobody():
    made = canvas(maps=(COORDS, -COORDS))
    calls = heard(made)
    made.select([7, 2, 7])
    assert [plot.selection.tolist() for plot in made._plots] == [[2, 7]] * 2
    made.select([])
    assert [len(plot.selection) for plot in made._plots] == [0, 0]
    assert calls == []


def test_a_click_is_on_the_point_under_the_pointer():
    made = canvas()
    calls = heard(made)
    made._marks[0]._handle_custom_msg({"kind": "click"}, [])
    assert calls == []  # beside all points
    made._plots[0].set_state({"hovering": 4})
    made._marks[0]._handle_custom_msg({"kind": "click"}, [])
    assert calls == [("point", 4), ("click", 4)]


def test_marks_are_the_same_in_every_map():
    made = canvas(maps=(COORDS, -COORDS))
    made.light(np.array([5, 1]))
    made.show(3)
    assert [(marks.rings, marks.shown) for marks in made._marks] == [([5, 1], 3)] * 2
    made.light([])
    made.show(-1)
    assert [(marks.rings, marks.shown) for marks in made._marks] == [([], -1)] * 2
    for wrong in ([COUNT], [-1]):
        with pytest.raises(UnsupportedOption, match=f"no row {wrong[0]} on the map; expected 0 to {COUNT - 1}"):
            made.light(wrong)


def test_the_page_decides_between_light_and_dark_if_it_may():
    groups = [f"group {n % 10}" for n in range(COUNT)]
    made, fixed = canvas(groups=groups, mode="auto"), canvas(groups=groups, mode="light")
    for each in (made, fixed):
        each._marks[0].set_state({"dark": True})
    dark = canvas(groups=groups, mode="dark")
    for plot, marks, expected in ((made, made, dark), (fixed, fixed, canvas(groups=groups))):
        assert np.allclose(plot._plots[0].color, expected._plots[0].color)
        assert np.allclose(plot._plots[0].background_color, expected._plots[0].background_color)
        assert marks._marks[0].ink == expected._marks[0].ink
        assert marks._legend.value == expected._legend.value
    assert made._legend.value != fixed._legend.value
    made._marks[0].set_state({"dark": False})
    assert np.allclose(made._plots[0].color, fixed._plots[0].color)


# --- new points ------------------------------------------------------------------------------------------------------


def test_a_star_beside_the_map_is_brought_into_view_once_it_is_drawn():
    made = canvas()
    plot, drawn = made._plots[0], lambda: made._marks[0]._handle_custom_msg({"kind": "drawn"}, [])
    made.add(COORDS[[10]], ["within"])
    drawn()
    assert plot.zoom_to_call_idx == 0
    made.add([COORDS.max(axis=0) + 9], ["beside"])
    assert plot.zoom_to_call_idx == 0
    drawn()
    assert plot.zoom_to_call_idx == 1
    ends = np.concatenate([COORDS, COORDS[[10]], [COORDS.max(axis=0) + 9]])[plot.zoom_to]
    np.testing.assert_allclose(ends.min(axis=0), COORDS.min(axis=0))
    np.testing.assert_allclose(ends.max(axis=0), COORDS.max(axis=0) + 9)
    drawn()
    assert plot.zoom_to_call_idx == 1  # from there the reader moves the map


def test_new_points_are_rows_after_the_others_and_outlive_new_colours():
    made = canvas(groups=GROUPS)
    made.select([1, 2])
    calls = heard(made)
    made.add(COORDS[[10]], ["mine <b>"])
    made.add([COORDS[[20, 30]]], ["two", "three" * 20])  # as for several maps
    plot, marks = made._plots[0], made._marks[0]
    assert plot.points.shape == (COUNT + 3, 3)
    np.testing.assert_array_equal(plot.points[COUNT:, :2], plot.points[[10, 20, 30], :2])
    assert marks.stars == [COUNT, COUNT + 1, COUNT + 2]
    assert marks.names[:2] == ["mine <b>", "two"]
    assert len(marks.names[2]) <= 24
    made.colour(values=COORDS[:, 0], value_name="x")
    assert plot.points.shape == (COUNT + 3, 3)
    order = np.argsort(COORDS[:, 0])
    assert np.all(np.diff(plot.points[order, 2]) >= 0)
    plot.set_state({"hovering": COUNT + 1})
    made.select([0, COUNT + 2])
    assert marks.label == "two"
    assert calls == [("point", COUNT + 1)]


def test_the_selection_returns_when_the_new_points_have_been_drawn():
    made = canvas()
    made.select([1, 2])
    calls = heard(made)
    made.add(np.zeros((1, 2)), ["new"])
    assert len(made._plots[0].selection) == 0  # the page would drop it, and say so
    made._marks[0]._handle_custom_msg({"kind": "drawn"}, [])
    assert made._plots[0].selection.tolist() == [1, 2]
    assert calls == []


def test_coordinates_that_do_not_fit_are_refused():
    made = canvas(maps=(COORDS, -COORDS))
    with pytest.raises(WrongShape, match=r"expected \[1, 2\] for each of 2 maps"):
        made.add([np.zeros((1, 2))], ["one map is missing"])
    with pytest.raises(WrongShape, match=r"expected \[2, 2\]"):
        made.add([np.zeros((1, 2))] * 2, ["a", "b"])
    made.add([], [])
    assert len(made._plots[0].points) == COUNT


# --- what cannot be drawn --------------------------------------------------------------------------------------------


def test_maps_in_space_and_missing_groups_are_refused_in_words():
    with pytest.raises(WrongShape, match=r"maps on a plane.*renderer='plotly'"):
        canvas(maps=(np.zeros((COUNT, 3)),))
    with pytest.raises(WrongShape, match="map 2 has the shape"):
        canvas(maps=(COORDS, COORDS[:-1]))
    with pytest.raises(WrongShape, match=f"3 groups or values for {COUNT} points"):
        canvas(groups=["a", "b", "c"])


def test_a_missing_library_is_named_with_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "jscatter", None)
    with pytest.raises(MissingExtra, match=r"pip install 'clipnb\[scatter\]'"):
        canvas()
