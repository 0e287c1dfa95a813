"""Where the raw material lies, what is made of it, and the numbers that every step shares."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORK = Path(os.environ.get("CLIPNB_TRAINING_WORK", ROOT / "training" / "work"))  # caches and checkpoints
NODE_MODULES = WORK / "node_modules"  # filled by fetch.sh
WORDNET = Path(os.environ.get("CLIPNB_WORDNET", "/usr/share/wordnet"))  # Debian: wordnet-base
EMOJI = ROOT / "clipnb" / "data" / "emoji"  # ships in the wheel
MODEL = ROOT / "clipnb" / "data" / "model"  # ships in the wheel

SEED = 20261123
TILE = 64  # pixels, both of the shipped pictures and of the image tower's input
COLUMNS = 40  # tiles in a row of a sheet
DIM = 256  # of the joint space
HELD_OUT = 98  # concepts that no training step sees


def saved(name: str) -> Path:
    """A path under WORK whose folder exists."""
    path = WORK / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path
