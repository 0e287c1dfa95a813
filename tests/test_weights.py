"""Files of weights: the tensors that were written come out, and nothing in them runs."""

import shutil
import tarfile
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from archives import Model, Restoring, RestoringNames, repack, save_script
from safetensors.torch import save_file
from tensors import same, tensors_of_every_kind

from clipnb.errors import ModelFolderError, UnsafeCheckpoint
from clipnb.models.weights import read_tensors, read_weights


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    return tensors_of_every_kind()


def oracle(path: Path) -> dict[str, torch.Tensor]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.load(path, map_location="cpu").state_dict()


@pytest.fixture(scope="module", params=["scripted", "traced"])
def archive(request, tmp_path_factory) -> Path:
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("archives") / f"{request.param}.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = Model().eval()
        made = torch.jit.script(model) if request.param == "scripted" else torch.jit.trace(model, torch.ones(2, 3))
        made.save(str(path))
    return path


def test_files_of_tensors(state, tmp_path):
    save_file(state, tmp_path / "model.safetensors")
    torch.save(state, tmp_path / "new.bin")
    torch.save(state, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    for name, kind in {"model.safetensors": "safetensors", "new.bin": "pickle", "old.pth": "pickle"}.items():
        found = read_weights(tmp_path / name, "x")
        same(found.tensors, state)
        assert (found.kind, found.release) == (kind, False)
    # The content decides, so that names which a cache gives to its files do not matter.
    shutil.copy(tmp_path / "model.safetensors", tmp_path / "model.bin")
    same(read_tensors(tmp_path / "model.bin", "x"), state)


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", None])
@pytest.mark.parametrize("prefix", ["module.", ""])
def test_releases_are_unwrapped(state, tmp_path, key, prefix):
    inner = {prefix + name: tensor for name, tensor in state.items()}
    torch.save({"epoch": 3, "name": "run", key: inner} if key else inner, tmp_path / "epoch_3.pt")
    found = read_weights(tmp_path / "epoch_3.pt", "x")
    same(found.tensors, state)
    assert found.release == bool(key or prefix)


def test_a_prefix_of_some_names_stays(tmp_path):
    state = {"module.a": torch.ones(1), "b": torch.ones(1)}
    torch.save(state, tmp_path / "x.pt")
    same(read_tensors(tmp_path / "x.pt", "x"), state)


def test_an_archive_gives_what_torch_gives(archive):
    found, expected = read_weights(archive, "x"), oracle(archive)
    same(found.tensors, expected)
    assert list(found.tensors) == list(expected)
    assert {key: t.stride() for key, t in found.tensors.items()} == {key: t.stride() for key, t in expected.items()}
    assert not any(tensor.requires_grad for tensor in found.tensors.values())
    assert (found.kind, found.release) == ("torchscript", False)
    assert "attribute" not in found.tensors
    assert "inner.nothing.bias" not in found.tensors
    weight, view = found.tensors["weight"], found.tensors["view"]
    assert weight.untyped_storage().data_ptr() == view.untyped_storage().data_ptr()


def test_what_is_written_to_the_tensors_stays_in_memory(archive):
    before = archive.read_bytes()
    read_tensors(archive, "x")["weight"].zero_()
    assert archive.read_bytes() == before


def test_archives_of_earlier_versions(archive, tmp_path):
    def of_1_7(name: str, data: bytes) -> bytes | None:
        if name in ("byteorder", ".data/serialization_id", ".format_version", ".storage_alignment"):
            return None
        return b"3\n" if name == "version" else data

    def without_buffers(name: str, data: bytes) -> bytes:
        lines = data.split(b"\n") if name.endswith(".py") else []
        return b"\n".join(line for line in lines if b"__buffers__" not in line) if lines else data

    old = repack(archive, tmp_path / "old.pt", of_1_7)
    with pytest.raises(KeyError), zipfile.ZipFile(old) as file:
        file.getinfo(f"{archive.stem}/byteorder")
    found = read_tensors(old, "x")
    same(found, oracle(old))
    # The zip of the standard library lays no record on a boundary, and not every processor reads numbers off one.
    assert all(tensor.data_ptr() % tensor.element_size() == 0 for tensor in found.values())
    older = repack(old, tmp_path / "older.pt", without_buffers)
    assert "input_resolution" not in oracle(older)
    same(read_tensors(older, "x"), oracle(older))


def test_an_archive_from_another_device(archive, tmp_path):
    def moved(name: str, data: bytes) -> bytes:
        if name != "data.pkl":
            return data
        return data.replace(b"X\x03\x00\x00\x00cpu", b"X\x06\x00\x00\x00cuda:0")

    path = repack(archive, tmp_path / "cuda.pt", moved)
    same(read_tensors(path, "x"), oracle(archive))


def test_an_archive_that_needs_its_code(tmp_path):
    trace = tmp_path / "trace"
    save_script(Restoring(str(trace)), tmp_path / "x.pt")
    with pytest.raises(UnsafeCheckpoint, match=r"my-model: .*x\.pt.*trust_torchscript=True"):
        read_tensors(tmp_path / "x.pt", "my-model")
    assert not trace.exists()
    same(read_tensors(tmp_path / "x.pt", "my-model", trust_torchscript=True), {"weight": torch.arange(4.0)})
    assert trace.exists()


def test_a_state_that_is_not_what_it_looks_like(tmp_path):
    save_script(RestoringNames(), tmp_path / "x.pt")
    with pytest.raises(UnsafeCheckpoint, match="restores itself by code of its own"):
        read_tensors(tmp_path / "x.pt", "x")
    same(read_tensors(tmp_path / "x.pt", "x", trust_torchscript=True), {"weight": torch.arange(4.0) + 1})


def test_numbers_the_other_way_round(archive, tmp_path):
    path = repack(archive, tmp_path / "x.pt", lambda name, data: b"big" if name == "byteorder" else data)
    with pytest.raises(UnsafeCheckpoint, match="big-endian"):
        read_tensors(path, "x")


def test_the_oldest_format_is_refused(tmp_path):
    with tarfile.open(tmp_path / "x.pt", "w") as file:
        for name in ("sys_info", "pickle", "storages", "tensors"):
            file.addfile(tarfile.TarInfo(name))
    with pytest.raises(UnsafeCheckpoint, match=r"x\.pt is in torch's oldest format"):
        read_tensors(tmp_path / "x.pt", "x")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"\n<!DOCTYPE html>\n<html>Not found</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 7\n", "pointer of Git LFS.*git lfs pull"),
        (bytes(4096), "nothing but zeros"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "holds no weights"),
        (b"just a text", "holds no weights"),
        (b"\x80\x02}q\x00.", "is damaged"),
        (b"\xff" * 8 + b"{}", "is damaged"),
    ],
)
def test_files_that_are_no_weights(tmp_path, content, message):
    (tmp_path / "x.bin").write_bytes(content)
    with pytest.raises(ModelFolderError, match=rf"my-model: x\.bin .*{message}"):
        read_tensors(tmp_path / "x.bin", "my-model")


def test_a_name_that_promises_safetensors(state, tmp_path):
    torch.save(state, tmp_path / "model.safetensors")
    with pytest.raises(ModelFolderError, match="not what its name says"):
        read_tensors(tmp_path / "model.safetensors", "x")


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(ModelFolderError, match=r"x: no gone\.bin in it"):
        read_tensors(tmp_path / "gone.bin", "x")
    (tmp_path / "folder.bin").mkdir()
    with pytest.raises(ModelFolderError, match=r"x: no weights in folder\.bin"):
        read_tensors(tmp_path / "folder.bin", "x")
    with zipfile.ZipFile(tmp_path / "other.pt", "w") as file:
        file.writestr("readme.txt", "hello")
    with pytest.raises(ModelFolderError, match="is a zip, and none that torch writes"):
        read_tensors(tmp_path / "other.pt", "x")


@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9, 0.999])
def test_files_cut_off(state, archive, tmp_path, kept):
    save_file(state, tmp_path / "a.safetensors")
    torch.save(state, tmp_path / "b.bin")
    torch.save(state, tmp_path / "c.bin", _use_new_zipfile_serialization=False)
    shutil.copy(archive, tmp_path / "d.pt")
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        path.write_bytes(data[: int(len(data) * kept)])
        with pytest.raises((ModelFolderError, UnsafeCheckpoint), match=f"x: {path.name}"):
            read_tensors(path, "x")


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 1}, {"state_dict": {"a": [1]}}, {3: torch.ones(1)}])
def test_state_dicts_of_something_else(tmp_path, content):
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(ModelFolderError, match="expected tensors by their names"):
        read_tensors(tmp_path / "x.pt", "x")
