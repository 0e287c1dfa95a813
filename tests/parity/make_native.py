"""Makes a CLIP in transformers' format and what that library makes of it: an anchor that no later version moves.

    PYTHONPATH=tests .venv-transformers4/bin/python tests/parity/make_native.py
    PYTHONPATH=tests .venv/bin/python tests/parity/make_native.py

The first also writes the checkpoint, as transformers 4 does; both environments are those of ``make parity`` and ``make
test``. Each leaves reference/clip-native-<version>.npz: ids, masks, states, features, and pixels as grey levels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import native_families
import numpy as np
import torch
import transformers
from inputs import PICTURES, TEXTS, upright
from PIL import Image
from transformers import CLIPModel, CLIPTextModel, CLIPTokenizerFast
from transformers.models.auto.image_processing_auto import AutoImageProcessor

HERE = Path(__file__).parent
CHECKPOINT = HERE / "checkpoints" / "clip-native"
FIVE = int(transformers.__version__.split(".")[0]) >= 5


def opaque(path: Path) -> Image.Image:
    """On white by hand: which versions of transformers do it themselves is beside the point here."""
    rgba = upright(path).convert("RGBA")
    white = Image.new("RGBA", rgba.size, (255, 255, 255, 255))
    return Image.alpha_composite(white, rgba).convert("RGB")


def numbers(out: Any) -> np.ndarray:
    """A tensor in transformers 4, an object that holds it in 5."""
    return getattr(out, "pooler_output", out).numpy()


def main() -> None:
    if not FIVE:
        native_families.write("clip", CHECKPOINT)
    model = CLIPModel.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()
    tokenizer = CLIPTokenizerFast.from_pretrained(CHECKPOINT)
    processor = AutoImageProcessor.from_pretrained(CHECKPOINT, **({"backend": "pil"} if FIVE else {"use_fast": False}))
    tokens = tokenizer(TEXTS, padding=True, truncation=True, max_length=40, return_tensors="pt")
    pixels = processor([opaque(path) for path in PICTURES.values()], return_tensors="pt")["pixel_values"]
    mean, std = (torch.tensor(values)[:, None, None] for values in (processor.image_mean, processor.image_std))
    with torch.inference_mode():
        states = CLIPTextModel.from_pretrained(CHECKPOINT, dtype=torch.float32).eval()(**tokens)
        text = numbers(model.get_text_features(**tokens))
        image = numbers(model.get_image_features(pixel_values=pixels))
    version = ".".join(transformers.__version__.split(".")[:2])
    np.savez_compressed(
        HERE / "reference" / f"clip-native-{version}.npz",
        input_ids=tokens["input_ids"].numpy().astype(np.int16),
        attention_mask=tokens["attention_mask"].numpy().astype(np.int8),
        last_hidden_state=states.last_hidden_state[:8].numpy(),
        pooler_output=states.pooler_output.numpy(),
        text_features=text,
        levels=((pixels * std + mean) * 255).round().to(torch.uint8).numpy(),
        image_features=image,
        logit_scale=model.logit_scale.detach().double().exp().numpy(),
        pictures=np.array(list(PICTURES)),
        versions=np.array([f"transformers {transformers.__version__}", f"torch {torch.__version__.split('+')[0]}"]),
    )


if __name__ == "__main__":
    main()
