"""Text towers that share a space of pictures, measured on one corpus and beside what others have published."""

from clipnb.text_towers.measuring import compare_text_towers
from clipnb.text_towers.outcome import TowerComparison, TowerFacts
from clipnb.text_towers.published import published_retrieval

__all__ = ["TowerComparison", "TowerFacts", "compare_text_towers", "published_retrieval"]
