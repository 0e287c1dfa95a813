"""How the languages of a model lie: beside each other, and on the pictures."""

from clipnb.aligning.gaps import centre_distance, centred_rows, separability
from clipnb.aligning.measuring import alignment
from clipnb.aligning.result import Alignment
from clipnb.aligning.tables import Settings
from clipnb.aligning.translations import TranslationScores, text_to_text, translation_scores

__all__ = [
    "Alignment",
    "Settings",
    "TranslationScores",
    "alignment",
    "centre_distance",
    "centred_rows",
    "separability",
    "text_to_text",
    "translation_scores",
]
