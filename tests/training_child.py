"""The training of tests/test_training.py, and by itself one that is killed midway: ``training_child.py OUT STEP``."""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from fakes import FakeClip

from clipnb import training

WORDS = ["red", "green", "blue", "yellow", "white", "black", "car", "boat", "tree", "house", "fish", "bird"]
PAIRS = [
    (f"a {colour} {thing}", text, code)
    for colour in WORDS[:6]
    for thing in WORDS[6:]
    for text, code in ((f"{thing[::-1]} {colour[::-1]}", "sv"), (f"{colour} {thing}", "en"))
]


def student(**sizes):
    return training.small_student(
        [text for _, text, _ in PAIRS], **{"vocabulary": 300, "width": 64, "layers": 1, "context": 24, **sizes}
    )


def distill(out, **options):
    options = {"steps": 30, "batch_size": 16, "lr": 1e-3, "validation": 0.2, "device": "cpu", **options}
    options = {"validate_every": 10, "checkpoint_every": 7, "progress": False, **options}
    return training.distill(FakeClip(), student(), PAIRS, out, **options)


if __name__ == "__main__":
    from clipnb.training.lesson import Lesson

    learn, steps = Lesson._step, 0

    def until(self, *arguments):
        global steps
        steps += 1
        if steps > int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        return learn(self, *arguments)

    Lesson._step = until
    distill(sys.argv[1])
