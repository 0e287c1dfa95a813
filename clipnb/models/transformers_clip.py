"""The CLIP of transformers: two towers, their tokenizer and their image processor, in one folder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from clipnb.errors import UnreadableImage, UnsupportedOption
from clipnb.images import check_images, image_id, read_image
from clipnb.models import texts as text_checks
from clipnb.models.folder import open_folder
from clipnb.types import FloatArray, unit_rows

__all__ = ["TransformersClip"]

BATCH = 64
"""Texts or images in one pass; a row does not depend on the batch around it."""


class TransformersClip:
    """A :class:`clipnb.ClipModel` over ``transformers.CLIPModel``.

    Attributes:
        module: the ``transformers.CLIPModel`` itself.
        processor: its ``CLIPProcessor``.
    """

    def __init__(
        self, module: Any, processor: Any, *, name: str, languages: tuple[str, ...] = (), device: str = "cpu"
    ) -> None:
        self.module = module.eval()
        self.processor = processor
        self.name = name
        self.languages = languages
        self.device = device
        self.dim: int = module.config.projection_dim
        self.context_length: int = module.config.text_config.max_position_embeddings
        self.logit_scale = float(module.logit_scale.detach().float().exp())
        self.logit_bias = 0.0

    @classmethod
    def open(cls, folder: Path, *, name: str, languages: tuple[str, ...], device: Any, dtype: Any) -> TransformersClip:
        """The model in a folder, on a device, computing in a dtype; see :func:`clipnb.load` for both."""
        where, kind = _device(device), _dtype(dtype)
        module, processor = open_folder(folder, name, kind)
        try:
            module = module.to(where)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise UnsupportedOption(f"device={device!r}: not usable on this machine ({error})") from error
        return cls(module, processor, name=name, languages=languages, device=str(where))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, dim={self.dim}, device={self.device!r})"

    def tokenize(
        self, texts: Sequence[str], *, truncate: bool = False, languages: Sequence[str] | None = None
    ) -> dict[str, NDArray[np.int64]]:
        """Token ids as the text tower sees them, padded to the longest text of the list.

        Args:
            texts: any number of texts, an empty one included.
            truncate: cut texts over the context at its length, with the warning TruncatedText, instead of raising.
            languages: one code per text, by which that warning counts.

        Returns:
            ``input_ids`` and ``attention_mask``, int64 [text, token].

        Raises:
            WrongType, EmptyInput, TextTooLong: each names the text.
        """
        rows = text_checks.token_rows(self.processor.tokenizer, texts, self.context_length, truncate, languages)
        return self._pad(rows)

    def _pad(self, rows: list[list[int]]) -> dict[str, NDArray[np.int64]]:
        shape = len(rows), max(map(len, rows))
        ids = np.full(shape, self.processor.tokenizer.pad_token_id, dtype=np.int64)
        mask = np.zeros(shape, dtype=np.int64)
        for i, row in enumerate(rows):
            ids[i, : len(row)], mask[i, : len(row)] = row, 1
        return {"input_ids": ids, "attention_mask": mask}

    def preprocess(self, images: Sequence[Any]) -> FloatArray:
        """Pixel values as the image tower sees them, float32 [image, 3, height, width].

        The same as ``CLIPProcessor`` with its Pillow backend makes of the picture composited on white.

        Raises:
            WrongType, EmptyInput, UnreadableImage: each names the image by its path or position.
        """
        images = check_images(images)
        return self._pixels([self._readable(image, i) for i, image in enumerate(images)])

    def _readable(self, image: Any, position: int) -> Image.Image:
        """The picture in RGB, if its shape leaves something to see after resizing its shorter edge."""
        picture = read_image(image, position)
        short, long = sorted(picture.size)
        edge = self.module.config.vision_config.image_size
        limit = Image.MAX_IMAGE_PIXELS
        if limit is not None and edge * edge * long / short > limit:
            raise UnreadableImage(
                f"{image_id(image, position)}: {picture.width} x {picture.height} pixels is too long and thin; crop it"
            )
        return picture

    def _pixels(self, pictures: list[Image.Image]) -> FloatArray:
        # An array three pixels high or wide would leave the place of its channels to guessing.
        arrays = [np.asarray(picture) for picture in pictures]
        ready = self.processor.image_processor(arrays, input_data_format="channels_last", return_tensors="np")
        return np.asarray(ready["pixel_values"], dtype=np.float32)

    def encode_text(
        self,
        texts: Sequence[str],
        *,
        normalize: bool = True,
        truncate: bool = False,
        languages: Sequence[str] | None = None,
    ) -> FloatArray:
        """Text features, float32 [text, dim]: unit rows, or as they come with ``normalize=False``.

        Arguments and errors as in :meth:`tokenize`.
        """
        rows = text_checks.token_rows(self.processor.tokenizer, texts, self.context_length, truncate, languages)
        batches = (self._pad(rows[i : i + BATCH]) for i in range(0, len(rows), BATCH))
        return self._features(self.module.get_text_features, batches, normalize)

    def encode_image(self, images: Sequence[Any], *, normalize: bool = True) -> FloatArray:
        """Image features, float32 [image, dim]: unit rows, or as they come with ``normalize=False``.

        Images are paths, PIL images, height x width x 3 uint8 arrays or bytes of files, mixed as you like, read a
        batch at a time. Errors as in :meth:`preprocess`.
        """
        images = check_images(images)
        batches = (
            {
                "pixel_values": self._pixels(
                    [self._readable(images[j], j) for j in range(i, min(i + BATCH, len(images)))]
                )
            }
            for i in range(0, len(images), BATCH)
        )
        return self._features(self.module.get_image_features, batches, normalize)

    def _features(self, tower: Any, batches: Iterator[dict[str, Any]], normalize: bool) -> FloatArray:
        found = []
        for batch in batches:
            inputs = {key: torch.from_numpy(value).to(self.device) for key, value in batch.items()}
            if "pixel_values" in inputs:
                inputs["pixel_values"] = inputs["pixel_values"].to(self.module.dtype)
            # On a GPU cuDNN rounds convolutions to TF32 by default, which moves a row with the batch around it.
            with torch.inference_mode(), torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
                out = tower(**inputs)
            # transformers 5 returns an object, 4 the tensor itself.
            features = getattr(out, "pooler_output", out)
            found.append(features.float().cpu().numpy())
        features = np.concatenate(found)
        return unit_rows(features) if normalize else features

    def probabilities(self, sim: ArrayLike) -> FloatArray:
        """Softmax over the last axis of ``logit_scale * sim``, float32 of the shape of the cosines ``sim``."""
        logits = self.logit_scale * np.asarray(sim, dtype=np.float64) + self.logit_bias
        odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
        return (odds / odds.sum(axis=-1, keepdims=True)).astype(np.float32)


def _device(device: Any) -> torch.device:
    if device is None:
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise UnsupportedOption(f"device={device!r}: not a device of torch; for example 'cpu' or 'cuda'") from error


def _dtype(dtype: Any) -> torch.dtype:
    kinds = {str(kind).rpartition(".")[2]: kind for kind in (torch.float32, torch.float16, torch.bfloat16)}
    name = "float32" if dtype is None else str(dtype).rpartition(".")[2]
    if name not in kinds:
        raise UnsupportedOption(f"dtype={dtype!r}: expected one of {', '.join(map(repr, kinds))}")
    return kinds[name]
