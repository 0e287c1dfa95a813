"""What to make of a part of a map: the selection as a table, what lies near a point, and the words for it."""

from clipnb.exploring.nearby import Near, cosines_with, nearby
from clipnb.exploring.representing import rank_texts, representative_texts
from clipnb.exploring.selection import Selection
from clipnb.exploring.vocabulary import Vocabulary, names_of_things

__all__ = [
    "Near",
    "Selection",
    "Vocabulary",
    "cosines_with",
    "names_of_things",
    "nearby",
    "rank_texts",
    "representative_texts",
]
