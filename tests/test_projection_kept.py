"""Maps that new points are added to, and that are kept in folders."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from test_searching import stored_rows

import clipnb
from clipnb.errors import InvalidEmbeddings, StoreError, UnsupportedOption

RNG = np.random.default_rng(1)
CENTRES = np.eye(4, 16) * 4
GROUP = np.arange(120) % 4
POINTS = clipnb.Embeddings(CENTRES[GROUP] + RNG.normal(size=(120, 16)), tuple(f"é{i}" for i in range(120)), model="a")
NEW = clipnb.Embeddings(CENTRES[GROUP[:40]] + RNG.normal(size=(40, 16)), model="a")
METHODS = {"umap": {"n_epochs": 200}, "pca": {}, "tsne": {"max_iter": 300}, "pacmap": {"num_iters": (20, 20, 60)}}


@pytest.fixture(scope="module", params=METHODS)
def made(request):
    if request.param == "pacmap":
        pytest.importorskip("pacmap")
    return clipnb.project(POINTS, method=request.param, **METHODS[request.param])


def test_a_new_row_has_one_place_whatever_comes_with_it(made):
    together = made.transform(NEW)
    assert together.dtype == np.float32
    order = RNG.permutation(40)
    np.testing.assert_array_equal(made.transform(NEW[order]), together[order])
    alone = np.concatenate([made.transform(NEW[i]) for i in range(40)])
    np.testing.assert_array_equal(alone, together)
    with_others = made.transform(NEW.concat(POINTS))[:40]
    np.testing.assert_array_equal(with_others, together)
    np.testing.assert_array_equal(made.transform(NEW.vectors.tolist()), together)


def test_a_row_of_the_map_comes_near_its_own_place(made):
    off = np.linalg.norm(made.transform(POINTS) - made.coords, axis=1)
    width = np.ptp(made.coords, axis=0).max()
    assert np.median(off) < 0.05 * width
    assert np.percentile(off, 95) < 0.2 * width
    if made.method != "umap":
        assert off.max() < 1e-3 * width


def test_new_rows_come_to_their_groups(made):
    if made.method == "pca":
        pytest.skip("two axes do not part four groups")
    centres = np.stack([made.coords[g == GROUP].mean(axis=0) for g in range(4)])
    nearest = np.linalg.norm(made.transform(NEW)[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == GROUP[:40]).mean() > 0.9


def test_rows_of_another_space_are_refused(made):
    with pytest.raises(InvalidEmbeddings, match="12 columns, those of the map 16"):
        made.transform(np.ones((2, 12)))
    with pytest.raises(InvalidEmbeddings, match="from 'b', the map is of 'a'"):
        made.transform(replace(NEW, model="b"))
    with pytest.raises(InvalidEmbeddings, match="not finite"):
        made.transform(np.full((1, 16), np.nan))
    with pytest.raises(UnsupportedOption, match=r"clipnb\.project"):
        clipnb.Projection(made.coords, made.ids, "umap").transform(NEW)


def test_a_saved_map_is_the_map(made, tmp_path):
    made.save(tmp_path / "deep" / "map")
    found = clipnb.Projection.load(tmp_path / "deep" / "map")
    np.testing.assert_array_equal(found.coords, made.coords)
    assert (found.ids, found.method, found.seed) == (made.ids, made.method, made.seed)
    assert dict(found.params) == dict(made.params)
    np.testing.assert_array_equal(found.transform(NEW), made.transform(NEW))
    assert found.source.embeddings.ids == POINTS.ids
    assert found.quality(5, seeds=1 if made.method == "umap" else 0) == made.quality(
        5, seeds=1 if made.method == "umap" else 0
    )
    note = json.loads((tmp_path / "deep" / "map" / "projection.json").read_text(encoding="utf-8"))
    assert {"clipnb", "numpy", "python"} <= set(note["versions"])
    made.save(tmp_path / "deep" / "map", rows="none")  # over the one before
    assert clipnb.Projection.load(tmp_path / "deep" / "map").source is None
    assert sorted(p.name for p in (tmp_path / "deep").iterdir()) == ["map"]


def test_a_saved_map_opens_without_numba_and_umap(tmp_path):
    made = clipnb.project(POINTS, n_epochs=50)
    made.save(tmp_path / "map")
    np.save(tmp_path / "new.npy", NEW.vectors)
    code = """
import sys
for name in ("numba", "umap", "pynndescent", "pickle5", "torch"):
    sys.modules[name] = None
import numpy as np, clipnb
found = clipnb.Projection.load(sys.argv[1] + "/map")
np.save(sys.argv[1] + "/places.npy", found.transform(np.load(sys.argv[1] + "/new.npy")))
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "places.npy"), made.transform(NEW))


def test_rows_in_a_folder_are_referred_to(tmp_path):
    texts = [f"text number {i}" for i in range(40)]
    rows = clipnb.embed(FakeClip(), texts, modality="text", out=tmp_path / "rows", progress=False)
    made = clipnb.project(rows, n_epochs=20)
    made.save(tmp_path / "map")
    with np.load(tmp_path / "map" / "rows.npz") as held:
        assert set(held) == {"coords"}
    expected = made.transform(rows.vectors[:5])
    (tmp_path / "else").mkdir()
    for name in ("map", "rows"):
        (tmp_path / name).rename(tmp_path / "else" / name)
    found = clipnb.Projection.load(tmp_path / "else" / "map")
    np.testing.assert_array_equal(found.transform(rows.vectors[:5]), expected)
    (tmp_path / "else" / "rows").rename(tmp_path / "gone")
    found = clipnb.Projection.load(tmp_path / "else" / "map")
    np.testing.assert_array_equal(found.coords, made.coords)
    with pytest.raises(StoreError, match=r"not at .*rows any more"):
        found.transform(expected)
    clipnb.embed(FakeClip(), texts[:30], modality="text", out=tmp_path / "else" / "rows", progress=False)
    with pytest.raises(StoreError, match="30 rows now; this map was made from 40"):
        clipnb.Projection.load(tmp_path / "else" / "map").transform(expected)


def test_a_folder_whose_rows_changed_is_not_taken_for_the_old_one(tmp_path):
    stored = stored_rows(tmp_path / "rows", POINTS.vectors, 50)
    clipnb.project(stored, method="pca").save(tmp_path / "map")
    assert clipnb.Projection.load(tmp_path / "map").transform(POINTS[:2]).shape == (2, 2)
    stored_rows(tmp_path / "rows", np.roll(stored.vectors, 1, axis=0), 50)
    with pytest.raises(StoreError, match="has other rows now, or in another order"):
        clipnb.Projection.load(tmp_path / "map").quality()
    shutil.rmtree(tmp_path / "rows")
    gone = clipnb.Projection.load(tmp_path / "map")
    with pytest.raises(StoreError, match=r"not at .* any more"):
        gone.save(tmp_path / "again")
    gone.save(tmp_path / "again", rows="none")
    np.testing.assert_array_equal(clipnb.Projection.load(tmp_path / "again").coords, gone.coords)


def test_settings_given_as_numpy_numbers_are_kept(tmp_path):
    made = clipnb.project(
        POINTS, n_neighbors=np.int64(7), min_dist=np.float32(0.25), n_epochs=np.int32(5), pca=np.int64(9),
        seed=np.uint8(3),
    )  # fmt: skip
    made.save(tmp_path / "map")
    found = clipnb.Projection.load(tmp_path / "map")
    assert (found.params["n_neighbors"], found.params["min_dist"], found.params["pca"], found.seed) == (7, 0.25, 9, 3)
    replace(made, params={**made.params, "own": np.arange(3)}).save(tmp_path / "map")
    assert clipnb.Projection.load(tmp_path / "map").params["own"] == [0, 1, 2]
    with pytest.raises(UnsupportedOption, match="params hold a set"):
        replace(made, params={"own": {1}}).save(tmp_path / "map")


def changed(**entries):
    def change(folder):
        path = folder / "projection.json"
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | entries), encoding="utf-8")

    return change


def rewritten(name, **arrays):
    def change(folder):
        with np.load(folder / name) as held:
            kept = dict(held) | arrays
        np.savez(folder / name, **kept)

    return change


def cut(name):
    return lambda folder: (folder / name).write_bytes((folder / name).read_bytes()[:-40])


def flipped(name):
    """One bit of the coordinates: the second float32 of the first axis."""

    def change(folder):
        held = bytearray((folder / name).read_bytes())
        place = held.index(pd.read_parquet(folder / name)["x"].to_numpy(np.float32)[:4].tobytes()) + 6
        held[place] ^= 1
        (folder / name).write_bytes(held)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (cut("rows.npz"), "not a zip file"),
        (cut("points.parquet"), "arquet"),
        (cut("projection.json"), "cannot be read"),
        (lambda folder: (folder / "neighbours.npz").write_bytes(b""), "neighbours.npz is no npz file"),
        (lambda folder: (folder / "neighbours.npz").unlink(), "there is no neighbours.npz"),
        (rewritten("rows.npz", coords=np.zeros((3, 2), np.float32)), r"rows.npz has coordinates \[3, 2\]"),
        (rewritten("rows.npz", coords=np.full((120, 2), np.nan)), "rows.npz has coordinates"),
        (rewritten("neighbours.npz", index=np.full((120, 15), 120)), "neighbours.npz is about other rows"),
        (changed(method="isomap"), "method 'isomap'; a newer clipnb"),
        (changed(params=[]), "params are a list"),
        (changed(params={"n_neighbors": 5}), "min_dist"),
        (changed(params={"n_neighbors": 5, "min_dist": 0.1, "spread": "wide"}), "spread='wide'"),
        (changed(params={"n_neighbors": 5, "min_dist": 0.1, "learning_rate": None}), "learning_rate=None"),
        (changed(params={"n_neighbors": 5, "min_dist": 0.1, "frame": "gold"}), "missing or damaged"),
        (changed(params={"n_neighbors": 5, "min_dist": 0.1, "frame": {"scale": 1.0}}), "rotation"),
        (changed(rows={"kept": "reference", "count": 120, "folder": 5}), "missing or damaged"),
        (flipped("points.parquet"), "arquet|checksum|CRC|corrupt"),
        (changed(seed="x"), "seed='x'"),
        (changed(rows={"kept": "perhaps"}), "kept as 'perhaps'"),
        (changed(points=7), "120 points instead of 7"),
    ],
)
@pytest.mark.filterwarnings("error::ResourceWarning", "error::pytest.PytestUnraisableExceptionWarning")
def test_a_damaged_map_is_refused(change, words, tmp_path):
    clipnb.project(POINTS, n_epochs=2).save(tmp_path / "map")
    change(tmp_path / "map")
    with pytest.raises(StoreError, match=words):
        clipnb.Projection.load(tmp_path / "map")


def test_a_map_of_components_without_its_axes_is_refused(tmp_path):
    clipnb.project(POINTS, method="pca").save(tmp_path / "map")
    (tmp_path / "map" / "axes.npz").unlink()
    with pytest.raises(StoreError, match=r"there is no axes\.npz"):
        clipnb.Projection.load(tmp_path / "map")


def test_no_rows_have_no_places(made):
    assert made.transform(NEW[[]]).shape == (0, 2)


def test_folders_that_are_no_maps(tmp_path):
    made = clipnb.project(POINTS, method="pca")
    with pytest.raises(StoreError, match="no map was saved here"):
        clipnb.Projection.load(tmp_path)
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(StoreError, match="other things"):
        made.save(tmp_path)
    with pytest.raises(UnsupportedOption, match="rows='all'"):
        made.save(tmp_path / "map", rows="all")
    with pytest.raises(UnsupportedOption, match="no folder"):
        made.save(tmp_path / "map", rows="reference")
    made.save(tmp_path / "map")
    (tmp_path / "map" / "axes.npz").write_bytes(b"nothing")
    with pytest.raises(StoreError, match="missing or damaged"):
        clipnb.Projection.load(tmp_path / "map")
    (tmp_path / "map" / "projection.json").write_text('{"format": 99}')
    with pytest.raises(StoreError, match="newer clipnb"):
        clipnb.Projection.load(tmp_path / "map")
