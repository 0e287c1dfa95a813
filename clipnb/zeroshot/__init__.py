"""Classification without training, from the pictures to a result and what can be read off it."""

from clipnb.zeroshot.classifying import classify, encode_images, zero_shot
from clipnb.zeroshot.predictions import ZeroShot

__all__ = ["ZeroShot", "classify", "encode_images", "zero_shot"]
