"""The nouns of the package: what a model is, and what the functions hand to each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, WrongType

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ClipModel", "Embeddings", "Failure", "FloatArray", "as_embeddings", "is_model", "unit_rows"]

FloatArray = NDArray[np.float32]
Modality = Literal["image", "text", "mixed"]


@runtime_checkable
class ClipModel(Protocol):
    """Two towers with one space: what everything outside ``clipnb.models`` knows of a model."""

    @property
    def name(self) -> str:
        """The name under which it was loaded."""

    @property
    def dim(self) -> int:
        """Columns of the features of both towers."""

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of its texts (CLDR codes); empty where nobody says."""

    @property
    def device(self) -> str:
        """Where it computes: ``cpu``, ``cuda:0``, ..."""

    @property
    def context_length(self) -> int:
        """Tokens per text, with the two that mark its start and its end."""

    @property
    def logit_scale(self) -> float:
        """The factor between a cosine and a logit, already exponentiated."""

    @property
    def logit_bias(self) -> float:
        """Added to the logits; 0.0 where the family has none."""

    def encode_text(
        self,
        texts: Sequence[str],
        *,
        normalize: bool = True,
        truncate: bool = False,
        languages: Sequence[str] | None = None,
    ) -> FloatArray:
        """Features float32 [text, dim]; unit rows unless ``normalize`` is False."""

    def encode_image(self, images: Sequence[Any], *, normalize: bool = True) -> FloatArray:
        """Features float32 [image, dim]; unit rows unless ``normalize`` is False."""

    def tokenize(self, texts: Sequence[str]) -> dict[str, NDArray[np.int64]]:
        """``input_ids`` and ``attention_mask``, int64 [text, token]."""

    def preprocess(self, images: Sequence[Any]) -> FloatArray:
        """Pixel values, float32 [image, 3, height, width]."""

    def probabilities(self, sim: ArrayLike) -> FloatArray:
        """Probabilities over the columns of the cosines ``sim``, softmax or sigmoid as the family was trained."""


def is_model(value: object) -> bool:
    """Whether it can be used as a :class:`ClipModel`.

    ``isinstance`` would, before Python 3.12, read every property of it, and so open an image tower that nobody needs.
    """
    return all(callable(getattr(type(value), name, None)) for name in ("encode_text", "encode_image", "probabilities"))


def unit_rows(vectors: ArrayLike) -> FloatArray:
    """Rows scaled to length one, float32 [row, dim].

    Raises:
        InvalidEmbeddings: not a matrix, or rows that are zero or not finite, which have no direction.
    """
    try:
        matrix = np.asarray(vectors)
    except ValueError as error:
        raise InvalidEmbeddings(f"rows of different lengths: {error}") from error
    if matrix.ndim != 2 or matrix.shape[1] == 0 or matrix.dtype.kind not in "fiu":
        raise InvalidEmbeddings(
            f"expected numbers of shape [row, dim], got {matrix.dtype} of shape {list(matrix.shape)}"
        )
    # In double precision the squares of large float32 rows do not overflow.
    lengths = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
    odd = np.flatnonzero(~((lengths > 1e-140) & (lengths < 1e140)))
    peaks = np.abs(matrix[odd]).max(axis=1)
    known = np.isfinite(peaks) & (peaks > 0)
    if known.any():  # those of double precision rows can overflow, or vanish
        matrix, extreme = matrix.astype(np.float64), odd[known]
        matrix[extreme] /= peaks[known, None]
        lengths[extreme] = np.linalg.norm(matrix[extreme], axis=1)
    bad = odd[~known]
    if len(bad):
        shown = ", ".join(map(str, bad[:10])) + (", ..." if len(bad) > 10 else "")
        raise InvalidEmbeddings(
            f"{len(bad)} of {len(matrix)} rows are zero or not finite and have no direction: rows {shown}. Drop them."
        )
    lengths[np.abs(lengths - 1) < 1e-6] = 1  # rows that went through here before come back bit for bit
    rows = np.empty(matrix.shape, dtype=np.float32)
    for start in range(0, len(rows), 65_536):  # a million rows in double precision would take gigabytes
        part = slice(start, start + 65_536)
        rows[part] = matrix[part] / lengths[part, None]
    return rows


class Failure(NamedTuple):
    """Something that has no row."""

    id: str
    position: int
    """In the source, from 0."""
    reason: str


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Directions in a model's space, one a row.

    Attributes:
        vectors: float32 [row, dim], unit rows (normalised here, once), read-only.
        ids: one name per row; ``"0"``, ``"1"``, ... if not given.
        modality: ``"image"``, ``"text"`` or ``"mixed"``.
        model: name of the model that made them.
        failures: what should have a row and has none.

    Raises:
        InvalidEmbeddings: the shape is wrong, a row is zero or not finite, or there is not one id per row.
    """

    vectors: FloatArray
    ids: tuple[str, ...] = ()
    modality: Modality = "mixed"
    model: str = ""
    failures: tuple[Failure, ...] = ()

    def __post_init__(self) -> None:
        vectors = unit_rows(self.vectors)
        vectors.setflags(write=False)
        if isinstance(self.ids, str):
            raise WrongType(f"ids is one string, {self.ids!r}; expected one id per row")
        ids = tuple(str(i) for i in self.ids) or tuple(str(i) for i in range(len(vectors)))
        if len(ids) != len(vectors):
            raise InvalidEmbeddings(f"{len(vectors)} rows and {len(ids)} ids; expected one id per row")
        if self.modality not in ("image", "text", "mixed"):
            raise InvalidEmbeddings(f"modality {self.modality!r}; expected 'image', 'text' or 'mixed'")
        object.__setattr__(self, "vectors", vectors)
        object.__setattr__(self, "ids", ids)

    def __len__(self) -> int:
        return len(self.vectors)

    def __getitem__(self, rows: int | slice | Sequence[int] | NDArray[Any]) -> Embeddings:
        """The chosen rows (a slice, indices or a boolean mask), again as Embeddings."""
        index = np.atleast_1d(np.arange(len(self))[rows])
        return Embeddings(self.vectors[index], tuple(self.ids[i] for i in index), self.modality, self.model)

    @property
    def dim(self) -> int:
        """Columns of ``vectors``."""
        return int(self.vectors.shape[1])

    @property
    def errors(self) -> pd.DataFrame:
        """What has no row, and why: columns id, position (in the source) and reason."""
        import pandas as pd

        return pd.DataFrame(list(self.failures), columns=list(Failure._fields))

    def take(self, rows: ArrayLike) -> FloatArray:
        """The vectors of the chosen rows, float32 [row, dim]."""
        return self.vectors[np.atleast_1d(np.asarray(rows, dtype=np.intp))]

    def blocks(self, rows: int = 65_536) -> Iterator[tuple[int, FloatArray]]:
        """Slices of ``vectors`` in order, each with the index of its first row: for passes that bound their memory."""
        for start in range(0, len(self), rows):
            yield start, self.vectors[start : start + rows]

    def concat(self, other: Embeddings) -> Embeddings:
        """The rows of both, this one's first.

        Raises:
            InvalidEmbeddings: of different widths or from different models, whose spaces have nothing in common.
        """
        if self.dim != other.dim:
            raise InvalidEmbeddings(f"cannot join {self.dim} columns with {other.dim}")
        if self.model and other.model and self.model != other.model:
            raise InvalidEmbeddings(f"cannot join the spaces of two models, {self.model!r} and {other.model!r}")
        modality: Modality = self.modality if self.modality == other.modality else "mixed"
        return Embeddings(
            np.concatenate([self.vectors, other.vectors]), self.ids + other.ids, modality, self.model or other.model
        )


def as_embeddings(given: Embeddings | ArrayLike, modality: Modality = "mixed") -> Embeddings:
    """What is given as it is, or an array [row, dim] as Embeddings.

    Raises:
        InvalidEmbeddings: see :class:`Embeddings`.
    """
    return given if isinstance(given, Embeddings) else Embeddings(given, modality=modality)  # type: ignore[arg-type]
