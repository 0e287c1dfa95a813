import contextlib
import os
import subprocess
import sys
import threading
import warnings
from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.manifold import trustworthiness
from sklearn.neighbors import NearestNeighbors

import clipnb
from clipnb.errors import InvalidEmbeddings, UnsupportedOption
from clipnb.maps.listening import rounds_heard
from clipnb.maps.neighbours import among_themselves, nearest, on_the_map
from clipnb.maps.stages import Stages

RNG = np.random.default_rng(0)
CENTRES = np.eye(3, 12) * 5
GROUP = np.repeat(np.arange(3), 30)
POINTS = clipnb.Embeddings(CENTRES[GROUP] + RNG.normal(size=(90, 12)), tuple(f"p{i}" for i in range(90)))


def right_group(coords):
    centres = np.stack([coords[g == GROUP].mean(axis=0) for g in range(3)])
    return (np.linalg.norm(coords[:, None] - centres, axis=2).argmin(axis=1) == GROUP).mean()


@pytest.mark.parametrize("rows", [90, 9])  # more rows than columns, and fewer: two ways to the axes
def test_pca_is_that_of_scikit_learn(rows):
    for n_components in (2, 3):
        found = clipnb.project(POINTS[:rows], method="pca", n_components=n_components)
        oracle = PCA(n_components)
        expected = oracle.fit_transform(POINTS.vectors[:rows].astype(float))
        np.testing.assert_allclose(np.abs(found.coords), np.abs(expected), atol=1e-5)
        np.testing.assert_allclose(found.params["explained"], oracle.explained_variance_ratio_, atol=1e-5)
        assert (found.ids, found.method, found.seed) == (POINTS.ids[:rows], "pca", None)


def test_neighbours_are_exact_also_among_duplicates():
    rows = clipnb.Embeddings(np.concatenate([POINTS.vectors, POINTS.vectors[:20], POINTS.vectors[:20]])).vectors
    index, distances = among_themselves(rows, 10)
    expected, _ = NearestNeighbors(n_neighbors=10, metric="cosine").fit(rows).kneighbors(rows)
    np.testing.assert_allclose(distances, expected, atol=1e-5)
    np.testing.assert_array_equal(index[:, 0], np.arange(len(rows)))
    assert all(len(set(row)) == 10 for row in index)


def test_neighbours_do_not_depend_on_the_batch():
    index, distances = nearest(POINTS.vectors, POINTS.vectors, 7)
    for i in (0, 50, 89):
        alone = nearest(POINTS.vectors[i : i + 1], POINTS.vectors, 7)
        np.testing.assert_array_equal(alone[0][0], index[i])
        np.testing.assert_array_equal(alone[1][0], distances[i])


def test_neighbours_on_the_map_leave_out_the_point_itself():
    coords = np.array([[0, 0], [0, 0], [0, 0], [0, 0], [1, 0], [5, 5]], dtype=np.float32)
    found = on_the_map(coords, 2)
    assert all(i not in row for i, row in enumerate(found))
    assert set(found[0]) <= {1, 2, 3}
    assert set(on_the_map(coords, 5)[5]) == {0, 1, 2, 3, 4}


def test_umap_keeps_groups_together_and_repeats_itself():
    found = clipnb.project(POINTS, seed=3)
    assert found.coords.shape == (90, 2)
    assert found.coords.dtype == np.float32
    assert right_group(found.coords) > 0.95
    np.testing.assert_array_equal(clipnb.project(POINTS, seed=3).coords, found.coords)
    assert not np.array_equal(clipnb.project(POINTS, seed=4).coords, found.coords)
    assert clipnb.project(POINTS, n_components=3).coords.shape == (90, 3)
    for n in (5, 6, 20):
        few = clipnb.project(POINTS[:n])
        assert np.isfinite(few.coords).all()
        assert few.params["n_neighbors"] == min(n, 15)
    # the neighbours that the map keeps are those that were searched, not what a later step made of them
    np.testing.assert_array_equal(found.source.neighbours[0], among_themselves(POINTS.vectors, 15)[0])


def test_the_number_of_threads_does_not_matter():
    many = np.concatenate([POINTS.vectors + RNG.normal(scale=0.1, size=POINTS.vectors.shape) for _ in range(25)])
    one, three = (clipnb.project(many, threads=n, n_epochs=30).coords for n in (1, 3))
    np.testing.assert_array_equal(one, three)


@pytest.mark.parametrize("count", [90, 2250])
def test_no_point_is_moved_from_two_sides_at_once(count):
    from clipnb.maps.umap_graph import graph
    from clipnb.maps.umap_layout import Layout

    rows = RNG.normal(size=(count, 6)).astype(np.float32)
    both = graph(*among_themselves(rows / np.linalg.norm(rows, axis=1, keepdims=True), 5))
    start = RNG.uniform(size=(count, 2)).astype(np.float32)
    layout = Layout(
        both, start, n_epochs=10**6, min_dist=0.1, spread=1.0, learning_rate=0.5, repulsion=1.0, seed=0
    )  # fmt: skip
    heads, tails = layout._edges[:2]
    assert sorted(zip(heads, tails, strict=True)) == sorted(zip(*both.nonzero(), strict=True))
    assert sorted(e for spans in layout.rounds for a, b in spans for e in range(a, b)) == list(range(len(heads)))
    for spans in layout.rounds:
        touched = [set(heads[a:b]) | set(tails[a:b]) for a, b in spans]
        assert sum(map(len, touched)) == len(set().union(*touched))
    assert max(map(len, layout.rounds)) == (1 if count == 90 else 5)


@pytest.mark.parametrize("init", ["pca", "spectral", "random"])
def test_where_umap_starts(init):
    linked = POINTS.vectors + 0.6  # one cone: the graph is in one piece
    found = clipnb.project(linked, init=init, n_neighbors=30)
    assert found.params["init"] == init
    assert right_group(found.coords) > 0.95
    assert (
        clipnb.project(np.repeat(CENTRES, 30, axis=0) + 0.01 * POINTS.vectors, init="spectral").params["init"] == "pca"
    )


@pytest.mark.slow
def test_umap_beside_umap_learn():
    import umap

    from clipnb.maps.umap_graph import curve, graph

    many = np.concatenate([POINTS.vectors + RNG.normal(scale=0.15, size=POINTS.vectors.shape) for _ in range(8)])
    rows = clipnb.Embeddings(many)
    found = clipnb.project(rows)
    index, distances = found.source.neighbours
    original = umap.UMAP(random_state=0, metric="cosine", precomputed_knn=(index, distances))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on threads, and on what cannot be done with neighbours alone
        theirs = original.fit_transform(rows.vectors)
    both = graph(index, distances)
    both.data[both.data < both.data.max() / 500] = 0  # as the original does before its 500 epochs
    assert abs(original.graph_ - both).max() < 1e-4
    np.testing.assert_allclose(curve(0.1), (original._a, original._b), rtol=1e-4)
    ours, others = (
        trustworthiness(rows.vectors, coords, n_neighbors=15, metric="cosine") for coords in (found.coords, theirs)
    )
    assert ours > others - 0.01


@pytest.mark.slow
def test_umap_keeps_what_umap_learn_keeps():
    import umap
    from sklearn.datasets import load_digits

    rows = clipnb.Embeddings(load_digits().data)
    found = clipnb.project(rows)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        knn = found.source.neighbours
        theirs = umap.UMAP(random_state=0, metric="cosine", precomputed_knn=knn, init="pca").fit_transform(rows.vectors)
    ours, others = found.quality(), replace(found, coords=theirs).quality()
    # An epoch that moves all points at once, each by itself, gives a continuity of 0.967 and a correlation of 0.41.
    for name, less in (("trustworthiness", 0.003), ("continuity", 0.004), ("neighbourhood recall", 0.01)):
        assert ours[name] > others[name] - less
    assert ours["Shepard correlation"] > others["Shepard correlation"] - 0.05


@pytest.mark.parametrize("method", ["tsne", "pacmap"])
@pytest.mark.parametrize("n_components", [2, 3])
def test_other_methods_keep_groups_together_and_repeat_themselves(method, n_components):
    if method == "pacmap":
        pytest.importorskip("pacmap")
    options = {"tsne": {"max_iter": 300}, "pacmap": {"num_iters": (20, 20, 60)}}[method]
    found = clipnb.project(POINTS, method=method, n_components=n_components, seed=1, **options)
    assert found.coords.shape == (90, n_components)
    assert right_group(found.coords) > (0.95 if n_components == 2 else 0.8)
    again = clipnb.project(POINTS, method=method, n_components=n_components, seed=1, **options)
    np.testing.assert_array_equal(again.coords, found.coords)


@pytest.mark.slow
def test_an_installation_compiles_once(tmp_path):
    code = """
import clipnb, numpy as np
from clipnb.maps import kernels
print(kernels.is_compiled())
found = clipnb.project(np.random.default_rng(0).normal(size=(60, 5)), n_epochs=3)
print(sum(kernels.epoch.stats.cache_hits.values()), sum(kernels.epoch.stats.cache_misses.values()))
"""
    (tmp_path / "file").touch()

    def said(cache):
        environment = {**os.environ, "CLIPNB_CACHE": str(cache), "NUMBA_CACHE_DIR": ""}
        run = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
        return run.stdout.split()

    assert said(tmp_path / "cache") == ["False", "0", "1"]
    assert list((tmp_path / "cache" / "numba").rglob("*.nbc"))
    assert said(tmp_path / "cache") == ["True", "1", "0"]
    assert said(tmp_path / "file" / "cache") == ["False", "0", "1"]  # where nothing can be kept, it still works


@pytest.mark.slow
def test_approximate_neighbours_are_mostly_the_exact_ones():
    found = clipnb.project(POINTS, neighbors="descent", n_epochs=5)
    assert found.params["neighbors"] == "descent"
    exact, _ = among_themselves(POINTS.vectors, 15)
    shared = [len(set(a) & set(b)) for a, b in zip(found.source.neighbours[0], exact, strict=True)]
    assert np.mean(shared) / 15 > 0.9


def test_neighbours_in_principal_components():
    found = clipnb.project(POINTS, pca=11, n_epochs=5)
    exact, _ = among_themselves(POINTS.vectors, 15)
    shared = [len(set(a) & set(b)) for a, b in zip(found.source.neighbours[0], exact, strict=True)]
    assert 0.7 < np.mean(shared) / 15 <= 1


@pytest.mark.parametrize("method", ["umap", "pca", "tsne"])
def test_too_few_or_undefined_points(method):
    for n in (1, 2):
        with pytest.raises(InvalidEmbeddings, match=f"{n} points?; {method}"):
            clipnb.project(POINTS[:n], method=method)
    with pytest.raises(InvalidEmbeddings, match="rows 1"):
        clipnb.project([[1.0, 2.0], [np.nan, 1.0]], method=method)
    with pytest.raises(InvalidEmbeddings, match="different lengths"):
        clipnb.project([[1.0, 2.0], [1.0]], method=method)
    with pytest.raises(InvalidEmbeddings, match="same direction"):
        clipnb.project(np.ones((20, 4)), method=method)


@pytest.mark.parametrize("method", ["umap", "pca", "tsne"])
def test_constant_columns_and_duplicates_are_laid_out(method):
    flat = np.column_stack([POINTS.vectors, np.zeros(90), np.full(90, 0.1)])
    twice = np.concatenate([flat, flat[:20]])
    found = clipnb.project(twice, method=method)
    assert np.isfinite(found.coords).all()
    if method == "umap":
        assert found.params["rows_with_duplicates"] == 40
    width = np.ptp(found.coords, axis=0).max()
    assert np.median(np.linalg.norm(found.coords[:20] - found.coords[90:], axis=1)) < 0.05 * width


def test_rows_on_a_circle_have_no_third_dimension():
    angles = np.linspace(0, 6, 40)
    found = clipnb.project(np.column_stack([np.cos(angles), np.sin(angles)]), method="pca", n_components=3)
    np.testing.assert_array_equal(found.coords[:, 2], 0)


@pytest.mark.parametrize(
    "options",
    [
        {"method": "isomap"}, {"metric": "euclidean"}, {"n_components": 4}, {"n_neighbors": 1}, {"min_dist": 2},
        {"seed": -1}, {"perplexity": 5}, {"init": "tutte"}, {"n_epochs": 0}, {"neighbors": "all"},
        {"seed": 1.0}, {"seed": None}, {"seed": True}, {"n_components": 2.0}, {"method": ["umap"]}, {"min_dist": "a"},
        {"min_dist": float("nan")}, {"spread": "x"}, {"spread": float("inf")}, {"learning_rate": float("nan")},
        {"learning_rate": 0}, {"repulsion_strength": -1}, {"n_neighbors": "15"}, {"n_neighbors": 2.5},
        {"perplexity": 0, "method": "tsne"}, {"max_iter": 5, "method": "tsne"},
        {"learning_rate": "fast", "method": "tsne"}, {"MN_ratio": -1, "method": "pacmap"},
        {"num_iters": (1, 2), "method": "pacmap"},
    ],
)  # fmt: skip
def test_unknown_options_are_named(options):
    with pytest.raises(UnsupportedOption, match=next(iter(options))):
        clipnb.project(POINTS, **options)


def test_rounds_of_other_libraries_are_heard(capsys):
    heard = []
    found = {}
    for method, options, rounds in (("tsne", {"max_iter": 300}, 300), ("pacmap", {"num_iters": (20, 20, 60)}, 100)):
        if method == "pacmap":
            pytest.importorskip("pacmap")
        stage = Stages.stage

        def listening(self, name, words, total=None, unit="it", *, stage=stage):
            return watched(stage(self, name, words, total, unit), heard, total)

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(Stages, "stage", listening)
            found[method] = clipnb.project(POINTS, method=method, **options)
        assert heard.pop() == (rounds, rounds)
    assert not capsys.readouterr().out


@contextlib.contextmanager
def watched(stage, heard, total):
    moved = []
    with stage as done:
        yield lambda n: (moved.append(n), done(n))
    heard.append((sum(moved), total))


def test_what_others_print_meanwhile_is_printed(capsys):
    heard = []
    with rounds_heard(heard.append):
        print("[t-SNE] Iteration 50: error = 3")
        other = threading.Thread(target=print, args=("another thread",))
        other.start()
        other.join()
        print("Iteration:   70, Loss: 2", end="")
        print("\nIteration 60")
    assert heard == [50, 20]
    assert capsys.readouterr().out == "another thread\n"


def test_the_bar_says_what_is_waited_for(monkeypatch, capsys):
    monkeypatch.setenv("TQDM_DISABLE", "0")
    found = clipnb.project(POINTS)
    shown = capsys.readouterr().err
    assert "neighbours" in shown
    assert "layout" in shown
    assert set(found.seconds) == {"neighbours", "graph", "numba", "compiling", "layout"}
    clipnb.project(POINTS, progress=False)
    assert not capsys.readouterr().err
