"""Teaches the multilingual text tower: names onto their concepts' targets, words and sentences onto the teacher's rows.

Teacher learning as in Multilingual-CLIP (Carlsson et al. 2022), with two additions: a name is also classified among
all targets, so that neighbours part; and with `--pictures` it must find its concept's pictures, as the trained image
tower sees them (image tower locked, after Zhai et al. 2022, LiT, with the roles exchanged).
"""

import argparse
import copy
import time

import numpy as np
import torch
import torch.nn.functional as F
from transformers import CLIPTextConfig, CLIPTextModelWithProjection, CLIPTokenizer

import corpus
from paths import DIM, SEED, WORK, saved
from pictures import WEIGHTS, seen_tiles
from towers import ViT
from train_images import TRAIN, Targets, cosine, features

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
    rows, labels = [], []
    for style in TRAIN:
        if style not in WEIGHTS:  # the monochrome styles
            pixels, concepts = seen_tiles(style)
            rows.append(features(tower, pixels))
            labels.append(concepts)
    return torch.cat(rows), torch.cat(labels)


def weights_by_use(data: dict) -> torch.Tensor:
    """For the last step: English and the frequent languages first, framed names and the rest seldom."""
    weights = data["name_weights"].clone()
    use = torch.full_like(weights, 0.4)
    use[weights == 8] = 30.0
    use[weights == 3] = 5.0
    framed = 5 * len(data["name_labels"].unique())
    use[-framed:] = 1.0
    return use


def one_each(pick: torch.Tensor, concepts: torch.Tensor) -> torch.Tensor:
    """The first name of every concept among the picked."""
    order = concepts.argsort(stable=True)
    first = torch.ones(len(pick), dtype=torch.bool)
    first[1:] = concepts[order][1:] != concepts[order][:-1]
    return pick[order[first]]


def pictures_of(bank: tuple, concepts: torch.Tensor, goals: torch.Tensor) -> torch.Tensor:
    """A random picture's row for each concept; its target where no colour style draws it, or three times in ten."""
    rows, labels = bank
    noise = torch.rand(len(concepts), len(labels)).masked_fill_(labels[None] != concepts[:, None], -1.0)
    value, index = noise.max(1)
    drawn = (value >= 0) & (torch.rand(len(concepts)) < 0.7)
    return torch.where(drawn[:, None], rows[index], goals)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, required=True)
    parser.add_argument("--stop", type=int, help="leave the schedule after so many steps")
    parser.add_argument("--batch", type=int, default=384)
    parser.add_argument("--lr", type=float, default=1e-3)
    parser.add_argument("--floor", type=float, default=0.0)
    parser.add_argument("--targets", help="image checkpoint whose targets are learned; default: the teacher's anchors")
    parser.add_argument("--pictures", help="ViT checkpoint whose pictures the names must find")
    parser.add_argument("--names", type=float, default=7 / 8, help="with --pictures: share of names in a batch")
    parser.add_argument("--start")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)

    data = torch.load(WORK / "strings.pt", weights_only=True)
    everything = corpus.concepts()
    seen = torch.tensor(corpus.seen(everything))
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
    if bank is not None:
        shares = {"name": int(args.batch * args.names), "word": args.batch // 16}
    shares["english"] = args.batch - sum(shares.values())
    tables = corpus.locales()
    held = {
        locale: [(words[0], int(place[row])) for row, words in tables[locale].items() if place[row] >= 0]
        for locale in EVAL
    }
    tokenizer = CLIPTokenizer.from_pretrained(WORK / "tokenizer")

    started, shown = time.time(), {}
    names_of = weights_by_use(data) if bank is not None else data["name_weights"]
    for step in range(args.stop or args.steps):
        pick = torch.multinomial(names_of, shares["name"])
        if bank is not None:
            pick = one_each(pick, data["name_labels"][pick])
        labels = place[data["name_labels"][pick]]
        word = torch.randint(len(data["word_ids"]), (shares["word"],))
        english = torch.randint(len(data["english_ids"]), (shares["english"],))
        ids = torch.cat([data["name_ids"][pick], data["word_ids"][word], data["english_ids"][english]])
        rows = rows_of(tower, ids, end, parts=6)
        wanted = torch.cat([goal[labels], data["word_rows"][word].float(), data["english_rows"][english].float()])
        names, others = rows[: len(pick)], rows[len(pick) :]
        close = (rows * wanted).sum(1)
        near = 1 - close.mean()
        apart = F.cross_entropy(25.0 * others @ wanted[len(pick) :].T, torch.arange(len(others)))
        parts = {"near": near.item(), "names": close[: len(pick)].mean().item(), "apart": apart.item()}
        if bank is None:
            told = F.cross_entropy(30.0 * names @ goal.T, labels)
            loss = 4.0 * near + 0.5 * told + 0.25 * apart
            parts["told"] = told.item()
        else:
            # CLIP's own loss, both ways, between names in any language and pictures of the same concepts.
            logits = 40.0 * names @ pictures_of(bank, data["name_labels"][pick], goal[labels]).T
            order = torch.arange(len(pick))
            pair = 0.5 * (F.cross_entropy(logits, order) + F.cross_entropy(logits.T, order))
            loss = 6.0 * (1 - close[: len(pick)].mean()) + 2.0 * (1 - close[len(pick) :].mean()) + pair + 0.1 * apart
            parts["pair"] = pair.item()
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
                scores.append(
                    f"{locale} {(right == torch.tensor([row for _, row in held[locale]])).float().mean():.3f}"
                )
            words = " ".join(f"{name} {value:.3f}" for name, value in shown.items())
            rate = (step + 1) * args.batch / (time.time() - started)
            print(f"{step + 1} {time.time() - started:.0f}s {rate:.0f}/s {words} | {' '.join(scores)}", flush=True)
            torch.save({"tower": average.state_dict()}, saved(f"{args.out}.pt"))


if __name__ == "__main__":
    main()
