"""clipnb: a notebook lab for the CLIP family of models.

Every name below is imported on first use, so that ``import clipnb`` costs nothing: no download, no probing of the
machine, neither torch nor transformers.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipnb import datasets, metrics, plots, training, widgets
    from clipnb.aligning import Alignment, alignment
    from clipnb.catalog import list_models
    from clipnb.comparing import compare
    from clipnb.comparison import Comparison
    from clipnb.corpus import Corpus, EncodedCorpus, encode_corpus
    from clipnb.embedding import embed
    from clipnb.errors import ClipnbError, TruncatedText
    from clipnb.exploring import representative_texts
    from clipnb.fewshot import explain_curve, few_shot, learning_curve
    from clipnb.languages import language
    from clipnb.maps import Projection, neighbourhood_overlap, project, project_aligned
    from clipnb.modality import Joint, ModalityGap, joint, modality_gap
    from clipnb.models import load
    from clipnb.prompts import Prompts
    from clipnb.reproducing import Reproduction, reproduce, reproductions
    from clipnb.scores import ScoreBaseline, explain_scale, score_baseline
    from clipnb.searching import SearchIndex, build_index, search
    from clipnb.stored import open_embeddings
    from clipnb.text_towers import TowerComparison, compare_text_towers, published_retrieval
    from clipnb.types import ClipModel, Embeddings
    from clipnb.zeroshot import ZeroShot, zero_shot
    from clipnb.zeroshot.sensitivity import prompt_sensitivity

__version__ = "0.1.0"

__all__ = [
    "Alignment",
    "ClipModel",
    "ClipnbError",
    "Comparison",
    "Corpus",
    "Embeddings",
    "EncodedCorpus",
    "Joint",
    "ModalityGap",
    "Projection",
    "Prompts",
    "Reproduction",
    "ScoreBaseline",
    "SearchIndex",
    "TowerComparison",
    "TruncatedText",
    "ZeroShot",
    "__version__",
    "alignment",
    "build_index",
    "compare",
    "compare_text_towers",
    "datasets",
    "embed",
    "encode_corpus",
    "explain_curve",
    "explain_scale",
    "few_shot",
    "joint",
    "language",
    "learning_curve",
    "list_models",
    "load",
    "metrics",
    "modality_gap",
    "neighbourhood_overlap",
    "open_embeddings",
    "plots",
    "project",
    "project_aligned",
    "prompt_sensitivity",
    "published_retrieval",
    "representative_texts",
    "reproduce",
    "reproductions",
    "score_baseline",
    "search",
    "training",
    "widgets",
    "zero_shot",
]

_HOME = {
    "Alignment": "aligning",
    "alignment": "aligning",
    "ClipModel": "types",
    "ClipnbError": "errors",
    "Comparison": "comparison",
    "Corpus": "corpus",
    "Embeddings": "types",
    "Joint": "modality",
    "ModalityGap": "modality",
    "EncodedCorpus": "corpus",
    "Projection": "maps",
    "Prompts": "prompts",
    "ScoreBaseline": "scores",
    "Reproduction": "reproducing",
    "TowerComparison": "text_towers",
    "TruncatedText": "errors",
    "ZeroShot": "zeroshot",
    "compare": "comparing",
    "compare_text_towers": "text_towers",
    "embed": "embedding",
    "explain_curve": "fewshot",
    "explain_scale": "scores",
    "few_shot": "fewshot",
    "learning_curve": "fewshot",
    "encode_corpus": "corpus",
    "joint": "modality",
    "language": "languages",
    "list_models": "catalog",
    "load": "models",
    "modality_gap": "modality",
    "neighbourhood_overlap": "maps",
    "open_embeddings": "stored",
    "project": "maps",
    "project_aligned": "maps",
    "prompt_sensitivity": "zeroshot.sensitivity",
    "published_retrieval": "text_towers",
    "representative_texts": "exploring",
    "reproduce": "reproducing",
    "reproductions": "reproducing",
    "score_baseline": "scores",
    "SearchIndex": "searching",
    "build_index": "searching",
    "search": "searching",
    "zero_shot": "zeroshot",
}
_MODULES = {"catalog", "datasets", "errors", "metrics", "plots", "prompts", "similarity", "training", "widgets"}


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
