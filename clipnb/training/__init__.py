"""Making a text tower: a student learns to put sentences of any language where a teacher puts their English.

Multilingual-CLIP (Carlsson et al., LREC 2022) after Reimers and Gurevych (EMNLP 2020): no picture is needed, and the
teacher stays as it is. The result is a folder in Multilingual-CLIP's own form.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipnb.training.distillation import distill
    from clipnb.training.outcome import Distilled
    from clipnb.training.pairs import ParallelTexts, parallel_texts
    from clipnb.training.small import small_student
    from clipnb.training.student import Student, open_student
    from clipnb.training.teacher_cache import TeacherCache

__all__ = [
    "Distilled",
    "ParallelTexts",
    "Student",
    "TeacherCache",
    "distill",
    "open_student",
    "parallel_texts",
    "small_student",
]

_HOME = {
    "Distilled": "outcome",
    "ParallelTexts": "pairs",
    "Student": "student",
    "TeacherCache": "teacher_cache",
    "distill": "distillation",
    "open_student": "student",
    "parallel_texts": "pairs",
    "small_student": "small",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:  # torch takes seconds to import
        return getattr(importlib.import_module(f"clipnb.training.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
