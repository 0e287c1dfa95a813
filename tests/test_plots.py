"""Figures tested as data: what is drawn, where, in which colour, and which shapes are refused."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from clipnb import errors, plots
from clipnb.comparison import Comparison, ModelFacts
from clipnb.plots import palette, static, thumbnails
from clipnb.plots.bars import percentage
from clipnb.plots.comparison import wrapped
from clipnb.zeroshot import ZeroShot

CLASSES = ["cat", "Hund", "一只猫", "قطة", "<b>bold</b> & co", "a very long label that nobody could ever read at once"]


@dataclass
class Result:
    """What probability_bars reads of a ZeroShot."""

    probabilities: np.ndarray
    classnames: list[str] = field(default_factory=lambda: list(CLASSES))
    image_ids: tuple[str, ...] = ("a.png", "b.png")
    labels: tuple[str, ...] | None = None


@pytest.fixture
def probabilities():
    return np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), 2)


@pytest.fixture
def pictures():
    return [Image.new("RGB", (64, 64), colour) for colour in ("red", "green")]


def test_bars_show_the_k_most_probable_classes_in_order(probabilities):
    figure = plots.probability_bars((probabilities, CLASSES), k=3)
    assert isinstance(figure, go.Figure)
    assert len(figure.data) == 2
    for row, trace in zip(probabilities, figure.data, strict=True):
        np.testing.assert_allclose(trace.x, 100 * np.sort(row)[::-1][:3])
    assert figure.layout.xaxis2.title.text == "probability"
    assert figure.layout.yaxis.domain[0] > figure.layout.yaxis2.domain[1]  # the first picture is on top


def test_bars_take_names_and_labels_from_a_result(probabilities):
    truth = (CLASSES[probabilities[0].argmax()], CLASSES[probabilities[1].argmin()])
    figure = plots.probability_bars(Result(probabilities, labels=truth), k=len(CLASSES))
    assert [trace.name for trace in figure.data] == ["a.png", "b.png"]
    right, wrong = (trace.marker.color for trace in figure.data)
    assert right[0] == palette.OKABE_ITO[0]
    assert wrong[0] == palette.OKABE_ITO[1]
    assert wrong[-1] == palette.OKABE_ITO[0]  # the true class, though it came last


def test_bars_show_markup_in_labels_and_keep_the_full_name_for_hovering(probabilities):
    figure = plots.probability_bars((probabilities, CLASSES), k=len(CLASSES))
    ticks = figure.layout.yaxis.ticktext
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; co" in ticks
    assert "一只猫" in ticks
    assert any(tick.endswith("…") for tick in ticks)
    assert CLASSES[-1] in figure.data[0].customdata


@pytest.mark.parametrize("count", [1, 2, 12])
def test_bars_draw_a_thumbnail_beside_each_row(count):
    rows = np.random.default_rng(0).dirichlet(np.ones(len(CLASSES)), count)
    figure = plots.probability_bars((rows, CLASSES), [Image.new("RGB", (9, 9))] * count)
    assert len(figure.layout.images) == len(figure.data) == count
    assert all(image.source.startswith("data:image/png;base64,") for image in figure.layout.images)
    bars_height = (figure.layout.yaxis.domain[1] - figure.layout.yaxis.domain[0]) * (
        figure.layout.height - figure.layout.margin.t - figure.layout.margin.b
    )
    assert bars_height / 5 >= 18  # five bars a row, each tall enough for a label
    assert 0 <= figure.layout[f"yaxis{count if count > 1 else ''}"].domain[0] < 1e-9


def test_one_flat_row_is_one_picture():
    assert len(plots.probability_bars(([0.25, 0.75], ["a", "b"])).data) == 1


@pytest.mark.parametrize(
    ("percent", "text"), [(0.01, "< 0.1%"), (3.14, "3.1%"), (9.97, "10%"), (97.4, "97%"), (100, "100%")]
)
def test_shares_are_rounded_as_people_say_them(percent, text):
    assert percentage(percent) == text


def test_heatmap_holds_the_cosines_and_their_labels(pictures):
    sim = np.array([[0.3, 0.1, 0.2], [0.0, 0.25, 0.1]])
    figure = plots.similarity_heatmap(sim, ["رسم", "b"], ["x", "y", "一只猫"], pictures, title="Cosines")
    trace = figure.data[0]
    np.testing.assert_array_equal(trace.z, sim)
    assert trace.texttemplate == "%{z:.2f}"
    assert list(figure.layout.yaxis.ticktext) == ["رسم", "b"]
    assert list(figure.layout.xaxis.ticktext) == ["x", "y", "一只猫"]
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # row 0 on top
    assert len(figure.layout.images) == 2
    assert figure.layout.title.text == "Cosines"
    assert trace.colorbar.title.text == "cosine"


def test_heatmap_numbers_give_way_when_there_are_many():
    names = [str(i) for i in range(30)]
    assert plots.similarity_heatmap(np.zeros((30, 30)), names, names).data[0].texttemplate is None


def test_heatmap_diverges_only_around_a_centre_that_was_given():
    sim = [[-0.1, 0.3]]
    assert plots.similarity_heatmap(sim, ["a"], ["b", "c"]).data[0].zmin is None
    trace = plots.similarity_heatmap(sim, ["a"], ["b", "c"], centre=0.0).data[0]
    assert (trace.zmin, trace.zmax) == (-0.3, 0.3)


def test_scatter_draws_every_point_once_by_group_and_modality():
    coords = np.random.default_rng(0).normal(size=(30, 2))
    groups = ["food"] * 20 + ["flag"] * 10
    modality = ["image", "text"] * 15
    figure = plots.scatter(coords, [f"n{i}" for i in range(30)], groups, modality=modality)
    assert len(figure.data) == 4
    assert sum(len(trace.x) for trace in figure.data) == 30
    assert [trace.name for trace in figure.data if trace.showlegend] == ["food", "flag"]  # the larger first
    drawn = {int(c[2]): (x, y) for trace in figure.data for x, y, c in zip(trace.x, trace.y, trace.customdata)}  # noqa: B905
    np.testing.assert_array_equal([drawn[i] for i in range(30)], coords)
    assert {trace.marker.symbol for trace in figure.data} == {"circle", "diamond"}
    assert figure.layout.yaxis.scaleanchor == "x"


def test_scatter_gives_ten_groups_a_colour_and_greys_the_rest():
    groups = [f"g{i:02d}" for i in range(12) for _ in range(20 - i)]
    figure = plots.scatter(np.zeros((len(groups), 2)), groups=groups)
    colours = [trace.marker.color for trace in figure.data]
    assert len(set(colours[:10])) == 10
    assert colours[10:] == [palette.OTHER]  # the legend would hold the same grey twice
    assert figure.data[10].name == "2 smaller groups"
    assert sorted(figure.data[10].text) == ["g10"] * 10 + ["g11"] * 9


def test_scatter_without_groups_has_no_legend_and_takes_a_projection():
    class Projection:
        coords = np.zeros((5, 3))
        method = "umap"

    figure = plots.scatter(Projection())
    assert isinstance(figure.data[0], go.Scatter3d)
    assert not figure.data[0].showlegend
    assert figure.layout.scene.xaxis.title.text == "UMAP 1"


def test_scatter_draws_thumbnails_where_there_are_any(pictures):
    figure = plots.scatter([[0, 0], [1, 1], [2, 0]], thumbnails=[*pictures, None])
    assert [(image.x, image.y) for image in figure.layout.images] == [(0, 0), (1, 1)]


def test_scatter_is_as_tall_as_its_map_needs():
    flat, tall = np.array([[0, 0], [10, 3]]), np.array([[0, 0], [3, 10]])
    heights = [plots.scatter(points).layout.height for points in (flat, np.eye(2), tall)]
    assert heights == sorted(heights)
    assert 420 <= heights[0] < heights[1] < 800
    assert plots.scatter(flat, height=500).layout.height == 500
    assert plots.scatter(np.zeros((1, 2))).layout.height >= 420


def test_scatter_changes_to_webgl_for_many_points():
    assert isinstance(plots.scatter(np.zeros((9000, 2))).data[0], go.Scattergl)


def test_curves_keep_their_data_and_mark_a_place():
    x = [1, 10, 100]
    figure = plots.curves(
        x, {"a": [0, 1, 2], "b": [2, 1, 0]}, x_title="scale", y_title="p", log_x=True, marker=(10, "here")
    )
    assert [trace.name for trace in figure.data] == ["a", "b"]
    np.testing.assert_array_equal(figure.data[1].y, [2, 1, 0])
    assert figure.data[0].line.dash != figure.data[1].line.dash
    assert figure.layout.xaxis.type == "log"
    assert figure.layout.annotations[0].x == 1  # plotly places annotations by the logarithm


def test_grid_places_pictures_row_by_row():
    figure = plots.picture_grid([Image.new("RGB", (8, 8))] * 5, list("abcde"), columns=3)
    assert [(image.x, int(image.y)) for image in figure.layout.images] == [
        (0.5, 0),
        (1.5, 0),
        (2.5, 0),
        (0.5, 1),
        (1.5, 1),
    ]
    assert [note.text for note in figure.layout.annotations] == list("abcde")


def test_two_towers_names_its_stations(pictures):
    figure = plots.two_towers(pictures[0], "قطة", dim=256, cosine=0.297)
    assert "image tower" in figure.data[0].customdata
    words = " ".join(note.text for note in figure.layout.annotations)
    assert "256 numbers" in words
    assert "0.30" in words
    assert "قطة" in words


@pytest.mark.parametrize(
    "draw",
    [
        lambda: plots.probability_bars(([[0.5, 0.5]], ["a"])),
        lambda: plots.probability_bars(([[0.5, 0.5]], ["a", "b"]), images=[]),
        lambda: plots.similarity_heatmap([[1.0]], ["a", "b"], ["c"]),
        lambda: plots.similarity_heatmap(np.zeros((1, 1, 1)), ["a"], ["c"]),
        lambda: plots.scatter(np.zeros((4, 4))),
        lambda: plots.scatter(np.zeros((4, 2)), labels=["a"]),
        lambda: plots.curves([1, 2], {"a": [1]}, x_title="x", y_title="y"),
        lambda: plots.picture_grid([Image.new("RGB", (8, 8))], ["a", "b"]),
    ],
)
def test_lengths_that_do_not_match_are_named(draw):
    with pytest.raises(errors.WrongShape):
        draw()


def test_other_bad_input_has_an_error_of_our_own():
    with pytest.raises(errors.EmptyInput, match="images"):
        plots.picture_grid([])
    with pytest.raises(errors.EmptyInput, match="probabilities"):
        plots.probability_bars((np.zeros((0, 2)), ["a", "b"]))
    with pytest.raises(errors.WrongType, match="sim"):
        plots.similarity_heatmap("cosine", ["a"], ["b"])
    with pytest.raises(errors.WrongType, match="str"):
        thumbnails.data_uri("cat.png")
    with pytest.raises(errors.UnsupportedOption, match="sepia"):
        plots.scatter(np.zeros((4, 2)), mode="sepia")
    with pytest.raises(AttributeError, match="nothing_here"):
        _ = plots.nothing_here


def test_thumbnails_are_small_pngs_that_keep_their_alpha_and_shape():
    uri = thumbnails.data_uri(Image.new("RGBA", (400, 200), (255, 0, 0, 0)), size=50)
    copy = Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1])))
    assert copy.size == (50, 25)
    assert copy.getpixel((10, 10))[3] == 0


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_group_colours_stand_out_from_the_page_and_from_each_other(mode):
    chosen = list(palette.colours([str(i) for i in range(10)], mode).values())
    assert len(set(chosen)) == 10
    page = {"light": (255, 255, 255), "dark": (22, 22, 26)}[mode]
    for colour in chosen:
        rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
        assert np.abs(np.subtract(rgb, page)).max() > 80


def test_long_labels_are_cut_by_width_not_by_characters():
    assert palette.shorten("cat", 4) == "cat"
    assert palette.shorten("一只猫在桌子上", 8) == "一只猫…"
    assert palette.text_columns("ก็") == 1


def test_png_says_what_to_install_where_there_is_no_browser(monkeypatch):
    pytest.importorskip("kaleido")
    monkeypatch.setattr(static, "find_chromium", lambda: None)
    with pytest.raises(errors.MissingExtra, match="Chromium"):
        plots.png(go.Figure())


def test_png_says_what_to_install_where_there_is_no_kaleido(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "kaleido", None)
    with pytest.raises(errors.MissingExtra, match=r"clipnb\[lab\]"):
        plots.png(go.Figure())


def test_png_draws_on_an_opaque_page_of_the_asked_size():
    pytest.importorskip("kaleido")
    if static.find_chromium() is None:
        pytest.skip("no Chromium was found")
    figure = plots.scatter([[0, 0], [1, 1]], mode="dark", width=300, height=200)
    picture = Image.open(io.BytesIO(plots.png(figure, scale=1)))
    assert picture.size == (300, 200)
    assert picture.convert("RGB").getpixel((1, 1)) == (22, 22, 26)


def compared(count=2, *, labels=None, rows=2):
    """A comparison of models of which the second scores every pair by itself, and cut a text."""
    texts, ids = ("cat", "一只猫", "قطة"), tuple(f"folder/{i}.png" for i in range(rows))
    results, facts = {}, {}
    for k in range(count):
        sim = np.random.default_rng(k).uniform(-0.2, 0.4, (rows, 3)).astype(np.float32)
        odds = np.exp(10 * sim)
        shares = odds / (1 + odds) if k == 1 else odds / odds.sum(axis=1, keepdims=True)
        name = f"owner/model-{k}"
        results[name] = ZeroShot(sim, shares.astype(np.float32), texts, ids, labels)
        facts[name] = ModelFacts(name, 8, 77, 10.0, 0.0, k != 1, ("cat",) if k == 1 else ())
    return Comparison(results, facts)


def heads(figure):
    return [note.text for note in figure.layout.annotations if "<b>" in note.text]


@pytest.mark.parametrize("count", [1, 2, 3, 4, 6])
def test_comparison_draws_a_heatmap_a_model_on_one_scale(count, pictures):
    comparison = compared(count)
    figure = plots.comparison_heatmaps(comparison, pictures, title="Models")
    assert [trace.name for trace in figure.data] == list(comparison.models)
    for model, trace in zip(comparison.models, figure.data, strict=True):
        np.testing.assert_array_equal(trace.z, comparison[model].probabilities)
        assert (trace.zmin, trace.zmax) == (0, 1)
        assert trace.texttemplate == "%{z:.0%}"
        np.testing.assert_allclose(
            [[cell[3] for cell in row] for row in trace.customdata], comparison[model].similarity
        )
    assert [trace.showscale for trace in figure.data] == [True] + [False] * (count - 1)
    assert list(figure.layout.xaxis.ticktext) == ["cat", "一只猫", "قطة"]
    assert list(figure.layout.yaxis.ticktext) == ["0.png", "1.png"]  # of a path the file's name
    assert list(figure.data[0].customdata[1][2][:2]) == ["folder/1.png", "قطة"]
    rows_of_panels = len({round(axis.domain[1], 6) for axis in axes(figure, "y")})
    assert len(figure.layout.images) == 2 * rows_of_panels
    assert not figure.layout.shapes


def axes(figure, letter):
    return [figure.layout[trace[f"{letter}axis"].replace(letter, f"{letter}axis")] for trace in figure.data]


@pytest.mark.parametrize("count", [2, 4, 5])
def test_heatmaps_of_a_comparison_do_not_overlap(count):
    figure = plots.comparison_heatmaps(compared(count))
    boxes = [(*x.domain, *y.domain) for x, y in zip(axes(figure, "x"), axes(figure, "y"), strict=True)]
    assert all(0 <= low < high <= 1 + 1e-9 for box in boxes for low, high in (box[:2], box[2:]))
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[1] <= b[0] or b[1] <= a[0] or a[3] <= b[2] or b[3] <= a[2]


def test_a_comparison_says_how_its_numbers_came_about():
    first, second = heads(plots.comparison_heatmaps(compared()))
    assert "softmax: rows share 100%" in first
    assert "sigmoid: each pair by itself" in second
    assert "texts cut at 77 tokens: 1" in second
    assert "cut" not in first


def test_cosines_of_each_model_have_a_range_of_their_own_which_is_said():
    comparison = compared()
    figure = plots.comparison_heatmaps(comparison, values="cosine")
    for model, trace, head in zip(comparison.models, figure.data, heads(figure), strict=True):
        sim = comparison[model].similarity
        np.testing.assert_array_equal(trace.z, sim)
        assert (trace.zmin, trace.zmax) == pytest.approx((sim.min(), sim.max()))
        assert f"from {sim.min():.2f} to {sim.max():.2f}" in head
    assert figure.data[0].colorbar.title.text == "cosine,<br>by model"
    assert list(figure.data[0].colorbar.ticktext) == ["lowest", "highest"]


def test_the_true_text_is_outlined_in_every_heatmap():
    figure = plots.comparison_heatmaps(compared(2, labels=("قطة", "cat")))
    marks = [(s.xref, (s.x0 + s.x1) / 2, (s.y0 + s.y1) / 2) for s in figure.layout.shapes if s.xref != "paper"]
    assert marks == [("x", 2, 0), ("x", 0, 1), ("x2", 2, 0), ("x2", 0, 1)]
    assert "the true text of the picture" in [note.text for note in figure.layout.annotations]


def test_many_pictures_make_flatter_rows_without_numbers_and_thumbnails():
    figure = plots.comparison_heatmaps(compared(rows=60), [Image.new("RGB", (8, 8))] * 60)
    assert not figure.layout.images
    assert figure.data[0].texttemplate is None
    assert figure.layout.height < 1000


def test_names_of_models_are_broken_not_cut():
    assert wrapped("M-CLIP/XLM-Roberta-Large-Vit-B-16Plus", 16) == ["M-CLIP/XLM-", "Roberta-Large-", "Vit-B-16Plus"]
    assert wrapped("abcdefgh", 5) == ["abcde", "fgh"]
    assert wrapped("RN50", 30) == ["RN50"]
    assert "".join(wrapped("一个非常长的名字/b c", 6)) == "一个非常长的名字/b c"


def test_a_comparison_is_drawn_by_its_own_rules(pictures):
    with pytest.raises(errors.UnsupportedOption, match="logit"):
        plots.comparison_heatmaps(compared(), values="logit")
    with pytest.raises(errors.WrongShape, match="images"):
        plots.comparison_heatmaps(compared(), pictures[:1])
    assert plots.comparison_heatmaps(compared(), names=["<b>", "b"]).layout.yaxis.ticktext[0] == "&lt;b&gt;"
    dark = plots.comparison_heatmaps(compared(), mode="dark", across=1)
    assert dark.layout.template.layout.paper_bgcolor == "#16161A"
    assert len({axis.domain for axis in axes(dark, "x")}) == 1
