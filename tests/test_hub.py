"""Downloads: which files, what the cache is good for, and what is said when something is in the way."""

from __future__ import annotations

import errno
import json
from pathlib import Path

import fake_hub
import huggingface_hub.constants
import numpy as np
import pytest
from fake_hub import Hub
from tiny import write_tiny_clip

import clipnb
from clipnb.errors import ModelFolderError, ModelUnavailable, UnknownModel
from clipnb.models import hub as module
from clipnb.models.hub import download, download_small

REPO = "somebody/some-clip"
WEIGHTS = ["model*.safetensors"], ["pytorch_model*.bin"]
EVERYTHING = [
    *("config.json", "tokenizer.json", "vocab.txt", "spiece.model", "README.md", "picture.png"),
    *("model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "rust_model.ot"),
    *("onnx/model.onnx", "onnx/config.json", "openvino/openvino_model.bin", "1_Pooling/config.json", "code.py"),
    *("open_clip_config.json", "open_clip_model.safetensors", "open_clip_pytorch_model.bin"),
]
SMALL = {
    *("config.json", "tokenizer.json", "vocab.txt", "spiece.model", "1_Pooling/config.json", "open_clip_config.json"),
}


@pytest.fixture
def cache(monkeypatch, tmp_path) -> Path:
    return fake_hub.private_cache(monkeypatch, tmp_path / "cache")


@pytest.fixture
def hub(monkeypatch, cache):
    yield from fake_hub.serve(monkeypatch)


def named(*names: str) -> dict[str, bytes]:
    return {name: json.dumps({"content of": name}).encode() for name in names}


def go_offline(monkeypatch, how: str) -> dict[str, bool]:
    """The three ways to be without network; what to pass to a download."""
    if how == "argument":
        return {"local_files_only": True}
    if how == "variable":
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        fake_hub.fresh_sessions()
    else:
        fake_hub.point_to(monkeypatch, "http://127.0.0.1:9")
    return {}


OFFLINE = {
    "argument": r"was not asked \(local_files_only=True\)",
    "variable": r"was not asked \(HF_HUB_OFFLINE is set\)",
    "network": r"cannot be reached \(\w*Conne\w*\)",
}


def test_only_the_files_that_are_needed(hub: Hub):
    hub.add(REPO, named(*EVERYTHING))
    folder = download_small(REPO)
    assert set(hub.downloads) == SMALL
    hub.downloads.clear()
    assert download(REPO, *WEIGHTS, revision=folder.name) == folder
    assert hub.downloads == ["model.safetensors"]
    download(REPO, ["open_clip_model.safetensors"], ["open_clip_pytorch_model.bin"])
    assert hub.downloads == ["model.safetensors", "open_clip_model.safetensors"]


def test_the_second_choice_where_the_first_is_not_there(hub: Hub):
    hub.add(REPO, named("config.json", "pytorch_model.bin", "tf_model.h5", "code.py"))
    assert (download(REPO, ["model*.safetensors", "*.py"], ["pytorch_model*.bin", "*.py"]) / "code.py").is_file()
    assert sorted(hub.downloads) == ["code.py", "pytorch_model.bin"]


def test_all_shards(hub: Hub):
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    hub.add(REPO, named("config.json", *shards, "pytorch_model.bin"))
    download(REPO, *WEIGHTS)
    assert sorted(hub.downloads) == shards


def test_a_repository_without_such_files(hub: Hub):
    hub.add(REPO, named("config.json", "flax_model.msgpack"))
    with pytest.raises(
        ModelFolderError, match=r"holds none of model\*\.safetensors, pytorch_model\*\.bin; it has .*flax"
    ):
        download(REPO, *WEIGHTS)


def test_a_revision(hub: Hub):
    hub.add(REPO, {"config.json": b'{"of": "main"}'})
    hub.add(REPO, {"config.json": b'{"of": "v1"}'}, revision="v1")
    for revision in ("v1", hub.commit(REPO, "v1")):
        assert json.loads((download_small(REPO, revision=revision) / "config.json").read_text()) == {"of": "v1"}
    assert json.loads((download_small(REPO) / "config.json").read_text()) == {"of": "main"}
    with pytest.raises(UnknownModel, match=f"{REPO}: the Hub has no revision 'v2'"):
        download_small(REPO, revision="v2")


def test_the_weights_are_of_the_same_commit_as_the_configuration(hub: Hub, tmp_path):
    old, new = write_tiny_clip(tmp_path / "old", seed=1), write_tiny_clip(tmp_path / "new", seed=2)
    hub.add(REPO, contents(old))
    expected = clipnb.load(old, device="cpu").encode_text(["a cat"])
    assert np.array_equal(clipnb.load(REPO, device="cpu").encode_text(["a cat"]), expected)
    hub.add(REPO, contents(new), revision="branch")
    branch = clipnb.load(REPO, device="cpu", revision="branch")
    assert not np.allclose(branch.encode_text(["a cat"]), expected)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("how", OFFLINE)
def test_what_was_downloaded_is_there_without_network(hub: Hub, monkeypatch, how, tmp_path):
    hub.add(REPO, contents(write_tiny_clip(tmp_path / "tiny")))
    expected = clipnb.load(REPO, device="cpu").encode_text(["a cat"])
    hub.downloads.clear()
    options = go_offline(monkeypatch, how)
    np.testing.assert_array_equal(clipnb.load(REPO, device="cpu", **options).encode_text(["a cat"]), expected)
    assert not hub.downloads


@pytest.mark.parametrize("how", OFFLINE)
def test_nothing_in_the_cache_and_no_network(cache, monkeypatch, how):
    options = go_offline(monkeypatch, how)
    with pytest.raises(ModelUnavailable) as caught:
        clipnb.load("openai/clip-vit-base-patch32", **options)
    assert "\n" not in str(caught.value)
    caught.match(
        f"^openai/clip-vit-base-patch32: not in the cache of this machine, and the Hub {OFFLINE[how]}; connect once "
        r"and load it again, pass the path of a local folder, or use the embedded model, clipnb\.load\(\)\.$"
    )


def test_a_name_with_another_repository_is_named_as_it_was_asked_for(cache):
    with pytest.raises(ModelUnavailable) as caught:
        clipnb.load("RN50", local_files_only=True)
    caught.match(r"^RN50 \(timm/resnet50_clip\.openai\): not in the cache .* clipnb\.load\(\)\.$")


@pytest.mark.parametrize("how", OFFLINE)
def test_half_of_it_in_the_cache_and_no_network(hub: Hub, monkeypatch, how):
    hub.add(REPO, {**named("vocab.json", "model.safetensors"), "config.json": b'{"model_type": "clip"}'})
    download_small(REPO)
    with pytest.raises(ModelUnavailable, match=f"{REPO}: only a part of it is in the cache .* {OFFLINE[how]}"):
        clipnb.load(REPO, **go_offline(monkeypatch, how))


def test_a_shard_is_missing_in_the_cache(hub: Hub, cache):
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = json.dumps({"weight_map": {"a": shards[0], "b": shards[1]}}).encode()
    hub.add(REPO, {**named(*shards), "model.safetensors.index.json": index})
    folder = download_small(REPO)
    download(REPO, [shards[0]])
    with pytest.raises(ModelUnavailable, match="only a part of it"):
        download(REPO, *WEIGHTS, local_files_only=True)
    download(REPO, *WEIGHTS)
    assert download(REPO, *WEIGHTS, local_files_only=True) == folder


def test_a_shard_is_missing_in_the_cache_of_another_program(cache, tmp_path):
    shards = [f"model-0000{i}-of-00002.safetensors" for i in (1, 2)]
    index = {"weight_map": {"a": shards[0], "b": shards[1]}}
    folder = tmp_path / "part"
    folder.mkdir()
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / shards[0]).write_bytes(b"here")
    fake_hub.fill_cache(cache, REPO, folder)
    with pytest.raises(ModelUnavailable, match="only a part of it"):
        download(REPO, *WEIGHTS, local_files_only=True)


def test_the_cache_helps_when_the_hub_is_in_trouble(hub: Hub):
    hub.add(REPO, named("config.json", "model.safetensors"))
    folder = download_small(REPO)
    download(REPO, *WEIGHTS)
    for refusal in ((500, "", "down"), (403, "GatedRepo", "gated"), (404, "RepoNotFound", "gone")):
        hub.refusal = refusal
        assert download_small(REPO) == folder
        assert download(REPO, *WEIGHTS, revision=folder.name) == folder


@pytest.mark.parametrize(
    ("refusal", "error", "said"),
    [
        ((401, "RepoNotFound", "not found"), UnknownModel, "no such model, or it is private and the access token"),
        ((404, "RepoNotFound", "not found"), UnknownModel, "no such model, or it is private and the access token"),
        ((401, "", "Invalid credentials in Authorization header"), ModelUnavailable, r"refuses the access token .*401"),
        ((403, "GatedRepo", "gated"), ModelUnavailable, "asks for consent; .*hf auth login.* HF_TOKEN"),
        ((403, "", "forbidden"), ModelUnavailable, r"refuses the access token .*403"),
        ((500, "", "broken"), ModelUnavailable, r"answers with an error \(500\)"),
        ((418, "", "teapot"), ModelUnavailable, r"answers with an error \(418\)"),
    ],
)
def test_answers_of_the_hub_that_are_errors(hub: Hub, refusal, error, said):
    hub.refusal = refusal
    for call in (lambda: clipnb.load(REPO), lambda: download(REPO, *WEIGHTS)):
        with pytest.raises(error, match=f"^{REPO}: .*{said}") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_a_hub_that_does_not_answer(hub: Hub, monkeypatch):
    monkeypatch.setattr(module, "SECONDS", 0.2)
    hub.silent.set()
    with pytest.raises(ModelUnavailable, match=r"cannot be reached \(\w*Timeout\w*\)"):
        clipnb.load(REPO)


def test_a_download_that_breaks_off(hub: Hub, monkeypatch, tmp_path):
    monkeypatch.setattr("time.sleep", lambda seconds: None)  # between the attempts of the client
    hub.add(REPO, contents(write_tiny_clip(tmp_path / "tiny")))
    download_small(REPO)
    hub.breaks_off = True
    with pytest.raises(ModelUnavailable, match=f"{REPO}: .*cannot be reached"):
        clipnb.load(REPO, device="cpu")
    with pytest.raises(ModelUnavailable, match="only a part of it is in the cache"):
        clipnb.load(REPO, device="cpu", local_files_only=True)
    hub.breaks_off = False
    assert clipnb.load(REPO, device="cpu").dim == 24


def test_an_owner_that_was_forgotten(hub: Hub):
    with pytest.raises(UnknownModel, match=r"'clip-vit-base-patch32' .*Did you mean 'openai/clip-vit-base-patch32'"):
        clipnb.load("clip-vit-base-patch32")
    with pytest.raises(UnknownModel, match=r"the Hub has no such model.*Did you mean 'openai/clip-vit-base-patch32'"):
        clipnb.load("openai/clip-vit-base-patch-32")
    with pytest.raises(UnknownModel, match="cannot be the name"):
        clipnb.load("some body/some clip")


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.ENOSPC, "no space left .* HF_HOME"), (errno.EACCES, "cannot be written; set HF_HOME")],
)
def test_a_disk_that_is_in_the_way(hub: Hub, monkeypatch, number, said):
    def fail(*_, **__):
        raise OSError(number, "disk")

    hub.add(REPO, named("config.json", "model.safetensors"))
    monkeypatch.setattr(module, "snapshot_download", fail)
    with pytest.raises(ModelUnavailable, match=f"{REPO}: .*{said}"):
        download_small(REPO)
