import json
import shutil
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tiny import write_tiny_clip

import clipnb
from clipnb.errors import (
    EmptyInput,
    InvalidEmbeddings,
    ModelFolderError,
    ModelUnavailable,
    TextTooLong,
    TruncatedText,
    UnknownModel,
    UnreadableImage,
    UnsupportedModel,
    UnsupportedOption,
    WrongType,
)

TEXTS = ["cat", "", "ein Hund und eine Katze", "一只猫", "قطة على حصيرة", "cat", "the dog at the cat", "🐱 กบ"]


@pytest.fixture
def copy(tiny_folder, tmp_path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "copy"))


def test_the_model_says_what_it_is(tiny, tiny_folder):
    assert isinstance(tiny, clipnb.ClipModel)
    assert (tiny.name, tiny.dim, tiny.device, tiny.context_length) == (str(tiny_folder), 24, "cpu", 48)
    assert (tiny.languages, tiny.logit_bias) == ((), 0.0)
    assert tiny.logit_scale == pytest.approx(np.exp(2.6592), rel=1e-4)


def test_features_are_unit_rows_or_raw(tiny, pictures):
    for rows in (tiny.encode_text(TEXTS), tiny.encode_image(list(pictures.values()))):
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
    raw = tiny.encode_text(TEXTS, normalize=False)
    assert np.ptp(np.linalg.norm(raw, axis=1)) > 1e-3
    np.testing.assert_allclose(raw / np.linalg.norm(raw, axis=1, keepdims=True), tiny.encode_text(TEXTS), atol=1e-6)


def test_the_same_row_whatever_the_batch(tiny, pictures):
    many = TEXTS * 20
    together = tiny.encode_text(many)
    np.testing.assert_allclose(together, np.concatenate([tiny.encode_text([text]) for text in many]), atol=1e-5)
    images = list(pictures.values()) * 6
    together = tiny.encode_image(images)
    np.testing.assert_allclose(together, np.concatenate([tiny.encode_image([image]) for image in images]), atol=1e-5)


def test_probabilities_are_a_softmax_at_the_models_scale(tiny):
    import torch

    sim = np.random.default_rng(0).uniform(-1, 1, (4, 7)).astype(np.float32)
    expected = torch.softmax(torch.from_numpy(sim) * tiny.logit_scale, dim=1).numpy()
    np.testing.assert_allclose(tiny.probabilities(sim), expected, atol=1e-6)
    np.testing.assert_allclose(tiny.probabilities(sim[0]), expected[0], atol=1e-6)


def test_texts_over_the_context(tiny):
    long = "dog " * 60
    with pytest.raises(TextTooLong, match=r"text 1, 'dog dog .* tokens > 48; .*truncate=True"):
        tiny.encode_text(["cat", long])
    with pytest.raises(TextTooLong, match=r"\(and 1 more\)"):
        tiny.tokenize([long, long])
    with pytest.warns(TruncatedText, match="2 of 3 texts cut at 48 tokens: de 1 of 1, en 1 of 2"):
        cut = tiny.encode_text([long, "cat", long], truncate=True, languages=["en", "en", "de"])
    np.testing.assert_allclose(cut[0], cut[2], atol=1e-6)
    with pytest.warns(TruncatedText, match="1 of 1 texts cut at 48 tokens$"):
        ids = tiny.tokenize([long], truncate=True)["input_ids"]
    assert ids.shape == (1, 48)
    assert ids[0, -1] == tiny.text_tower.tokenizer.eos_token_id
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tiny.encode_text(TEXTS, truncate=True)
    with pytest.raises(WrongType, match="1 languages for 2 texts"):
        tiny.encode_text(["a", "b"], languages=["en"])


@pytest.mark.parametrize(
    ("texts", "error", "said"),
    [
        ("cat", WrongType, r"\['cat'\]"),
        (["cat", 3], WrongType, "text 1 is 3, a int"),
        (["cat", None], WrongType, "text 1 is None"),
        ([float("nan")], WrongType, "text 0 is nan"),
        (["cat", "\ud800"], WrongType, "text 1 is no valid Unicode"),
        (5, WrongType, "int"),
        ([], EmptyInput, "list of texts is empty"),
    ],
)
def test_bad_texts_are_named(tiny, texts, error, said):
    for function in (tiny.encode_text, tiny.tokenize):
        with pytest.raises(error, match=said):
            function(texts)


@pytest.mark.parametrize(
    ("images", "error", "said"),
    [
        ("cat.png", WrongType, r"\[image\]"),
        (["gone.png"], UnreadableImage, "gone.png: no such file"),
        ([Image.new("RGB", (2, 2)), b"no"], UnreadableImage, "image 1"),
        ([Image.new("RGB", (2, 2)), 7], WrongType, "image 1 is a int"),
        ([Image.new("L", (1, 1_000_000))], UnreadableImage, "image 0: 1 x 1000000 pixels is too long"),
        ([], EmptyInput, "list of images is empty"),
    ],
)
def test_bad_images_are_named(tiny, images, error, said):
    for function in (tiny.encode_image, tiny.preprocess):
        with pytest.raises(error, match=said):
            function(images)


def test_the_position_counts_from_the_first_image(tiny):
    with pytest.raises(UnreadableImage, match="image 70"):
        tiny.encode_image([Image.new("RGB", (2, 2))] * 70 + [b"no"])


def test_pictures_three_pixels_high(tiny):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 40, 3), dtype=np.uint8)
    wide, tall = tiny.preprocess([pixels]), tiny.preprocess([pixels.transpose(1, 0, 2)])
    assert np.abs(wide - tall.transpose(0, 1, 3, 2)).mean() < 0.01  # Pillow rounds between its two passes


def test_half_precision_computes_and_returns_float32(tiny, tiny_folder):
    half = clipnb.load(tiny_folder, device="cpu", dtype="bfloat16")
    rows = half.encode_text(TEXTS)
    assert rows.dtype == np.float32
    assert (rows * tiny.encode_text(TEXTS)).sum(axis=1).min() > 0.99


@pytest.mark.parametrize("normalize", [True, False])
def test_half_precision_that_overflows_is_noticed(tiny_folder, normalize):
    half = clipnb.load(tiny_folder, device="cpu", dtype="float16")
    half.text_tower.module.text_projection.weight.mul_(1e7)
    with pytest.raises(InvalidEmbeddings, match=r"too large for float16; .*bfloat16"):
        half.encode_text(["cat"], normalize=normalize)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"tokenizer": "x"}, "tokenizer='x': .* brings its own"),
        ({"head": "x"}, "head='x': .* brings its own"),
        ({"backend": "jax"}, "backend='jax'; expected one of 'torch', 'openvino', 'onnxruntime'"),
        ({"dtype": "int8"}, "dtype='int8'"),
        ({"device": "toaster"}, "device='toaster'"),
        ({"device": "cuda:99"}, "device='cuda:99'"),
        ({"device": "meta"}, "device='meta'"),
        ({"revision": "main"}, "revision='main': .* lies on this machine"),
    ],
)
def test_options_that_are_not_supported_are_named(tiny_folder, options, said):
    with pytest.raises(UnsupportedOption, match=said):
        clipnb.load(tiny_folder, **options)


@pytest.mark.parametrize(
    "options", [{"trust_remote_code": "no"}, {"trust_torchscript": "no"}, {"image_tower": True}, {"quick_gelu": "yes"}]
)
def test_options_of_another_type_are_named(tiny_folder, options):
    option, value = next(iter(options.items()))
    with pytest.raises(WrongType, match=f"{option}: .* got {value!r}"):
        clipnb.load(tiny_folder, **options)


def test_the_embedded_model_has_no_revisions():
    with pytest.raises(UnsupportedOption, match="revision='main'"):
        clipnb.load(revision="main")


def test_an_image_tower_by_a_relative_path(tiny, tiny_folder, pictures, monkeypatch, tmp_path):
    monkeypatch.chdir(tiny_folder.parent)
    model = clipnb.load(tiny_folder, image_tower=tiny_folder.name, device="cpu")
    monkeypatch.chdir(tmp_path)
    images = [pictures["rgb.png"]]
    np.testing.assert_array_equal(model.encode_image(images), tiny.encode_image(images))


@pytest.mark.parametrize(
    ("name", "error"), [("./nowhere", ModelFolderError), ("no such name", UnknownModel), (" ", UnknownModel)]
)
def test_an_image_tower_that_cannot_be_is_noticed_at_once(tiny_folder, name, error):
    with pytest.raises(error, match=name):
        clipnb.load(tiny_folder, image_tower=name)


def test_other_names(tmp_path):
    for name in (3, None, b"RN50"):
        with pytest.raises(WrongType, match=f"name: .* got {name!r}"):
            clipnb.load(name)
    for name in ("x" * 5000, "owner/" + "x" * 5000, "~nobody-of-this-name/folder"):
        with pytest.raises(ModelFolderError, match="cannot be looked for"):
            clipnb.load(name)
    with pytest.raises(UnknownModel, match="blank"):
        clipnb.load(" ")
    with pytest.raises(UnknownModel, match=r"'ViT-B-32' .* Did you mean 'ViT-B/32'"):
        clipnb.load("ViT-B-32")
    with pytest.raises(UnknownModel, match="Did you mean 'clipnb/emoji'"):
        clipnb.load("clipnb/emojis")
    with pytest.raises(ModelFolderError, match="nowhere: no such file or folder"):
        clipnb.load(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["openai/clip-vit-base-patch32", "somebody/some-clip"])
def test_without_network_and_cache(monkeypatch, tmp_path, name):
    import huggingface_hub.constants

    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ModelUnavailable, match=rf"{name}: not in the cache .* clipnb\.load\(\)"):
        clipnb.load(name, local_files_only=True)


def test_a_model_in_the_cache_needs_no_network(monkeypatch, tmp_path, tiny):
    import huggingface_hub.constants

    name, commit = "somebody/some-clip", "0" * 40
    home = tmp_path / "models--somebody--some-clip"
    write_tiny_clip(home / "snapshots" / commit)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(commit)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    model = clipnb.load(name, local_files_only=True)
    assert model.name == name
    np.testing.assert_allclose(model.encode_text(TEXTS), tiny.encode_text(TEXTS), atol=1e-6)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ("model.safetensors", "no weights in copy"),
        ("*o*.json", "no config.json in it; expected the folder of a model, or the path of a file of weights"),
        ("[tv]o*.json", "no tokenizer"),
        ("*processor_config.json", "no preprocessor_config.json or processor_config.json"),
    ],
)
def test_folders_with_something_missing(copy, files, said):
    for file in copy.glob(files):
        file.unlink()
    with pytest.raises(ModelFolderError, match=f"copy: .*{said}"):
        clipnb.load(copy)


def test_vocabulary_and_merges_alone_are_enough(copy, tiny):
    (copy / "tokenizer.json").unlink()
    for key, rows in clipnb.load(copy).tokenize(TEXTS).items():
        np.testing.assert_array_equal(rows, tiny.tokenize(TEXTS)[key])


def test_damaged_folders(copy):
    weights, config = copy / "model.safetensors", copy / "config.json"
    whole = weights.read_bytes()
    weights.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelFolderError, match=r"copy: model\.safetensors is damaged"):
        clipnb.load(copy)
    weights.write_bytes(whole)
    config.write_text("{")
    with pytest.raises(ModelFolderError, match=r"copy: config\.json cannot be read"):
        clipnb.load(copy)
    config.write_text("[" * 100_000)
    with pytest.raises(ModelFolderError, match=r"copy: config\.json cannot be read"):
        clipnb.load(copy)
    config.write_text('{"model_type": null, "architectures": 5}')
    with pytest.raises(UnsupportedModel, match="copy: its model_type is 'None'"):
        clipnb.load(copy)
    config.write_text('{"model_type": "gpt2"}')
    with pytest.raises(UnsupportedModel, match="copy: its model_type is 'gpt2'"):
        clipnb.load(copy)


def test_missing_tensors_are_not_filled_with_random_numbers(copy):
    from safetensors.torch import load_file, save_file

    tensors = load_file(copy / "model.safetensors")
    del tensors["text_projection.weight"]
    save_file(tensors, copy / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelFolderError, match=r"copy: the file of weights lacks 1 tensors, text_projection\.weight"):
        clipnb.load(copy)


def test_an_end_of_text_that_no_text_has_is_refused(copy, tiny):
    config = json.loads((copy / "config.json").read_text())
    end = config["text_config"]["eos_token_id"]
    config["text_config"]["eos_token_id"] = 2  # OpenAI's old configurations: the highest id is the end
    (copy / "config.json").write_text(json.dumps(config))
    np.testing.assert_allclose(clipnb.load(copy).encode_text(TEXTS), tiny.encode_text(TEXTS), atol=1e-6)
    config["text_config"]["eos_token_id"] = end - 7
    (copy / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelFolderError, match=f"ends texts at token {end - 7}, the tokenizer at {end}"):
        clipnb.load(copy)


def test_features_of_transformers_4_too(tiny, monkeypatch):
    """There the towers return the tensor itself."""
    expected = tiny.encode_text(TEXTS)
    original = tiny.text_tower.module.get_text_features

    def tensor(out):
        return getattr(out, "pooler_output", out)

    monkeypatch.setattr(tiny.text_tower.module, "get_text_features", lambda **inputs: tensor(original(**inputs)))
    np.testing.assert_array_equal(tiny.encode_text(TEXTS), expected)
