"""Search: the rows nearest to a vector, a text or a picture.

Exactly, in one pass over the rows, wherever they lie; or by an index kept beside them, which looks at some thousands of
a million rows and says how many of the true ones it finds.
"""

from clipnb.searching.asking import search
from clipnb.searching.choosing import build_index
from clipnb.searching.index import Recall, SearchIndex

__all__ = ["Recall", "SearchIndex", "build_index", "search"]
