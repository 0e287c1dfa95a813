"""Other runtimes: the same rows as torch's, from an export that is made once."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

import clipnb
from clipnb.caching import cache_folder
from clipnb.errors import MissingExtra, UnsupportedOption

TEXTS = ["a cat", "", "ein Hündchen auf der Wiese, und noch eines", "猫", "x " * 15]
BACKENDS = ["openvino", "onnxruntime"]


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIPNB_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield cache_folder("exports")


@pytest.fixture(params=BACKENDS)
def backend(request, cache):
    pytest.importorskip(request.param, reason=f"pip install clipnb[{request.param}]")
    return request.param


def test_the_same_rows_as_torch(backend, tiny, tiny_folder, pictures):
    model = clipnb.load(tiny_folder, backend=backend)
    np.testing.assert_allclose(model.encode_text(TEXTS), tiny.encode_text(TEXTS), atol=1e-5)
    paths = list(pictures.values())
    np.testing.assert_allclose(model.encode_image(paths), tiny.encode_image(paths), atol=1e-5)
    np.testing.assert_allclose(model.encode_image(paths[:1]), tiny.encode_image(paths[:1]), atol=1e-5)
    np.testing.assert_allclose(model.encode_text(["a"]), tiny.encode_text(["a"]), atol=1e-5)
    assert (model.dim, model.context_length, model.logit_scale) == (tiny.dim, tiny.context_length, tiny.logit_scale)


def test_an_export_is_made_once(backend, cache, tiny_folder, tmp_path):
    def encode(folder):
        model = clipnb.load(folder, backend=backend)
        model.encode_image([Image.new("RGB", (40, 40))])
        return {path.name: path.stat().st_mtime_ns for path in cache.iterdir()}

    first = encode(tiny_folder)
    assert first
    assert encode(tiny_folder) == first
    from tiny import write_tiny_clip

    assert len(encode(write_tiny_clip(tmp_path / "other", seed=1))) > len(first)


def test_a_partial_export_is_not_taken_for_a_whole_one(backend, cache, tiny_folder, monkeypatch):
    import importlib

    runtime = importlib.import_module(f"clipnb.models.backends.{backend}")
    before = set(cache.iterdir()) if cache.exists() else set()
    monkeypatch.setattr(runtime, "version", lambda: "another")
    monkeypatch.setattr(type(cache), "replace", lambda *_: (_ for _ in ()).throw(OSError("killed here")))
    with pytest.raises(OSError, match="killed here"):
        clipnb.load(tiny_folder, backend=backend)
    left = {path for path in set(cache.iterdir()) - before if f".{__import__('os').getpid()}." not in path.name}
    assert not left


def test_bfloat16_where_the_processor_has_it(cache, tiny, tiny_folder):
    openvino = pytest.importorskip("openvino")
    if "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
        with pytest.raises(UnsupportedOption, match="no instructions for it"):
            clipnb.load(tiny_folder, backend="openvino", dtype="bfloat16")
        return
    rows = clipnb.load(tiny_folder, backend="openvino", dtype="bfloat16").encode_text(TEXTS)
    assert (rows * tiny.encode_text(TEXTS)).sum(axis=1).min() > 0.99


@pytest.mark.parametrize(
    ("backend", "options", "said"),
    [
        ("openvino", {"dtype": "float16"}, "not in 'float16'"),
        ("onnxruntime", {"dtype": "bfloat16"}, "computes in 'float32'"),
        ("openvino", {"device": "mps"}, "computes on the processor, not on 'mps'"),
        ("onnxruntime", {"device": "cuda"}, "computes on the processor, not on 'cuda'"),
    ],
)
def test_what_a_backend_cannot_do(backend, options, said, tiny_folder):
    pytest.importorskip(backend)
    with pytest.raises(UnsupportedOption, match=said):
        clipnb.load(tiny_folder, backend=backend, **options)


@pytest.mark.parametrize(("backend", "extra"), [("openvino", "openvino"), ("onnxruntime", "onnx")])
def test_a_backend_that_is_not_installed(backend, extra, tiny_folder, monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, backend, None)
    with pytest.raises(MissingExtra, match=rf"pip install clipnb\[{extra}\]"):
        clipnb.load(tiny_folder, backend=backend)


def test_an_export_of_another_computation_is_refused(backend, cache, tiny_folder, monkeypatch):
    import importlib

    runtime = importlib.import_module(f"clipnb.models.backends.{backend}")
    original = runtime.compile

    def wrong(path, precision):
        compute = original(path, precision)
        return lambda inputs: compute(inputs)[:, ::-1]

    monkeypatch.setattr(runtime, "compile", wrong)
    with pytest.raises(UnsupportedOption, match="away from torch's on this model"):
        clipnb.load(tiny_folder, backend=backend)
