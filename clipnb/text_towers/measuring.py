"""Several text towers on one corpus: :func:`compare_text_towers`."""

from __future__ import annotations

import gc
import os
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from clipnb.catalog import find
from clipnb.comparing import default_load, labelled, naming
from clipnb.corpus import Corpus, EncodedCorpus, encode_corpus
from clipnb.errors import EmptyInput, TruncatedText, UnsupportedOption, WrongType, nearest
from clipnb.progress import bar
from clipnb.retrieval import Ranks, Resampling, checked_ks, retrieval_ranks
from clipnb.text_towers.outcome import TowerComparison, TowerFacts
from clipnb.types import ClipModel, Embeddings

__all__ = ["compare_text_towers"]

Model = ClipModel | str | os.PathLike[str]


def compare_text_towers(
    models: Sequence[Model] | Mapping[str, Model],
    corpus: Corpus,
    *,
    languages: str | Sequence[str] | None = None,
    images: Mapping[str, Embeddings] | None = None,
    published_as: Mapping[str, str] | None = None,
    ks: Iterable[int] = (1, 5, 10),
    bootstrap: int = 1000,
    seed: int = 0,
    truncate: bool = True,
    progress: bool = True,
    load: Callable[[str], ClipModel] | None = None,
) -> TowerComparison:
    """Measure how well the sentences of several models find the pictures of a corpus, language by language.

    The pictures are encoded once an image tower, whichever text tower comes with it first: of OpenAI's ViT-B/32, the
    Multilingual-CLIP that was trained beside it and Taiyi's 102M, the second and the third take the first one's rows.

    Args:
        models: opened models, or names and paths as :func:`clipnb.load` takes them, mixed as you like; or a dict of
            either, whose keys then are what tables call them. A name is opened when its turn comes and let go before
            the next one. Models of ``clipnb.models.practice`` are welcome and their columns headed ``random``.
        corpus: with pictures, see :class:`clipnb.Corpus`.
        languages: codes; default: all of the corpus. A model is also asked in languages it was not made for;
            ``recall`` says in its column ``made_for`` which those are.
        images: rows of the corpus' pictures that are there already, by the name of their image tower, such as the
            ``images`` of an earlier comparison.
        published_as: for models under other names, such as folders: by what tables call them, the name under which
            their weights are published.
        ks: of recall@k.
        bootstrap: resamples of the pictures for the intervals; 0: no intervals.
        seed: of the resamples.
        truncate: cut a text at a model's context, with a warning that counts by model and language. False: raise.
        progress: show bars.
        load: what opens a name; default :func:`clipnb.load`.

    Returns:
        TowerComparison: ``table()``, languages x models, with the published numbers where there are any;
        ``recall``, tidy; ``summary()``; ``difference()`` of two models, and ``beside_published()``.

    Raises:
        EmptyInput, DuplicateLabels, UnsupportedOption, WrongType, UnknownLanguage: the arguments, before any model is
            opened.
        What ``load`` and :func:`clipnb.encode_corpus` raise: names the model.
    """
    asked = labelled(models)
    if not isinstance(corpus, Corpus):
        raise WrongType(f"the corpus is a {type(corpus).__name__}; see clipnb.Corpus and clipnb.datasets")
    corpus = corpus if languages is None else corpus.select(languages=languages)
    chosen, resampling = checked_ks(ks), Resampling(bootstrap, seed)
    towers = {label: _image_tower(label, model) for label, model in asked.items()}
    rows = dict(images or {})
    _check_names(rows, towers.values(), "images", "no model has the image tower")
    _check_names(published_as or {}, asked, "published_as", "no model is called")
    if not rows:
        _check_sight(corpus, next(iter(towers.values())), rows)
    open_model = load or default_load()
    ranks: dict[str, dict[str, Ranks]] = {}
    facts: dict[str, TowerFacts] = {}
    for label in bar(progress, "text towers", "model", list(asked)):
        with naming(label):
            given = asked[label]
            model = open_model(os.fspath(given)) if isinstance(given, (str, os.PathLike)) else given
            tower = towers[label] + _mark(model)
            _check_sight(corpus, tower, rows)
            encoded = _encoded(model, label, corpus, rows.get(tower), truncate, progress)
            assert encoded.images is not None
            pictures = rows[tower] = encoded.images
            ranks[label] = {
                code: retrieval_ranks(pictures.vectors, texts.vectors, encoded.image_of[code])
                for code, texts in encoded.texts.items()
            }
            facts[label] = TowerFacts.of(model, tower, encoded, (published_as or {}).get(label))
        if model is not given:
            del model, encoded
            gc.collect()  # modules hold each other in circles, which would keep the weights until some later time
    return TowerComparison(corpus, ranks, facts, rows, chosen, resampling)


def _image_tower(label: str, model: Model) -> str:
    """The name of the checkpoint that encodes a model's pictures, without opening anything."""
    if isinstance(model, (str, os.PathLike)):
        name, other = os.fspath(model), None
    else:
        opened = getattr(model, "opened_with", None) or {}
        name = os.fspath(opened.get("name", model.name.removesuffix(_mark(model))))
        other = opened.get("image_tower")
    if isinstance(other, (str, os.PathLike)):
        paired = find(os.fspath(other))
        return paired.name if paired else os.fspath(other)
    entry = find(name)
    # Of a model that nobody knows, nobody knows either whether another one has the same pictures.
    return (entry.image_tower or entry.name) if entry else label


def _mark(model: Any) -> str:
    """What the names of random stand-ins end with, or nothing: their rows are not those of the real tower."""
    from clipnb.models.practice import MARK

    return MARK if model.name.endswith(MARK) else ""


def _check_names(given: Iterable[str], known: Iterable[str], argument: str, words: str) -> None:
    known = list(dict.fromkeys(known))
    for name in given:
        plain = name.removesuffix(_ending())
        if plain not in known and (argument != "images" or find(plain) is None):  # rows of other towers do no harm
            raise UnsupportedOption(
                f"{argument}: {words} {name!r}.{nearest(name, known)} There are {', '.join(map(repr, known))}"
            )


def _ending() -> str:
    from clipnb.models.practice import MARK

    return MARK


def _check_sight(corpus: Corpus, tower: str, rows: Mapping[str, Embeddings]) -> None:
    if tower not in rows and not len(corpus.images):
        raise EmptyInput(
            f"{corpus.name}: texts without pictures; open it with images=, or pass images={{{tower!r}: ...}}, its rows "
            "of the pictures"
        )


def _encoded(
    model: ClipModel, label: str, corpus: Corpus, images: Embeddings | None, truncate: bool, progress: bool
) -> EncodedCorpus:
    """The corpus through a model, with a warning of cut texts that names the model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TruncatedText)
        encoded = encode_corpus(model, corpus, images=images, truncate=truncate, progress=progress)
    if any(encoded.truncated.values()):
        cut = ", ".join(f"{code} {count}" for code, count in encoded.truncated.items() if count)
        warnings.warn(
            f"{label}: {sum(encoded.truncated.values())} of {sum(map(len, encoded.texts.values()))} texts cut at "
            f"{model.context_length} tokens: {cut}",
            TruncatedText,
            stacklevel=3,
        )
    return encoded
