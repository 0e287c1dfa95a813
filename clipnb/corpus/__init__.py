"""Pictures with sentences in several languages, and the same as rows of a model."""

from clipnb.corpus.encoded import EncodedCorpus
from clipnb.corpus.encoding import encode_corpus
from clipnb.corpus.parallel import Corpus
from clipnb.corpus.parts import Pairs, Problem

__all__ = ["Corpus", "EncodedCorpus", "Pairs", "Problem", "encode_corpus"]
