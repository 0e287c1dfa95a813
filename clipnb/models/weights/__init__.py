"""Tensors of any file of weights, without running anything that the file carries."""

from clipnb.models.weights.pickled_head import read_head
from clipnb.models.weights.reading import Weights, read_tensors, read_weights

__all__ = ["Weights", "read_head", "read_tensors", "read_weights"]
