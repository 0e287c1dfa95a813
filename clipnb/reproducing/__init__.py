"""Published numbers measured again: :func:`reproduce`."""

from clipnb.reproducing.measuring import reproduce
from clipnb.reproducing.outcome import Check, Reproduction
from clipnb.reproducing.published import reproductions

__all__ = ["Check", "Reproduction", "reproduce", "reproductions"]
