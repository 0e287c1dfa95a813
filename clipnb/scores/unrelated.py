"""A model's cosines of pictures and texts that have nothing to do with each other: :func:`score_baseline`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from clipnb import datasets
from clipnb.errors import EmptyInput, InvalidEmbeddings, TextTooLong, UnsupportedOption, WrongShape, WrongType
from clipnb.prompts import Prompts
from clipnb.scores.baseline import BINS, ScoreBaseline
from clipnb.types import ClipModel, Embeddings, FloatArray, is_model
from clipnb.zeroshot.labelled import Pictures

__all__ = ["score_baseline"]

_CELLS = 4_000_000
"""Cosines computed at a time: 32 MB in double precision."""

Mask = NDArray[np.bool_]


def score_baseline(
    model: ClipModel,
    images: Any = None,
    texts: Embeddings | Sequence[str] | None = None,
    *,
    pairs: Literal["diagonal"] | ArrayLike | None = None,
    templates: str | Sequence[str] | None = None,
    languages: Sequence[str] | None = None,
    sample: int = 300,
    batch_size: int = 64,
    progress: bool = False,
    seed: int = 0,
) -> ScoreBaseline:
    """The cosines of unrelated pictures and texts, to read another cosine against.

    Cosines of CLIP's pictures with its texts fill a narrow band, which differs from model to model: the two towers
    live in two cones (Liang et al. 2022, "Mind the Gap", arXiv:2203.02053). So 0.27 says nothing until one knows what
    pairs score that do not belong together. Every picture is compared with every text, and the true pairs are left out.

    Args:
        model: any model of the family, see :func:`clipnb.load`.
        images: pictures, a folder or other source of them, or Embeddings. Default: ``sample`` emoji of the style
            Fluent, drawn at random. A baseline of your own kind of pictures tells more.
        texts: texts, or Embeddings of them. Default: the names of those emoji, in the model's languages by turns
            (English where the model names none). Left out of the default are also pairs of one of Unicode's
            subgroups, such as two faces: they are half related.
        pairs: which belong together: ``"diagonal"``: text i to picture i; int [image]: the text of each picture, -1
            for none; bool [image, text]. Default: none of those given, all pairs count as unrelated.
        templates: sentences around the texts, as in :func:`clipnb.zero_shot`; use the same ones.
        languages: of the default texts, CLDR codes.
        sample: how many emoji the default takes.
        batch_size: pictures encoded at a time.
        progress: show a bar over the pictures.
        seed: of the default's draw.

    Returns:
        ScoreBaseline: with percentiles, z-scores and a sentence for any cosine, and the related pairs' cosines.

    Raises:
        EmptyInput: fewer than two unrelated pairs.
        InvalidEmbeddings: of another model or width.
        WrongShape, WrongType, UnsupportedOption: each names the argument.
    """
    if not is_model(model):
        raise WrongType(f"the model is a {type(model).__name__}; open one first: clipnb.load({model!r})")
    half: Mask | None = None
    if images is None and texts is None:
        if pairs is not None:
            raise UnsupportedOption("pairs= is for your own images and texts; give both")
        emoji, names, source = _default(model, templates, languages, sample, seed)
        images, texts, pairs = emoji.images, names, "diagonal"
        groups = np.array(emoji.subgroups)
        half = groups[:, None] == groups[None, :]
    elif images is None or texts is None:
        raise EmptyInput("give both images and texts, or neither for the bundled emoji")
    else:
        if languages is not None:
            raise UnsupportedOption("languages= chooses among the names of the bundled emoji; texts= are given")
        source = ""
    rows = Pictures.of(model, "images", images, None, (), progress).rows(model, None, batch_size, progress)
    columns, words, sentences = _texts(model, texts, templates)
    if isinstance(texts, Embeddings) and texts.model and texts.model != model.name:
        raise InvalidEmbeddings(f"texts has rows of the model {texts.model!r}; the model is {model.name!r}")
    if rows.dim != columns.shape[1]:
        raise InvalidEmbeddings(f"images have {rows.dim} columns, texts {columns.shape[1]}: two different models?")
    source = source or f"{len(rows):,} pictures and {len(columns):,} texts"
    related = _related(pairs, len(rows), len(columns))
    moments = _Moments(len(columns))
    for start, sim in _blocks(rows, columns):
        part = slice(start, start + len(sim))
        true = related[part]
        moments.add(sim, true, ~true if half is None else ~(true | half[part]))
    return moments.baseline(
        model=model.name, logit_scale=float(model.logit_scale), source=source, templates=sentences, texts=words
    )


def _default(
    model: ClipModel, templates: Any, languages: Sequence[str] | None, sample: int, seed: int
) -> tuple[datasets.EmojiSet, list[str], str]:
    """Emoji drawn at random, and a name of each that the model reads in full, the languages by turns."""
    if sample < 2:
        raise UnsupportedOption(f"sample={sample}; expected two or more")
    known = datasets.emoji_languages()
    if languages is None:
        languages = [code for code in model.languages if code in known] or ["en"]
    found = datasets.emoji("fluent", languages)
    order = np.random.default_rng(seed).permutation(len(found))[:sample]
    chosen = found.take(order.tolist())
    table = chosen.names
    sentences = Prompts.of(["name"], templates).templates
    rows, names = [], []
    for row in range(len(chosen)):
        first = row % len(found.languages)
        candidates = [table[code].iloc[row] for code in (*found.languages[first:], *found.languages[:first])]
        named = next((name for name in candidates if isinstance(name, str) and _fits(model, name, sentences)), None)
        if named is not None:
            rows.append(row)
            names.append(named)
    if len(rows) < 2:
        raise EmptyInput(f"fewer than two of {len(chosen)} emoji have a name in {', '.join(languages)}; raise sample=")
    spoken = "English" if found.languages == ("en",) else f"{len(found.languages)} languages"
    return chosen.take(rows), names, f"{len(rows)} Fluent emoji and their names in {spoken}"


def _fits(model: ClipModel, name: str, templates: Sequence[str]) -> bool:
    """Whether the sentences with this name stay within the model's context."""
    try:
        return model.tokenize([t.format(name) for t in templates])["input_ids"].shape[1] <= model.context_length
    except TextTooLong:
        return False


def _texts(
    model: ClipModel, texts: Embeddings | Sequence[str], templates: str | Sequence[str] | None
) -> tuple[FloatArray, tuple[str, ...], tuple[str, ...]]:
    """Rows, words and sentences of the texts."""
    if isinstance(texts, Embeddings):
        if templates is not None:
            raise UnsupportedOption("templates= goes with texts; these are Embeddings already")
        return texts.vectors, texts.ids, ("{}",)
    if isinstance(texts, str):
        raise WrongType(f"texts is one text, {texts!r}; expected a list of texts")
    words = tuple(texts)
    prompts = Prompts.of(list(dict.fromkeys(words)), templates)
    place = {word: i for i, word in enumerate(prompts.classnames)}
    return prompts.encode(model).vectors[[place[word] for word in words]], words, tuple(prompts.templates)


def _related(pairs: Any, images: int, texts: int) -> Mask:
    """Which pairs belong together, bool [image, text]."""
    if pairs is None:
        return np.broadcast_to(np.False_, (images, texts))
    if isinstance(pairs, str):
        if pairs != "diagonal":
            raise UnsupportedOption(f"pairs={pairs!r}; expected 'diagonal', int [image] or bool [image, text]")
        if images != texts:
            raise WrongShape(f"pairs='diagonal' needs as many texts as pictures; there are {texts} and {images}")
        pairs = np.arange(images)
    given = np.asarray(pairs)
    if given.dtype == bool and given.shape == (images, texts):
        return given
    if given.dtype.kind in "iu" and given.shape == (images,):
        if len(given) and (given.min() < -1 or given.max() >= texts):
            raise WrongShape(f"pairs names text {int(given.max())} or {int(given.min())}; there are 0 to {texts - 1}")
        return np.asarray(given[:, None] == np.arange(texts))
    raise WrongShape(
        f"pairs is {given.dtype} of shape {list(given.shape)}; expected int [{images}] or bool [{images}, {texts}]"
    )


def _blocks(rows: Embeddings, columns: FloatArray) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Cosines in double precision, a few pictures at a time."""
    right = columns.astype(np.float64).T
    for start, part in rows.blocks(max(1, _CELLS // max(1, len(columns)))):
        yield start, np.clip(part.astype(np.float64) @ right, -1.0, 1.0)


class _Moments:
    """Histogram, sums and extremes of cosines that come in blocks."""

    def __init__(self, texts: int) -> None:
        self.counts = np.zeros(BINS, dtype=np.int64)
        self.sums = np.zeros((3, texts))
        self.low, self.high = np.inf, -np.inf
        self.related: list[NDArray[np.float64]] = []

    def add(self, sim: NDArray[np.float64], related: Mask, unrelated: Mask) -> None:
        """A block [image, text] of them, and which of its pairs are which."""
        chosen = sim[unrelated]
        place = np.minimum(((chosen + 1) * (BINS / 2)).astype(np.int64), BINS - 1)
        self.counts += np.bincount(place, minlength=BINS)
        kept = np.where(unrelated, sim, 0.0)
        self.sums += [unrelated.sum(axis=0), kept.sum(axis=0), (kept**2).sum(axis=0)]
        self.low, self.high = min(self.low, chosen.min(initial=np.inf)), max(self.high, chosen.max(initial=-np.inf))
        self.related.append(sim[related])

    def baseline(self, **facts: Any) -> ScoreBaseline:
        """Everything that was added, summed up."""
        n, total, squares = self.sums
        if n.sum() < 2:
            raise EmptyInput(
                f"{int(n.sum())} unrelated pairs; give more pictures and texts that do not belong together"
            )
        mean = total.sum() / n.sum()
        with np.errstate(invalid="ignore", divide="ignore"):
            means = total / n  # NaN for a text that every picture is related to
            stds = np.sqrt(np.maximum(squares / n - means**2, 0.0))
        return ScoreBaseline(
            self.counts,
            float(mean),
            float(np.sqrt(max(squares.sum() / n.sum() - mean**2, 0.0))),
            float(self.low),
            float(self.high),
            related=np.sort(np.concatenate(self.related)).astype(np.float32),
            text_mean=means,
            text_std=stds,
            **facts,
        )
