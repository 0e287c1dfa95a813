"""Stand-ins of text towers: Multilingual-CLIP, its first generation, sentence-transformers' and Taiyi."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import transformers

from clipnb.catalog import Entry
from clipnb.models.practice.vocabularies import write_json, write_wordpiece, write_xlm_roberta
from clipnb.models.practice.weights import shake

__all__ = ["WIDTH", "write_m_bert", "write_m_clip", "write_st_text", "write_taiyi"]

WIDTH = 64
TOWER = {"num_hidden_layers": 2, "num_attention_heads": 1, "intermediate_size": 2 * WIDTH}


def write_m_clip(entry: Entry, folder: Path) -> None:
    """As M-CLIP/XLM-Roberta-Large-Vit-L-14: a transformer and a linear layer with bias, in one file."""
    context = entry.context_length
    if "LaBSE" in entry.architecture:
        tokens = write_wordpiece(folder)
        write_json(folder / "tokenizer_config.json", _bert_tokenizer(context, lower=False))
        base: Any = transformers.BertConfig(
            **TOWER, hidden_size=WIDTH, vocab_size=tokens, max_position_embeddings=context
        )
        model, spelling = transformers.BertModel(base), {"modelBase": "sentence-transformers/LaBSE"}
    else:
        tokens = write_xlm_roberta(folder, context)
        places = {"max_position_embeddings": context + 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
        base = transformers.XLMRobertaConfig(**TOWER, **places, hidden_size=WIDTH, vocab_size=tokens)
        model, spelling = transformers.XLMRobertaModel(base), {"modelBase": "xlm-roberta-large"}
    sizes = {"model_type": "M-CLIP", "numDims": entry.dim, "transformerDimensions": WIDTH}
    write_json(folder / "config.json", {**sizes, **spelling})
    tensors = {f"transformer.{name}": tensor for name, tensor in shake(model, entry.name).state_dict().items()}
    tensors["transformer.embeddings.position_ids"] = torch.arange(base.max_position_embeddings)[None]
    linear = shake(torch.nn.Linear(WIDTH, entry.dim), f"{entry.name} head").state_dict()
    tensors |= {f"LinearTransformation.{name}": tensor for name, tensor in linear.items()}
    torch.save(tensors, folder / "pytorch_model.bin")


def write_m_bert(entry: Entry, folder: Path) -> None:
    """As M-CLIP/M-BERT-Base-ViT-B: a plain BERT; its head is a file elsewhere."""
    write_json(folder / "tokenizer_config.json", {"do_lower_case": False, "model_max_length": entry.context_length})
    _write_bert(transformers.BertModel, WIDTH, entry, folder)


def write_taiyi(entry: Entry, folder: Path) -> None:
    """As Taiyi's towers: ``vocab.txt`` is all of the tokenizer. The newer ones end with BERT's pooler."""
    if entry.family == "taiyi":
        _write_bert(transformers.BertForSequenceClassification, WIDTH, entry, folder)
    else:
        _write_bert(transformers.BertModel, entry.dim, entry, folder)  # the pooler's columns are the transformer's


def write_st_text(entry: Entry, folder: Path) -> None:
    """As sentence-transformers/clip-ViT-B-32-multilingual-v1: a transformer, a pooling and a linear layer, in files."""
    tokens, positions = write_wordpiece(folder), 512
    kind = {"tokenizer_class": "DistilBertTokenizer"}
    write_json(folder / "tokenizer_config.json", {**_bert_tokenizer(positions, lower=False), **kind})
    config = transformers.DistilBertConfig(
        vocab_size=tokens, dim=WIDTH, hidden_dim=2 * WIDTH, n_layers=2, n_heads=1, max_position_embeddings=positions
    )
    config.architectures = ["DistilBertModel"]
    config.save_pretrained(folder)
    torch.save(shake(transformers.DistilBertModel(config), entry.name).state_dict(), folder / "pytorch_model.bin")
    pooling = {"word_embedding_dimension": WIDTH, "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
    linear: dict[str, Any] = {"in_features": WIDTH, "out_features": entry.dim, "bias": False}
    linear["activation_function"] = "torch.nn.modules.linear.Identity"
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": entry.context_length, "do_lower_case": False})
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    for i, (kind_of, said) in enumerate((("Pooling", pooling), ("Dense", linear)), start=1):
        inside = folder / f"{i}_{kind_of}"
        inside.mkdir()
        write_json(inside / "config.json", said)
        modules.append(
            {"idx": i, "name": str(i), "path": inside.name, "type": f"sentence_transformers.models.{kind_of}"}
        )
    write_json(folder / "modules.json", modules)
    weight = shake(torch.nn.Linear(WIDTH, entry.dim, bias=False), f"{entry.name} head").weight.detach()
    torch.save({"linear.weight": weight}, folder / "2_Dense" / "pytorch_model.bin")


def _write_bert(kind: Any, width: int, entry: Entry, folder: Path) -> None:
    tokens = write_wordpiece(folder)
    config = transformers.BertConfig(
        **TOWER,
        hidden_size=width,
        vocab_size=tokens,
        max_position_embeddings=entry.context_length,
        num_labels=entry.dim if kind is transformers.BertForSequenceClassification else 2,
    )
    config.architectures = [kind.__name__]
    config.save_pretrained(folder)
    tensors = dict(shake(kind(config), entry.name).state_dict())
    prefix = "bert." if kind is transformers.BertForSequenceClassification else ""
    tensors[f"{prefix}embeddings.position_ids"] = torch.arange(entry.context_length)[None]
    torch.save(tensors, folder / "pytorch_model.bin")


def _bert_tokenizer(context: int, *, lower: bool) -> dict[str, Any]:
    marks = {"cls_token": "[CLS]", "sep_token": "[SEP]", "pad_token": "[PAD]", "unk_token": "[UNK]"}
    return {**marks, "tokenizer_class": "BertTokenizer", "do_lower_case": lower, "model_max_length": context}
