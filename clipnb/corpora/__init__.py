"""Readers of parallel corpora that others publish; none of their data is in this package."""

__all__: list[str] = []
