"""Readers of parallel corpora that others publish; none of their data is in this package."""

from clipnb.corpora.babel_imagenet import babel_imagenet
from clipnb.corpora.chinese import coco_cn, flickr30k_cn
from clipnb.corpora.multi30k import multi30k
from clipnb.corpora.tables import parallel_table
from clipnb.corpora.xm3600 import xm3600
from clipnb.corpora.xtd import xtd10

__all__ = ["babel_imagenet", "coco_cn", "flickr30k_cn", "multi30k", "parallel_table", "xm3600", "xtd10"]
