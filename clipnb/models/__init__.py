"""Opening models. With ``inside`` and ``training`` the only place that imports torch or transformers."""

from clipnb.models.loading import load

__all__ = ["load"]
