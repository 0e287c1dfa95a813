"""Makes the checkpoints and references of OpenAI's names, with openai-clip and open_clip themselves.

    python3.11 -m venv env && env/bin/pip install torch==2.13.0
    env/bin/pip install --no-deps torchvision==0.16.2
    env/bin/pip install --no-deps --no-build-isolation -r tests/parity/environments/openai.txt
    env/bin/python tests/parity/make_openai.py

The tokenizer of the tiny checkpoints is OpenAI's with its first merges only, so that their vocabulary is small.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import json
import lzma
import random
import zipfile
from pathlib import Path
from typing import Any

import clip
import numpy as np
import open_clip
import torch
from clip.model import CLIP, build_model, convert_weights
from clip.simple_tokenizer import SimpleTokenizer, default_bpe
from inputs import PICTURES, TEXTS, upright
from open_clip.push_to_hf_hub import save_config_for_hf
from open_clip.transform import PreprocessCfg, image_transform_v2
from safetensors.torch import save_file
from torch import nn

HERE = Path(__file__).parent
CHECKPOINTS, REFERENCE = HERE / "checkpoints", HERE / "reference"
MERGES = CHECKPOINTS / "openai-merges" / "merges.txt.gz"
VOCABULARY = 512 + 60 + 2
VERSIONS = {
    name: importlib.metadata.version(name)
    for name in ("torch", "torchvision", "openai-clip", "open_clip_torch", "ftfy", "regex", "pillow", "numpy")
}


def main() -> None:
    torch.set_num_threads(1)
    REFERENCE.mkdir(exist_ok=True)
    merges()
    tokens()
    archive("openai-resnet", vision_layers=(1, 2, 1, 1), vision_width=2, vision_patch_size=None, image_resolution=64)
    archive("openai-vit", vision_layers=1, vision_width=64, vision_patch_size=8, image_resolution=32)
    hub_resnet()
    hub_vit()
    release()


def merges() -> None:
    """Lines of OpenAI's file; no line feed at the end, which its tokenizer would count as a token."""
    lines = gzip.decompress(Path(default_bpe()).read_bytes()).decode().split("\n")[:61]
    MERGES.parent.mkdir(parents=True, exist_ok=True)
    MERGES.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


def tokens() -> None:
    """Ids in the whole vocabulary of the shared texts, of names of emoji in every language, and of odd characters."""
    names = json.loads(lzma.decompress((HERE.parents[1] / "clipnb/data/emoji/names.json.xz").read_bytes()))
    chosen = random.Random(0)
    texts = [*TEXTS, *chosen.sample(sorted(set(strings(names))), 300)]
    spans = [range(0x20, 0x3000), range(0xA000, 0xA800), range(0xFB00, 0xFFFE), range(0x1F300, 0x1F700)]
    characters = [chr(code) for span in spans for code in span]
    for _ in range(100):
        texts.append("".join(chosen.choice([*" 'aSTKIı1&;", chosen.choice(characters)]) for _ in range(16)))
    texts += ["'\u017f \u0345x\u0345 \u212a", "<start_of_text> a <end_of_text>", "&amp;amp;amp; &lt;|endoftext|&gt;"]
    texts += ["<b> &amp;lt; &amp;eacute; &amp;amp;amp;"]  # a bracket keeps ftfy from replacing entities itself
    openai, other = SimpleTokenizer(), open_clip.SimpleTokenizer()
    save(
        "openai-tokens",
        texts=np.frombuffer(json.dumps(texts).encode(), dtype=np.uint8),
        ids=clip.tokenize(texts, truncate=True).numpy(),
        open_clip_ids=other(texts).numpy().astype(np.int32),
        lengths=np.array([len(openai.encode(text)) + 2 for text in texts], dtype=np.int32),
    )


def strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for part in parts for text in strings(part)]


def archive(name: str, **vision: Any) -> None:
    """As OpenAI's: half precision where ``convert_weights`` says so, three scalars, traced."""
    torch.manual_seed(1)
    text = {"context_length": 77, "vocab_size": VOCABULARY, "transformer_width": 64, "transformer_heads": 1}
    made = uneven(CLIP(embed_dim=24, transformer_layers=1, **text, **vision).eval())
    size = vision["image_resolution"]
    for key, value in {"input_resolution": size, "context_length": 77, "vocab_size": VOCABULARY}.items():
        made.__dict__.pop(key, None)
        made.register_buffer(key, torch.tensor(value))
    convert_weights(made)
    state = {key: tensor.clone() for key, tensor in made.state_dict().items()}
    example = torch.zeros(1, 3, size, size), torch.zeros(1, 77, dtype=torch.long)
    methods = {"forward": example, "encode_image": example[0], "encode_text": example[1]}
    traced = torch.jit.trace_module(made, methods, check_trace=False)
    folder = CHECKPOINTS / name
    folder.mkdir(exist_ok=True)
    plain_zip(traced, folder / "tiny.pt")
    # clip.load would do the same, and takes its tokenizer and its vocabulary for granted.
    opened = torch.jit.load(folder / "tiny.pt", map_location="cpu").eval()
    found = opened.state_dict()
    assert found.keys() == state.keys()
    assert all(torch.equal(found[key], state[key]) and found[key].dtype == state[key].dtype for key in state)
    model = build_model(opened.state_dict()).float()
    ids = truncated(SimpleTokenizer(str(MERGES)))
    embed(name, model, ids, clip.clip._transform(size))


def plain_zip(module: Any, path: Path) -> None:
    """Without what names the files of this machine, and with the same bytes each time."""
    buffer = io.BytesIO()
    torch.jit.save(module, buffer)
    with zipfile.ZipFile(buffer) as saved, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as written:
        for info in saved.infolist():
            if not info.filename.endswith((".debug_pkl", "serialization_id")):  # one sums up the other
                _root, _, rest = info.filename.partition("/")
                written.writestr(zipfile.ZipInfo(f"tiny/{rest}"), saved.read(info))


def hub_resnet() -> None:
    """As timm/resnet50_clip.openai: a Hub folder of open_clip."""
    vision = {"image_size": 64, "layers": [2, 1, 1, 1], "width": 4, "patch_size": None, "head_width": 32}
    text = {"context_length": 77, "vocab_size": VOCABULARY, "width": 32, "heads": 2, "layers": 2}
    config = {"embed_dim": 20, "quick_gelu": True, "vision_cfg": vision, "text_cfg": text}
    model = uneven(open_clip_model(config))
    state = {key: value.half() if value.is_floating_point() else value for key, value in model.state_dict().items()}
    model.load_state_dict(state)
    name = "open-clip-resnet"
    transform = folder_of(name, model, config, {})
    save_file(state, CHECKPOINTS / name / "open_clip_model.safetensors")
    embed(name, model, open_clip_ids(), transform)


def hub_vit() -> None:
    """A Hub folder with everything that may differ: GELU, wide heads, another mean, squashed pictures, bfloat16."""
    vision = {"image_size": 40, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16, "mlp_ratio": 3.0}
    text = {"context_length": 64, "vocab_size": VOCABULARY, "width": 32, "heads": 4, "layers": 2}
    config = {"embed_dim": 28, "vision_cfg": vision, "text_cfg": text}
    model = uneven(open_clip_model(config))
    name = "open-clip-vit"
    mean, std = [0.5, 0.4, 0.3], [0.25, 0.3, 0.35]
    choices = {"mean": mean, "std": std, "interpolation": "bilinear", "resize_mode": "squash"}
    transform = folder_of(name, model, config, choices)
    state = {key: value.bfloat16() for key, value in model.state_dict().items()}
    model.load_state_dict(state)
    torch.save(state, CHECKPOINTS / name / "open_clip_pytorch_model.bin")
    embed(name, model, open_clip_ids(64), transform)


def release() -> None:
    """A file as open_clip's training writes it: ViT-B-16-plus-240 made small, plain GELU."""
    vision = {"image_size": 24, "layers": 1, "width": 64, "patch_size": 8}
    text = {"context_length": 77, "vocab_size": VOCABULARY, "width": 64, "heads": 1, "layers": 1}
    model = uneven(open_clip_model({"embed_dim": 40, "vision_cfg": vision, "text_cfg": text}))
    state = {f"module.{key}": value.half() for key, value in model.state_dict().items()}
    model.load_state_dict({key.removeprefix("module."): value.float() for key, value in state.items()})
    (CHECKPOINTS / "open-clip-release").mkdir(exist_ok=True)
    content = {"epoch": 32, "name": "tiny", "state_dict": state}
    torch.save(content, CHECKPOINTS / "open-clip-release" / "epoch_32.pt")
    embed("open-clip-release", model, open_clip_ids(), image_transform_v2(PreprocessCfg(size=24), is_train=False))


def open_clip_model(config: dict[str, Any]) -> Any:
    torch.manual_seed(2)
    return open_clip.CLIP(**json.loads(json.dumps(config))).eval()


def open_clip_ids(context: int = 77) -> np.ndarray:
    return open_clip.SimpleTokenizer(bpe_path=str(MERGES), context_length=context)(TEXTS).numpy()


def folder_of(name: str, model: Any, config: dict[str, Any], choices: dict[str, Any]) -> Any:
    """The configuration, written by open_clip, and the preparation of pictures that it stands for."""
    folder = CHECKPOINTS / name
    folder.mkdir(exist_ok=True)
    preprocess = PreprocessCfg(size=config["vision_cfg"]["image_size"], **choices)
    open_clip.model.set_model_preprocess_cfg(model, preprocess.__dict__)
    save_config_for_hf(model, folder / "open_clip_config.json", config)
    return image_transform_v2(preprocess, is_train=False)


def uneven(model: Any) -> Any:
    """Statistics, gains and biases away from the zeros and ones they start as, a logit scale of its own."""
    with torch.no_grad():
        for part in model.modules():
            if isinstance(part, nn.BatchNorm2d):
                part.running_mean.normal_(0, 0.3)
                part.running_var.uniform_(0.5, 2)
            if isinstance(part, (nn.BatchNorm2d, nn.LayerNorm)):
                part.weight.normal_(1, 0.2)
            if getattr(part, "bias", None) is not None:
                part.bias.normal_(0, 0.2)
        model.positional_embedding.normal_(0, 0.5)
        model.token_embedding.weight.normal_(0, 0.5)
        model.logit_scale.fill_(3.21)
        if hasattr(model.visual, "attnpool"):
            measure(model.visual)
    return model


def measure(visual: Any) -> None:
    """Sets the statistics to those of noise, or all pictures would end with one feature."""
    for part in visual.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0
    size = visual.attnpool.positional_embedding.shape[0] - 1
    visual.train()(torch.randn(16, 3, 32 * round(size**0.5), 32 * round(size**0.5)))
    visual.eval()
    visual.attnpool.c_proj.weight.mul_(0.2)  # features of order one


def truncated(tokenizer: SimpleTokenizer) -> np.ndarray:
    """``clip.tokenize`` with another vocabulary than OpenAI's."""
    own, clip.clip._tokenizer = clip.clip._tokenizer, tokenizer
    try:
        return clip.tokenize(TEXTS, truncate=True).numpy()
    finally:
        clip.clip._tokenizer = own


@torch.inference_mode()
def embed(name: str, model: Any, ids: np.ndarray, transform: Any) -> None:
    pixels = np.stack([transform(upright(path)).numpy() for path in PICTURES.values()])
    sums = [hashlib.sha256(np.ascontiguousarray(row).tobytes()).hexdigest() for row in pixels]
    save(
        name,
        ids=ids.astype(np.int32),
        text_features=model.encode_text(torch.from_numpy(ids.astype(np.int64))).numpy(),
        image_features=model.encode_image(torch.from_numpy(pixels)).numpy(),
        pixel_sums=np.array(sums),
        levels=pixels[:, :, ::8, ::8],
        logit_scale=model.logit_scale.exp().numpy(),
    )


def save(name: str, **arrays: np.ndarray) -> None:
    versions = np.array([f"{package} {version}" for package, version in VERSIONS.items()])
    np.savez_compressed(REFERENCE / f"{name}.npz", versions=versions, **arrays)


if __name__ == "__main__":
    main()
