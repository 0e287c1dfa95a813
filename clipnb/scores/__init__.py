"""What a score is worth: a cosine beside those of unrelated pairs, a probability at one scale and another."""

from clipnb.scores.baseline import ScoreBaseline
from clipnb.scores.temperature import explain_scale
from clipnb.scores.unrelated import score_baseline

__all__ = ["ScoreBaseline", "explain_scale", "score_baseline"]
