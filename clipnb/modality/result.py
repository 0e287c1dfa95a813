"""The gap between pictures and texts, in figures and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from clipnb.types import Embeddings

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["GapMeasures", "ModalityGap"]

REFERENCES = (
    "Liang, Zhang, Kwon, Yeung and Zou 2022: Mind the Gap: Understanding the Modality Gap in Multi-modal Contrastive "
    "Representation Learning. NeurIPS. arXiv:2203.02053",
    "Wang and Isola 2020: Understanding Contrastive Representation Learning through Alignment and Uniformity on the "
    "Hypersphere. ICML. arXiv:2005.10242",
    "Fisher 1936: The Use of Multiple Measurements in Taxonomic Problems. Annals of Eugenics 7",
)

MEANING = {
    "distance": "distance of the centres, 0 to 2 (Liang et al. 2022)",
    "relative": "the same, in units of how far rows lie from their own centre",
    "separability": "cross-validated accuracy of a plane, 0.5: none (Fisher's discriminant)",
    "alignment": "mean squared distance of a pair, 0: the same place (Wang and Isola 2020)",
    "uniformity_images": "log mean exp(-2 d^2) among pictures, lower: more even (Wang and Isola 2020)",
    "uniformity_texts": "the same among texts",
    "uniformity": "the same among pictures and texts together",
}


class GapMeasures(NamedTuple):
    """The measures of two clouds of rows; NaN where one does not apply."""

    distance: float
    """Euclidean distance of the two means of unit rows, within [0, 2]."""
    relative: float
    """The same divided by how far a row lies from its own centre (root mean square)."""
    separability: float
    """Share that a plane puts on the right side, of rows that it was not fitted to; both sides count the same."""
    alignment: float
    """Mean squared distance of the rows of a pair; NaN without pairs."""
    uniformity_images: float
    """Log of the mean of exp(-2 d^2) over all pairs of pictures, at most 0; NaN for a single one."""
    uniformity_texts: float
    """The same among texts."""
    uniformity: float
    """The same among both together."""


@dataclass(frozen=True, eq=False)
class ModalityGap:
    """How far apart pictures and texts lie. Made by :func:`clipnb.modality_gap`.

    Attributes:
        images: rows of the pictures.
        texts: rows of the texts.
        raw: of the rows as the model gave them.
        centred: after the mean of each side was taken away and the length made one again; None where a side is a
            single place, of which centring leaves nothing.
        pairs: which text is about which picture, int [pair, 2]; None where nobody said.
        count: of the pairs.
        seed: of what was drawn.
    """

    images: Embeddings
    texts: Embeddings
    raw: GapMeasures
    centred: GapMeasures | None
    pairs: NDArray[np.intp] | None = field(repr=False)
    count: int
    seed: int

    def __repr__(self) -> str:
        model = self.images.model or self.texts.model or "a model"
        return f"ModalityGap({model}: {len(self.images)} images, {len(self.texts)} texts; {self.sentence()})"

    @property
    def distance(self) -> float:
        """Of the centres, of the rows as they are."""
        return self.raw.distance

    @property
    def relative(self) -> float:
        """The distance in units of the clouds' own radius, of the rows as they are."""
        return self.raw.relative

    @property
    def separability(self) -> float:
        """How well a plane tells the two apart, of the rows as they are."""
        return self.raw.separability

    def table(self) -> pd.DataFrame:
        """A row per measure, indexed by its name: raw, centred and what it says."""
        import pandas as pd

        absent = GapMeasures(*[float("nan")] * len(GapMeasures._fields))
        return pd.DataFrame(
            {"raw": self.raw, "centred": self.centred or absent, "meaning": list(MEANING.values())},
            index=pd.Index(list(MEANING), name="measure"),
        )

    def references(self) -> tuple[str, ...]:
        """The papers that the measures are from."""
        return REFERENCES

    def sentence(self) -> str:
        """What was found, in words and figures."""
        raw, centred = self.raw, self.centred
        text = f"The centres of {len(self.images):,} images and {len(self.texts):,} texts are {raw.distance:.2f} apart"
        if np.isfinite(raw.relative):
            text += f", {raw.relative:.1f} times as far as a row lies from its own centre"
        if np.isfinite(raw.separability):
            text += f"; a plane tells the two apart {raw.separability:.0%} of the time (guessing: 50%)"
        if np.isfinite(raw.alignment):
            text += f"; the mean squared distance of {self.count:,} pairs is {raw.alignment:.2f}"
        if centred is None:
            return text + ". Centring would leave nothing: a row is the mean of its side."
        text += f". With each side's mean taken away, the centres are {centred.distance:.2f} apart"
        if np.isfinite(centred.separability):
            text += f", the plane is right {centred.separability:.0%} of the time"
        if np.isfinite(centred.alignment):
            text += f", and the pairs' mean squared distance is {centred.alignment:.2f}"
        return text + "."
