"""The road not taken: both towers from scratch on pictures and names alone, with CLIP's loss and no teacher.

Same ViT, same views and same schedule as the first ViT run of train.sh, to compare what the text teacher is worth.
"""

import argparse
import math
import time

import torch
import torch.nn.functional as F
from transformers import CLIPTextModelWithProjection, CLIPTokenizer

import corpus
from paths import SEED, WORK
from pictures import Pictures, seen_tiles
from towers import ViT
from train_images import TRAIN, VALIDATION, cosine, features
from train_text import rows_of, text_config


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=2200)
    parser.add_argument("--stop", type=int, default=750)
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)

    data = torch.load(WORK / "strings.pt", weights_only=True)
    names_of = {row: (data["name_labels"] == row).nonzero().flatten() for row in data["name_labels"].unique().tolist()}
    everything = corpus.concepts()
    seen = corpus.seen(everything)
    pictures = Pictures(TRAIN, SEED)
    val_pixels, rows = seen_tiles(VALIDATION)
    val_rows = torch.tensor([seen.index(row) for row in rows.tolist()])
    config = text_config()
    tokenizer = CLIPTokenizer.from_pretrained(WORK / "tokenizer")
    english = tokenizer([everything[i]["name"] for i in seen], padding=True, truncation=True, return_tensors="pt")

    image, text = ViT(keep=0.5), CLIPTextModelWithProjection(config)
    scale = torch.nn.Parameter(torch.tensor(math.log(16.0)))
    parameters = [*image.parameters(), *text.parameters(), scale]
    optimizer = torch.optim.AdamW(parameters, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min(1.0, (i + 1) / 220) * cosine(i / args.steps, 0.5)
    )
    started, shown = time.time(), 0.0
    for step in range(args.stop):
        views, concepts = pictures.batch(args.batch)
        pick = []
        for row in concepts.tolist():
            choices = names_of[row]
            pick.append(choices[torch.multinomial(data["name_weights"][choices], 1)])
        with torch.autocast("cpu", torch.bfloat16):
            raw = image(views)
        words = rows_of(text, data["name_ids"][torch.cat(pick)], config.eos_token_id, parts=2)
        logits = scale.exp().clamp(max=100) * F.normalize(raw.float(), dim=-1) @ words.T
        same = (concepts[:, None] == concepts[None]).float()
        goal = same / same.sum(1, keepdim=True)
        loss = 0.5 * (F.cross_entropy(logits, goal) + F.cross_entropy(logits.T, goal))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        schedule.step()
        shown = 0.98 * shown + 0.02 * loss.item() if step else loss.item()
        if (step + 1) % 250 == 0:
            with torch.inference_mode():
                names = rows_of(text, english["input_ids"], config.eos_token_id, parts=6)
            top = ((features(image, val_pixels) @ names.T).topk(5, dim=-1).indices == val_rows[:, None]).float()
            print(
                f"{step + 1} {time.time() - started:.0f}s loss {shown:.3f} scale {scale.exp().item():.1f} | "
                f"{VALIDATION} top-1 {top[:, 0].mean():.3f} top-5 {top.sum(1).mean():.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
