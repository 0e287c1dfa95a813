"""Two towers as one model: what :func:`clipnb.load` returns for every family."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from clipnb.errors import InvalidEmbeddings, ModelFolderError, UnreadableImage
from clipnb.images import check_images, image_id, open_image
from clipnb.models import texts as text_checks
from clipnb.models.memory import ON_PROCESSOR, halving, text_batches
from clipnb.models.preparing import Quick, Strict
from clipnb.models.quick import QuickPixels
from clipnb.models.towers import Arrays, ImageTower, Tensors, TextTower, on_device
from clipnb.types import FloatArray, unit_rows

__all__ = ["Clip", "TextStates"]

ON_GPU = 64
"""Images in one pass of ``encode_image``; a row does not depend on the batch around it."""

_OPENING = threading.RLock()
"""Not an attribute, so that models can be copied."""


@dataclass(frozen=True, eq=False)
class TextStates:
    """What a text tower computes before its projection into the common space; see :meth:`Clip.text_model`.

    Attributes:
        last_hidden_state: float32 [text, token, width]; after the last layer norm where the tower ends with one.
        pooler_output: float32 [text, width]; what the projection gets: the state at the end-of-text token, a masked
            mean, or the output of BERT's pooler, by family.
        input_ids: int64 [text, token].
        attention_mask: int64 [text, token]; 0 where a row is padded.
    """

    last_hidden_state: FloatArray
    pooler_output: FloatArray
    input_ids: NDArray[np.int64]
    attention_mask: NDArray[np.int64]


class Clip:
    """A :class:`clipnb.ClipModel` made of a text tower and an image tower, of one checkpoint or of two.

    Args:
        text: the text tower.
        image: called once, when the image tower is first used.
        name, languages, device, opened_with: as below and in :class:`clipnb.ClipModel`.

    Attributes:
        name: under which it was loaded.
        languages: of its texts (CLDR codes); empty where nobody says.
        text_tower: what encodes texts; its ``module`` is the torch module.
        opened_with: the arguments of :func:`clipnb.load` that open it again, on another machine for one.
    """

    def __init__(
        self,
        text: TextTower,
        image: Callable[[], ImageTower],
        *,
        name: str,
        languages: tuple[str, ...] = (),
        device: str = "cpu",
        opened_with: dict[str, Any] | None = None,
    ) -> None:
        self.text_tower = text
        self._open_image = image
        self._image: ImageTower | None = None
        self.name = name
        self.languages = languages
        self.device = device
        self.opened_with = opened_with

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, dim={self.dim}, device={self.device!r})"

    @property
    def dim(self) -> int:
        """Columns of the features of both towers."""
        return self.text_tower.dim

    @property
    def context_length(self) -> int:
        """Tokens per text, with the two that mark its start and its end."""
        return self.text_tower.context_length

    @property
    def image_tower(self) -> ImageTower:
        """What encodes pictures. A tower of another checkpoint is opened here, at its first use.

        Raises:
            NoImageTower: the model was loaded without one.
            ModelFolderError: its features have another number of columns than those of the texts.
        """
        if self._image is None:
            with _OPENING:  # else two threads at once would open and hold it twice
                self._image = self._image or self._opened_image()
        return self._image

    def _opened_image(self) -> ImageTower:
        tower = self._open_image()
        if tower.dim != self.dim:
            raise ModelFolderError(
                f"{self.name}: its texts have {self.dim} columns and the pictures of its image tower {tower.dim}; "
                "the two do not belong together, pass another image_tower="
            )
        return tower

    @property
    def logit_scale(self) -> float:
        """The factor between a cosine and a logit, already exponentiated; the image tower's."""
        return self.image_tower.logit_scale

    @property
    def logit_bias(self) -> float:
        """Added to the logits; 0.0 where the family has none."""
        return self.image_tower.logit_bias

    def tokenize(
        self, texts: Sequence[str], *, truncate: bool = False, languages: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.int64]]:
        """Token ids as the text tower sees them, padded to the longest text of the list, or as the family pads.

        Args:
            texts: any number of texts, an empty one included.
            truncate: cut texts over the context at its length, with the warning TruncatedText, instead of raising.
            languages: one code per text, by which that warning counts.

        Returns:
            ``input_ids`` and ``attention_mask``, int64 [text, token].

        Raises:
            WrongType, EmptyInput, TextTooLong: each names the text.
        """
        return self.text_tower.batch(text_checks.token_rows(self.text_tower, texts, truncate, languages))

    def preprocess(self, images: Sequence[Any]) -> FloatArray:
        """Pixel values as the image tower sees them, float32 [image, 3, height, width].

        Pictures are turned upright and brought to 8 bits; resizing, cropping and what becomes of transparency are as
        in the family's original code. (A tower that takes patches of any resolution gets [image, patch, value].)

        Raises:
            WrongType, EmptyInput, UnreadableImage: each names the image by its path or position.
        """
        images = check_images(images)
        return np.asarray(self._pixels(images, 0, len(images))["pixel_values"], dtype=np.float32)

    def _pixels(self, images: Sequence[Any], start: int, stop: int) -> Arrays:
        """What the image tower takes, of a slice of the images."""
        tower, limit, pictures = self.image_tower, _pixel_limit(), []
        for position in range(start, min(stop, len(images))):
            picture = open_image(images[position], position)
            short, long = sorted(picture.size)
            if tower.image_size**2 * long / short > limit:  # the shorter edge is resized to image_size
                raise UnreadableImage(
                    f"{image_id(images[position], position)}: {picture.width} x {picture.height} pixels is too long "
                    "and thin; crop it"
                )
            pictures.append(picture)
        return tower.pixels(pictures)

    def encode_text(
        self,
        texts: Sequence[str],
        *,
        normalize: bool = True,
        truncate: bool = False,
        languages: Sequence[str] | None = None,
    ) -> FloatArray:
        """Text features, float32 [text, dim]: unit rows, or as they come with ``normalize=False``.

        Arguments and errors as in :meth:`tokenize`, and InvalidEmbeddings where half precision overflows.
        """
        tower = self.text_tower
        rows = text_checks.token_rows(tower, texts, truncate, languages)
        features = np.empty((len(rows), tower.dim), dtype=np.float32)

        def compute(batch: Arrays) -> FloatArray:
            return _compute(tower, tower.features, batch)

        for chosen in text_batches(tower, rows):
            features[chosen] = halving(compute, tower.batch([rows[i] for i in chosen]))
        return unit_rows(features) if normalize else features

    def encode_image(self, images: Sequence[Any], *, normalize: bool = True) -> FloatArray:
        """Image features, float32 [image, dim]: unit rows, or as they come with ``normalize=False``.

        Images are paths, PIL images, height x width x 3 uint8 arrays or bytes of files, mixed as you like, read a
        batch at a time. Errors as in :meth:`preprocess`.
        """
        images, tower = check_images(images), self.image_tower
        step = ON_PROCESSOR if next(tower.module.parameters()).device.type == "cpu" else ON_GPU
        batches: Iterable[Arrays] = (self._pixels(images, i, i + step) for i in range(0, len(images), step))
        features = np.concatenate([_compute(tower, tower.features, batch) for batch in batches])
        return unit_rows(features) if normalize else features

    def preparer(self, *, strict: bool = False) -> Quick | Strict:
        """Pictures in two steps, for :func:`clipnb.embed`: ``prepare`` in threads, ``encode`` a batch of prepared ones.

        Args:
            strict: the pixels of :meth:`preprocess`, bit for bit; else the quick path, where the family has one.
        """
        tower = self.image_tower
        recipe = getattr(tower, "recipe", None)

        def features(batch: Arrays) -> FloatArray:
            return _compute(tower, tower.features, batch)

        if strict or recipe is None:
            return Strict(tower, features)
        quick = QuickPixels(recipe, tower.pixels)

        def of_levels(batch: Arrays) -> FloatArray:
            return _compute(tower, lambda inputs: tower.features(quick.on_device(inputs, tower.module)), batch)

        return Quick(quick, tower, of_levels)

    def text_model(
        self, texts: Sequence[str], *, truncate: bool = False, languages: Sequence[str] | None = None
    ) -> TextStates:
        """The states inside the text tower, as ``CLIPTextModel`` gives them for OpenAI's.

        All texts go in one pass. Arguments and errors as in :meth:`tokenize`.
        """
        batch = self.tokenize(texts, truncate=truncate, languages=languages)
        tower = self.text_tower
        hidden, pooled = (_numpy(tensor) for tensor in _run(tower, tower.states, batch))
        return TextStates(hidden, pooled, batch["input_ids"], batch["attention_mask"])

    def probabilities(self, sim: ArrayLike) -> FloatArray:
        """Probabilities from the cosines ``sim``, float32 of its shape.

        Softmax over the last axis of ``logit_scale * sim + logit_bias``; for a family trained with a sigmoid (SigLIP,
        arXiv:2303.15343, algorithm 1), the sigmoid of every entry by itself.
        """
        logits = self.logit_scale * np.asarray(sim, dtype=np.float64) + self.logit_bias
        if self.image_tower.sigmoid:
            return (1 / (1 + np.exp(-logits))).astype(np.float32)
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)


def _pixel_limit() -> float:
    """Pillow's guard against decompression bombs, off if the caller has turned that off."""
    from PIL import Image

    return float("inf") if Image.MAX_IMAGE_PIXELS is None else Image.MAX_IMAGE_PIXELS


def _run(tower: TextTower | ImageTower, function: Callable[[Tensors], Any], batch: Arrays) -> Any:
    inputs = on_device(batch, tower.module)
    # On a GPU cuDNN rounds convolutions to TF32 by default, which moves a row with the batch around it.
    with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        return function(inputs)


def _compute(tower: TextTower | ImageTower, function: Callable[[Tensors], torch.Tensor], batch: Arrays) -> FloatArray:
    tensor = _run(tower, function, batch)
    if tensor.dtype == torch.float16 and not tensor.isfinite().all():
        raise InvalidEmbeddings(
            "features that are not finite: the numbers inside this model are too large for float16; load it with "
            'dtype="bfloat16" or "float32"'
        )
    return _numpy(tensor)


def _numpy(tensor: torch.Tensor) -> FloatArray:
    array: FloatArray = tensor.float().cpu().numpy()
    return array
