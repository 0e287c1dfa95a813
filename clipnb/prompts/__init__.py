"""Class names in sentences: the sets that were published, files of one's own, and one direction a class."""

from clipnb.prompts.checks import check_classnames
from clipnb.prompts.classifiers import forget
from clipnb.prompts.prompts import TEMPLATES, Prompts

__all__ = ["TEMPLATES", "Prompts", "check_classnames", "forget"]
