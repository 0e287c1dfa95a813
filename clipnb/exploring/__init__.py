"""What to make of a part of a map: the selection as a table, what lies near a point, and the words for it."""

from clipnb.exploring.representing import representative_texts

__all__ = ["representative_texts"]
