"""Makes tiny models in transformers' format and what that library makes of them: an anchor that no later version moves.

    PYTHONPATH=tests .venv-transformers4/bin/python tests/parity/make_native.py
    PYTHONPATH=tests .venv/bin/python tests/parity/make_native.py

The first also writes the checkpoints, as transformers 4 does; both environments are those of ``make parity`` and ``make
test``. Each leaves reference/clip-native-<version>.npz: ids, masks, states, features, and pixels as grey levels. For
every other family it leaves reference/native-<family>-<version>.npz: ids, masks, features, logit scale and bias, and
pixels as an index into their few values. Chinese-CLIP's numbers are of transformers 5 alone: in 4.57 its
get_text_features raises TypeError.
"""

from __future__ import annotations

import base64
import json
import tempfile
import unicodedata
from io import BytesIO
from pathlib import Path
from typing import Any

import native_families
import numpy as np
import sentencepiece
import torch
import transformers
from inputs import PICTURES, TEXTS, upright
from PIL import Image
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, CLIPModel, CLIPTextModel, CLIPTokenizerFast
from transformers.convert_slow_tokenizer import import_protobuf
from transformers.models.auto.image_processing_auto import AutoImageProcessor

HERE = Path(__file__).parent
CHECKPOINT = HERE / "checkpoints" / "clip-native"
FIVE = int(transformers.__version__.split(".")[0]) >= 5
VERSION = ".".join(transformers.__version__.split(".")[:2])
PILLOW: dict[str, Any] = {"backend": "pil"} if FIVE else {"use_fast": False}
CONTEXTS = {
    "siglip": 24,
    "siglip2-fixed": 24,
    "siglip2": 24,
    "chinese_clip": 60,
    "altclip": 40,
    "metaclip_2": 40,
    "clipseg": 40,
    "align": 50,
}
SHOWN = ["rgb.png", "rgba.png", "palette-transparent.png", "turned.jpg", "wide.png", "sixteen.png"]
"""The pictures whose pixels are stored; the features are of all of them."""


def opaque(path: Path) -> Image.Image:
    """On white by hand: which versions of transformers do it themselves is beside the point here."""
    rgba = upright(path).convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def numbers(out: Any) -> np.ndarray:
    """A tensor in transformers 4, an object that holds it in 5."""
    return getattr(out, "pooler_output", out).numpy()


def halve(folder: Path) -> None:
    """The weights rounded to half precision, for small files; both sides compute with them in full."""
    for file in folder.glob("*.safetensors"):
        save_file({key: tensor.half() for key, tensor in load_file(file).items()}, file, metadata={"format": "pt"})
    for file in folder.glob("*.bin"):
        tensors = torch.load(file, weights_only=True)
        torch.save({key: t.half() if t.is_floating_point() else t for key, t in tensors.items()}, file)


def precompile(folder: Path) -> None:
    """XLM-R's normalizer and pre-tokenizer as published: transformers 5 takes no other normalizer from its file."""
    rules = {c: unicodedata.normalize("NFKC", c) for text in TEXTS for c in text} | dict.fromkeys("\t\n\r", " ")
    codes = [(f"{ord(c):X}", " ".join(f"{ord(n):X}" for n in new)) for c, new in sorted(rules.items()) if c != new]
    model = BytesIO()
    with tempfile.TemporaryDirectory() as temporary:
        table = Path(temporary) / "rules.tsv"
        table.write_text("".join(f"{old}\t{new}\n" for old, new in codes))
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(["a cat", "a dog"]), model_writer=model, vocab_size=20, hard_vocab_limit=False,
            normalization_rule_tsv=str(table), num_threads=1, minloglevel=3,
        )  # fmt: skip
    charsmap = import_protobuf().ModelProto.FromString(model.getvalue()).normalizer_spec.precompiled_charsmap
    tokenizer = json.loads((folder / "tokenizer.json").read_text())
    tokenizer["normalizer"] = {"type": "Precompiled", "precompiled_charsmap": base64.b64encode(charsmap).decode()}
    steps = [{"type": "WhitespaceSplit"}, tokenizer["pre_tokenizer"]]
    tokenizer["pre_tokenizer"] = {"type": "Sequence", "pretokenizers": steps}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, indent=2))


def versions() -> np.ndarray:
    return np.array([f"transformers {transformers.__version__}", f"torch {torch.__version__.split('+')[0]}"])


def family(name: str) -> None:
    """The numbers of every family but CLIP, by the calls of its documentation."""
    folder = HERE / "checkpoints" / f"native-{name}"
    if not FIVE:
        native_families.write(name, folder)
        halve(folder)
        if name in ("altclip", "metaclip_2"):
            precompile(folder)
        if name == "chinese_clip":
            return
    saved = native_families.as_saved(folder)
    model = getattr(saved, "clip", saved)
    fixed = name.startswith("siglip")  # texts of one length, whose padding is not masked
    # SigLIP 2 was trained on lower case, which not every version sees to by itself.
    texts = ["".join(c.lower() for c in text) for text in TEXTS] if name.startswith("siglip2") else TEXTS
    tokens = AutoTokenizer.from_pretrained(folder)(
        texts, padding="max_length" if fixed else True, truncation=True, max_length=CONTEXTS[name], return_tensors="pt"
    )
    inputs = {key: tokens[key] for key in ("input_ids",) + (() if fixed else ("attention_mask",))}
    processor = AutoImageProcessor.from_pretrained(folder, **PILLOW)
    pixels = processor([opaque(path) for path in PICTURES.values()], return_tensors="pt")
    with torch.inference_mode():
        text, image = numbers(model.get_text_features(**inputs)), numbers(model.get_image_features(**pixels))
    shown = pixels["pixel_values"][[list(PICTURES).index(picture) for picture in SHOWN]].numpy()
    values, index = np.unique(shown, return_inverse=True)
    scale = 1 / model.temperature.double() if name == "align" else model.logit_scale.double().exp()
    bias = model.logit_bias.double() if fixed else torch.zeros(1)
    np.savez_compressed(
        HERE / "reference" / f"native-{name}-{VERSION}.npz",
        **{key: tensor.numpy().astype(np.int16) for key, tensor in inputs.items()},
        text_features=text,
        image_features=image,
        pixel_values=values,
        pixel_index=index.reshape(shown.shape).astype(np.int16),
        logit_scale=scale.detach().numpy(),
        logit_bias=bias.detach().numpy(),
        pictures=np.array(list(PICTURES)),
        shown=np.array(SHOWN),
        versions=versions(),
    )


def clip() -> None:
    if not FIVE:
        native_families.write("clip", CHECKPOINT)
    model = CLIPModel.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()
    tokenizer = CLIPTokenizerFast.from_pretrained(CHECKPOINT)
    processor = AutoImageProcessor.from_pretrained(CHECKPOINT, **PILLOW)
    tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=40, return_tensors="pt")
    pixels = processor([opaque(path) for path in PICTURES.values()], return_tensors="pt")["pixel_values"]
    mean, std = (torch.tensor(values)[:, None, None] for values in (processor.image_mean, processor.image_std))
    with torch.inference_mode():
        states = CLIPTextModel.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()(**tokens)
        text = numbers(model.get_text_features(**tokens))
        image = numbers(model.get_image_features(pixel_values=pixels))
    np.savez_compressed(
        HERE / "reference" / f"clip-native-{VERSION}.npz",
        input_ids=tokens["input_ids"].numpy().astype(np.int16),
        attention_mask=tokens["attention_mask"].numpy().astype(np.int8),
        last_hidden_state=states.last_hidden_state[:8].numpy(),
        pooler_output=states.pooler_output.numpy(),
        text_features=text,
        levels=((pixels * std + mean) * 255).round().to(torch.uint8).numpy(),
        image_features=image,
        logit_scale=model.logit_scale.detach().double().exp().numpy(),
        pictures=np.array(list(PICTURES)),
        versions=versions(),
    )


if __name__ == "__main__":
    clip()
    for name in CONTEXTS:
        family(name)
