"""Teacher learning: a student's rows of sentences in many languages onto a teacher's rows of the English ones."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import os
import warnings
from collections.abc import Iterable, Iterator, Sequence
from numbers import Integral
from pathlib import Path
from typing import Any

import torch

from clipnb.corpus import Corpus
from clipnb.errors import CorpusError, StoreError, UnsupportedOption, WrongType
from clipnb.models import load
from clipnb.models.towers import Options
from clipnb.progress import bar as bar_of
from clipnb.store.disk import sweep
from clipnb.store.lock import locked
from clipnb.training.export import export
from clipnb.training.lesson import Lesson
from clipnb.training.outcome import RECORDS, Distilled
from clipnb.training.pairs import ParallelTexts, parallel_texts
from clipnb.training.progress import CHECKPOINT, SETTINGS, begin
from clipnb.training.student import Student, open_student
from clipnb.training.teacher_cache import TeacherCache
from clipnb.types import ClipModel, is_model

__all__ = ["distill"]

Parallel = Corpus | ParallelTexts | Iterable[Sequence[str]]


def distill(
    teacher: ClipModel | str,
    student: Student | str | os.PathLike[str],
    parallel: Parallel,
    out: str | os.PathLike[str],
    *,
    steps: int | None = None,
    epochs: float | None = None,
    batch_size: int = 128,
    lr: float = 1e-4,
    warmup: float = 0.1,
    weight_decay: float = 0.01,
    validation: Parallel | float | None = None,
    validate_every: int | None = None,
    pivot: str = "en",
    languages: str | Sequence[str] | None = None,
    cache: str | os.PathLike[str] | None = None,
    truncate: bool = False,
    seed: int = 0,
    device: str | None = None,
    dtype: str = "float32",
    threads: int | None = None,
    checkpoint_every: int = 500,
    resume: bool = True,
    progress: bool = True,
) -> Distilled:
    """Teach a text tower the space of another one, from parallel sentences alone.

    Teacher learning as in Carlsson et al. (Cross-lingual and Multilingual CLIP, LREC 2022), after Reimers and Gurevych
    (EMNLP 2020): the mean squared error between the student's row of a sentence and the teacher's raw row of its
    English counterpart, which is encoded once and kept on disk. The student is a transformer, the masked mean of its
    states, and a linear layer. The error is divided by the variance of the teacher's rows, which does not move its
    minimum.

    A run that was killed goes on from its last checkpoint when it is called again, and on the same machine, with the
    same number of threads, ends with the weights of an undisturbed one.

    Args:
        teacher: a model, or its name. Only its texts are needed.
        student: :func:`clipnb.training.small_student`, :func:`clipnb.training.open_student`, or what that takes: the
            Hub id or folder of a multilingual encoder, or of a Multilingual-CLIP, which goes on learning.
        parallel: a corpus, or what else :func:`clipnb.training.parallel_texts` takes.
        out: the folder of the result, in Multilingual-CLIP's form.
        steps: batches to learn from; either this or ``epochs``.
        epochs: how often each sentence is read.
        batch_size: sentences in a batch.
        lr: the highest learning rate, reached after the warm-up; from there it falls to zero along a cosine. The
            default is for a student that knows something; from random weights 1e-3 goes quicker.
        warmup: share of the steps in which the rate rises.
        weight_decay: of AdamW, on matrices.
        validation: pairs to test on, whose sources must not be among those to learn from; or the share of the sources
            that is set apart for it. Default: none.
        validate_every: in steps. Default: at the start and at the end.
        pivot: the language of a corpus that the teacher reads.
        languages: the languages of a corpus that the student reads. Default: all.
        cache: the folder for the teacher's rows, for several trainings to share. Default: inside ``out``.
        truncate: cut sentences over the context of teacher or student, with a warning that counts them, instead of
            raising.
        seed: of the order, of what dropout leaves out, and of a fresh linear layer.
        device: where the student computes. Default: CUDA where there is one.
        dtype: ``"float32"``, or ``"bfloat16"`` for the products; weights are float32 in any case.
        threads: of torch, while this runs. Default: as many as torch takes by itself. A small student on a machine that
            others use too learns many times faster with 1.
        checkpoint_every: in steps.
        resume: go on with what lies in ``out``; False: start over.
        progress: show bars.

    Raises:
        WrongType: the teacher or the student is something else.
        UnsupportedOption: an option out of its range, or a student whose head is for another teacher.
        CorpusError: a source of the validation is among those to learn from, or entries are no triples.
        TextTooLong: only with ``truncate=False``.
        StoreError: ``out`` holds another training or another model, or cannot be written.
        FolderBusy: another run writes there.
        ClipnbError: what opening a model or pairing sentences raises.
    """
    _check(steps, epochs, lr, warmup, weight_decay)
    at_least = {"steps": 1, "batch_size": 1, "checkpoint_every": 1, "validate_every": 1, "threads": 1, "seed": 0}
    given = (steps, batch_size, checkpoint_every, validate_every, threads, seed)
    for name, value in zip(at_least, given, strict=True):
        _check_whole(name, value, at_least[name])
    options = Options.resolve(device, dtype)
    if options.dtype == torch.float16:
        raise UnsupportedOption("dtype='float16': gradients would vanish; 'bfloat16' or 'float32'")
    pairs, tests = _pairs(parallel, validation, pivot, languages, seed)
    teacher = _model(teacher, device)
    # One that is handed over stays as it is: the same call has to find it so when the run goes on.
    learns = student.copy() if isinstance(student, Student) else open_student(student)
    student = learns.fitted(teacher.dim, seed)
    folder = Path(out)
    with locked(folder), locked(folder / RECORDS), _threads(threads):
        sweep(folder)
        sweep(folder / RECORDS)
        settings = {
            "teacher": teacher.name,
            "student": student.digest(),
            "parallel": pairs.digest(),
            "validation": tests.digest() if tests else None,
            **{"steps": steps, "epochs": epochs, "batch_size": batch_size, "lr": lr, "warmup": warmup},
            **{"weight_decay": weight_decay, "validate_every": validate_every, "truncate": truncate, "seed": seed},
            "dtype": str(options.dtype).rpartition(".")[2],
        }
        _check_folder(folder, settings, resume)
        begin(folder / RECORDS, settings, resume)
        if resume and not (folder / RECORDS / CHECKPOINT).exists():
            with contextlib.suppress(StoreError):
                done = Distilled.read(folder)
                if _record_of(folder) == _fingerprint(settings):
                    return done
        cached = TeacherCache(cache if cache is not None else folder / RECORDS / "teacher", teacher)
        with bar_of(progress, "the teacher's rows", "text", total=len(set(pairs.sources))) as bar:
            targets = cached.rows(pairs.sources, truncate=truncate, bar=bar)
        lesson = Lesson(student, pairs, targets, tests, options, settings)
        if tests:
            lesson.aims = cached.rows(tests.sources, truncate=truncate)[range(len(tests))]
        total = lesson.total(steps, epochs)
        lesson.run(folder / RECORDS, total, checkpoint_every, validate_every, progress)
        record = {"teacher": teacher.name, "student": student.name, "steps": total, "made": _fingerprint(settings)}
        record |= {"pairs": len(pairs), "languages": sorted(set(pairs.languages))}
        export(student, folder, record)
        (folder / RECORDS / CHECKPOINT).unlink(missing_ok=True)
    return Distilled(folder, total, teacher.name)


def _pairs(
    parallel: Parallel, validation: Any, pivot: str, languages: str | Sequence[str] | None, seed: int
) -> tuple[ParallelTexts, ParallelTexts | None]:
    pairs = parallel_texts(parallel, pivot=pivot, languages=languages)
    if pairs.unpaired:
        left = ", ".join(f"{code} {count}" for code, count in pairs.unpaired.items())
        warnings.warn(f"texts of pictures without a sentence in {pivot!r} are not learned from: {left}", stacklevel=3)
    if validation is None:
        return pairs, None
    if isinstance(validation, (int, float)):
        return pairs.split(float(validation), seed)
    tests = parallel_texts(validation, pivot=pivot, languages=languages)
    both = set(pairs.sources) & set(tests.sources)
    if both:
        raise CorpusError(
            f"{len(both)} of the {len(set(tests.sources))} sources of the validation are also learned from, "
            f"{min(both)!r} for one; take them out, or pass validation=0.05 to set some apart"
        )
    return pairs, tests


def _model(teacher: ClipModel | str, device: str | None) -> ClipModel:
    if isinstance(teacher, str):
        return load(teacher, device=device)
    if not is_model(teacher):
        raise WrongType(f"the teacher is a {type(teacher).__name__}; expected a model or its name")
    return teacher


def _check(steps: int | None, epochs: float | None, lr: float, warmup: float, weight_decay: float) -> None:
    if (steps is None) == (epochs is None):
        raise UnsupportedOption("say how long: either steps= or epochs=")
    for name, value in (("epochs", epochs or 1), ("lr", lr), ("warmup", warmup), ("weight_decay", weight_decay)):
        if not isinstance(value, (int, float)) or not math.isfinite(value):
            raise UnsupportedOption(f"{name}={value!r}: expected a number")
    if epochs is not None and epochs <= 0:
        raise UnsupportedOption(f"epochs={epochs}: expected more than none")
    if lr <= 0 or not 0 <= warmup < 1 or weight_decay < 0:
        raise UnsupportedOption(
            f"lr={lr}, warmup={warmup}, weight_decay={weight_decay}: expected a positive rate, a share below 1, and a "
            "decay from 0"
        )


def _check_whole(name: str, value: Any, least: int) -> None:
    if value is not None and (not isinstance(value, Integral) or isinstance(value, bool) or value < least):
        raise UnsupportedOption(f"{name}={value!r}: expected a whole number from {least}")


def _check_folder(folder: Path, settings: dict[str, Any], resume: bool) -> None:
    """Refuse to write over a model that this training did not make."""
    if not (folder / "config.json").exists() or (folder / RECORDS / SETTINGS).exists():
        return  # what an earlier run noted is compared by begin()
    try:
        Distilled.read(folder)
    except StoreError as error:
        raise StoreError(f"{folder}: it holds a model that is not a result of distill(); take another") from error
    if resume and _record_of(folder) != _fingerprint(settings):
        raise StoreError(f"{folder}: it holds another training; take another folder, or resume=False to start over")


@contextlib.contextmanager
def _threads(number: int | None) -> Iterator[None]:
    """So many threads of torch's inside, and as many as before afterwards."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _fingerprint(settings: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:32]


def _record_of(folder: Path) -> str:
    return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["clipnb"].get("made", ""))
