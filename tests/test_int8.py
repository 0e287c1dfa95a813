"""Eight bits: the arithmetic against numpy, rows that do not depend on their batch, and what is said of the loss."""

from __future__ import annotations

import contextlib
import hashlib

import numpy as np
import pytest

import clipnb
from clipnb.caching import cache_folder
from clipnb.errors import LowerPrecision, UnsupportedOption
from clipnb.models.backends import loss

onnx = pytest.importorskip("onnx", reason="pip install clipnb[onnx]")
onnxruntime = pytest.importorskip("onnxruntime", reason="pip install clipnb[onnx]")

from clipnb.models.backends import int8  # noqa: E402

TEXTS = ["a cat", "", "ein Hündchen auf der Wiese, und noch eines", "猫", "x " * 15]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPNB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield cache_folder("exports")


def graph(path, nodes, weights):
    """An ONNX file from x [item, token, 6] to y."""
    make, kind = onnx.helper, onnx.TensorProto.FLOAT
    x = make.make_tensor_value_info("x", kind, ["item", "token", 6])
    y = make.make_tensor_value_info("y", kind, None)
    tensors = [onnx.numpy_helper.from_array(array, name) for name, array in weights.items()]
    made = make.make_graph([make.make_node(*node) for node in nodes], "g", [x], [y], tensors)
    onnx.save(make.make_model(made, opset_imports=[make.make_opsetid("", 20)], ir_version=10), path)
    return path


def run(path, x):
    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"]).run(None, {"x": x})[0]


def product(x, weight):
    """The same in numpy: a scale a row of x, a scale a column of the weight, integers between."""
    columns = np.abs(weight).max(0) / 63
    integers = np.round(weight / columns).astype(int)
    rows = np.abs(x).max(-1, keepdims=True) / 127
    return (np.round(x / rows).astype(int) @ integers) * rows * columns


def test_products_by_weights_are_those_of_integers(tmp_path):
    random = np.random.default_rng(0)
    weights = {name: random.normal(size=(6, 5)).astype(np.float32) for name in ("a", "b")}
    nodes = [
        ("MatMul", ["x", "a"], ["p"]),
        ("MatMul", ["x", "b"], ["q"]),
        ("Transpose", ["q"], ["t"]),  # the axes reversed: [5, token, item]
        ("Transpose", ["t"], ["u"]),
        ("Add", ["p", "u"], ["y"]),
    ]
    source = graph(tmp_path / "float.onnx", nodes, weights)
    int8.convert(source, tmp_path / "int8.onnx")
    x = random.normal(size=(3, 4, 6)).astype(np.float32) * np.geomspace(1e-3, 1e3, 12).reshape(3, 4, 1)
    x = x.astype(np.float32)
    found = run(tmp_path / "int8.onnx", x)
    np.testing.assert_allclose(found, product(x, weights["a"]) + product(x, weights["b"]), rtol=1e-4, atol=1e-5)
    # Each row is as exact as its own numbers allow, however large the others are.
    exact = run(source, x)
    apart = np.abs(found - exact).max(-1) / np.abs(exact).max(-1)
    assert 0 < apart.max() < 0.05


def test_products_of_two_activations_and_a_weight_in_other_use_stay(tmp_path):
    random = np.random.default_rng(1)
    weight = random.normal(size=(6, 6)).astype(np.float32)
    nodes = [
        ("MatMul", ["x", "w"], ["p"]),
        ("MatMul", ["p", "x2"], ["q"]),
        ("Add", ["q", "w"], ["y"]),
    ]
    nodes.insert(1, ("Identity", ["w"], ["x2"]))
    source = graph(tmp_path / "float.onnx", nodes, {"w": weight})
    int8.convert(source, tmp_path / "int8.onnx")
    kept = onnx.load(tmp_path / "int8.onnx").graph
    assert [node.op_type for node in kept.node].count("MatMul") == 1
    x = random.normal(size=(2, 6, 6)).astype(np.float32)
    np.testing.assert_allclose(
        run(tmp_path / "int8.onnx", x), product(x, weight) @ weight + weight, rtol=1e-3, atol=1e-4
    )


def test_rows_and_columns_of_zeros(tmp_path):
    weight = np.zeros((6, 2), dtype=np.float32)
    weight[:, 1] = 1
    int8.convert(graph(tmp_path / "f.onnx", [("MatMul", ["x", "w"], ["y"])], {"w": weight}), tmp_path / "i.onnx")
    x = np.zeros((1, 2, 6), dtype=np.float32)
    x[0, 1] = 2
    np.testing.assert_allclose(run(tmp_path / "i.onnx", x), [[[0, 0], [0, 12]]], rtol=1e-6)


def test_a_tower_without_products_by_weights(tmp_path):
    source = graph(tmp_path / "float.onnx", [("Abs", ["x"], ["y"])], {})
    with pytest.raises(UnsupportedOption, match="no products by weights"):
        int8.convert(source, tmp_path / "int8.onnx")


@pytest.fixture(scope="module")
def eight(tiny_folder, cache):
    with pytest.warns(LowerPrecision):
        return clipnb.load(tiny_folder, backend="onnxruntime", dtype="int8")


def test_near_torch_and_the_same_whatever_the_batch(eight, tiny, pictures):
    paths = list(pictures.values())
    for found, expected, alone in (
        (eight.encode_text(TEXTS), tiny.encode_text(TEXTS), [eight.encode_text([text]) for text in TEXTS]),
        (eight.encode_image(paths), tiny.encode_image(paths), [eight.encode_image([path]) for path in paths]),
    ):
        cosines = (found * expected).sum(axis=1)
        assert cosines.min() > 0.99
        assert cosines.min() < 1 - 1e-6  # it is really computed otherwise
        np.testing.assert_allclose(found, np.concatenate(alone), atol=1e-5)


def test_it_is_made_once_beside_the_full_precision(eight, cache, tiny_folder):
    def files():
        return {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}

    eight.encode_image([np.zeros((8, 8, 3), dtype=np.uint8)])
    before = files()
    assert sum(".int8-" in name for name in before) == 2
    clipnb.load(tiny_folder, backend="onnxruntime").encode_image([np.zeros((8, 8, 3), dtype=np.uint8)])
    with pytest.warns(LowerPrecision):
        clipnb.load(tiny_folder, backend="onnxruntime", dtype="int8")
    assert files() == before


def test_the_loss_is_said_of_the_embedded_model_and_not_claimed_of_others(tiny_folder):
    with pytest.warns(LowerPrecision) as caught:
        clipnb.load(backend="onnxruntime", dtype="int8")
    (warning,) = caught
    assert warning.filename == __file__
    words = str(warning.message)
    assert f"clipnb/emoji in int8 loses at most {loss.measured()['largest']:.1f} points" in words
    for style in ("fluent: top-1 of all names 50.0 to", "openmoji: R@10 English 72.2 to"):
        assert style in words
    with pytest.warns(LowerPrecision, match="was not measured; python benchmarks/int8.py --model"):
        clipnb.load(tiny_folder, backend="onnxruntime", dtype="int8")


def test_a_loss_over_the_limit_is_refused(tiny_folder, monkeypatch):
    monkeypatch.setattr(loss, "measured", lambda: {**MEASURED, "largest": 0.5})
    with pytest.raises(UnsupportedOption, match=r"costs clipnb/emoji at most 0\.5 points .* 0\.5 was the limit"):
        clipnb.load(tiny_folder, backend="onnxruntime", dtype="int8")


MEASURED = loss.measured()


def test_the_figures_are_of_this_model_and_add_up():
    from clipnb.datasets import FOLDER

    weights = (FOLDER.parent / "model" / "model.safetensors").read_bytes()
    assert MEASURED["weights"] == hashlib.sha256(weights).hexdigest(), "run benchmarks/int8.py"
    lost = [one["float32"] - one["int8"] for one in MEASURED["measures"]]
    assert max(lost) == pytest.approx(MEASURED["largest"], abs=0.011)
    assert {one["style"] for one in MEASURED["measures"]} == {"fluent", "openmoji"}


def test_a_figure_is_what_it_says(cache):
    """The names of all concepts for the pictures of a style: counted here, by other code than the benchmark's."""
    pictures = clipnb.datasets.emoji("fluent", languages=("en",))
    seen = np.flatnonzero(~pictures.held_out)[::3]
    chosen, everything = pictures.take(seen), clipnb.datasets.emoji("twemoji", languages=("en",))
    names = list(everything.names["en"])
    right = {}
    for dtype in (None, "int8"):
        with pytest.warns(LowerPrecision) if dtype else contextlib.nullcontext():
            model = clipnb.load(backend="onnxruntime", dtype=dtype)
        best = clipnb.similarity.cosine(model.encode_image(chosen.images), model.encode_text(names)).argmax(1)
        right[dtype] = np.array(everything.concepts)[best] == np.array(chosen.concepts)
    assert abs(right[None].mean() - right["int8"].mean()) < 0.02
    assert (right[None] != right["int8"]).mean() < 0.05


@pytest.mark.parametrize(("backend", "said"), [("torch", "this is 'torch'"), ("openvino", "this is 'openvino'")])
def test_only_onnxruntime_computes_in_it(backend, said, tiny_folder):
    with pytest.raises(UnsupportedOption, match=rf"only backend='onnxruntime' .*{said}"):
        clipnb.load(tiny_folder, backend=backend, dtype="int8")
