"""The lesson itself: batch after batch, with tests in between and checkpoints to go on from."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from clipnb.errors import UnsupportedOption
from clipnb.models.towers import Options, on_device
from clipnb.progress import bar as bar_of
from clipnb.training.pairs import ParallelTexts
from clipnb.training.progress import Progress
from clipnb.training.schedule import optimizer_of, rate
from clipnb.training.student import Student, Tower
from clipnb.training.teacher_cache import TeacherRows
from clipnb.training.texts import Batches, TokenTable
from clipnb.training.validating import validate
from clipnb.types import FloatArray

__all__ = ["Lesson"]

SAMPLE = 4096
"""Teacher's rows of which the variance is taken."""
IN_VALIDATION = 256
LOG_EVERY = 10


class Lesson:
    """One training: what is learned from, by whom, and how.

    Args:
        student: with its head; its weights are what changes.
        pairs: what it learns from.
        targets: the teacher's rows of their sources.
        tests: what it is tested on; their rows go into ``aims``, [pair, dim].
        options: where to compute, and in which type.
        settings: batch_size, lr, warmup, weight_decay, truncate, seed.

    Raises:
        TextTooLong: see :class:`clipnb.training.texts.TokenTable`.
        UnsupportedOption: not a device of this machine.
    """

    def __init__(
        self,
        student: Student,
        pairs: ParallelTexts,
        targets: TeacherRows,
        tests: ParallelTexts | None,
        options: Options,
        settings: dict[str, Any],
    ) -> None:
        assert student.head is not None
        self.targets, self.tests, self.settings = targets, tests, settings
        self.aims: FloatArray = np.empty((0, 0), dtype=np.float32)
        self.device, self.dtype = options.device, options.dtype
        self.tokens = TokenTable(student, pairs.texts, pairs.languages, settings["truncate"])
        self.test_tokens = TokenTable(student, tests.texts, tests.languages, settings["truncate"]) if tests else None
        self.batches = Batches(self.tokens.lengths, settings["batch_size"], settings["seed"])
        tower = Tower(student.transformer, student.head).requires_grad_(True)
        try:
            self.tower = tower.to(self.device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise UnsupportedOption(f"device={str(self.device)!r}: not usable on this machine ({error})") from error
        sample = np.random.default_rng(settings["seed"]).permutation(len(targets))[:SAMPLE]
        rows = targets[np.sort(sample)]
        self.variance = max(float(rows.var(axis=0).mean()), 1e-12)

    def total(self, steps: int | None, epochs: float | None) -> int:
        """The number of steps, of which one of the two is given."""
        return steps if steps is not None else max(1, round((epochs or 0) * self.batches.per_epoch))

    def run(self, records: Path, total: int, checkpoint_every: int, validate_every: int | None, shown: bool) -> None:
        """Learn, from the last checkpoint in ``records`` on, until ``total`` steps are done.

        Raises:
            StoreError: the checkpoint cannot be read or written.
        """
        settings, tower = self.settings, self.tower
        optimizer = optimizer_of(tower, settings["lr"], settings["weight_decay"])
        with torch.random.fork_rng(devices=[self.device] if self.device.type == "cuda" else []):
            torch.manual_seed(settings["seed"])
            at = Progress.restore(records, tower, optimizer, self.device)
            if at.step == 0 and not at.validation:
                self._test(at)
            began, before = time.perf_counter(), at.seconds
            with bar_of(shown, "learning", "step", total=total, initial=at.step) as bar:
                for step in range(at.step, total):
                    lr = rate(step, total, settings["lr"], settings["warmup"])
                    at.losses.append(self._step(optimizer, self.batches[step], lr))
                    at.step, at.seconds = step + 1, before + time.perf_counter() - began
                    bar.update()
                    last = at.step == total
                    if at.step % LOG_EVERY == 0 or last:
                        self._note(at, lr)
                        bar.set_postfix(loss=f"{at.log[-1]['loss']:.3f}")
                    if last or (validate_every and at.step % validate_every == 0):
                        self._test(at)
                    if at.step % checkpoint_every == 0 and not last:
                        at.save(records, tower, optimizer, self.device)
        tower.eval()
        at.tables(records)

    def _step(self, optimizer: torch.optim.Optimizer, chosen: Any, lr: float) -> torch.Tensor:
        self.tower.train()
        inputs = on_device({**self.tokens.batch(chosen), "targets": self.targets[chosen]}, self.tower)
        with self._products():
            rows = self.tower(inputs["input_ids"], inputs["attention_mask"])
        loss = functional.mse_loss(rows.float(), inputs["targets"]) / self.variance
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.tower.parameters(), 1.0)
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        return loss.detach()

    def _products(self) -> Any:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.dtype == torch.bfloat16)

    def _note(self, at: Progress, lr: float) -> None:
        epoch, loss = at.step / self.batches.per_epoch, float(np.mean([float(loss) for loss in at.losses]))
        at.losses.clear()
        at.log.append(
            {"step": at.step, "epoch": round(epoch, 4), "loss": loss, "lr": lr, "seconds": round(at.seconds, 2)}
        )

    def _test(self, at: Progress) -> None:
        if self.tests and self.test_tokens is not None:
            at.validation += validate(self._encode(self.test_tokens), self.tests, self.aims, at.step)

    def _encode(self, tokens: TokenTable) -> Callable[[Sequence[int]], FloatArray]:
        def encode(indices: Sequence[int]) -> FloatArray:
            self.tower.eval()
            order = np.argsort(tokens.lengths[list(indices)], kind="stable")
            rows = np.empty((len(order), self.targets.dim), dtype=np.float32)
            with torch.inference_mode(), self._products():
                for start in range(0, len(order), IN_VALIDATION):
                    chosen = order[start : start + IN_VALIDATION]
                    inputs = on_device(tokens.batch(np.asarray(indices)[chosen]), self.tower)
                    rows[chosen] = self.tower(inputs["input_ids"], inputs["attention_mask"]).float().cpu().numpy()
            return rows

        return encode
