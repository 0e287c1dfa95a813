"""Every family of transformers' own, against plain calls of the transformers that is installed."""

from __future__ import annotations

import json
import shutil
import warnings
from copy import deepcopy
from pathlib import Path
from typing import Any

import native_families
import numpy as np
import pytest
import torch
import transformers
from inputs import PICTURES, TEXTS, upright
from PIL import Image
from transformers import AutoTokenizer
from transformers.models.auto.image_processing_auto import AutoImageProcessor  # hidden without torchvision before 5.21

import clipnb
from clipnb.errors import ModelFolderError, NoImageTower, UnsafeCheckpoint, UnsupportedModel

FIVE = int(transformers.__version__.split(".")[0]) >= 5
FAMILIES = list(native_families.FAMILIES)
SHORT = ["a cat", "a dog", "", "кот", "猫。"]
FIXED_LENGTH = ("siglip", "siglip2", "siglip2-fixed")


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Each checkpoint is written once, when first asked for."""
    base, written = tmp_path_factory.mktemp("families"), {}

    def folder(family: str) -> Path:
        if family not in written:
            if family == "siglip":
                pytest.importorskip("sentencepiece", reason="SigLIP's tokenizer is sentencepiece's")
            written[family] = native_families.write(family, base / family)
        return written[family]

    return folder


class Reference:
    """A folder through transformers' own classes, called as its documentation does."""

    def __init__(self, family: str, folder: Path) -> None:
        self.family = family
        saved = _as_saved(folder)
        self.model = getattr(saved, "clip", saved)
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.processor = AutoImageProcessor.from_pretrained(
            folder, **({"backend": "pil"} if FIVE else {"use_fast": False})
        )

    def tokens(self, texts: list[str], length: int) -> Any:
        padding: Any = True
        if self.family in FIXED_LENGTH:
            padding = "max_length"
        if self.family.startswith("siglip2"):  # trained on lower case, which not every version sees to by itself
            texts = ["".join(character.lower() for character in text) for text in texts]
        return self.tokenizer(texts, padding=padding, truncation=True, max_length=length, return_tensors="pt")

    def pixels(self, paths: list[Path]) -> Any:
        return self.processor([_opaque(path) for path in paths], return_tensors="pt")

    def text(self, tokens: Any) -> np.ndarray:
        if self.family in FIXED_LENGTH:
            tokens = {"input_ids": tokens["input_ids"]}
        with torch.inference_mode():
            if self.family == "chinese_clip" and not FIVE:  # get_text_features raises TypeError there
                state = self.model.text_model(**tokens)[0][:, 0]
                return self.model.text_projection(state).numpy()
            return _features(self.model.get_text_features(**tokens))

    def image(self, pixels: Any) -> np.ndarray:
        with torch.inference_mode():
            return _features(self.model.get_image_features(**pixels))


def _as_saved(folder: Path) -> Any:
    """By the class that the configuration names."""
    (name,) = json.loads((folder / "config.json").read_text())["architectures"]
    return getattr(transformers, name).from_pretrained(folder, dtype=torch.float32).eval()


def _features(out: Any) -> np.ndarray:
    return getattr(out, "pooler_output", out).numpy()


def _opaque(path: Path) -> Image.Image:
    picture = upright(path)
    if picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info:
        rgba = picture.convert("RGBA")
        white = Image.new("RGB", rgba.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return picture.convert("RGB")


@pytest.fixture(scope="module", params=FAMILIES)
def pair(request, folders) -> tuple[Any, Reference]:
    folder = folders(request.param)
    return clipnb.load(folder, device="cpu"), Reference(request.param, folder)


@pytest.fixture(autouse=True)
def cut_texts():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", clipnb.TruncatedText)
        yield


def test_the_same_tokens(pair):
    ours, reference = pair
    expected = reference.tokens(TEXTS, ours.context_length)
    found = ours.tokenize(TEXTS, truncate=True)
    np.testing.assert_array_equal(found["input_ids"], expected["input_ids"])
    if "attention_mask" in expected:
        np.testing.assert_array_equal(found["attention_mask"], expected["attention_mask"])
    assert len({tuple(row) for row in found["input_ids"].tolist()}) > len(TEXTS) - 8  # not all of them unknown


def test_the_context(pair):
    ours, reference = pair
    longest = reference.tokens(["a " * 500], ours.context_length)
    reference.text(longest)
    assert longest["input_ids"].shape[1] == ours.context_length
    with pytest.raises(clipnb.ClipnbError, match=f"> {ours.context_length}"):
        ours.encode_text(["a " * 500])


def test_the_same_pixels(pair):
    ours, reference = pair
    for name, path in PICTURES.items():
        expected = reference.pixels([path])["pixel_values"]
        np.testing.assert_array_equal(ours.preprocess([path]), expected, err_msg=name)


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (9, 1), (3, 3), (3, 50), (50, 3), (640, 5)])
def test_pictures_of_a_few_pixels(pair, size):
    ours, reference = pair
    values = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    pixels = reference.processor([values], input_data_format="channels_last", return_tensors="pt")
    np.testing.assert_array_equal(ours.preprocess([values]), pixels["pixel_values"])
    found = ours.encode_image([values], normalize=False)
    np.testing.assert_allclose(found, reference.image(pixels), atol=1e-5, rtol=1e-5)


def test_the_same_text_features(pair):
    ours, reference = pair
    expected = reference.text(reference.tokens(TEXTS, ours.context_length))
    found = ours.encode_text(TEXTS, truncate=True, normalize=False)
    assert found.shape == (len(TEXTS), ours.dim)
    assert expected.std(axis=0).mean() > 0.1  # the texts differ, so a wrong row cannot pass
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    one_by_one = [reference.text(reference.tokens([text], ours.context_length)) for text in TEXTS]
    np.testing.assert_allclose(found, np.concatenate(one_by_one), atol=1e-5, rtol=1e-5)


def test_the_same_image_features(pair):
    ours, reference = pair
    paths = list(PICTURES.values())
    expected = reference.image(reference.pixels(paths))
    found = ours.encode_image(paths, normalize=False)
    assert found.shape == (len(paths), ours.dim)
    assert expected.std(axis=0).mean() > 0.02
    np.testing.assert_allclose(found, expected, atol=1e-5, rtol=1e-5)
    one_by_one = np.concatenate([ours.encode_image([path], normalize=False) for path in paths])
    np.testing.assert_allclose(found, one_by_one, atol=1e-5, rtol=1e-5)


def test_the_same_logits(pair):
    """The model's own forward pass knows its scale, its bias and how it pools."""
    ours, reference = pair
    texts, paths = SHORT, list(PICTURES.values())[:4]
    tokens, pixels = reference.tokens(texts, ours.context_length), reference.pixels(paths)
    inputs = {"input_ids": tokens["input_ids"], **pixels}
    if reference.family not in FIXED_LENGTH:
        inputs["attention_mask"] = tokens["attention_mask"]
    with torch.inference_mode():
        logits = reference.model(**inputs).logits_per_image
    sim = ours.encode_image(paths) @ ours.encode_text(texts).T
    np.testing.assert_allclose(ours.logit_scale * sim + ours.logit_bias, logits, atol=1e-4)
    sigmoid = reference.family in FIXED_LENGTH
    expected = logits.sigmoid() if sigmoid else logits.softmax(dim=1)
    np.testing.assert_allclose(ours.probabilities(sim), expected, atol=1e-5)


def test_the_states_of_the_text_tower(pair):
    ours, reference = pair
    tokens = dict(reference.tokens(TEXTS, ours.context_length))
    if reference.family in FIXED_LENGTH:
        tokens = {"input_ids": tokens["input_ids"]}
    with torch.inference_mode():
        expected = reference.model.text_model(**tokens)
    found = ours.text_model(TEXTS, truncate=True)
    np.testing.assert_allclose(found.last_hidden_state, expected.last_hidden_state, atol=1e-5, rtol=1e-5)
    pooled = expected.pooler_output
    if reference.family in ("align", "altclip", "chinese_clip"):
        pooled = expected.last_hidden_state[:, 0]
    np.testing.assert_allclose(found.pooler_output, pooled, atol=1e-5, rtol=1e-5)


def test_the_image_side_alone(pair, folders, tiny_folder):
    """As ``image_tower=``: no tokenizer is needed, and the text weights are let go."""
    ours, reference = pair
    source = folders(reference.family)
    tower = clipnb.load(tiny_folder, image_tower=source, device="cpu")
    if ours.dim != tower.dim:
        with pytest.raises(ModelFolderError, match="columns"):
            _ = tower.image_tower
        return
    paths = list(PICTURES.values())
    np.testing.assert_array_equal(tower.encode_image(paths), ours.encode_image(paths))
    assert not hasattr(tower.image_tower.module, "text_model")
    assert tower.logit_scale == ours.logit_scale


def test_half_precision_keeps_the_logit_scale(pair, folders):
    ours, reference = pair
    half = clipnb.load(folders(reference.family), device="cpu", dtype="bfloat16")
    assert next(half.text_tower.module.parameters()).dtype == torch.bfloat16
    assert (half.logit_scale, half.logit_bias) == (ours.logit_scale, ours.logit_bias)
    found, expected = half.encode_text(SHORT), ours.encode_text(SHORT)
    assert (found * expected).sum(axis=1).min() > 0.98
    found, expected = (model.encode_image([PICTURES["rgb.png"]]) for model in (half, ours))
    assert (found * expected).sum(axis=1).min() > 0.98


@pytest.mark.parametrize("version", ["4.57", "5.23"])
def test_the_numbers_of_two_versions(version):
    """Stored by make_native.py: whichever transformers is installed, and whatever it returns, these hold."""
    ours = clipnb.load(Path(__file__).parent / "checkpoints" / "clip-native", device="cpu")
    stored = np.load(Path(__file__).parent / "reference" / f"clip-native-{version}.npz")
    states, paths = ours.text_model(TEXTS, truncate=True), [PICTURES[name] for name in stored["pictures"]]
    np.testing.assert_array_equal(states.input_ids, stored["input_ids"])
    np.testing.assert_array_equal(states.attention_mask, stored["attention_mask"])
    mean, std = (np.array(getattr(ours.image_tower.processor, f"image_{part}")) for part in ("mean", "std"))
    levels = (ours.preprocess(paths) * std[:, None, None] + mean[:, None, None]) * 255
    np.testing.assert_array_equal(levels.round(), stored["levels"])
    for key, found in {
        "last_hidden_state": states.last_hidden_state[:8],
        "pooler_output": states.pooler_output,
        "text_features": ours.encode_text(TEXTS, truncate=True, normalize=False),
        "image_features": ours.encode_image(paths, normalize=False),
    }.items():
        np.testing.assert_allclose(found, stored[key], atol=1e-5, rtol=1e-5, err_msg=key)
    assert ours.logit_scale == pytest.approx(float(stored["logit_scale"]), rel=1e-6)


# --- other files for the same model ---------------------------------------------------------------------------------


@pytest.fixture
def copy(request, folders, tmp_path) -> Path:
    return Path(shutil.copytree(folders(getattr(request, "param", "clip")), tmp_path / "copy"))


def _edit(file: Path, **changes: Any) -> None:
    content = json.loads(file.read_text())
    for path, value in changes.items():
        part = content
        *parents, last = path.split("__")
        for parent in parents:
            part = part[parent]
        if value is None:
            del part[last]
        else:
            part[last] = value
    file.write_text(json.dumps(content))


def _same(copy: Path, original: Path) -> None:
    ours, other = clipnb.load(original, device="cpu"), clipnb.load(copy, device="cpu")
    paths = [PICTURES["rgb.png"], PICTURES["wide.png"]]
    np.testing.assert_allclose(
        other.encode_text(TEXTS, truncate=True), ours.encode_text(TEXTS, truncate=True), atol=1e-6
    )
    np.testing.assert_allclose(other.encode_image(paths), ours.encode_image(paths), atol=1e-6)
    assert other.logit_scale == ours.logit_scale


@pytest.mark.parametrize("copy", FAMILIES, indirect=True)
def test_shards_and_halves(copy, folders):
    family = "clip" if copy is None else json.loads((copy / "config.json").read_text())["model_type"]
    model = _as_saved(copy)
    for file in [*copy.glob("*.bin"), *copy.glob("model*.safetensors")]:
        file.unlink()
    model.save_pretrained(copy, max_shard_size="60KB")
    assert len(list(copy.glob("model-0*.safetensors"))) > 1, family
    whole = clipnb.load(copy, device="cpu")
    for dtype in (torch.float16, torch.bfloat16):
        for file in copy.glob("model*.safetensors*"):
            file.unlink()
        deepcopy(model).to(dtype).save_pretrained(copy)
        half = clipnb.load(copy, device="cpu")
        assert next(half.text_tower.module.parameters()).dtype == torch.float32
        # In full precision what the rounded weights give, and not what half the precision would.
        rounded = {key: tensor.to(dtype).float() for key, tensor in whole.text_tower.module.state_dict().items()}
        for key, tensor in half.text_tower.module.state_dict().items():
            if tensor.is_floating_point():
                assert torch.equal(tensor, rounded[key]), key


@pytest.mark.parametrize("copy", ["clip"], indirect=True)
def test_spellings_of_configurations(copy, folders):
    _edit(copy / "config.json", text_config_dict={**json.loads((copy / "config.json").read_text())["text_config"]})
    _edit(copy / "config.json", vision_config_dict={**json.loads((copy / "config.json").read_text())["vision_config"]})
    _same(copy, folders("clip"))
    sizes = {"size": {"shortest_edge": 32}, "crop_size": {"height": 32, "width": 32}, "do_convert_rgb": True}
    _edit(copy / "preprocessor_config.json", **sizes, feature_extractor_type=None)
    _edit(copy / "preprocessor_config.json", image_processor_type="CLIPImageProcessor", do_rescale=True)
    _same(copy, folders("clip"))
    _edit(copy / "config.json", text_config__eos_token_id=len(AutoTokenizer.from_pretrained(copy)) - 1)
    _edit(copy / "config.json", text_config_dict=None)
    _same(copy, folders("clip"))


def test_a_projection_of_512_need_not_be_written_down(tmp_path, folders):
    folder = shutil.copytree(folders("clip"), tmp_path / "wide")
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    for part in ("text_projection.weight", "visual_projection.weight"):
        tensors[part] = torch.randn(512, 32)
    torch.save(tensors, folder / "pytorch_model.bin")
    _edit(folder / "config.json", projection_dim=None)
    assert clipnb.load(folder, device="cpu").encode_text(["a cat"]).shape == (1, 512)


def test_a_text_tower_saved_alone(copy, tmp_path):
    whole, folder = copy, tmp_path / "text"
    _edit(whole / "config.json", text_config__projection_dim=24, vision_config__projection_dim=24)
    both = transformers.CLIPModel.from_pretrained(whole)
    alone = transformers.CLIPTextModelWithProjection(both.config.text_config)
    alone.text_model, alone.text_projection = both.text_model, both.text_projection
    alone.save_pretrained(folder)
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json"):
        shutil.copy(whole / name, folder)
    with pytest.raises(NoImageTower, match="image_tower="):
        clipnb.load(folder)
    pairing = clipnb.load(folder, image_tower=whole, device="cpu")
    ours = clipnb.load(whole, device="cpu")
    texts = SHORT
    np.testing.assert_allclose(pairing.encode_text(texts), ours.encode_text(texts), atol=1e-6)
    np.testing.assert_allclose(pairing.text_model(texts).pooler_output, ours.text_model(texts).pooler_output, atol=1e-6)
    transformers.CLIPTextModel.from_pretrained(whole).save_pretrained(folder)
    with pytest.raises(UnsupportedModel, match="without the projection"):
        clipnb.load(folder, image_tower=False)
    transformers.CLIPVisionModelWithProjection.from_pretrained(whole).save_pretrained(folder)
    with pytest.raises(UnsupportedModel, match="an image tower alone"):
        clipnb.load(folder)


# --- what would go wrong without a word -----------------------------------------------------------------------------


@pytest.mark.parametrize("copy", ["metaclip_2"], indirect=True)
def test_metaclip_2_ends_at_its_own_token(copy):
    _edit(copy / "config.json", text_config__eos_token_id=5)
    with pytest.raises(ModelFolderError, match="ends texts at token 5, the tokenizer at 2"):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", ["altclip"], indirect=True)
def test_altclip_counts_positions_from_its_padding(copy):
    _edit(copy / "config.json", text_config__pad_token_id=0)
    with pytest.raises(ModelFolderError, match="pads with token 0, the tokenizer with 1"):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", ["siglip2", "siglip2-fixed", "altclip", "metaclip_2"], indirect=True)
def test_a_tokenizer_without_its_marks(copy):
    content = json.loads((copy / "tokenizer.json").read_text())
    content["post_processor"] = None
    (copy / "tokenizer.json").write_text(json.dumps(content))
    try:
        model = clipnb.load(copy, device="cpu")
    except ModelFolderError as error:
        assert "the tokenizer does not" in str(error)  # noqa: PT017
    else:  # the class of the tokenizer puts them back
        row = model.tokenize(["a"])["input_ids"][0]
        assert model.text_tower.tokenizer.eos_token_id in row


@pytest.mark.parametrize("copy", ["clip", "chinese_clip", "metaclip_2"], indirect=True)
def test_more_layers_in_the_file_than_in_the_configuration(copy):
    _edit(copy / "config.json", text_config__num_hidden_layers=1)
    with pytest.raises(ModelFolderError, match=r"tensors for which config\.json leaves no place, text_model\..*\.1\."):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", FAMILIES, indirect=True)
def test_a_missing_tensor(copy, folders):
    model = _as_saved(copy)
    for file in [*copy.glob("*.bin"), *copy.glob("model*.safetensors")]:
        file.unlink()
    tensors = model.state_dict()
    dropped = next(key for key in reversed(tensors) if "text_model." in key and key.endswith("weight"))
    del tensors[dropped]
    torch.save(tensors, copy / "pytorch_model.bin")
    with pytest.raises(ModelFolderError, match=f"lacks 1 tensors, {dropped}"):
        clipnb.load(copy)


@pytest.mark.parametrize("copy", ["clip", "siglip2-fixed", "chinese_clip", "metaclip_2"], indirect=True)
def test_pictures_of_another_size_than_the_model(copy):
    sizes = {"size": {"height": 40, "width": 40}, "crop_size": {"height": 40, "width": 40}}
    _edit(copy / "preprocessor_config.json", **sizes)
    with pytest.raises(ModelFolderError, match="makes 40 pixels, the model takes 32"):
        clipnb.load(copy)


# --- models that bring their own code -------------------------------------------------------------------------------

CODE = """
import torch
from transformers import PretrainedConfig, PreTrainedModel

open({trace!r}, "w").close()


class OwnConfig(PretrainedConfig):
    model_type = "own-clip"


class OwnModel(PreTrainedModel):
    config_class = OwnConfig

    def __init__(self, config):
        super().__init__(config)
        self.words = torch.nn.Embedding(600, 12)
        self.conv = torch.nn.Conv2d(3, 12, 8)
        self.logit_scale = torch.nn.Parameter(torch.tensor(3.0))
        self.post_init()

    def _init_weights(self, module):
        pass

    def get_text_features(self, input_ids, attention_mask):
        return (self.words(input_ids) * attention_mask[..., None]).sum(1)

    def get_image_features(self, pixel_values):
        return self.conv(pixel_values).mean((2, 3))
"""


@pytest.fixture
def own_code(folders, tmp_path) -> tuple[Path, Path]:
    folder, trace = tmp_path / "own", tmp_path / "trace"
    folder.mkdir()
    for name in ("vocab.json", "merges.txt", "tokenizer_config.json", "preprocessor_config.json"):
        shutil.copy(folders("clip") / name, folder)
    (folder / "modeling_own.py").write_text(CODE.format(trace=str(trace)))
    auto = {"AutoConfig": "modeling_own.OwnConfig", "AutoModel": "modeling_own.OwnModel"}
    (folder / "config.json").write_text(json.dumps({"model_type": "own-clip", "auto_map": auto}))
    torch.manual_seed(0)
    tensors = {
        "words.weight": torch.randn(600, 12),
        "conv.weight": torch.randn(12, 3, 8, 8) / 10,
        "conv.bias": torch.randn(12),
        "logit_scale": torch.tensor(3.0),
    }
    torch.save(tensors, folder / "pytorch_model.bin")
    return folder, trace


def test_code_of_a_checkpoint_runs_only_with_consent(own_code, monkeypatch, tmp_path):
    folder, trace = own_code
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    with pytest.raises((UnsafeCheckpoint, UnsupportedModel), match="trust_remote_code=True"):
        clipnb.load(folder, device="cpu")
    assert not trace.exists()
    model = clipnb.load(folder, device="cpu", trust_remote_code=True)
    assert trace.exists()
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    texts = ["a cat", "dog", ""]
    rows = [AutoTokenizer.from_pretrained(folder)(text)["input_ids"] for text in texts]
    expected = [tensors["words.weight"][row].sum(0).numpy() for row in rows]
    np.testing.assert_allclose(model.encode_text(texts, normalize=False), expected, atol=1e-5)
    assert model.encode_image(list(PICTURES.values())).shape == (len(PICTURES), 12)
    assert (model.dim, model.logit_scale, model.logit_bias) == (12, pytest.approx(np.exp(3), rel=1e-6), 0.0)


def test_code_without_the_two_features_is_refused(own_code, monkeypatch, tmp_path):
    folder, _ = own_code
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    code = (folder / "modeling_own.py").read_text().replace("get_image_features", "see")
    (folder / "modeling_own.py").write_text(code)
    with pytest.raises(UnsupportedModel, match="no get_image_features"):
        clipnb.load(folder, trust_remote_code=True)


@pytest.mark.parametrize("file", ["tokenizer_config.json", "preprocessor_config.json"])
def test_code_of_a_tokenizer_or_processor_does_not_run(copy, tmp_path, file, monkeypatch):
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", str(tmp_path / "modules"))
    trace = tmp_path / "trace"
    (copy / "own.py").write_text(f"open({str(trace)!r}, 'w').close()\nclass Own: pass\n")
    part = "AutoTokenizer" if file.startswith("tok") else "AutoImageProcessor"
    name = ["own.Own", None] if file.startswith("tok") else "own.Own"
    _edit(copy / file, auto_map={part: name})
    try:
        clipnb.load(copy, device="cpu").encode_text(["a cat"])
    except UnsafeCheckpoint as error:
        assert "trust_remote_code=True" in str(error)  # noqa: PT017
    assert not trace.exists()
