"""clipnb: a notebook lab for the CLIP family of models.

Every name below is imported on first use, so that ``import clipnb`` costs nothing: no download, no probing of the
machine, neither torch nor transformers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipnb import datasets, metrics, plots, widgets
    from clipnb.baseline import ScoreBaseline
    from clipnb.catalog import list_models
    from clipnb.comparing import compare
    from clipnb.comparison import Comparison
    from clipnb.corpus import Corpus, EncodedCorpus, encode_corpus
    from clipnb.embedding import embed
    from clipnb.errors import ClipnbError, TruncatedText
    from clipnb.explaining import explain_scale
    from clipnb.fewshot import few_shot
    from clipnb.languages import language
    from clipnb.learning import explain_curve, learning_curve
    from clipnb.models import load
    from clipnb.predictions import ZeroShot
    from clipnb.projection import project
    from clipnb.prompts import Prompts
    from clipnb.reproducing import Reproduction, reproduce, reproductions
    from clipnb.sensitivity import prompt_sensitivity
    from clipnb.similarity import search
    from clipnb.stored import open_embeddings
    from clipnb.types import ClipModel, Embeddings, Projection
    from clipnb.unrelated import score_baseline
    from clipnb.zeroshot import zero_shot

__version__ = "0.1.0"

__all__ = [
    "ClipModel",
    "ClipnbError",
    "Comparison",
    "Corpus",
    "Embeddings",
    "EncodedCorpus",
    "Projection",
    "Prompts",
    "Reproduction",
    "ScoreBaseline",
    "TruncatedText",
    "ZeroShot",
    "__version__",
    "compare",
    "datasets",
    "embed",
    "encode_corpus",
    "explain_curve",
    "explain_scale",
    "few_shot",
    "language",
    "learning_curve",
    "list_models",
    "load",
    "metrics",
    "open_embeddings",
    "plots",
    "project",
    "prompt_sensitivity",
    "reproduce",
    "reproductions",
    "score_baseline",
    "search",
    "widgets",
    "zero_shot",
]

_HOME = {
    "ClipModel": "types",
    "ClipnbError": "errors",
    "Comparison": "comparison",
    "Corpus": "corpus",
    "Embeddings": "types",
    "EncodedCorpus": "corpus",
    "Projection": "types",
    "Prompts": "prompts",
    "ScoreBaseline": "baseline",
    "Reproduction": "reproducing",
    "TruncatedText": "errors",
    "ZeroShot": "predictions",
    "compare": "comparing",
    "embed": "embedding",
    "explain_curve": "learning",
    "explain_scale": "explaining",
    "few_shot": "fewshot",
    "learning_curve": "learning",
    "encode_corpus": "corpus",
    "language": "languages",
    "list_models": "catalog",
    "load": "models",
    "open_embeddings": "stored",
    "project": "projection",
    "prompt_sensitivity": "sensitivity",
    "reproduce": "reproducing",
    "reproductions": "reproducing",
    "score_baseline": "unrelated",
    "search": "similarity",
    "zero_shot": "zeroshot",
}
_MODULES = {"catalog", "datasets", "errors", "metrics", "plots", "prompts", "similarity", "widgets"}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(importlib.import_module(f"clipnb.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name in _MODULES:
        return importlib.import_module(f"clipnb.{name}")
    raise AttributeError(f"module 'clipnb' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
