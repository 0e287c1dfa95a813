"""Figures: arrays or results in, a plotly ``Figure`` out.

Nothing here shows a figure, runs a model or reads a file. Every function returns a
``plotly.graph_objects.Figure`` that works with plotly 5.24 and later; plotly itself is imported
when the first function is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipnb.plots.abstention import abstention_curve
    from clipnb.plots.bars import probability_bars
    from clipnb.plots.captions import picture_captions
    from clipnb.plots.cell_map import density
    from clipnb.plots.comparison import comparison_heatmaps
    from clipnb.plots.concept_translations import translation_map
    from clipnb.plots.confusion import confusion_matrix
    from clipnb.plots.gap import modality_gap
    from clipnb.plots.grid import picture_grid
    from clipnb.plots.heatmap import similarity_heatmap
    from clipnb.plots.language_matrix import language_heatmap
    from clipnb.plots.lines import curves
    from clipnb.plots.named_points import named_marks
    from clipnb.plots.null_scores import score_baseline
    from clipnb.plots.points import scatter
    from clipnb.plots.recall import class_recall
    from clipnb.plots.recall_bars import language_recall
    from clipnb.plots.reliability import reliability_diagram
    from clipnb.plots.sensitivity import prompt_sensitivity
    from clipnb.plots.shots import learning_curve
    from clipnb.plots.side_maps import light_points, side_by_side
    from clipnb.plots.softening import temperature
    from clipnb.plots.static import png
    from clipnb.plots.tearing import torn
    from clipnb.plots.towers import two_towers
    from clipnb.plots.translation_scores import translation_histogram

__all__ = [
    "abstention_curve",
    "class_recall",
    "comparison_heatmaps",
    "confusion_matrix",
    "curves",
    "density",
    "language_heatmap",
    "language_recall",
    "learning_curve",
    "light_points",
    "modality_gap",
    "named_marks",
    "picture_captions",
    "picture_grid",
    "png",
    "probability_bars",
    "prompt_sensitivity",
    "reliability_diagram",
    "scatter",
    "score_baseline",
    "side_by_side",
    "similarity_heatmap",
    "temperature",
    "torn",
    "translation_histogram",
    "translation_map",
    "two_towers",
]

_HOME = {
    "abstention_curve": "abstention",
    "class_recall": "recall",
    "comparison_heatmaps": "comparison",
    "confusion_matrix": "confusion",
    "curves": "lines",
    "density": "cell_map",
    "language_heatmap": "language_matrix",
    "language_recall": "recall_bars",
    "learning_curve": "shots",
    "light_points": "side_maps",
    "modality_gap": "gap",
    "named_marks": "named_points",
    "picture_captions": "captions",
    "picture_grid": "grid",
    "png": "static",
    "probability_bars": "bars",
    "prompt_sensitivity": "sensitivity",
    "reliability_diagram": "reliability",
    "scatter": "points",
    "score_baseline": "null_scores",
    "side_by_side": "side_maps",
    "similarity_heatmap": "heatmap",
    "temperature": "softening",
    "torn": "tearing",
    "translation_histogram": "translation_scores",
    "translation_map": "concept_translations",
    "two_towers": "towers",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"clipnb.plots.{_HOME[name]}"), name)
    raise AttributeError(f"module 'clipnb.plots' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
