"""Teaches the multilingual text tower: names onto their concepts' targets, words and sentences onto the teacher's rows.

Teacher learning as in Multilingual-CLIP (Carlsson et al. 2022), with two additions: a name is also classified among
all targets, so that neighbours part; and with `--pictures` it must find its concept's pictures, as the trained image
tower sees them (image tower locked, after Zhai et al. 2022, LiT, with the roles exchanged).
"""

import argparse
import copy
import math
import time

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

import corpus
from paths import DIM, SEED, WORK, saved
from pictures import tiles
from train_images import TRAIN, Targets, cosine, features
from towers import ViT

WIDTH, LAYERS, HEADS, CONTEXT = 192, 4, 6, 32
EVAL = ("en", "de", "zh", "ar", "th", "sw")


def text_config() -> CLIPTextConfig:
    tokenizer = CLIPTokenizer.from_pretrained(WORK / "tokenizer")
    return CLIPTextConfig(vocab_size=len(tokenizer), hidden_size=WIDTH, intermediate_size=4 * WIDTH, num_hidden_layers=LAYERS,
                          num_attention_heads=HEADS, max_position_embeddings=CONTEXT, projection_dim=DIM,
                          bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
                          pad_token_id=tokenizer.pad_token_id)  # fmt: skip


def rows_of(tower: torch.nn.Module, ids: torch.Tensor, end: int, parts: int = 1) -> torch.Tensor:
    """Unit text features, in the order of the ids.

    Texts of like length go together, each part cut to its longest: nothing after the end marker is attended to.
    """
    ids = ids.long()
    lengths = (ids == end).int().argmax(1) + 1
    order = lengths.argsort()
    pieces = []
    for index in order.chunk(parts):
        with torch.autocast("cpu", torch.bfloat16):
            pieces.append(tower(input_ids=ids[index, : int(lengths[index].max())]).text_embeds.float())
    return F.normalize(torch.cat(pieces)[order.argsort()], dim=-1)


def picture_bank(name: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows of the training pictures (colour styles, seen concepts) by the trained tower, and their concepts."""
    tower = ViT()
    tower.load_state_dict(torch.load(WORK / f"{name}.pt", weights_only=True)["tower"])
    everything, rows, labels = corpus.concepts(), [], []
    for style in TRAIN:
        if style not in ("emojione-monotone", "noto-line"):
            pixels, concepts = tiles(style)
            seen = torch.tensor([not everything[row]["held_out"] for row in concepts.tolist()])
            rows.append(features(tower, pixels[seen]))
            labels.append(concepts[seen])
    return torch.cat(rows), torch.cat(labels)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--stop", type=int, help="leave the schedule after so many steps")
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--floor", type=float, default=0.0)
    parser.add_argument("--targets", help="image checkpoint whose targets are learned; default: the teacher's anchors")
    parser.add_argument("--pictures", help="ViT checkpoint whose pictures the names must find")
    parser.add_argument("--start")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(SEED)

    data = torch.load(WORK / "strings.pt", weights_only=True)
    everything = corpus.concepts()
    seen = torch.tensor([i for i, concept in enumerate(everything) if not concept["held_out"]])
    place = torch.full((len(everything),), -1)
    place[seen] = torch.arange(len(seen))
    targets = Targets(torch.from_numpy(np.load(WORK / "teacher.npz")["anchors"]))
    if args.targets:
        targets.load_state_dict(torch.load(WORK / f"{args.targets}.pt", weights_only=True)["targets"])
    goal = targets().detach()[seen]

    config = text_config()
    tower = CLIPTextModelWithProjection(config)
    if args.start:
        tower.load_state_dict(torch.load(WORK / f"{args.start}.pt", weights_only=True)["tower"])
    average = copy.deepcopy(tower)
    bank = picture_bank(args.pictures) if args.pictures else None
    end = config.eos_token_id

    tokens = [p for name, p in tower.named_parameters() if "token_embedding" in name]
    others = [p for name, p in tower.named_parameters() if "token_embedding" not in name]
    optimizer = torch.optim.AdamW(
        [{"params": tokens, "weight_decay": 0.0, "lr": 2 * args.lr}, {"params": others, "weight_decay": 0.01}],
        lr=args.lr, betas=(0.9, 0.98),
    )  # fmt: skip
    warm = min(300, args.steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min(1.0, (i + 1) / warm) * cosine(i / args.steps, args.floor)
    )
    shares = {"name": args.batch // 2, "word": args.batch // 5}
    shares["english"] = args.batch - sum(shares.values())
    tables = corpus.locales()
    held = {
        locale: [(words[0], int(place[row])) for row, words in tables[locale].items() if place[row] >= 0] for locale in EVAL
    }
    tokenizer = CLIPTokenizer.from_pretrained(WORK / "tokenizer")

    started, shown = time.time(), {}
    for step in range(args.stop or args.steps):
        pick = torch.multinomial(data["name_weights"], shares["name"])
        labels = place[data["name_labels"][pick]]
        word = torch.randint(len(data["word_ids"]), (shares["word"],))
        english = torch.randint(len(data["english_ids"]), (shares["english"],))
        ids = torch.cat([data["name_ids"][pick], data["word_ids"][word], data["english_ids"][english]])
        rows = rows_of(tower, ids, end, parts=6)
        wanted = torch.cat([goal[labels], data["word_rows"][word].float(), data["english_rows"][english].float()])
        near = 1 - (rows * wanted).sum(1).mean()
        names = rows[: len(pick)]
        told = F.cross_entropy(30.0 * names @ goal.T, labels)
        apart = F.cross_entropy(25.0 * rows[len(pick) :] @ wanted[len(pick) :].T, torch.arange(len(rows) - len(pick)))
        loss = 4.0 * near + 0.5 * told + 0.25 * apart
        parts = {"near": near.item(), "told": told.item(), "apart": apart.item()}
        if bank is not None:
            logits = 30.0 * names @ bank[0].T
            right = place[bank[1]][None] == labels[:, None]
            has = right.any(1)
            found = torch.logsumexp(logits[has], 1) - torch.logsumexp(logits[has].masked_fill(~right[has], -1e4), 1)
            loss = loss + 0.5 * found.mean()
            parts["found"] = found.mean().item()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(tower.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 4 == 3:  # an average over every step would cost as much as the step
            with torch.no_grad():
                decay = min(0.99, (1 + step) / (40 + step))
                for mean, value in zip(average.parameters(), tower.parameters(), strict=True):
                    mean.lerp_(value, 1 - decay)
        for name, value in parts.items():
            shown[name] = 0.98 * shown.get(name, value) + 0.02 * value
        if (step + 1) % 500 == 0 or step + 1 == (args.stop or args.steps):
            scores = []
            for locale in EVAL:
                ids = tokenizer([text for text, _ in held[locale]], padding=True, truncation=True, return_tensors="pt")
                with torch.inference_mode():
                    right = (rows_of(average, ids["input_ids"], end) @ goal.T).argmax(1)
                scores.append(f"{locale} {(right == torch.tensor([row for _, row in held[locale]])).float().mean():.3f}")
            words = " ".join(f"{name} {value:.3f}" for name, value in shown.items())
            rate = (step + 1) * args.batch / (time.time() - started)
            print(f"{step + 1} {time.time() - started:.0f}s {rate:.0f}/s {words} | {' '.join(scores)}", flush=True)
            torch.save({"tower": average.state_dict()}, saved(f"{args.out}.pt"))


if __name__ == "__main__":
    main()
