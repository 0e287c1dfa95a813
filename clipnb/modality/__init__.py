"""Pictures and texts in one space: the gap between the two clouds, and rows of both for one map."""

from clipnb.modality.geometry import alignment_loss, uniformity
from clipnb.modality.joining import Joint, joint
from clipnb.modality.measuring import modality_gap
from clipnb.modality.result import GapMeasures, ModalityGap

__all__ = ["GapMeasures", "Joint", "ModalityGap", "alignment_loss", "joint", "modality_gap", "uniformity"]
