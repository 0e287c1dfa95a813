"""Files of weights in every form that one model can have: the same model comes out, or an error names the tensor."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

import clipnb
from clipnb.errors import ModelFolderError
from clipnb.models.weights import read_tensors

CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"
TEXTS = ["a cat", "", "ein Hund", "一只猫"]
NAMES = ("tiny", "m-clip-labse", "taiyi-102m", "m-bert", "st-multilingual", "openai-vit", "open-clip-vit")
FOLDERS = NAMES[:5]

Tensors = dict[str, torch.Tensor]


def file_of(folder: Path) -> Path:
    found = [file for pattern in ("*.safetensors", "*.bin", "*.pt") for file in folder.glob(pattern)]
    return found[0]


def opened(folder: Path, **options) -> clipnb.ClipModel:
    if "open" in folder.name:
        options |= {"tokenizer": CHECKPOINTS / "openai-merges" / "merges.txt.gz"}
    if folder.name == "m-bert":
        options["head"] = folder / "head.pkl"
    if folder.name == "openai-vit":
        folder, options["quick_gelu"] = file_of(folder), True
    elif folder.name not in ("tiny", "open-clip-vit"):
        options["image_tower"] = False
    return clipnb.load(folder, device="cpu", **options)


def rewrite(folder: Path, change: Callable[[Tensors], Tensors], ending: str | None = None) -> None:
    """The same file with other tensors; with an ending, under the name that transformers gives such a file."""
    file = file_of(folder)
    tensors = {key: tensor.clone().contiguous() for key, tensor in read_tensors(file, "x").items()}
    file.unlink()
    if ending:
        file = folder / {"safetensors": "model.safetensors", "bin": "pytorch_model.bin"}[ending]
    tensors = change(tensors)
    if file.suffix == ".safetensors":
        save_file(tensors, file, metadata={"format": "pt"})
    else:
        torch.save(tensors, file)


def kinds(model: clipnb.ClipModel) -> set[torch.dtype]:
    return {parameter.dtype for parameter in model.text_tower.module.parameters()}


def cast(kind: torch.dtype) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {
        key: tensor.to(kind) if tensor.is_floating_point() else tensor for key, tensor in tensors.items()
    }


@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("name", NAMES)
def test_half_precision_on_disk(stored, name, kind):
    folder = stored(name)
    rewrite(folder, lambda tensors: cast(torch.float32)(cast(kind)(tensors)))
    expected = opened(folder).encode_text(TEXTS, normalize=False)
    rewrite(folder, cast(kind))
    config = folder / "config.json"
    if config.exists():
        said = str(kind).rpartition(".")[2]
        config.write_text(json.dumps({**json.loads(config.read_text()), "torch_dtype": said, "dtype": said}))
    model = opened(folder)
    assert kinds(model) == {torch.float32}
    np.testing.assert_allclose(model.encode_text(TEXTS, normalize=False), expected, atol=1e-6)
    half = opened(folder, dtype=kind)
    assert kinds(half) == {kind}
    rows = half.encode_text(TEXTS, normalize=False)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, expected, atol=0.1 * np.abs(expected).max())


@pytest.mark.parametrize("name", FOLDERS)
@pytest.mark.parametrize("ending", ["safetensors", "bin"])
@pytest.mark.parametrize("sharded", [False, True])
def test_the_same_tensors_in_other_files(stored, name, ending, sharded):
    folder = stored(name)
    expected = opened(folder).encode_text(TEXTS)
    rewrite(folder, lambda tensors: tensors, ending)
    if sharded:
        shard(file_of(folder))
    np.testing.assert_allclose(opened(folder).encode_text(TEXTS), expected, atol=1e-6)


def shard(file: Path) -> None:
    tensors = read_tensors(file, "x")
    file.unlink()
    where = {key: f"{file.stem}-0000{i % 3 + 1}-of-00003{file.suffix}" for i, key in enumerate(tensors)}
    for shard in set(where.values()):
        part = {key: tensors[key] for key in tensors if where[key] == shard}
        if file.suffix == ".safetensors":
            save_file(part, file.parent / shard, metadata={"format": "pt"})
        else:
            torch.save(part, file.parent / shard)
    index = {"metadata": {"total_size": 1}, "weight_map": where}
    (file.parent / f"{file.name}.index.json").write_text(json.dumps(index))


@pytest.mark.parametrize("name", FOLDERS)
def test_a_missing_shard(stored, name):
    folder = stored(name)
    rewrite(folder, lambda tensors: tensors, "safetensors")
    shard(file_of(folder))
    (folder / "model-00002-of-00003.safetensors").unlink()
    with pytest.raises(ModelFolderError, match=r"model-00002-of-00003\.safetensors is missing"):
        opened(folder)


@pytest.mark.parametrize(
    ("name", "buffers"),
    [
        ("tiny", ["text_model.embeddings.position_ids", "vision_model.embeddings.position_ids"]),
        ("m-clip-labse", ["transformer.embeddings.position_ids"]),
        ("taiyi-102m", ["bert.embeddings.position_ids"]),
        ("m-bert", ["embeddings.position_ids"]),
        ("st-multilingual", ["embeddings.position_ids"]),
    ],
)
@pytest.mark.parametrize("present", [True, False])
def test_position_ids_of_old_files(stored, name, buffers, present):
    folder = stored(name)
    expected = opened(folder).encode_text(TEXTS)
    rewrite(folder, lambda tensors: {key: t for key, t in tensors.items() if "position_ids" not in key})
    if present:
        rewrite(folder, lambda tensors: tensors | {key: torch.arange(64)[None] for key in buffers})
    np.testing.assert_allclose(opened(folder).encode_text(TEXTS), expected, atol=1e-6)


LOST = {
    "tiny": "text_projection.weight",
    "m-clip-labse": "transformer.encoder.layer.0.output.dense.bias",
    "taiyi-102m": "classifier.weight",
    "m-bert": "embeddings.LayerNorm.weight",
    "st-multilingual": "embeddings.word_embeddings.weight",
    "openai-vit": "ln_final.weight",
    "open-clip-vit": "text_projection",
}


@pytest.mark.parametrize("name", NAMES)
def test_missing_tensors_are_named(stored, name):
    folder, lost = stored(name), LOST[name]

    def without(tensors: Tensors) -> Tensors:
        assert lost in tensors
        return {key: tensor for key, tensor in tensors.items() if key != lost}

    rewrite(folder, without)
    # A linear layer is named by its two parts; OpenAI's tensors by the names that they get.
    said = {"taiyi-102m": "linear head.*bias", "openai-vit": "final_layer_norm.weight"}.get(name, lost[-20:])
    with pytest.raises(ModelFolderError, match=said) as raised:
        opened(folder)
    assert folder.name in str(raised.value)


@pytest.mark.parametrize("name", NAMES)
def test_tensors_of_another_shape(stored, name):
    folder, changed = stored(name), LOST[name]
    rewrite(folder, lambda tensors: tensors | {changed: torch.ones(3, *tensors[changed].shape)})
    with pytest.raises(ModelFolderError, match=folder.name):
        opened(folder)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "tiny"])
def test_tensors_without_a_place_are_named(stored, name):
    """Of transformers' own folders some are left out that do no harm; more layers than it knows are not."""
    folder = stored(name)
    rewrite(folder, lambda tensors: tensors | {"visual.surprise": torch.ones(2)})
    with pytest.raises(ModelFolderError, match=r"surprise"):
        opened(folder)


def test_the_linear_layer_of_sentence_transformers(stored):
    folder = stored("st-multilingual")
    dense = folder / "2_Dense"
    expected = opened(folder).encode_text(TEXTS)
    tensors = read_tensors(dense, "x")
    (dense / "pytorch_model.bin").unlink()
    save_file({key: tensor.half().float() for key, tensor in tensors.items()}, dense / "model.safetensors")
    np.testing.assert_allclose(opened(folder).encode_text(TEXTS), expected, atol=1e-2)
    save_file({key: tensor.half() for key, tensor in tensors.items()}, dense / "model.safetensors")
    assert load_file(dense / "model.safetensors")["linear.weight"].dtype == torch.float16
    assert kinds(opened(folder)) == {torch.float32}
    (dense / "model.safetensors").write_text("version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(ModelFolderError, match="Git LFS"):
        opened(folder)
