"""The neighbours of zero-shot that learn from a few labelled pictures."""

from clipnb.fewshot.classifying import few_shot
from clipnb.fewshot.learning import explain_curve, learning_curve

__all__ = ["explain_curve", "few_shot", "learning_curve"]
