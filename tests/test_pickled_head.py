"""The linear head of M-BERT: as it was published, converted, and what is none."""

import pickle

import numpy as np
import pytest
from safetensors.numpy import save_file as save_numpy

from clipnb.errors import ModelFolderError
from clipnb.models.weights import read_head

HEAD = np.random.default_rng(0).normal(size=(6, 4)).astype("f4"), np.arange(4, dtype="f4")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("kind", ["<f4", ">f4", "<f2", "<f8"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_pickled_head(tmp_path, protocol, kind, order):
    expected = [np.asarray(part, dtype=kind, order=order) for part in HEAD]
    for module in (b"numpy.core", b"numpy._core"):
        data = pickle.dumps(expected, protocol=protocol)
        written = b"numpy._core" if b"numpy._core" in data else b"numpy.core"
        # In protocols from 4 the name is preceded by its length, and the frames by theirs.
        if protocol >= 4 and module != written:
            continue
        (tmp_path / "head.pkl").write_bytes(data.replace(written, module))
        found = read_head(tmp_path / "head.pkl", "x")
        for got, part in zip(found, expected, strict=True):
            assert got.dtype == np.float32
            assert got.dtype.isnative
            assert got.flags.c_contiguous
            np.testing.assert_array_equal(got, part.astype("f4"))


def test_a_converted_head(tmp_path):
    weight, bias = HEAD
    np.savez(tmp_path / "as-published.npz", W=weight, b=bias)
    np.savez_compressed(tmp_path / "linear.npz", weight=weight.T, bias=bias)
    save_numpy({"weight": np.ascontiguousarray(weight.T), "bias": bias}, tmp_path / "linear.safetensors")
    for path in tmp_path.iterdir():
        for got, part in zip(read_head(path, "x"), HEAD, strict=True):
            np.testing.assert_array_equal(got, part)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (pickle.dumps(list(HEAD)) + b"x", "something behind its end"),
        (pickle.dumps(list(HEAD))[:-20], "or damaged"),
        (pickle.dumps(list(HEAD[::-1])), "expected \\[in, out\\]"),
        (pickle.dumps([*HEAD, HEAD[0]]), "expected \\[weight, bias\\]"),
        (pickle.dumps(HEAD[0]), "or damaged"),
        (pickle.dumps([[1.0], [2.0]]), "expected an array"),
        (pickle.dumps([HEAD[0] * np.nan, HEAD[1]]), "not finite"),
        (pickle.dumps([HEAD[0][:0], HEAD[1]]), "or damaged"),
        (b"", "has 0 bytes"),
        (b"<html>", "or damaged"),
    ],
)
def test_heads_that_are_none(tmp_path, content, message):
    (tmp_path / "head.pkl").write_bytes(content)
    with pytest.raises(ModelFolderError, match=rf"x: head=.*{message}"):
        read_head(tmp_path / "head.pkl", "x")


def test_a_head_that_is_no_file(tmp_path):
    for path in (tmp_path, tmp_path / "gone.pkl"):
        with pytest.raises(ModelFolderError, match="x: head="):
            read_head(path, "x")
    with (tmp_path / "large.pkl").open("wb") as file:
        file.truncate(1 << 27)
    with pytest.raises(ModelFolderError, match="has 134217728 bytes"):
        read_head(tmp_path / "large.pkl", "x")
    np.savez(tmp_path / "head.npz", weight=HEAD[0])
    with pytest.raises(ModelFolderError, match="it names 'weight', expected"):
        read_head(tmp_path / "head.npz", "x")
