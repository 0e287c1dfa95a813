"""What a classification says of every image: :class:`ZeroShot`, with all its scores or with the leading ones only."""

from __future__ import annotations

import functools
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, UnknownLabel, UnsupportedOption, WrongShape, nearest, quote
from clipnb.types import Failure, FloatArray
from clipnb.zeroshot.grading import Graded
from clipnb.zeroshot.ranking import Leading, best_columns

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["ZeroShot"]


class ZeroShot(Graded):
    """The result of a classification: zero-shot, or by another method that gives every class a probability.

    A *dense* result has the scores of all pairs. One of too many images times classes has only the leading classes of
    each image, and what is needed of the true one; everything but the two matrices works alike.

    Attributes:
        classnames: one per column; a tuple, or :class:`clipnb.datasets.ClassNames`, which knows more.
        image_ids: one per row.
        labels: the true class name of each image, if known.
        templates: the prompts around the class names.
        model: the model's name.
        method: how the probabilities came about: ``"zero-shot"``, ``"linear_probe"``, ...
        failures: images that could not be read and have no row; :attr:`errors` is the same as a table.
    """

    def __init__(
        self,
        similarity: ArrayLike | None,
        probabilities: ArrayLike | None,
        classnames: Sequence[str],
        image_ids: Sequence[str],
        labels: Sequence[str] | None = None,
        templates: Sequence[str] = ("{}",),
        model: str = "",
        *,
        method: str = "zero-shot",
        scores: ArrayLike | None = None,
        leading: Leading | None = None,
        failures: Sequence[Failure] = (),
        remarks: Sequence[str] = (),
    ) -> None:
        """Put a result together; :func:`clipnb.zero_shot` does.

        Args:
            similarity: the raw cosines, [image, class].
            probabilities: by the model's own scale and bias, or by the method, [image, class].
            classnames: one per column.
            image_ids: one per row.
            labels: the true class name of each image.
            templates: the prompts around the class names.
            model: its name.
            method: how the probabilities came about.
            scores: what classes are ranked by, where it is not the cosine: the logits of a few-shot method.
            leading: what was kept of the scores, in place of the matrices, which then are None.
            failures: images without a row.
            remarks: sentences for :attr:`notes`.

        Raises:
            InvalidEmbeddings: a matrix is not [image, class], or holds NaN.
            UnknownLabel: a label that is no class name, or not one per image.
        """
        # A set of class names stays what it is, with the groups and the source that it knows.
        self.classnames = classnames if isinstance(classnames, tuple) else tuple(classnames)
        self.image_ids = tuple(image_ids)
        self.labels = None if labels is None else tuple(labels)
        self.templates, self.model, self.method = tuple(templates), model, method
        self.failures, self._remarks = tuple(failures), tuple(remarks)
        shape = (len(self.image_ids), len(self.classnames))
        self._similarity = _matrix("similarity", similarity, shape)
        self._probabilities = _matrix("probabilities", probabilities, shape)
        self._scores = self._similarity if scores is None else _matrix("scores", scores, shape)
        if leading is None and (self._similarity is None or self._probabilities is None):
            raise WrongShape("a result needs similarity and probabilities, or what was kept of them, leading=")
        if leading is not None and len(leading) != shape[0]:
            raise WrongShape(f"the leading classes of {len(leading)} images for {shape[0]} image_ids")
        self._leading = leading
        if self.labels is not None and len(self.labels) != len(self.image_ids):
            raise UnknownLabel(f"{len(self.labels)} labels for {len(self.image_ids)} images; expected one each")
        position = {name: j for j, name in enumerate(self.classnames)}
        for label in self.labels or ():
            if label not in position:
                raise UnknownLabel(
                    f"the label {label!r} is not among the {len(self.classnames)} class names."
                    f"{nearest(str(label), position)}"
                )
        self._columns = None if self.labels is None else np.array([position[x] for x in self.labels], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.image_ids)

    def __repr__(self) -> str:
        facts = [f"{len(self)} images", f"{len(self.classnames)} classes", f"model {self.model!r}", self.method]
        facts += [] if self.dense else [f"the {self.kept} leading classes kept"]
        facts += ["with labels"] if self.labels is not None else []
        facts += [f"unread: {len(self.failures)}"] if self.failures else []
        return f"{type(self).__name__}({', '.join(facts)})"

    @property
    def groups(self) -> tuple[str, ...] | None:
        """The superclass of each class, where the class names are of a set that has them."""
        return getattr(self.classnames, "groups", None)

    # --- scores ----------------------------------------------------------------------------------------------------

    @property
    def dense(self) -> bool:
        """Whether the scores of all pairs are here."""
        return self._leading is None

    @property
    def kept(self) -> int:
        """Leading classes that are known of each image; all of them in a dense result."""
        return len(self.classnames) if self._leading is None else self._leading.index.shape[1]

    @property
    def similarity(self) -> FloatArray:
        """The raw cosines, float32 [image, class].

        Raises:
            UnsupportedOption: only the leading ones were kept.
        """
        return self._whole("similarity", self._similarity)

    @property
    def probabilities(self) -> FloatArray:
        """Probabilities, float32 [image, class].

        Raises:
            UnsupportedOption: only the leading ones were kept.
        """
        return self._whole("probabilities", self._probabilities)

    def _whole(self, name: str, matrix: FloatArray | None) -> FloatArray:
        if matrix is None:
            raise UnsupportedOption(
                f".{name} of {len(self):,} images x {len(self.classnames):,} classes was not kept, only the "
                f"{self.kept} leading classes of each image: use .top(), .table() or .metrics(), or ask for all of it "
                "with zero_shot(..., dense=True)"
            )
        return matrix

    @functools.cached_property
    def order(self) -> NDArray[np.intp]:
        """Columns from best to worst, [image, kept]; equal scores keep the order of the classes."""
        return self._best(self.kept).astype(np.intp)

    def _best(self, k: int) -> NDArray[np.int32]:
        if self._leading is not None:
            return self._leading.index[:, :k]
        return best_columns(cast("FloatArray", self._scores), k)

    @functools.cached_property
    def _summary(self) -> Leading:
        """What the scores need of each image: the first class, and the true one."""
        if self._leading is not None:
            return self._leading
        summary = Leading.room(len(self), min(1, len(self.classnames)), self._columns is not None)
        rows = max(1, 4_000_000 // max(1, len(self.classnames)))
        for start in range(0, len(self), rows):
            part = slice(start, start + rows)
            summary.put(
                start,
                self.similarity[part],
                self.probabilities[part],
                None if self._columns is None else self._columns[part],
                None if self._scores is None else self._scores[part],
            )
        return summary

    @property
    def predictions(self) -> list[str]:
        """The best class name of each image."""
        return [self.classnames[j] for j in self.predicted.tolist()]

    # --- tables ----------------------------------------------------------------------------------------------------

    def top(self, k: int = 5) -> pd.DataFrame:
        """The ``k`` best classes of each image: columns image, rank (from 1), classname, probability, cosine.

        Raises:
            UnsupportedOption: more than were kept.
        """
        import pandas as pd

        best, probability, cosine = self._top(k)
        columns = best.ravel()
        return pd.DataFrame(
            {
                "image": [name for name in self.image_ids for _ in range(best.shape[1])],
                "rank": np.tile(np.arange(1, best.shape[1] + 1), len(self)),
                "classname": [self.classnames[j] for j in columns.tolist()],
                "probability": probability.ravel(),
                "cosine": cosine.ravel(),
            }
        )

    def _top(self, k: int) -> tuple[NDArray[np.int32], FloatArray, FloatArray]:
        """Columns, probabilities and cosines of the k best, [image, min(k, classes)]."""
        if k < 1:
            raise UnsupportedOption(f"k={k}; expected one or more")
        k = min(k, len(self.classnames))
        if k > self.kept:
            raise UnsupportedOption(
                f"k={k}: the {self.kept} leading classes of each image were kept; zero_shot(..., keep={k}) keeps more"
            )
        best = self._best(k)
        if self._leading is not None:
            return best, self._leading.probability[:, :k], self._leading.cosine[:, :k]
        take = np.take_along_axis
        return best, take(self.probabilities, best, axis=1), take(self.similarity, best, axis=1)

    def table(self, k: int | None = None) -> pd.DataFrame:
        """Everything for a spreadsheet, a row an image.

        Args:
            k: how many classes; default five, or as many as there are.

        Returns:
            Columns image, classname, probability, cosine (of the best class); with labels: label, correct, label_rank
            (its place, from 1), label_probability, label_cosine; then classname_2, probability_2, cosine_2, and so on.
        """
        import pandas as pd

        best, probability, cosine = self._top(min(5, self.kept) if k is None else k)
        names = np.array(self.classnames, dtype=object)
        columns: dict[str, Any] = {"image": list(self.image_ids)}
        for place in range(best.shape[1]):
            tail = f"_{place + 1}" if place else ""
            columns[f"classname{tail}"] = names[best[:, place]]
            columns[f"probability{tail}"] = probability[:, place]
            columns[f"cosine{tail}"] = cosine[:, place]
            if place == 0 and self._columns is not None:
                columns["label"] = list(self.labels or ())
                columns["correct"] = best[:, 0] == self._columns
                columns["label_rank"] = self._summary.truth_rank
                columns["label_probability"] = self._summary.truth_probability
                columns["label_cosine"] = self._summary.truth_cosine
        return pd.DataFrame(columns)

    def save(self, path: str | os.PathLike[str], k: int | None = None) -> Path:
        """Write :meth:`table` to a file, of the kind that its ending names: .csv, .tsv, .parquet, .json or .jsonl.

        Raises:
            UnsupportedOption: another ending, or a folder that is not there.
        """
        from clipnb.exporting import write_table

        return write_table(self.table(k), path)

    @property
    def errors(self) -> pd.DataFrame:
        """The images that have no row, and why: columns id, position (in the source) and reason."""
        import pandas as pd

        return pd.DataFrame(list(self.failures), columns=list(Failure._fields))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to know before believing the scores, in sentences: unread images, classes and labels without one."""
        said = []
        if self.failures:
            shown = ", ".join(quote(failure.id) for failure in self.failures[:3])
            more = ", ..." if len(self.failures) > 3 else ""
            said.append(f"images that could not be read, see .errors: {len(self.failures)} ({shown}{more})")
        missing = self.classes_without_example
        if missing:
            shown = ", ".join(quote(name) for name in missing[:5]) + (", ..." if len(missing) > 5 else "")
            said.append(f"classes without an example: {len(missing)} of {len(self.classnames)} ({shown})")
        return (*said, *self._remarks)


def _matrix(name: str, given: ArrayLike | None, shape: tuple[int, int]) -> FloatArray | None:
    if given is None:
        return None
    matrix = np.asarray(given)
    if matrix.shape != shape:
        raise InvalidEmbeddings(f"{name}: expected [image, class] = {list(shape)}, got {list(matrix.shape)}")
    # One sum finds a NaN without a second matrix; infinities of two signs would look like one.
    if matrix.size and np.isnan(matrix.sum(dtype=np.float64)) and np.isnan(matrix).any():
        row = int(np.flatnonzero(np.isnan(matrix).any(axis=1))[0])
        raise InvalidEmbeddings(f"{name} of image {row} is not a number")
    return matrix
