"""Which family a checkpoint is of, by what lies on disk."""

from __future__ import annotations

from clipnb.errors import ModelFolderError, UnsupportedModel
from clipnb.models.configuration import read_json
from clipnb.models.families import NATIVE, OPEN_CLIP, SINGLE
from clipnb.models.resolving import Source

__all__ = ["family_of"]

_M_CLIP = {"modelBase", "transformerDimensions", "transformerDimSize"}
"""Of which its configurations have one, those without a type as well."""

_M_BERT_TOKENS = 119547
"""Of multilingual BERT, cased: such a model wants a head, and is no Chinese one that does without."""


def family_of(source: Source, *, head: bool = False, trust_remote_code: bool = False) -> str:
    """The family, one of those that :func:`clipnb.models.families.opener` knows.

    Args:
        source: the checkpoint; its weights need not be there yet.
        head: a linear head is given beside it, which makes a BertModel the older Multilingual-CLIP.
        trust_remote_code: Python files of the checkpoint may run.

    Raises:
        ModelFolderError: no configuration, or one that cannot be read.
        UnsupportedModel: a family that this version does not open.
    """
    if source.name.startswith(OPEN_CLIP):
        return "open_clip"
    if not source.path.is_dir():
        return "openai"
    if source.repo and source.entry is not None:
        # Of a repository with several formats the catalog says which is read.
        return _consented(source.entry.family, source.name, trust_remote_code)
    if (source.path / "modules.json").is_file():
        return "sentence-transformers"
    if (source.path / "open_clip_config.json").is_file():
        return "openai"
    if not (source.path / "config.json").exists():
        raise ModelFolderError(
            f"{source.name}: no config.json in it; expected the folder of a model, or the path of a file of weights"
        )
    config = read_json(source.path / "config.json", source.name)
    kind = str(config.get("model_type", ""))
    if kind in NATIVE + SINGLE:
        return kind
    if kind == "M-CLIP" or not _M_CLIP.isdisjoint(config):
        return "m-clip"
    if "BertForSequenceClassification" in str(config.get("architectures")):
        return "taiyi"
    if head and kind in ("bert", "distilbert"):
        return "m-bert"
    if kind == "bert":
        named = source.entry is not None and source.entry.family == "m-bert"
        return "m-bert" if named or config.get("vocab_size") == _M_BERT_TOKENS else "taiyi-pooler"
    if "auto_map" in config:
        return _consented("remote", source.name, trust_remote_code)
    raise UnsupportedModel(
        f"{source.name}: its model_type is {kind or None!r}; this version opens {', '.join(map(repr, NATIVE))} of "
        "transformers, OpenAI's and open_clip's checkpoints, Multilingual-CLIP, sentence-transformers' CLIP and Taiyi"
    )


def _consented(family: str, name: str, trust_remote_code: bool) -> str:
    if family == "remote" and not trust_remote_code:
        raise UnsupportedModel(
            f"{name}: it brings Python code of its own; read that code, and if you trust it pass trust_remote_code=True"
        )
    return family
