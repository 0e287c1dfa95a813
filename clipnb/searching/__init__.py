"""Search: the rows nearest to a vector, a text or a picture.

Exactly, in one pass over the rows, wherever they lie; or by an index kept beside them, which looks at some thousands of
a million rows and says how many of the true ones it finds.
"""

from clipnb.searching.asking import search

__all__ = ["search"]
