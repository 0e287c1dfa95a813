"""The map of points, tested as data: continuous colour, names, pictures as marks, rings."""

import base64
import io

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image, ImageColor

import clipnb
from clipnb import errors, plots
from clipnb.plots import palette
from clipnb.plots.grouping import grouped
from clipnb.plots.naming import named_rows
from clipnb.plots.picture_marks import apart
from clipnb.plots.placing import arrange
from clipnb.plots.shades import sequential, strengths

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(300, 2))
GROUPS = [f"g{n % 3}" for n in range(300)]
LABELS = [f"{name} {n}" for n, name in enumerate(["umbrella", "雨伞", "مظلة", "छाता"] * 75)]
PICTURES = [Image.new("RGB", (8, 8), "red")] * 300


def words(figure):
    """Annotations at places of the map."""
    return [note for note in figure.layout.annotations if note.xref != "paper"]


def boxes(figure):
    """The labels' boxes in pixels [label, 4] as a reader finds them: from the axes and the layout, plotly's rules."""
    wide = figure.layout.width - figure.layout.margin.l - figure.layout.margin.r
    high = figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    (x0, x1), (y0, y1) = figure.layout.xaxis.range, figure.layout.yaxis.range
    found = []
    for note in words(figure):
        size = 6.5 * palette.text_columns(note.text.strip("\u2068\u2069")), 14
        x = (note.x - x0) / (x1 - x0) * wide + (note.ax if note.showarrow else note.xshift)
        y = (note.y - y0) / (y1 - y0) * high + (-note.ay if note.showarrow else note.yshift)
        left = {"left": x, "center": x - size[0] / 2, "right": x - size[0]}[note.xanchor]
        found.append((left, y - size[1] / 2, left + size[0], y + size[1] / 2))
    return np.array(found), (wide, high)


def overlaps(box, other):
    return box[0] < other[2] and other[0] < box[2] and box[1] < other[3] and other[1] < box[3]


def lightness(colour):
    """WCAG's relative luminance and CIELAB's L, from a hex or rgb() colour."""
    if colour.startswith("rgb"):
        parts = np.array([float(part) for part in colour[4:-1].split(",")]) / 255
    else:
        parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    y = float(linear @ [0.2126, 0.7152, 0.0722])
    return y, 116 * np.cbrt(y) - 16 if y > 0.008856 else 903.3 * y


@pytest.mark.parametrize("width", [900, 400])
def test_labels_lie_on_no_other_label_within_the_map_and_the_rest_is_counted(width):
    figure = plots.scatter(POINTS, LABELS, GROUPS, named=40, width=width)
    found, room = boxes(figure)
    assert len(found) >= (35 if width == 900 else 8)
    for i, box in enumerate(found):
        assert box[0] >= -1
        assert box[2] <= room[0] + 1
        assert not any(overlaps(box, other) for other in found[:i])
    said = [note.text for note in figure.layout.annotations if note.xref == "paper"]
    assert said == (
        [f"{40 - len(found)} of 40 names have no room and are shown on hovering."] if len(found) < 40 else []
    )


def test_a_label_that_is_moved_off_its_mark_has_a_line_to_it():
    crowd = np.concatenate([[[0, 0]], RNG.uniform(-0.06, 0.06, size=(999, 2)), [[-1, -1], [1, 1]]])
    figure = plots.scatter(crowd, named=[0, 1000], size=6)
    inside, outside = words(figure)
    assert inside.showarrow
    assert (inside.x, inside.y) == tuple(crowd[0])
    assert np.hypot(inside.ax, inside.ay) > 20
    assert not outside.showarrow


def test_boxes_are_arranged_off_marks_lines_and_each_other():
    at = RNG.uniform(60, 340, size=(25, 2))
    marks = np.concatenate([at, RNG.uniform(0, 400, size=(100, 2))])
    sizes = np.column_stack([RNG.uniform(20, 80, 25), np.full(25, 16.0)])
    offsets = arrange(at, sizes, room=(400, 400), marks=marks, kept=at, taken=[(0, 0, 400, 30)])
    kept = np.isfinite(offsets).all(axis=1)
    assert kept.sum() >= 15
    middles = (at + offsets)[kept]
    found = np.concatenate([middles - sizes[kept] / 2, middles + sizes[kept] / 2], axis=1)
    for i, box in enumerate(found):
        assert not any(overlaps(box, other) for other in [*found[:i], (0, 0, 400, 30)])
        assert not any(overlaps(box, (*(mark - 3.9), *(mark + 3.9))) for mark in at)
    # The mean label covers fewer marks than one that is put beside its mark without looking.
    near = at[kept] + (sizes[kept] / 2 + 5) * [1, 0]
    blind = np.concatenate([near - sizes[kept] / 2, near + sizes[kept] / 2], axis=1)
    covered = [sum(overlaps(box, (*(m - 4), *(m + 4))) for box in each for m in marks) for each in (found, blind)]
    assert covered[0] < covered[1] / 2


def test_a_label_lies_beside_a_large_mark():
    offset = arrange([[200, 200]], [[90, 18]], room=(400, 400), own=[60])[0]
    np.testing.assert_array_equal(offset, [45 + 30 + 3, 0])
    for own in (8, 30, 60):  # also where the nearest places are taken
        offset = arrange([[200, 200]], [[90, 18]], room=(400, 400), own=[own], taken=[(200, 0, 400, 400)])[0]
        assert (np.abs(offset) - [45, 9]).max() >= own / 2


def test_points_are_chosen_for_a_name_group_by_group_then_far_from_each_other():
    cloud = np.concatenate([RNG.normal(size=(50, 2)), RNG.normal(size=(20, 2)) + 20, [[100, 100]]])
    groups = grouped(["big"] * 50 + ["small"] * 20 + ["big"], len(cloud))
    chosen = named_rows(5, cloud, groups)
    assert chosen[0] < 50
    assert 50 <= chosen[1] < 70
    assert chosen[2] == 70
    for n in (3, 4):  # each the farthest from those before, looked up the slow way
        away = np.sqrt(((cloud[:, None] - cloud[chosen[:n]]) ** 2).sum(axis=2)).min(axis=1)
        assert chosen[n] == away.argmax()
    assert len(named_rows(10, np.zeros((4, 2)), grouped(None, 4))) == 1  # all others would be written on it
    assert named_rows([3, 1, 3], cloud, groups).tolist() == [3, 1]


def test_names_of_groups_stand_in_the_middle_of_their_points():
    centres = np.array([[0, 0], [10, 0], [0, 10]])
    points = np.array([centres[n % 3] + RNG.normal(size=2) * 0.2 for n in range(300)])
    figure = plots.scatter(points, groups=GROUPS, group_names=True)
    assert [note.text for note in words(figure)] == ["<b>g0</b>", "<b>g1</b>", "<b>g2</b>"]
    np.testing.assert_allclose([(note.x, note.y) for note in words(figure)], centres, atol=0.2)
    assert [note.bordercolor for note in words(figure)] == list(palette.OKABE_ITO[:3])
    many = plots.scatter(
        RNG.normal(size=(900, 2)), groups=[f"kind number {n % 30}" for n in range(900)], group_names=True
    )
    written = len(words(many))
    assert written < 30
    assert f"{30 - written} of 30 groups are named on hovering only." in many.layout.annotations[0].text


def test_values_colour_the_points_and_missing_ones_are_grey_and_counted():
    values = np.linspace(0, 5, 300)
    values[[7, 9]] = np.nan
    figure = plots.scatter(POINTS, values=values, value_name="torn share", modality=["image", "text"] * 150)
    shown = {}
    for trace in figure.data:
        if trace.marker.coloraxis is None:
            assert trace.marker.color == palette.OTHER
            assert trace.marker.symbol == "diamond-open"
            assert trace.name == "no value (2)"
            assert [int(row) for _, _, row in trace.customdata] == [7, 9]
        else:
            shown |= dict(zip([int(row) for _, _, row in trace.customdata], trace.marker.color, strict=True))
    np.testing.assert_array_equal([shown[row] for row in sorted(shown)], values[np.isfinite(values)])
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (0, 5)
    assert figure.layout.coloraxis.colorbar.title.text.startswith("torn share<br>")
    same = plots.scatter(POINTS, values=np.full(300, 2.0)).layout.coloraxis
    assert same.cmin < 2 < same.cmax
    nothing = plots.scatter(POINTS, values=np.full(300, np.nan))
    assert [trace.name for trace in nothing.data] == ["no value (300)"]


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_continuous_colours_grow_evenly_away_from_the_page(mode):
    page = lightness(palette.page(mode))
    steps = [lightness(colour) for _, colour in sequential(mode)]
    away = np.abs(np.array([step for _, step in steps]) - page[1])
    assert (np.diff(away) > 0).all()
    assert np.diff(away).max() < 2.5 * np.diff(away).min()
    for y, _ in steps:
        assert (max(y, page[0]) + 0.05) / (min(y, page[0]) + 0.05) >= 1.95
    faint, full = strengths(palette.OKABE_ITO[0], mode)
    assert abs(lightness(faint)[1] - page[1]) < abs(lightness(full)[1] - page[1])


def test_continuous_colours_for_a_page_of_either_kind_can_be_read_on_both():
    steps = [lightness(colour) for _, colour in sequential("auto")]
    assert (np.diff([step for _, step in steps]) < 0).all()
    for mode in ("light", "dark"):
        page = lightness(palette.page(mode))[0]
        assert min((max(y, page) + 0.05) / (min(y, page) + 0.05) for y, _ in steps) >= 1.95


def test_pictures_lie_on_no_other_and_the_rest_are_dots():
    figure = plots.scatter(POINTS, thumbnails=PICTURES, groups=GROUPS, named=[5], thumbnail_size=0.06)
    places = np.array([(image.x, image.y) for image in figure.layout.images])
    side = figure.layout.images[0].sizex
    assert side == pytest.approx(0.06 * np.ptp(POINTS, axis=0).max())
    gaps = np.abs(places[:, None] - places).max(axis=2) + np.eye(len(places)) * 99
    assert gaps.min() >= side
    assert tuple(POINTS[5]) in map(tuple, places)
    # None could be added.
    assert (np.abs(POINTS[:, None] - places).max(axis=2).min(axis=1) < side).all()
    assert f"{300 - len(places)} of 300 pictures" in figure.layout.annotations[0].text
    assert sum(len(trace.x) for trace in figure.data) == 300
    frames = [(shape.x0 + side / 2, shape.y0 + side / 2) for shape in figure.layout.shapes]
    np.testing.assert_allclose(frames, places)
    names = dict(zip(map(tuple, POINTS), GROUPS, strict=True))
    wheel = dict(zip(["g0", "g1", "g2"], palette.OKABE_ITO, strict=False))
    assert [s.line.color for s in figure.layout.shapes] == [wheel[names[tuple(place)]] for place in places]


def test_pictures_are_looked_up_only_where_there_is_room():
    class Lazy(list):
        asked = 0

        def __getitem__(self, row):
            self.asked += 1
            return super().__getitem__(row)

    lazy = Lazy([None] + ["picture"] * 99)
    kept = apart(np.zeros((100, 2)), range(100), 1.0, lazy)
    assert kept.tolist() == [1]
    assert lazy.asked == 2


def test_labels_of_a_table_are_taken_by_place_and_a_note_is_plain():
    pandas = pytest.importorskip("pandas")
    names = pandas.Series(["a", "b", "c"], index=[7, 2, 0])
    figure = plots.scatter(np.eye(3)[:, :2], names, named=[0], note="<b>1 & 2</b>")
    assert words(figure)[0].text == "a"
    assert figure.layout.annotations[0].text == "&lt;b&gt;1 &amp; 2&lt;/b&gt;"
    density = plots.density(np.eye(3)[:, :2], labels=names, named=[0])
    assert density.data[-1].customdata[0][0] == "a"


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_no_dot_shows_through_a_transparent_picture(mode):
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    source = plots.scatter([[0, 0]], thumbnails=[clear], mode=mode).layout.images[0].source
    picture = Image.open(io.BytesIO(base64.b64decode(source.split(",")[1])))
    assert picture.convert("RGBA").getpixel((4, 4)) == ImageColor.getcolor(palette.page(mode), "RGBA")


def test_pictures_without_room_are_not_made():
    made = []

    class Lazy:
        def __len__(self):
            return 300

        def __getitem__(self, row):
            made.append(row)
            return PICTURES[row]

    figure = plots.scatter(POINTS, thumbnails=Lazy())
    shown = len(figure.layout.images)
    assert set(made) == {int(np.abs(POINTS - [i.x, i.y]).sum(axis=1).argmin()) for i in figure.layout.images}
    assert f"{300 - shown} of 300" in figure.layout.annotations[0].text


def test_highlighted_points_have_rings_that_can_be_moved():
    for points in (POINTS, RNG.normal(size=(300, 3))):
        figure = plots.scatter(points, groups=GROUPS, highlight=[4, 2])
        ring = figure.data[-1]
        places = np.column_stack([ring[letter] for letter in "xyz"[: points.shape[1]]])
        np.testing.assert_array_equal(places, points[[4, 2]])
        plots.light_points(figure, [points], [1])
        np.testing.assert_array_equal([ring[letter][0] for letter in "xyz"[: points.shape[1]]], points[1])
    assert len(plots.scatter(POINTS, highlight=[]).data) == 2
    assert len(plots.scatter(POINTS).data) == 1


def test_a_room_keeps_names_values_and_rings_and_refuses_pictures():
    points = RNG.normal(size=(60, 3))
    figure = plots.scatter(points, LABELS[:60], GROUPS[:60], named=[3], group_names=True, highlight=[1])
    notes = figure.layout.scene.annotations
    assert [note.text.strip("\u2068\u2069") for note in notes] == [LABELS[3], "<b>g0</b>", "<b>g1</b>", "<b>g2</b>"]
    np.testing.assert_allclose([notes[0].x, notes[0].y, notes[0].z], points[3])
    coloured = plots.scatter(points, values=np.arange(60))
    assert isinstance(coloured.data[0], go.Scatter3d)
    assert coloured.data[0].marker.coloraxis == "coloraxis"
    with pytest.raises(errors.UnsupportedOption, match="on a plane only"):
        plots.scatter(points, thumbnails=PICTURES[:60])


def test_labels_are_the_ids_of_a_projection_where_none_are_given():
    rows = clipnb.Embeddings(RNG.normal(size=(12, 4)), ids=tuple("abcdefghijkl"))
    figure = plots.scatter(clipnb.project(rows, method="pca"), named=[2])
    assert [custom[0] for custom in figure.data[0].customdata] == list("abcdefghijkl")
    assert words(figure)[0].text == "c"
    assert figure.layout.xaxis.title.text == "PCA 1"


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("same", [True, False])
def test_a_few_points_are_a_map_too(count, same):
    points = np.zeros((count, 2)) if same else np.arange(count * 2).reshape(count, 2)
    figure = plots.scatter(
        points, ["a very long label " * 9] * count, ["g"] * count, named=count, group_names=True,
        thumbnails=PICTURES[:count], highlight=[0],
    )  # fmt: skip
    low, high = figure.layout.xaxis.range
    assert low < points[:, 0].min() <= points[:, 0].max() < high
    assert len(figure.layout.images) == (1 if same else count)
    assert plots.scatter(points, values=np.arange(count)).layout.coloraxis.cmax > 0


def test_the_window_shows_every_point_and_a_unit_is_as_long_upwards_as_sideways():
    for points in (POINTS, POINTS * [1, 30], POINTS * [30, 1], POINTS * [1, 0]):
        for options in ({}, {"width": 420, "groups": GROUPS}, {"height": 900}):
            figure = plots.scatter(points, **options)
            layout = figure.layout
            inner = layout.width - layout.margin.l - layout.margin.r, layout.height - layout.margin.t - layout.margin.b
            spans = []
            for values, axis in zip(points.T, (layout.xaxis, layout.yaxis), strict=True):
                assert axis.range[0] < values.min() <= values.max() < axis.range[1]
                spans.append(axis.range[1] - axis.range[0])
            assert spans[0] / inner[0] == pytest.approx(spans[1] / inner[1])
            assert max(inner) > 200


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"values": [1.0]}, errors.WrongShape, "values have shape"),
        ({"values": ["a"] * 300}, errors.WrongType, "values must be numbers"),
        ({"values": np.where(np.arange(300) == 8, np.inf, 0)}, errors.UnsupportedOption, r"values\[8\] is infinite"),
        ({"values": np.ones(300), "groups": GROUPS}, errors.WrongType, "one colour"),
        ({"named": [300]}, errors.UnsupportedOption, "named holds row 300; expected rows from 0 to 299"),
        ({"named": [-1]}, errors.UnsupportedOption, "row -1"),
        ({"named": ["cat"]}, errors.WrongType, "whole numbers"),
        ({"named": -3}, errors.UnsupportedOption, "named=-3"),
        ({"named": 2.0}, errors.WrongType, "whole numbers"),
        ({"named": np.arange(300) < 3}, errors.WrongType, "whole numbers"),
        ({"highlight": 3}, errors.WrongType, "highlight must be rows"),
        ({"named": True}, errors.WrongType, "yes or no"),
        ({"highlight": [1.5]}, errors.WrongType, "whole numbers"),
        ({"highlight": [999]}, errors.UnsupportedOption, "highlight holds row 999"),
        ({"group_names": True}, errors.UnsupportedOption, "needs groups"),
        ({"thumbnails": PICTURES[:3]}, errors.WrongShape, "thumbnails"),
        ({"thumbnails": PICTURES, "thumbnail_size": 0}, errors.UnsupportedOption, "thumbnail_size=0"),
    ],
)
def test_what_cannot_be_drawn_is_named(options, error, said):
    with pytest.raises(error, match=said):
        plots.scatter(POINTS, **options)


def test_a_point_without_a_position_is_named():
    holes = POINTS.copy()
    holes[[5, 8]] = np.nan
    with pytest.raises(errors.InvalidEmbeddings, match="2 points, the first in row 5"):
        plots.scatter(holes)


def test_many_groups_and_points_do_not_make_many_traces():
    groups = [f"g{n % 500}" for n in range(20_000)]
    figure = plots.scatter(RNG.normal(size=(20_000, 2)), groups=groups)
    assert len(figure.data) == 11
    assert figure.data[-1].name == "490 smaller groups"
    assert sum(len(trace.x) for trace in figure.data) == 20_000


# Machado, Oliveira and Fernandes (2009), severity 1, for linear RGB.
VISION = {
    "normal": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def as_seen(colour, vision):
    """CIELAB (D65) of a hex colour under a kind of vision."""
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.asarray(VISION[vision]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    f = np.array([np.cbrt(t) if t > 0.008856 else 7.787 * t + 16 / 116 for t in xyz / [0.9505, 1.0, 1.089]])
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("mode", ["light", "dark"])
def test_no_two_colours_of_groups_look_alike_to_anybody(vision, mode):
    wheel = [*palette.colours([str(n) for n in range(11)], mode).values()]
    assert len(set(wheel)) == 11
    seen = np.array([as_seen(colour, vision) for colour in wheel])
    apart = np.sqrt(((seen[:, None] - seen) ** 2).sum(axis=2)) + np.eye(11) * 99
    # 2.3 is a just noticeable difference, between fields side by side; marks apart on a map need several times that.
    assert apart.min() > 8, [wheel[i] for i in np.unravel_index(apart.argmin(), apart.shape)]
