"""The map explorer by its traits, without a browser."""

from __future__ import annotations

import html
import io
import shutil

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from PIL import Image

import clipnb
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.plots.shades import sequential
from clipnb.widgets import MapExplorer

COLOURS = {"red": (255, 0, 0), "green": (0, 160, 0), "blue": (0, 0, 255)}
TEXTS = ["red", "grün", "blue", "noise"]


def shades():
    """Thirty squares, ten of each colour, no two alike."""
    rng = np.random.default_rng(3)
    return [
        Image.new("RGB", (8, 8), tuple(map(int, np.clip(np.array(colour) + rng.integers(-25, 25, 3), 0, 255))))
        for colour in COLOURS.values()
        for _ in range(10)
    ]


PICTURES = shades()
GROUPS = [name for name in COLOURS for _ in range(10)]
LABELS = [f"{name} {i}" for name in COLOURS for i in range(10)]


def rows_of(model, vectors=None, modality="image"):
    vectors = model.encode_image(PICTURES) if vectors is None else vectors
    return clipnb.Embeddings(vectors, ids=LABELS, modality=modality, model=model.name)


@pytest.fixture(scope="module")
def model():
    return FakeClip()


@pytest.fixture(scope="module")
def projection(model):
    return clipnb.project(rows_of(model), method="pca", progress=False)


@pytest.fixture
def panel(model, projection):
    return MapExplorer(projection, model=model, images=PICTURES, groups=GROUPS, values=range(30), texts=TEXTS)


def tell(panel, what, rows, traces=None):
    """What the browser tells of points: the numbers of their traces, and theirs within."""
    canvas = panel.canvas
    found = [
        (trace, point)
        for trace, own in enumerate(canvas._rows)
        if traces is None or trace in traces
        for point in np.flatnonzero(np.isin(own, rows))
    ]
    parts = np.array(found, dtype="<u4").reshape(-1, 2).T
    canvas._link._handle_custom_msg({"kind": what}, [memoryview(part.tobytes()) for part in parts])


def lasso(panel, rows):
    tell(panel, "select", rows)


def touch(panel, row, how="point"):
    tell(panel, how, [row])


def overlay(panel, name):
    return [trace for _, trace in panel.canvas._overlays(name)]


def png(colour="red"):
    buffer = io.BytesIO()
    Image.new("RGB", (9, 9), colour).save(buffer, "PNG")
    return buffer.getvalue()


# -- pointing ---------------------------------------------------------------------------------------


def test_pointing_shows_the_picture_the_facts_and_the_neighbours(panel, projection):
    touch(panel, 12)
    assert panel.shown == 12
    card = panel.view.card.value
    assert "green 2" in card
    assert "<img alt=" in card
    assert "group:" in card
    assert "value:" in card
    vectors = projection.source.embeddings.vectors
    sim = vectors @ vectors[12]
    sim[12] = -2
    np.testing.assert_allclose(sim[panel.near], np.sort(sim)[::-1][:8], atol=1e-6)
    assert len(panel.view.near.lines) == 8
    assert panel.view.near.lines[0].startswith(f"{sim.max():.2f}")
    (ring,) = overlay(panel, "shown")
    np.testing.assert_allclose([ring.x[0], ring.y[0]], projection.coords[12])


def test_a_click_holds_the_point_and_a_second_one_lets_it_go(panel):
    touch(panel, 3, "click")
    assert (panel.shown, panel.held, panel.view.hold.value) == (3, True, True)
    touch(panel, 20)
    assert panel.shown == 3
    touch(panel, 20, "click")
    assert (panel.shown, panel.held) == (20, True)
    touch(panel, 20, "click")
    assert not panel.held
    touch(panel, 5)
    assert panel.shown == 5
    panel.view.hold.value = True  # by keyboard
    assert panel.held


def test_neighbours_are_buttons_that_lead_on(panel):
    panel.shown = 0
    first = panel.near[0]
    panel.view.near._buttons[0].click()
    assert (panel.shown, panel.held) == (first, True)


def test_a_neighbour_that_the_map_shows_elsewhere_is_marked(model):
    rows = rows_of(model)
    made = clipnb.project(rows, method="pca", progress=False)
    moved = made.coords.copy()
    moved[0] = 3 * moved[20:].mean(axis=0) - 2 * moved[:10].mean(axis=0)  # a red square, behind the blue ones
    torn = clipnb.Projection(moved, made.ids, "by hand", source=made.source)
    panel = MapExplorer(torn, model=model)
    panel.shown = 0
    shown = np.argsort(((moved - moved[0]) ** 2).sum(axis=1))[1:25]  # three times the eight neighbours
    lost = [row not in shown for row in panel.near]
    assert 0 < sum(lost) < 8
    assert [line.endswith("torn") for line in panel.view.near.lines] == lost
    assert [button.icon == "unlink" for button in panel.view.near._buttons] == lost
    assert f"{sum(lost)} of 8 torn" in panel.view.near._head.value


def test_unreadable_pictures_say_so_and_name_the_file(model, projection, tmp_path):
    (tmp_path / "broken.png").write_bytes(b"no picture")
    images = [tmp_path / "broken.png", tmp_path / "gone.png", None, *PICTURES[3:]]
    panel = MapExplorer(projection, images=images)
    panel.shown = 0
    assert "broken.png" in panel.view.card.value
    assert "clipnb-problem" in panel.view.card.value
    panel.shown = 1
    assert "gone.png: no such file" in panel.view.card.value
    panel.shown = 2
    assert "<img" not in panel.view.card.value
    assert "clipnb-problem" not in panel.view.card.value


def test_pictures_from_a_folder_a_function_and_an_emoji_set(model, projection, tmp_path):
    named = clipnb.Projection(projection.coords, tuple(f"{i}.png" for i in range(30)), "pca")
    Image.new("RGB", (5, 5), "red").save(tmp_path / "4.png")
    panel = MapExplorer(named, images=tmp_path)
    panel.shown = 4
    assert "<img" in panel.view.card.value
    panel.shown = 5
    assert "5.png: no such file" in panel.view.card.value
    panel = MapExplorer(projection, images=lambda row: PICTURES[row] if row else None)
    panel.shown = 1
    assert "<img" in panel.view.card.value
    panel = MapExplorer(projection, images={7: "seven"}.__getitem__)  # a function that raises for all but one
    panel.shown = 5
    assert "Its picture cannot be shown" in panel.view.card.value
    assert len(panel.view.near.lines) == 8
    column = pd.Series(PICTURES, index=range(100, 130))
    panel = MapExplorer(projection, images=column)
    panel.shown = 5
    assert "<img" in panel.view.card.value
    emoji = clipnb.datasets.emoji("fluent", languages=["de"]).take(range(30))
    panel = MapExplorer(projection, images=emoji)
    panel.shown = 0
    assert emoji.names["de"].iloc[0] in panel.view.card.value
    assert panel.colour_by == "group"
    with pytest.raises(UnsupportedOption, match="no such folder"):
        MapExplorer(projection, images=tmp_path / "nowhere")


# -- selecting --------------------------------------------------------------------------------------


def test_a_lasso_gives_the_table_and_the_words(panel, projection, model):
    lasso(panel, [3, 1, 2, 25])
    assert panel.selected == [1, 2, 3, 25]
    assert "4 points are selected, of 30: 3 red, 1 blue." in panel.status
    table = panel.table()
    assert table.columns.tolist() == ["row", "id", "label", "group", "value", "cosine"]
    assert sorted(table["row"]) == [1, 2, 3, 25]
    assert table["cosine"].is_monotonic_decreasing
    assert table.set_index("row").loc[25, "group"] == "blue"
    assert "red 1" in panel.view.table.value
    # By hand: mean cosine with the selection less mean cosine with the rest.
    vectors, texts = projection.source.embeddings.vectors, model.encode_text(TEXTS)
    inside = np.isin(np.arange(30), panel.selected)
    score = (texts @ vectors[inside].T).mean(axis=1) - (texts @ vectors[~inside].T).mean(axis=1)
    assert panel.words == [TEXTS[i] for i in np.argsort(-score)]
    assert panel.words[0] == "red"
    # The rest is dim, in every trace.
    for rows, trace in zip(panel.canvas._rows[:3], panel.canvas.figure.data[:3], strict=True):
        assert [rows[i] for i in trace.selectedpoints] == [row for row in rows if row in panel.selected]


def test_a_lasso_around_nothing_and_a_button_take_the_selection_away(panel):
    lasso(panel, [1, 2])
    lasso(panel, [])
    assert panel.selected == []
    assert panel.canvas.figure.data[0].selectedpoints is None
    lasso(panel, [1, 2])
    panel.view.deselect.click()
    assert panel.selected == []
    assert panel.view.table.value == ""
    assert panel.words == []
    assert panel.status.startswith("30 points.")


def test_a_selection_from_code_is_sorted_and_rows_that_are_not_there_are_named(panel):
    panel.selected = [9, 4, 4]
    assert panel.selected == [4, 9]
    panel.selected = np.flatnonzero(np.array(GROUPS) == "blue")
    assert panel.selected == list(range(20, 30))
    panel.selected = range(3)
    assert panel.selected == [0, 1, 2]
    panel.hits = np.array([3, 1])
    assert panel.hits == [3, 1]
    panel.selected = [4, 99]
    assert "There is no point 99: there are 30, from 0." in panel.status
    panel.shown = -7
    assert "There is no point -7" in panel.status


def test_everything_can_be_selected_and_has_words_still(panel):
    panel.selected = list(range(30))
    assert len(panel.words) == 4
    assert panel.selection.table()["cosine"].notna().all()


def test_the_selection_is_saved_and_downloaded(panel, tmp_path):
    import base64
    import re

    panel.selected = [5, 6]
    panel.view.path.value = str(tmp_path / "mine.csv")
    panel.view.save.click()
    assert "mine.csv" in panel.status
    saved = pd.read_csv(tmp_path / "mine.csv")
    link = re.search(r'href="data:text/csv;charset=utf-8;base64,([^"]+)"', panel.view.download.value)
    downloaded = pd.read_csv(io.BytesIO(base64.b64decode(link[1])))
    pd.testing.assert_frame_equal(saved, downloaded)
    assert len(pd.read_json(panel.selection.save(tmp_path / "mine.json"))) == 2
    panel.view.path.value = "mine.xlsx"
    panel.view.save.click()
    assert ".csv, .tsv, .parquet" in panel.status


def test_the_default_words_are_encoded_once_with_a_bar(projection):
    model = FakeClip()
    panel = MapExplorer(projection, model=model, groups=GROUPS)
    seen = []
    panel.view.progress.observe(lambda change: seen.append(change.new), "value")
    panel.selected = list(range(10))
    assert seen[-1] == panel.view.progress.max > 1000
    assert panel.view.progress.layout.display == "none"
    calls = model.text_calls
    assert calls > 5
    assert any("red" in word or "rot" in word for word in panel.words)
    panel.selected = list(range(20))
    assert model.text_calls == calls


# -- searching --------------------------------------------------------------------------------------


def test_a_search_in_any_language_lights_the_hits(panel, projection):
    panel.view.query.value = "etwas Grünes, grün"
    assert panel.query == "etwas Grünes, grün"
    assert len(panel.hits) == 10
    assert set(panel.hits) == set(range(10, 20))
    assert "green" in panel.status
    (rings,) = overlay(panel, "hits")
    np.testing.assert_allclose(np.column_stack([rings.x, rings.y]), projection.coords[panel.hits])
    assert panel.view.found.lines[0].startswith("1.00")
    panel.view.take_hits.click()
    assert panel.selected == list(range(10, 20))
    panel.view.clear_hits.click()
    assert (panel.query, panel.hits, panel.view.query.value) == ("", [], "")
    assert len(overlay(panel, "hits")[0].x) == 0


def test_the_search_says_what_is_wrong(panel):
    panel.query = "red"
    panel.query = "word " * 20
    assert "tokens > 12. The search is too long" in panel.status
    assert panel.hits == []
    panel.query = "   "
    assert panel.hits == []
    assert "clipnb-problem" not in panel.view.message.value
    panel.view.search.click()
    assert "write a few words" in panel.status


def test_hits_can_be_set_from_code(panel):
    panel.hits = [2, 28]
    assert panel.view.found.lines == ["red 2", "blue 8"]
    assert len(overlay(panel, "hits")[0].x) == 2
    panel.hits = [99]
    assert "no point 99" in panel.status


def test_without_a_model_there_is_no_search_and_no_upload(projection):
    panel = MapExplorer(projection, groups=GROUPS)
    assert panel.view.query.layout.display == panel.view.upload.layout.display == "none"
    panel.query = "red"
    assert "has no model" in panel.status
    panel.selected = [1]
    assert panel.words == []
    panel = MapExplorer(projection, groups=GROUPS, texts=clipnb.Embeddings(FakeClip().encode_text(TEXTS), ids=TEXTS))
    panel.selected = [1]
    assert panel.words[0] == "red"  # texts that are rows already need none


# -- joint maps -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def centred(model):
    texts = [f"{word} {i}" for word in ("red", "grün", "blue") for i in range(4)]
    pictures = clipnb.Embeddings(model.encode_image(PICTURES), modality="image", model=model.name)
    words = clipnb.Embeddings(model.encode_text(texts), texts, "text", model.name)
    both = clipnb.joint(pictures, words, mode="centred")
    return both, clipnb.project(both.embeddings, method="pca", progress=False)


def test_on_a_centred_map_queries_pictures_and_words_are_centred_too(centred, model):
    both, projection = centred
    panel = MapExplorer(projection, model=model, joint=both, images=PICTURES, texts=TEXTS)
    panel.query = "blue"
    row = both.like(model.encode_text(["blue"]), "text").vectors[0]
    assert panel.hits == np.argsort(-(both.embeddings.vectors @ row), kind="stable")[:10].tolist()
    new = panel.add([Image.new("RGB", (8, 8), "blue")], ["mine"])
    expected = projection.transform(both.like(model.encode_image([Image.new("RGB", (8, 8), "blue")]), "image"))
    (stars,) = overlay(panel, "new")
    np.testing.assert_allclose([stars.x[0], stars.y[0]], expected[0], atol=1e-5)
    assert panel.selection.columns["modality"] == ()
    panel.selected = [0, 35, *new]
    assert panel.selection.columns["modality"] == ("image", "text", "image")
    panel.shown = 35
    assert "<img" not in panel.view.card.value
    assert "a text" in panel.view.card.value
    assert "picture or text" in panel.colourings


def test_emoji_give_the_pictures_of_a_joint_map_their_names(centred, model):
    both, projection = centred
    emoji = clipnb.datasets.emoji("fluent", languages=["de"]).take(range(30))
    panel = MapExplorer(projection, model=model, joint=both, images=emoji)
    panel.shown = 2
    assert emoji.names["de"].iloc[2] in panel.view.card.value
    assert "<img" in panel.view.card.value
    panel.shown = 31
    assert "red 1" in panel.view.card.value
    assert "<img" not in panel.view.card.value


# -- new pictures -----------------------------------------------------------------------------------


def test_files_become_stars_with_a_name_and_neighbours(panel, projection, model):
    panel._take_files([("mine.png", png("red")), ("notes.txt", b"words"), ("cut.png", png()[:40])])
    assert panel.added == ["mine.png"]
    assert "“notes.txt”, “cut.png” cannot be read as a picture" in panel.status
    assert "mine.png lies nearest to red" in panel.status
    assert (panel.shown, panel.held, len(panel)) == (30, True, 31)
    (stars,) = overlay(panel, "new")
    assert stars.text == ("mine.png",)
    place = projection.transform(clipnb.Embeddings(model.encode_image([Image.new("RGB", (9, 9), "red")])))[0]
    np.testing.assert_allclose([stars.x[0], stars.y[0]], place, atol=1e-5)
    assert set(panel.near) <= set(range(10))
    lasso(panel, [1, 30])
    assert panel.table()["label"].tolist() in (["mine.png", "red 1"], ["red 1", "mine.png"])
    touch(panel, 30, "click")  # held before: lets go
    assert not panel.held
    panel.add([png("blue")], ["second"])
    assert panel.added == ["mine.png", "second"]
    assert len(overlay(panel, "new")[0].x) == 2


def test_files_that_are_no_pictures_are_said_and_nothing_is_added(panel):
    panel._take_files([("notes.txt", b"words")])
    assert "“notes.txt” cannot be read" in panel.status
    assert len(panel) == 30
    with pytest.raises(EmptyInput, match=r"notes\.txt"):
        panel.add([b"words"], ["notes.txt"])


def test_stars_stay_when_the_colours_change(panel):
    panel.add([png()], ["mine"])
    panel.query = "red"
    for name in panel.colourings:
        panel.colour_by = name
        assert "clipnb-problem" not in panel.view.message.value, name
        assert len(overlay(panel, "new")[0].x) == 1
        assert len(overlay(panel, "hits")[0].x) == 10
        touch(panel, 30)
        lasso(panel, [4, 30])
        assert panel.selected == [4, 30]


def test_a_star_beside_the_map_is_seen(panel, pair, projection):
    before = panel.canvas.figure.layout.xaxis.range
    panel.canvas.add([[projection.coords[:, 0].max() + 9, 0.0]], ["beside"])
    layout = panel.canvas.figure.layout
    assert layout.xaxis.range[0] == before[0]
    assert layout.xaxis.range[1] > projection.coords[:, 0].max() + 9
    panel.canvas.add([projection.coords[0]], ["within"])
    assert panel.canvas.figure.layout.xaxis.range == layout.xaxis.range
    both = MapExplorer(pair[1]).canvas
    both.add([[[50.0, 0.0]], [[0.0, 0.0]]], ["beside the first"])
    assert both.figure.layout.xaxis.range[1] > 50
    assert both.figure.layout.xaxis.range == both.figure.layout.xaxis2.range  # still of one scale


def test_rings_and_stars_lie_over_the_dots_of_a_large_map():
    coords = np.random.default_rng(0).normal(size=(9000, 2)).astype(np.float32)
    ids = tuple(f"p{i}" for i in range(9000))
    for maps in (clipnb.Projection(coords, ids, "pca"), [clipnb.Projection(coords, ids, "pca")] * 2):
        canvas = MapExplorer(maps).canvas
        # A browser draws WebGL below all that is not.
        assert {trace.type for trace in canvas.figure.data} == {"scattergl"}
        canvas.light([3])
        canvas.select(range(0, 9000, 2))
        canvas.light([3, 4])
        # And above all others what is selected.
        assert canvas._overlays("hits")[0][1].selectedpoints.tolist() == [0, 1]
        canvas.select([])
        assert canvas._overlays("hits")[0][1].selectedpoints is None


# -- several maps -----------------------------------------------------------------------------------


class Wider(FakeClip):
    name, dim = "fake/wider", 10

    def encode_text(self, texts, **more):
        return np.pad(super().encode_text(texts, **more), ((0, 0), (2, 0)))

    def encode_image(self, images, **more):
        return np.pad(super().encode_image(images, **more), ((0, 0), (2, 0)))


@pytest.fixture(scope="module")
def pair(model):
    other = Wider()
    both = [rows_of(model), rows_of(other)]
    return other, clipnb.project_aligned(both, layout="pca", progress=False)


def test_several_maps_are_lit_together(pair, model):
    other, maps = pair
    panel = MapExplorer(maps, model=[model, other], images=PICTURES, groups=GROUPS, texts=TEXTS)
    assert len(overlay(panel, "shown")) == 2
    touch(panel, 7, "click")
    for ring, each in zip(overlay(panel, "shown"), maps, strict=True):
        np.testing.assert_allclose([ring.x[0], ring.y[0]], each.coords[7], atol=1e-6)
    assert sum(7 in rows for rows in panel.canvas._rows) == 2
    # A lasso on one map: only its traces have points inside, and the other map shows them too.
    figure = panel.canvas.figure
    tell(panel, "select", [1, 2], [i for i, trace in enumerate(figure.data) if trace.meta["map"] == 0])
    assert panel.selected == [1, 2]
    shown = [sum(len(t.selectedpoints) for t in figure.data if t.meta["map"] == n) for n in (0, 1)]
    assert shown == [2, 2]
    # plotly's own news of the same lasso says nothing of the other map, and would cost a drawing for each trace.
    sent = figure._last_trace_edit_id
    nothing = {"xs": [], "ys": [], "point_indexes": [], "trace_indexes": []}
    figure._js2py_pointsCallback = {"event_type": "plotly_selected", "points": nothing}
    shown = [sum(len(t.selectedpoints) for t in figure.data if t.meta["map"] == n) for n in (0, 1)]
    assert (shown, figure._last_trace_edit_id) == ([2, 2], sent)
    # A new picture goes onto both maps, and the space can be changed.
    panel.add([png("blue")], ["mine"])
    assert [len(stars.x) for stars in overlay(panel, "new")] == [1, 1]
    assert panel.view.space.options == ("fake/colours", "fake/wider")
    panel.query = "blue"
    panel.view.space.index = 1
    assert panel.space == 1
    assert set(panel.hits) == set(range(20, 30))
    assert "fake/wider" in panel.view.found._head.value
    panel.colour_by = "neighbours the maps share"
    assert "clipnb-problem" not in panel.view.message.value


def test_several_maps_say_which_model_is_missing(pair, model):
    _, maps = pair
    panel = MapExplorer(maps, model=model, groups=GROUPS)
    panel._take_files([("mine.png", png())])
    assert "“fake/wider” has no model" in panel.status
    assert len(panel) == 30


# -- code -------------------------------------------------------------------------------------------


def run(code, **names):
    space = dict(names)
    exec(compile(code, "panel", "exec"), space)
    return space


def test_the_code_makes_the_same_again(model):
    rows = rows_of(model)
    made = clipnb.project(rows, seed=3, n_neighbors=8, min_dist=0.2, progress=False)
    panel = MapExplorer(made, model=model, texts=TEXTS)
    panel.selected, panel.query = [1, 2, 3], "blue"
    texts = clipnb.Embeddings(model.encode_text(TEXTS), ids=TEXTS, modality="text", model=model.name)
    again = run(panel.code(), embeddings=rows, model=model, texts=texts)
    np.testing.assert_array_equal(again["projection"].coords, made.coords)
    assert again["rows"] == panel.selected
    assert again["found"]["id"].tolist() == [LABELS[row] for row in panel.hits]
    assert again["words"]["text"].tolist() == panel.words
    panel = MapExplorer(made, model=model)  # names of things, each in one of its languages
    panel.selected = list(range(10))
    again = run(panel.code(), embeddings=rows, model=model)
    assert again["words"]["text"].tolist() == panel.words
    assert "seed=3" in panel.code()
    assert "min_dist=0.2" in panel.view.code.value


def test_the_code_of_a_joint_map_and_of_ids_that_stand_twice(centred, model, projection):
    both, made = centred
    panel = MapExplorer(made, model=model, joint=both, texts=TEXTS)
    panel.selected, panel.query = [0, 33], "red"
    texts = clipnb.Embeddings(model.encode_text(TEXTS), ids=TEXTS, modality="text", model=model.name)
    again = run(panel.code(), joint=both, model=model, texts=texts)
    assert again["rows"] == [0, 33]
    assert again["found"]["id"].tolist() == [both.embeddings.ids[row] for row in panel.hits]
    assert again["words"]["text"].tolist() == panel.words
    twice = clipnb.Projection(projection.coords, ("same",) * 30, "pca", source=projection.source)
    panel = MapExplorer(twice)
    panel.selected = [4, 8]
    assert run(panel.code(), embeddings=projection.source.embeddings)["rows"] == [4, 8]


def test_the_code_of_pictures_that_were_added(centred, model, projection, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.png").write_bytes(png("blue"))
    drawn = Image.new("RGB", (8, 8), "green")
    both, made = centred
    for panel, names in [
        (MapExplorer(projection, model=model), {"embeddings": projection.source.embeddings}),
        (MapExplorer(made, model=model, joint=both), {"joint": both}),
    ]:
        panel._take_files([("mine.png", png("blue"))])
        panel.add([drawn])
        assert "# mine.png: the file that was uploaded, to be put beside the notebook" in panel.view.code.value
        again = run(panel.code(), model=model, added=[None, drawn], **names)
        np.testing.assert_allclose(again["places"], panel._here().places[-2:], atol=1e-5)


def test_a_map_that_was_saved_by_reference(model, tmp_path):
    folder = tmp_path / "a rather long name of a folder" / "with pictures"
    folder.mkdir(parents=True)
    for i, picture in enumerate(PICTURES):
        picture.save(folder / f"{i:02}.png")
    rows = clipnb.embed(model, sorted(folder.glob("*.png")), out=tmp_path / "rows", progress=False)
    clipnb.project(rows, method="pca", progress=False).save(tmp_path / "map", rows="reference")
    maps = [clipnb.Projection.load(tmp_path / "map") for _ in range(2)]
    panel = MapExplorer(maps[0], model=model, images=folder, texts=TEXTS)
    panel.selected, panel.query, panel.shown = [1, 2], "blue", 3
    assert panel.status.startswith("blue: nearest is 2")
    assert 'alt="03.png"' in panel.view.card.value
    again = run(panel.code(), model=model, texts=panel._words._encoded(panel._here(), len)[0])
    assert again["found"]["id"].tolist() == [maps[0].ids[row] for row in panel.hits]
    assert MapExplorer(maps).view.space.options == (model.name, f"{model.name} (2)")
    shutil.rmtree(tmp_path / "rows")
    gone = [clipnb.Projection.load(tmp_path / "map") for _ in range(2)]
    panel = MapExplorer(gone, model=model)
    assert panel.view.space.options == ("map 1", "map 2")
    panel.query = "blue"
    assert "put them back" in panel.status
    assert "# embeddings" in panel.code()


@pytest.mark.parametrize("how", [{}, {"method": "aligned_umap", "strength": 0.4, "n_neighbors": 6}])
def test_the_code_of_maps_that_were_made_together(model, how):
    other = Wider()
    both = [rows_of(model), rows_of(other)]
    maps = clipnb.project_aligned(both, seed=2, progress=False, **how)
    panel = MapExplorer(maps, model=[model, other], texts=TEXTS)
    panel.space = 1
    panel.selected, panel.query = [3, 4], "blue"
    texts = clipnb.Embeddings(other.encode_text(TEXTS), ids=TEXTS, modality="text", model=other.name)
    again = run(panel.code(), embeddings_1=both[0], embeddings_2=both[1], model=other, texts=texts)
    for made, given in zip(again["projections"], maps, strict=True):
        np.testing.assert_allclose(made.coords, given.coords, atol=1e-6)
    assert again["rows"] == [3, 4]
    assert again["found"]["id"].tolist() == [LABELS[row] for row in panel.hits]
    assert again["words"]["text"].tolist() == panel.words
    alone = MapExplorer([maps[0], clipnb.Projection(maps[1].coords, maps[1].ids, "by hand")])
    assert "# embeddings, projection: the rows and the map that the panel was given" in alone.code()


# -- bad input --------------------------------------------------------------------------------------


def test_what_does_not_fit_is_refused_with_the_numbers(model, projection, centred):
    both, joint_map = centred
    for name, given, message in [
        ("images", PICTURES[:5], "5 images; expected one for each of 30 points"),
        ("labels", ["a"], "labels: 1 entries"),
        ("groups", ["a"] * 31, "groups 'group': 31 entries"),
        ("values", [1.0], r"values 'value' have shape \[1\]"),
        ("modality", ["image"], "modality: 1 entries"),
        ("joint", both, "the joint has 42 rows, the map 30 points"),
    ]:
        with pytest.raises(WrongShape, match=message):
            MapExplorer(projection, **{name: given})
    with pytest.raises(WrongShape, match="for each of its 30 pictures"):
        MapExplorer(joint_map, joint=both, images=PICTURES[:5])
    for name, given, message in [
        ("labels", "red", "one text"),
        ("values", ["a"] * 30, "expected numbers"),
        ("images", 5, "images are a int"),
        ("texts", "red", "texts is one text"),
        ("texts", 5, "texts is a int"),
        ("groups", 5, "groups 'group': got a int"),
        ("labels", 5, "labels: got a int"),
        ("joint", 5, "joint is a int"),
        ("model", 5, "model is a int"),
        ("model", [5], "has a int in it"),
    ]:
        with pytest.raises(WrongType, match=message):
            MapExplorer(projection, **{name: given})
    for name in ("renderer", "mode"):
        with pytest.raises(UnsupportedOption, match=name):
            MapExplorer(projection, **{name: "other"})
    with pytest.raises(WrongType, match="expected a Projection"):
        MapExplorer([np.zeros((3, 2))])
    for none in (None, 5):
        with pytest.raises(WrongType, match="expected a Projection"):
            MapExplorer(none)
    for height in (-5, "tall"):
        with pytest.raises(UnsupportedOption, match="100 pixels or more"):
            MapExplorer(projection, height=height)
    with pytest.raises(UnsupportedOption, match="modality has 'sound' in it"):
        MapExplorer(projection, modality=["sound"] * 30)
    with pytest.raises(EmptyInput, match="texts is empty"):
        MapExplorer(projection, model=model, texts=[])
    with pytest.raises(EmptyInput):
        MapExplorer([])
    with pytest.raises(InvalidEmbeddings, match="10 columns, the rows of the map 8"):
        MapExplorer(projection, model=Wider())
    with pytest.raises(WrongShape, match="2 models for 1 maps"):
        MapExplorer(projection, model=[model, model])


def test_words_and_points_that_do_not_fit_are_said(model, projection):
    panel = MapExplorer(projection, model=model, texts=clipnb.Embeddings(np.eye(3, 5), ids=["a", "b", "c"]))
    panel.selected = [1, 2]
    assert "texts have 5 columns, the rows of the map 8" in panel.status
    for wrong in (-1, 99):
        panel.selected = [wrong]
        assert f"There is no point {wrong}" in panel.status
        with pytest.raises(UnsupportedOption, match=f"no point {wrong}"):
            panel.table()
        assert "selected = " not in panel.code()


def test_maps_of_other_points_are_refused(projection):
    shorter = clipnb.Projection(projection.coords[:5], projection.ids[:5], "pca")
    with pytest.raises(WrongShape, match="map 2 has 5 points, the first 30"):
        MapExplorer([projection, shorter])
    other = clipnb.Projection(projection.coords, tuple(reversed(projection.ids)), "pca")
    with pytest.raises(WrongShape, match="row 0 is 'red 0'"):
        MapExplorer([projection, other])


def test_a_map_that_does_not_know_its_rows(model):
    bare = clipnb.Projection(np.random.default_rng(0).normal(size=(30, 2)).astype("f"), tuple(LABELS), "by hand")
    panel = MapExplorer(bare, model=model, images=PICTURES, groups=GROUPS)
    touch(panel, 2, "click")
    assert "red 2" in panel.view.card.value
    assert panel.near == []
    lasso(panel, [1, 2])
    assert panel.table().columns.tolist() == ["row", "id", "label", "group"]
    assert panel.words == []
    panel.query = "red"
    assert "does not know the rows" in panel.status
    assert "neighbours torn away" not in panel.colourings


def test_a_map_in_space_has_no_lasso_and_says_so(model):
    made = clipnb.project(rows_of(model), method="pca", n_components=3, progress=False)
    panel = MapExplorer(made, model=model, images=PICTURES, groups=GROUPS, texts=TEXTS)
    assert "A lasso needs a map on a plane" in panel.status
    # The names of its axes can be read on a page of either kind.
    assert panel.canvas.figure.layout.scene.zaxis.title.font.color == "#8B93A1"
    assert panel.canvas.figure.layout.scene.zaxis.title.text
    touch(panel, 4)
    assert panel.shown == 4
    panel.query = "red"
    assert len(overlay(panel, "hits")[0].z) == 10
    panel.selected = [1, 2]
    assert len(overlay(panel, "chosen")[0].z) == 2
    assert panel.words[0] == "red"
    panel.add([png()], ["mine"])
    assert len(overlay(panel, "new")[0].z) == 1
    panel.colour_by = "value" if "value" in panel.colourings else "nothing"
    with pytest.raises(WrongShape, match="on a plane"):
        MapExplorer([made, made])


def test_numbers_that_are_missing_are_no_reason_to_fail(projection):
    panel = MapExplorer(projection, values={"age": [float("nan"), *range(29)]})
    assert panel.colour_by == "age"
    panel.shown = 0
    assert "age" in panel.view.card.value
    lasso(panel, [0, 1])
    assert panel.table()["age"].isna().sum() == 1


def test_a_single_point():
    one = clipnb.Projection(np.zeros((1, 2), dtype="f"), ("only",), "by hand")
    panel = MapExplorer(one)
    touch(panel, 0, "click")
    lasso(panel, [0])
    assert panel.status == "1 point is selected, of 1."
    assert "only" in panel.view.card.value


def test_markup_in_names_and_texts_is_shown_not_obeyed(model, projection):
    labels = ["<script>alert(1)</script>", *LABELS[1:]]
    panel = MapExplorer(projection, model=model, labels=labels, groups=["<b>"] * 30, texts=["<i>x</i>", "red"])
    panel.shown = 0
    panel.selected = [0, 1]
    for widget in (panel.view.card, panel.view.table, panel.view.words, panel.view.summary, panel.view.message):
        assert "<script>" not in widget.value
        assert "<i>x" not in widget.value
    assert "<script>" not in str(panel.canvas.figure.data[0].customdata)


def test_large_maps_are_light_in_the_browser():
    rng = np.random.default_rng(0)
    many = clipnb.Projection(rng.normal(size=(20_001, 2)).astype("f"), tuple(map(str, range(20_001))), "by hand")
    panel = MapExplorer(many, groups=[str(i % 3) for i in range(20_001)])
    traces = panel.canvas.figure.data[:3]
    assert all(trace.customdata is None and trace.hoverinfo == "none" for trace in traces)
    assert all(trace.x.dtype == trace.y.dtype == np.float32 for trace in traces)
    touch(panel, 20_000)
    assert "20000" in panel.view.card.value
    lasso(panel, list(range(5000)))
    assert panel.status.startswith("5,000 points are selected, of 20,001")
    # Lines of many points wait until somebody wants to see them.
    lasso(panel, list(range(20_000)))
    assert panel.view.code.value == ""
    panel.view.show_code.value = True
    assert '"19999"' in html.unescape(panel.view.code.value)
    panel.view.show_code.value = False
    assert panel.view.code.value == ""


def test_light_dark_and_auto(projection):
    for mode in ("light", "dark", "auto"):
        panel = MapExplorer(projection, groups=GROUPS, mode=mode)
        page = panel.canvas.figure.layout.template.layout.paper_bgcolor
        assert (page == "#16161A") == (mode == "dark")
        # Numbers can be read on the page, or on both kinds.
        scale = MapExplorer(projection, values=range(30), mode=mode).canvas.figure.layout.coloraxis.colorscale
        assert [colour for _, colour in scale] == [colour for _, colour in sequential(mode)]
    # Of ten groups the last has the ink of its page; on a page of either kind, no ink.
    ten = [str(i % 10) for i in range(30)]
    colours = {
        mode: {trace.marker.color for trace in MapExplorer(projection, groups=ten, mode=mode).canvas.figure.data[:10]}
        for mode in ("light", "dark", "auto")
    }
    assert all(len(each) == 10 for each in colours.values())
    assert not {"#1F2430", "#F2F3F5"} & colours["auto"]


def test_the_large_canvas_behind_the_same_panel(model, projection):
    pytest.importorskip("jscatter", reason="jupyter-scatter is not installed: pip install clipnb[scatter]")
    panel = MapExplorer(
        projection, model=model, images=PICTURES, groups=GROUPS, texts=TEXTS, renderer="jupyter-scatter"
    )
    assert type(panel.canvas).__name__ == "LargeCanvas"
    panel.query = "blue"
    assert set(panel.hits) == set(range(20, 30))
    panel.selected = range(10)
    assert panel.words[0] == "red"
    panel.shown = 4
    assert "red 4" in panel.view.card.value
    panel.add([png("blue")], ["mine"])
    for name in panel.colourings:
        panel.colour_by = name
        assert "clipnb-problem" not in panel.view.message.value
    assert "projection = clipnb.project" in panel.code()


def test_plotly_up_to_a_hundred_thousand_points_then_jupyter_scatter(monkeypatch, projection):
    from clipnb.widgets.explorer import drawing

    pytest.importorskip("jscatter", reason="jupyter-scatter is not installed: pip install clipnb[scatter]")
    assert drawing.PLOTLY_UP_TO == 100_000
    monkeypatch.setattr(drawing, "PLOTLY_UP_TO", 30)
    assert type(MapExplorer(projection).canvas).__name__ == "PlotlyCanvas"
    monkeypatch.setattr(drawing, "PLOTLY_UP_TO", 29)
    assert type(MapExplorer(projection).canvas).__name__ == "LargeCanvas"
