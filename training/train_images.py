"""Trains an image tower against the concepts' text targets; `--teacher` adds a trained convnet to imitate.

The targets start at the text teacher's anchors and may drift a little, so that look-alike names ("cat", "cat
face") can part; the drift is learned with the convnet and then frozen for every later step.
"""

import argparse
import copy
import math
import time

import numpy as np
import torch
import torch.nn.functional as F

import corpus
from paths import SEED, WORK, saved
from pictures import Pictures, on_white, seen_tiles
from styles import STYLES
from towers import ConvNet, ViT

TRAIN = [style.name for style in STYLES if style.role == "train"]
VALIDATION = next(style.name for style in STYLES if style.role == "validation")


def features(tower: torch.nn.Module, rgba: torch.Tensor) -> torch.Tensor:
    """Unit image features of tiles, without augmentation."""
    tower.eval()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        rows = torch.cat([tower(on_white(part)).float() for part in rgba.split(256)])
    tower.train()
    return F.normalize(rows, dim=-1)


def cosine(done: float, floor: float) -> float:
    """From 1 to the floor over half a cosine wave."""
    return floor + (1 - floor) * (0.5 + 0.5 * math.cos(math.pi * min(1.0, done)))


class Targets(torch.nn.Module):
    """Unit target of every concept [concept, DIM]: the anchor plus a learned drift."""

    def __init__(self, anchors: torch.Tensor) -> None:
        super().__init__()
        self.register_buffer("anchors", anchors)
        self.drift = torch.nn.Parameter(torch.zeros_like(anchors))

    def forward(self) -> torch.Tensor:
        return F.normalize(self.anchors + self.drift, dim=-1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--tower", choices=["convnet", "vit"], required=True)
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--stop", type=int, help="leave the schedule after so many steps")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--floor", type=float, default=0.0, help="share of the learning rate left at the end")
    parser.add_argument("--keep", type=float, default=1.0, help="share of the patches that the ViT sees in training")
    parser.add_argument("--teacher", help="name of a trained convnet's checkpoint in the work folder")
    parser.add_argument("--start", help="checkpoint of the same tower to go on from")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True)
    parser.add_argument("--seed", type=int, default=SEED)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    everything = corpus.concepts()
    seen = torch.tensor(corpus.seen(everything))
    place = torch.full((len(everything),), -1)
    place[seen] = torch.arange(len(seen))
    anchors = torch.from_numpy(np.load(WORK / "teacher.npz")["anchors"])
    pictures = Pictures(TRAIN, args.seed)
    val_pixels, val_rows = seen_tiles(VALIDATION)
    val_rows = place[val_rows]

    tower = ConvNet() if args.tower == "convnet" else ViT(args.keep)
    targets = Targets(anchors)
    scale = torch.nn.Parameter(torch.tensor(math.log(16.0)))
    if args.start:
        state = torch.load(WORK / f"{args.start}.pt", weights_only=True)
        tower.load_state_dict(state["tower"])
        targets.load_state_dict(state["targets"])
        scale.data = state["scale"]
    teacher = None
    if args.teacher:
        state = torch.load(WORK / f"{args.teacher}.pt", weights_only=True)
        teacher = ConvNet().eval()
        teacher.load_state_dict(state["tower"])
        targets.load_state_dict(state["targets"])
        targets.drift.requires_grad_(False)
    average = copy.deepcopy(tower)
    decayed = [p for p in tower.parameters() if p.ndim > 1]
    plain = [p for p in tower.parameters() if p.ndim <= 1] + [scale]
    groups = [{"params": decayed, "weight_decay": 0.05}, {"params": plain, "weight_decay": 0.0}]
    if targets.drift.requires_grad:
        groups.append({"params": [targets.drift], "weight_decay": 0.0})
    optimizer = torch.optim.AdamW(groups, lr=args.lr, betas=(0.9, 0.98))
    warm = min(300, args.steps // 10)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda i: min(1.0, (i + 1) / warm) * cosine(i / args.steps, args.floor)
    )
    anchors_seen = anchors[seen]
    related = F.softmax(anchors_seen @ anchors_seen.T / 0.06, dim=-1)

    started, shown = time.time(), {}
    for step in range(args.stop or args.steps):
        pixels, concepts = pictures.batch(args.batch)
        labels = place[concepts]
        with torch.autocast("cpu", torch.bfloat16):
            raw = tower(pixels)
        rows = F.normalize(raw.float(), dim=-1)
        goal = targets()[seen]
        logits = scale.exp().clamp(max=40) * rows @ goal.T
        soft = 0.85 * F.one_hot(labels, len(seen)) + 0.15 * related[labels]
        loss = F.cross_entropy(logits, soft)
        parts = {"ce": loss.item(), "top1": (logits.argmax(1) == labels).float().mean().item()}
        if teacher is None:
            near = 1 - (rows * anchors_seen[labels]).sum(1).mean()
            stay = 1 - (goal * anchors_seen).sum(1).mean()
            loss = loss + 1.0 * near + 4.0 * stay
            parts |= {"near": near.item(), "stay": stay.item()}
        else:
            with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
                wanted = teacher(pixels)
            wanted = F.normalize(wanted.float(), dim=-1).clone()
            imitation = 1 - (rows * wanted).sum(1).mean()
            taught = F.softmax(25.0 * wanted @ goal.T, dim=-1)
            follow = F.cross_entropy(25.0 * rows @ goal.T, taught)
            loss = 0.5 * loss + 4.0 * imitation + 0.5 * follow
            parts |= {"imitation": imitation.item()}
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for g in groups for p in g["params"]], 1.0)
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            decay = min(0.998, (1 + step) / (10 + step))
            for mean, value in zip(average.state_dict().values(), tower.state_dict().values(), strict=True):
                if value.dtype.is_floating_point:
                    mean.lerp_(value, 1 - decay)
                else:
                    mean.copy_(value)
        for name, value in parts.items():
            shown[name] = 0.98 * shown.get(name, value) + 0.02 * value
        if (step + 1) % 250 == 0 or step + 1 == (args.stop or args.steps):
            with torch.inference_mode():
                score = features(average, val_pixels) @ targets()[seen].T
            top = (score.topk(5, dim=-1).indices == val_rows[:, None]).float()
            words = " ".join(f"{name} {value:.3f}" for name, value in shown.items())
            rate = (step + 1) * args.batch / (time.time() - started)
            print(f"{step + 1} {time.time() - started:.0f}s {rate:.0f}/s {words} scale {scale.exp().item():.1f} | "
                  f"{VALIDATION} top-1 {top[:, 0].mean():.3f} top-5 {top.sum(1).mean():.3f}", flush=True)  # fmt: skip
            torch.save({"tower": average.state_dict(), "targets": targets.state_dict(), "scale": scale.data},
                       saved(f"{args.out}.pt"))  # fmt: skip


if __name__ == "__main__":
    main()
