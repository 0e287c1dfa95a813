"""Panels for a notebook: state as traits and calls downward; no mathematics of their own.

They run in JupyterLab 4 and on Colab (ipywidgets 7.7 to 8, plotly 5.24 and later); ipywidgets is
imported when the first panel is used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from clipnb.widgets.alignment_panel import AlignmentPanel
    from clipnb.widgets.confusion_panel import ConfusionPanel
    from clipnb.widgets.explorer import MapExplorer
    from clipnb.widgets.model_picker import ModelPicker
    from clipnb.widgets.translation_tester import TranslationTester
    from clipnb.widgets.zero_shot_panel import ZeroShotPanel

__all__ = ["AlignmentPanel", "ConfusionPanel", "MapExplorer", "ModelPicker", "TranslationTester", "ZeroShotPanel"]

_HOME = {
    "AlignmentPanel": "alignment_panel",
    "ConfusionPanel": "confusion_panel",
    "MapExplorer": "explorer.panel",
    "ModelPicker": "model_picker",
    "TranslationTester": "translation_tester",
    "ZeroShotPanel": "zero_shot_panel",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"clipnb.widgets.{_HOME[name]}"), name)
    raise AttributeError(f"module 'clipnb.widgets' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
