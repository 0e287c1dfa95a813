"""Weights in several files, and indices that are wrong."""

import json
from pathlib import Path

import pytest
import torch
from archives import Payload
from safetensors.torch import save_file
from tensors import same, tensors_of_every_kind

from clipnb.errors import ModelFolderError, UnsafeCheckpoint
from clipnb.models.weights import read_tensors


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return tensors_of_every_kind()


def shards(folder: Path, state: dict[str, torch.Tensor], ending: str) -> Path:
    folder.mkdir()
    stem = "model" if ending == "safetensors" else "pytorch_model"
    where = {}
    for i, key in enumerate(state):
        file = where[key] = f"{stem}-{i % 2 + 1:05}-of-00002.{ending}"
        part = {k: t for k, t in state.items() if where.get(k) == file}
        save_file(part, folder / file) if ending == "safetensors" else torch.save(part, folder / file)
    index = folder / f"{stem}.{ending}.index.json"
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": where}))
    return index


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_shards(state, tmp_path, ending):
    index = shards(tmp_path / "folder", state, ending)
    same(read_tensors(index, "x"), state)
    same(read_tensors(index.parent, "x"), state)
    # As in the cache of the Hub, where files are links to others.
    for file in list(index.parent.iterdir()):
        file.rename(tmp_path / f"blob-{file.name}")
        file.symlink_to(f"../blob-{file.name}")
    same(read_tensors(index.parent, "x"), state)


def test_which_file_of_a_folder(state, tmp_path):
    with pytest.raises(ModelFolderError, match=r"x: no weights in .*model\.safetensors"):
        read_tensors(tmp_path, "x")
    torch.save({"from": torch.ones(1)}, tmp_path / "pytorch_model.bin")
    assert list(read_tensors(tmp_path, "x")) == ["from"]
    save_file(state, tmp_path / "model.safetensors")
    same(read_tensors(tmp_path, "x"), state)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"a.weight": "../secret.safetensors"}, r"names '\.\./secret\.safetensors', which is no file of its own"),
        ({"a.weight": "/etc/passwd"}, "which is no file of its own folder"),
        ({"a.weight": "..\\secret.safetensors"}, "which is no file of its own folder"),
        ({"a.weight": "sub/x.safetensors"}, "which is no file of its own folder"),
        ({"a.weight": ".."}, "which is no file of its own folder"),
        ({"a.weight": "model.safetensors.index.json"}, "names another index"),
        ({"a.weight": "model-00003-of-00003.safetensors"}, r"model-00003-of-00003\.safetensors is missing"),
        ({"lost": "model-00001-of-00002.safetensors"}, r"lacks 1 tensors .* lost for one"),
        ({"a.weight": 3}, "no weight_map"),
    ],
)
def test_a_wrong_index(state, tmp_path, change, message):
    index = shards(tmp_path / "folder", state, "safetensors")
    save_file(state, tmp_path / "secret.safetensors")
    content = json.loads(index.read_text())
    content["weight_map"].update(change)
    index.write_text(json.dumps(content))
    with pytest.raises(ModelFolderError, match=message):
        read_tensors(index, "x")


def test_a_tensor_in_two_shards(state, tmp_path):
    index = shards(tmp_path / "folder", state, "safetensors")
    save_file(state, index.parent / "model-00002-of-00002.safetensors")
    with pytest.raises(ModelFolderError, match="lies in two of the files"):
        read_tensors(index, "x")


def test_an_index_is_no_way_around(state, tmp_path):
    trace = tmp_path / "trace"
    index = shards(tmp_path / "folder", state, "bin")
    torch.save({"a.bias": Payload(trace)}, index.parent / "pytorch_model-00002-of-00002.bin")
    with pytest.raises(UnsafeCheckpoint):
        read_tensors(index, "x")
    for content in ("", "[]", "{}", '{"weight_map": {}}', '{"weight_map": []}', "\0"):
        index.write_text(content)
        with pytest.raises(ModelFolderError):
            read_tensors(index, "x")
    assert not trace.exists()
