"""What can be embedded: every kind of source becomes a stream of items with ids."""

from clipnb.sources.items import Item, Source
from clipnb.sources.opening import open_source

__all__ = ["Item", "Source", "open_source"]
