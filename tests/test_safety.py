"""Nothing that a checkpoint carries runs, wherever in it the code lies, unless the caller has said so by name."""

import builtins
import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from archives import Payload, Restoring, repack, save_script
from safetensors.torch import load_file, save_file

import clipnb
from clipnb.errors import ModelFolderError, UnsafeCheckpoint, UnsupportedModel

CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"
MERGES = CHECKPOINTS / "openai-merges" / "merges.txt.gz"

# The checkpoint, the file in it that gets the payload, and what else opens it.
PLACES = {
    "transformers": ("tiny", "pytorch_model.bin", {}),
    "M-CLIP": ("m-clip-labse", "pytorch_model.bin", {"image_tower": False}),
    "M-BERT": ("m-bert", "pytorch_model.bin", {"image_tower": False, "head": CHECKPOINTS / "m-bert" / "head.pkl"}),
    "Taiyi": ("taiyi-102m", "pytorch_model.bin", {"image_tower": False}),
    "Taiyi with a pooler": ("taiyi-102m-vit-l", "pytorch_model.bin", {"image_tower": False}),
    "sentence-transformers": ("st-multilingual", "pytorch_model.bin", {"image_tower": False}),
    "its linear layer": ("st-multilingual", "2_Dense/pytorch_model.bin", {"image_tower": False}),
    "its CLIP": ("st-clip", "0_CLIPModel/pytorch_model.bin", {}),
    "open_clip": ("open-clip-vit", "open_clip_pytorch_model.bin", {"tokenizer": MERGES}),
    "open_clip's release": ("open-clip-release", "epoch_32.pt", {"tokenizer": MERGES}),
    "a bare file": ("openai-vit", "plain.pt", {"tokenizer": MERGES}),
}


@pytest.fixture
def trace(tmp_path, monkeypatch):
    """What a payload makes; whoever asks at the terminal is told yes."""
    asked: list[tuple] = []
    monkeypatch.setattr(builtins, "input", lambda *what: asked.append(what) or "y")
    path = tmp_path / "trace"
    yield path
    assert not path.exists()
    assert not asked


@pytest.fixture
def remote_modules(tmp_path, monkeypatch) -> None:
    """Where transformers copies the code that it runs."""
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))


def tensors_of(folder: Path) -> dict[str, torch.Tensor]:
    for file in sorted(folder.glob("*.safetensors")):
        tensors = load_file(file)
        file.unlink()
        return tensors
    return {"a": torch.ones(2)}  # no reader gets as far as to miss the others


def write(content: dict, file: Path, form: str) -> None:
    """In one of the forms that torch reads or has read, or in none of them."""
    if form == "plain":
        file.write_bytes(pickle.dumps(content))
    else:
        protocol = 4 if form.endswith("4") else 2
        torch.save(content, file, _use_new_zipfile_serialization=form.startswith("zip"), pickle_protocol=protocol)


@pytest.mark.filterwarnings("ignore:Detected pickle protocol")
@pytest.mark.parametrize("form", ["zip", "zip 4", "legacy", "legacy 4", "plain"])
@pytest.mark.parametrize("place", PLACES)
def test_a_pickle_in_the_place_of_weights(stored, trace, place, form, tiny_folder):
    name, file, options = PLACES[place]
    folder = stored(name)
    clean = torch.load(folder / file, weights_only=True) if (folder / file).exists() else None
    content = clean or tensors_of((folder / file).parent)
    write({**content, "more": Payload(trace)}, folder / file, form)
    path = folder / file if "CLIP" not in file and file.endswith(".pt") else folder
    with pytest.raises((UnsafeCheckpoint, ModelFolderError) if form == "plain" else UnsafeCheckpoint) as raised:
        clipnb.load(path, device="cpu", **options)
    assert str(path) in str(raised.value)
    assert Path(file).name in str(raised.value)
    for image_side in ("transformers", "its CLIP", "open_clip", "open_clip's release"):
        if place == image_side:
            model = clipnb.load(tiny_folder, device="cpu", image_tower=path)
            with pytest.raises((UnsafeCheckpoint, ModelFolderError), match=Path(file).name):
                _ = model.image_tower


def test_the_payload_is_one(tmp_path):
    write({"more": Payload(tmp_path / "trace")}, tmp_path / "x.bin", "zip")
    torch.load(tmp_path / "x.bin", weights_only=False)
    assert (tmp_path / "trace").exists()


@pytest.mark.parametrize(
    "payload",
    [
        lambda trace: Payload(f"mkdir {trace}", os.system),
        lambda trace: Payload(f"__import__('os').mkdir({str(trace)!r})", eval),
        lambda trace: Payload(f"__import__('os').mkdir({str(trace)!r})", exec),
        lambda trace: Payload(trace, torch.load),
        lambda trace: Payload(trace, torch.jit.load),
        lambda trace: Payload(trace, np.load),
    ],
)
@pytest.mark.parametrize("place", ["transformers", "M-CLIP", "open_clip"])
def test_calls_of_other_kinds(stored, trace, place, payload):
    name, file, options = PLACES[place]
    folder = stored(name)
    for other in folder.glob("*.safetensors"):
        other.unlink()
    torch.save({"more": payload(trace)}, folder / file)
    with pytest.raises(UnsafeCheckpoint):
        clipnb.load(folder, device="cpu", **options)


@pytest.mark.parametrize("name", ["tiny", "m-clip-labse", "st-multilingual"])
def test_a_pickle_among_shards(stored, tmp_path, trace, name):
    folder = stored(name)
    tensors_of(folder)
    (folder / "pytorch_model.bin").unlink(missing_ok=True)
    files = [f"pytorch_model-0000{i}-of-00002.bin" for i in (1, 2)]
    torch.save({"a": torch.ones(1)}, folder / files[0])
    torch.save({"b": Payload(trace)}, folder / files[1])
    index = {"metadata": {}, "weight_map": {"a": files[0], "b": files[1]}}
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    options = {} if name == "tiny" else {"image_tower": False}
    with pytest.raises(UnsafeCheckpoint, match=files[1]):
        clipnb.load(folder, device="cpu", **options)
    index["weight_map"]["b"] = "../secret.bin"
    torch.save({"b": torch.ones(1)}, tmp_path / "secret.bin")
    (folder / "pytorch_model.bin.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelFolderError, match=r"'\.\./secret\.bin'"):
        clipnb.load(folder, device="cpu", **options)


def test_a_pickle_in_an_archive(tmp_path, trace):
    def poisoned(name: str, data: bytes) -> bytes:
        return pickle.dumps(Payload(trace), protocol=2) if name == "data.pkl" else data

    path = repack(CHECKPOINTS / "openai-vit" / "tiny.pt", tmp_path / "x.pt", poisoned)
    with pytest.raises(UnsafeCheckpoint, match=r"x\.pt.*posix\.mkdir.*trust_torchscript=True"):
        clipnb.load(path, tokenizer=MERGES)
    # Torch's own reader of archives knows no such function either.
    with pytest.raises(ModelFolderError):
        clipnb.load(path, tokenizer=MERGES, trust_torchscript=True)


def test_code_in_an_archive(tmp_path, trace):
    save_script(Restoring(str(trace)), tmp_path / "x.pt")
    with pytest.raises(UnsafeCheckpoint, match=r"x\.pt.*trust_torchscript=True"):
        clipnb.load(tmp_path / "x.pt", tokenizer=MERGES)
    assert not trace.exists()
    with pytest.raises(ModelFolderError):  # it holds no CLIP; the code has run all the same, by consent
        clipnb.load(tmp_path / "x.pt", tokenizer=MERGES, quick_gelu=True, trust_torchscript=True)
    trace.unlink()


def test_code_in_methods_does_not_hinder(tmp_path, trace):
    """An archive whose code would run only when it is called is read like any other."""

    def with_method(name: str, data: bytes) -> bytes:
        return data.replace(b"def forward(", b"def forward_(") if name.endswith(".py") else data

    path = repack(CHECKPOINTS / "openai-vit" / "tiny.pt", tmp_path / "x.pt", with_method)
    expected = clipnb.load(CHECKPOINTS / "openai-vit" / "tiny.pt", tokenizer=MERGES).encode_text(["a cat"])
    np.testing.assert_array_equal(clipnb.load(path, tokenizer=MERGES).encode_text(["a cat"]), expected)


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_pickle_in_the_head(tmp_path, trace, protocol):
    weight, bias = np.ones((64, 24), np.float32), np.ones(24, np.float32)
    for content in ([weight, Payload(trace)], Payload(trace), [weight, bias, Payload(trace)], {"W": Payload(trace)}):
        (tmp_path / "head.pkl").write_bytes(pickle.dumps(content, protocol=protocol))
        with pytest.raises(UnsafeCheckpoint, match=r"head=.*head\.pkl"):
            clipnb.load(CHECKPOINTS / "m-bert", head=tmp_path / "head.pkl", image_tower=False)


CODE = """
import os
import transformers

os.mkdir({trace!r})


class Config(transformers.CLIPConfig):
    model_type = "other"


class Model(transformers.CLIPModel):
    config_class = Config


class Tokenizer(transformers.CLIPTokenizer):
    pass


class Images(transformers.CLIPImageProcessor):
    pass
"""


def with_code(folder: Path, trace: Path, file: str, **changes) -> None:
    (folder / "code_x.py").write_text(CODE.format(trace=str(trace)))
    config = json.loads((folder / file).read_text()) if (folder / file).exists() else {}
    (folder / file).write_text(json.dumps({**config, **changes}))


MODEL_CODE = {"AutoConfig": "code_x.Config", "AutoModel": "code_x.Model"}


def test_a_model_with_code(stored, trace, remote_modules, tiny_folder):
    folder = stored("tiny")
    with_code(folder, trace, "config.json", model_type="other", auto_map=MODEL_CODE)
    with pytest.raises(UnsupportedModel, match="trust_remote_code=True"):
        clipnb.load(folder, device="cpu")
    with pytest.raises(UnsupportedModel, match="trust_remote_code=True"):
        _ = clipnb.load(tiny_folder, device="cpu", image_tower=folder).logit_scale
    assert not trace.exists()
    model = clipnb.load(folder, device="cpu", trust_remote_code=True)
    trace.rmdir()  # which is there
    expected = clipnb.load(tiny_folder, device="cpu").encode_text(["a cat"])
    np.testing.assert_allclose(model.encode_text(["a cat"]), expected, atol=1e-6)


@pytest.mark.parametrize(
    ("file", "changes"),
    [
        ("config.json", {"auto_map": MODEL_CODE}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["code_x.Tokenizer", None]}}),
        (
            "tokenizer_config.json",
            {"tokenizer_class": "Tokenizer", "auto_map": {"AutoTokenizer": ["code_x.Tokenizer", "code_x.Tokenizer"]}},
        ),
        ("preprocessor_config.json", {"auto_map": {"AutoImageProcessor": "code_x.Images"}}),
        (
            "preprocessor_config.json",
            {"image_processor_type": "Images", "auto_map": {"AutoImageProcessor": "code_x.Images"}},
        ),
        ("processor_config.json", {"processor_class": "X", "auto_map": {"AutoProcessor": "code_x.Images"}}),
    ],
)
def test_code_beside_a_known_model(stored, trace, file, changes, tiny_folder):
    """It opens without that code or, where transformers sees no way without, is refused."""
    folder = stored("tiny")
    with_code(folder, trace, file, **changes)
    try:
        model = clipnb.load(folder, device="cpu")
    except clipnb.ClipnbError as error:
        assert isinstance(error, UnsafeCheckpoint)  # noqa: PT017
    else:
        expected = clipnb.load(tiny_folder, device="cpu").encode_text(["a cat"])
        np.testing.assert_allclose(model.encode_text(["a cat"]), expected, atol=1e-6)


@pytest.mark.parametrize("name", ["st-multilingual", "m-bert", "taiyi-102m", "m-clip-labse"])
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json"])
def test_code_beside_a_text_tower(stored, trace, name, file):
    folder = stored(name)
    change = {"model_type": "other"} if (file, name) == ("config.json", "st-multilingual") else {}
    code = {**MODEL_CODE, "AutoTokenizer": ["code_x.Tokenizer", None]}
    with_code(folder, trace, file, auto_map=code, tokenizer_class="Tokenizer", **change)
    options = {"head": folder / "head.pkl"} if name == "m-bert" else {}
    try:
        clipnb.load(folder, device="cpu", image_tower=False, **options)
    except clipnb.ClipnbError as error:
        assert str(folder) in str(error)  # noqa: PT017


@pytest.mark.parametrize("key", ["attn_implementation", "_attn_implementation", "_attn_implementation_internal"])
@pytest.mark.parametrize("part", [None, "text_config"])
def test_a_kernel_from_elsewhere(stored, trace, key, part):
    folder = stored("tiny")
    config = json.loads((folder / "config.json").read_text())
    (config[part] if part else config)[key] = "someone/kernel@main:run"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(UnsafeCheckpoint, match=rf"'someone/kernel@main:run' for {key}.*trust_remote_code=True"):
        clipnb.load(folder, device="cpu")
    (config[part] if part else config)[key] = "eager"
    (folder / "config.json").write_text(json.dumps(config))
    clipnb.load(folder, device="cpu")


@pytest.mark.parametrize("name", ["st-multilingual", "taiyi-102m", "m-bert"])
def test_a_kernel_for_a_text_tower(stored, trace, name):
    folder = stored(name)
    with_code(folder, trace, "config.json", attn_implementation={"": "someone/kernel"})
    options = {"head": folder / "head.pkl"} if name == "m-bert" else {}
    with pytest.raises(UnsafeCheckpoint, match="'someone/kernel' for attn_implementation"):
        clipnb.load(folder, device="cpu", image_tower=False, **options)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("adapter_config.json", {"peft_type": "LORA", "base_model_name_or_path": "someone/else"}, "brings an adapter"),
        ("config.json", {"quantization_config": {"quant_method": "awq"}}, "are quantised"),
        ("config.json", {"transformers_weights": "../secret.safetensors"}, "names its file of weights"),
    ],
)
def test_what_would_bring_other_weights(stored, tmp_path, trace, file, content, message):
    folder = stored("tiny")
    save_file({"a": torch.ones(1)}, tmp_path / "secret.safetensors")
    with_code(folder, trace, file, **content)
    with pytest.raises(UnsupportedModel, match=message):
        clipnb.load(folder, device="cpu")
