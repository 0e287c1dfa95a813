"""Joins the two towers into a CLIPModel folder in half precision, the way OpenAI's are stored."""

import argparse
import json
import math
import shutil

import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

import corpus
from paths import DIM, MODEL, WORK
from pictures import seen_tiles
from towers import ViT, vision_config
from train_images import VALIDATION, features
from train_text import text_config


@torch.inference_mode()
def temperature(model: CLIPModel, vision: ViT) -> float:
    """The scale under which the validation style's right names are likeliest, all seen names being offered."""
    tokenizer = CLIPTokenizer.from_pretrained(WORK / "tokenizer")
    everything = corpus.concepts()
    seen = corpus.seen(everything)
    inputs = tokenizer([everything[i]["name"] for i in seen], padding=True, truncation=True, return_tensors="pt")
    text = F.normalize(model.get_text_features(**inputs).pooler_output, dim=-1)
    pixels, rows = seen_tiles(VALIDATION)
    labels = torch.tensor([seen.index(row) for row in rows.tolist()])
    sim = features(vision, pixels) @ text.T
    print(f"{VALIDATION}: top-1 by the text tower's own names {(sim.argmax(1) == labels).float().mean():.3f}")
    return min((2 ** (k / 4) for k in range(8, 29)), key=lambda scale: F.cross_entropy(scale * sim, labels).item())


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--image", required=True)
    parser.add_argument("--text", required=True)
    args = parser.parse_args()
    config = CLIPConfig(
        text_config=text_config().to_dict(), vision_config=vision_config().to_dict(), projection_dim=DIM
    )
    model = CLIPModel(config).eval()
    vision = ViT()
    vision.load_state_dict(torch.load(WORK / f"{args.image}.pt", weights_only=True)["tower"])
    state = vision.clip.state_dict() | torch.load(WORK / f"{args.text}.pt", weights_only=True)["tower"]
    missing, unexpected = model.load_state_dict(state, strict=False)
    if unexpected or set(missing) != {"logit_scale"}:
        raise SystemExit(f"weights do not fit: missing {missing}, unexpected {unexpected}")
    scale = temperature(model, vision)
    model.logit_scale.data.fill_(math.log(scale))
    MODEL.mkdir(parents=True, exist_ok=True)
    model.half().save_pretrained(MODEL)
    for name in ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "processor_config.json"):
        shutil.copy(WORK / "tokenizer" / name, MODEL / name)
    # transformers 4 looks for the image part in a file of its own.
    images = json.loads((MODEL / "processor_config.json").read_text())["image_processor"]
    (MODEL / "preprocessor_config.json").write_text(json.dumps(images, indent=2) + "\n")
    size = sum(path.stat().st_size for path in MODEL.iterdir()) / 1e6
    print(
        f"{sum(p.numel() for p in model.parameters()) / 1e6:.2f} M parameters, logit scale {scale:.1f}, {size:.1f} MB"
    )


if __name__ == "__main__":
    main()
