"""Tiny checkpoints of every family that transformers opens itself, in the files that the published ones consist of."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers
from inputs import TEXTS
from tiny import tiny_tokenizer_files
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

__all__ = ["FAMILIES", "as_saved", "write"]

LAYER = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
MEAN, STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
HALF = [0.5, 0.5, 0.5]
SQUARE = {"height": 32, "width": 32}
CHARACTERS = sorted({character for text in TEXTS for character in text.lower() if character.isprintable()} - {" "})


def clip(folder: Path) -> Any:
    """As openai/clip-vit-base-patch32: the older spellings, the end of text written as 2, a .bin with buffers."""
    tokens = tiny_tokenizer_files(folder)
    _json(folder / "tokenizer_config.json", {**_CLIP_TOKENS, "model_max_length": 40})
    _json(folder / "preprocessor_config.json", {**_CLIP_OLD, "crop_size": 32, "size": 32})
    config = transformers.CLIPConfig(
        text_config={**LAYER, "vocab_size": tokens, "max_position_embeddings": 40, "eos_token_id": 2},
        vision_config={**LAYER, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    return transformers.CLIPModel(config)


def siglip(folder: Path) -> Any:
    """As google/siglip-base-patch16-224."""
    _sentencepiece(folder / "spiece.model")
    _json(folder / "tokenizer_config.json", {**_SIGLIP_TOKENS, "tokenizer_class": "SiglipTokenizer"})
    kind = {"image_processor_type": "SiglipImageProcessor", "processor_class": "SiglipProcessor"}
    _json(folder / "preprocessor_config.json", {**_SCALED, **kind, "resample": 3, "size": SQUARE})
    config = transformers.SiglipConfig(
        text_config={**LAYER, "vocab_size": 400, "max_position_embeddings": 24, "projection_size": 32},
        vision_config={**LAYER, "image_size": 32, "patch_size": 8},
    )
    return transformers.SiglipModel(config)


def siglip2_fixed(folder: Path) -> Any:
    """As google/siglip2-base-patch16-224: the model of SigLIP, the tokenizer of Gemma."""
    tokens = _gemma(folder)
    kind = {"image_processor_type": "SiglipImageProcessor", "processor_class": "SiglipProcessor"}
    _json(folder / "preprocessor_config.json", {**_SCALED, **kind, "resample": 2, "size": SQUARE})
    config = transformers.SiglipConfig(
        text_config={**LAYER, "vocab_size": tokens, "max_position_embeddings": 24, "projection_size": 32},
        vision_config={**LAYER, "image_size": 32, "patch_size": 8},
    )
    return transformers.SiglipModel(config)


def siglip2(folder: Path) -> Any:
    """As google/siglip2-base-patch16-naflex: patches of pictures in their own proportions."""
    tokens = _gemma(folder)
    kind = {"image_processor_type": "Siglip2ImageProcessor", "processor_class": "Siglip2Processor"}
    patches = {"max_num_patches": 16, "patch_size": 8}
    _json(folder / "preprocessor_config.json", {**_SCALED, **kind, **patches, "resample": 2})
    config = transformers.Siglip2Config(
        text_config={**LAYER, "vocab_size": tokens, "max_position_embeddings": 24, "projection_size": 32},
        vision_config={**LAYER, "num_patches": 16, "patch_size": 8},
    )
    return transformers.Siglip2Model(config)


def chinese_clip(folder: Path) -> Any:
    """As OFA-Sys/chinese-clip-vit-base-patch16."""
    tokens = _bert(folder, {"do_lower_case": True})
    kind = {"feature_extractor_type": "ChineseCLIPFeatureExtractor", "do_center_crop": False}
    _json(folder / "preprocessor_config.json", {**_CLIP_OLD, **kind, "size": SQUARE})
    config = transformers.ChineseCLIPConfig(
        text_config={**LAYER, "vocab_size": tokens, "max_position_embeddings": 60},
        vision_config={**LAYER, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    return transformers.ChineseCLIPModel(config)


def altclip(folder: Path) -> Any:
    """As BAAI/AltCLIP: XLM-R and a transformation in front of the projection."""
    tokens = _xlm_roberta(folder, 60)
    _json(folder / "preprocessor_config.json", {**_CLIP_OLD, "crop_size": SQUARE, "size": {"shortest_edge": 32}})
    text = {**LAYER, "vocab_size": tokens, "max_position_embeddings": 42, "project_dim": 28, "pad_token_id": 1}
    config = transformers.AltCLIPConfig(
        text_config=text, vision_config={**LAYER, "image_size": 32, "patch_size": 8}, projection_dim=24
    )
    return transformers.AltCLIPModel(config)


def metaclip_2(folder: Path) -> Any:
    """As facebook/metaclip-2-worldwide-huge-quickgelu."""
    tokens = _xlm_roberta(folder, 40)
    kind = {"image_processor_type": "CLIPImageProcessor", "crop_size": SQUARE, "size": {"shortest_edge": 32}}
    _json(folder / "preprocessor_config.json", {**_SCALED, **kind, "image_mean": MEAN, "image_std": STD, "resample": 3})
    marks = {"bos_token_id": 0, "eos_token_id": 2, "pad_token_id": 1}
    config = transformers.MetaClip2Config(
        text_config={**LAYER, **marks, "vocab_size": tokens, "max_position_embeddings": 40},
        vision_config={**LAYER, "image_size": 32, "patch_size": 8},
        projection_dim=24,
    )
    return transformers.MetaClip2Model(config)


def clipseg(folder: Path) -> Any:
    """As CIDAS/clipseg-rd64-refined: the segmenting model, pictures larger than its positions."""
    tokens = tiny_tokenizer_files(folder)
    _json(folder / "tokenizer_config.json", {**_CLIP_TOKENS, "model_max_length": 40})
    kind = {"feature_extractor_type": "ViTFeatureExtractor", "image_mean": [0.485, 0.456, 0.406], "size": 48}
    _json(folder / "preprocessor_config.json", {**_SCALED, **kind, "image_std": [0.229, 0.224, 0.225], "resample": 2})
    config = transformers.CLIPSegConfig(
        text_config={**LAYER, "vocab_size": tokens, "max_position_embeddings": 40, "eos_token_id": 2},
        vision_config={**LAYER, "image_size": 32, "patch_size": 8},
        projection_dim=24,
        extract_layers=[0, 1],
        reduce_dim=8,
    )
    return transformers.CLIPSegForImageSegmentation(config)


def align(folder: Path) -> Any:
    """As kakaobrain/align-base."""
    tokens = _bert(folder, {"do_lower_case": True, "model_max_length": 50})
    kind = {"image_processor_type": "EfficientNetImageProcessor", "do_normalize": False, "include_top": False}
    scale = {"rescale_factor": 1 / 127.5, "rescale_offset": True, "do_center_crop": True}
    sizes = {"crop_size": {"height": 33, "width": 33}, "size": {"height": 40, "width": 40}}
    _json(folder / "preprocessor_config.json", {**_SCALED, **kind, **scale, **sizes, "resample": 2})
    config = transformers.AlignConfig(
        text_config={**LAYER, "vocab_size": tokens, "max_position_embeddings": 60},
        vision_config={
            "image_size": 33,
            "width_coefficient": 1.0,
            "depth_coefficient": 1.0,
            "in_channels": [32, 16],
            "out_channels": [16, 24],
            "kernel_sizes": [3, 5],
            "strides": [1, 2],
            "num_block_repeats": [1, 2],
            "expand_ratios": [1, 6],
            "hidden_dim": 24,
            "depth_divisor": 8,
            "dropout_rate": 0.1,
        },
        projection_dim=24,
        temperature_init_value=0.05,
    )
    return transformers.AlignModel(config)


FAMILIES: dict[str, Callable[[Path], Any]] = {
    "clip": clip,
    "siglip": siglip,
    "siglip2-fixed": siglip2_fixed,
    "siglip2": siglip2,
    "chinese_clip": chinese_clip,
    "altclip": altclip,
    "metaclip_2": metaclip_2,
    "clipseg": clipseg,
    "align": align,
}


def write(family: str, folder: Path, *, seed: int = 0) -> Path:
    """A checkpoint of the family, with weights that tell texts and pictures apart."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = FAMILIES[family](folder)
    shake(model)
    if family in ("clip", "chinese_clip", "clipseg"):  # published as .bin, by versions that stored these buffers too
        model.config.architectures = [type(model).__name__]
        model.config.save_pretrained(folder)
        tensors = dict(model.state_dict())
        prefix = "clip." if family == "clipseg" else ""
        tensors[prefix + "text_model.embeddings.position_ids"] = torch.arange(40).expand(1, -1)
        tensors[prefix + "vision_model.embeddings.position_ids"] = torch.arange(17).expand(1, -1)
        torch.save(tensors, folder / "pytorch_model.bin")
    else:
        model.save_pretrained(folder)
    return folder


def as_saved(folder: Path) -> Any:
    """The model of a folder, opened by the class that its configuration names."""
    (name,) = json.loads((folder / "config.json").read_text())["architectures"]
    return getattr(transformers, name).from_pretrained(folder, dtype=torch.float32).eval()


def shake(model: Any) -> None:
    """Far from the initial weights, in which all features lie close together."""
    with torch.no_grad():
        for name, tensor in [*model.named_parameters(), *model.named_buffers()]:
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif name.endswith(("logit_scale", "temperature")) or not tensor.is_floating_point():
                continue
            elif name.endswith("logit_bias"):
                tensor.fill_(-3.5)
            elif tensor.dim() > 1:
                tensor.normal_(0, 1.5 / tensor[0].numel() ** 0.5)
            else:
                tensor.add_(torch.randn_like(tensor) * 0.1)


_CLIP_TOKENS = {
    "tokenizer_class": "CLIPTokenizer",
    "bos_token": "<|startoftext|>",
    "eos_token": "<|endoftext|>",
    "pad_token": "<|endoftext|>",
    "unk_token": "<|endoftext|>",
    "do_lower_case": True,
}
_CLIP_OLD = {
    "feature_extractor_type": "CLIPFeatureExtractor",
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "image_mean": MEAN,
    "image_std": STD,
    "resample": 3,
}
_SCALED = {
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": HALF,
    "image_std": HALF,
    "rescale_factor": 1 / 255,
}
_SIGLIP_TOKENS = {
    "eos_token": "</s>",
    "pad_token": "</s>",
    "unk_token": "<unk>",
    "do_lower_case": True,
    "model_input_names": ["input_ids"],
    "model_max_length": 24,
}


def _json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")


def _sentencepiece(file: Path) -> None:
    import sentencepiece

    lines = [text.strip().lower() for text in TEXTS if text.strip() and "\0" not in text]
    with file.open("wb") as out:
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(lines), model_writer=out, vocab_size=400, model_type="unigram", unk_id=2, eos_id=1,
            pad_id=0, bos_id=-1, character_coverage=1.0, hard_vocab_limit=False, num_threads=1, minloglevel=3,
        )  # fmt: skip


def _bert(folder: Path, config: dict[str, Any]) -> int:
    words = ["cat", "dog", "photo", "##s", "##ing", *CHARACTERS, *("##" + letter for letter in CHARACTERS)]
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    _json(folder / "tokenizer_config.json", {**config, "tokenizer_class": "BertTokenizer"})
    return len(vocabulary)


def _xlm_roberta(folder: Path, longest: int) -> int:
    pieces = [("<s>", 0.0), ("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -2.0), ("▁cat", -1.0), ("▁a", -1.5)]
    pieces += [(character, -3.0 - i / 100) for i, character in enumerate(CHARACTERS) if character not in "▁"]
    tokenizer = Tokenizer(models.Unigram([*pieces, ("<mask>", 0.0)], unk_id=3, byte_fallback=False))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Replace(" {2,}", " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.decoder = decoders.Metaspace(replacement="▁", prepend_scheme="always")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", pair="<s> $A </s> </s> $B </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    tokenizer.add_special_tokens(["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    marks = {"bos_token": "<s>", "cls_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "pad_token": "<pad>"}
    others = {"unk_token": "<unk>", "mask_token": "<mask>", "tokenizer_class": "XLMRobertaTokenizer"}
    _json(folder / "tokenizer_config.json", {**marks, **others, "model_max_length": longest})
    return tokenizer.get_vocab_size()


def _gemma(folder: Path) -> int:
    marks = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    tokens = [*marks, *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *(c for c in CHARACTERS if c != "▁")]
    merges = [("c", "a"), ("ca", "t"), ("▁", "cat")]
    tokens += ["".join(merge) for merge in merges]
    bpe = models.BPE(
        {token: i for i, token in enumerate(tokens)}, merges, unk_token="<unk>", fuse_unk=True, byte_fallback=True
    )
    tokenizer = Tokenizer(bpe)
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(" ", "merged_with_previous")
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokenizer.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", 1)])
    tokenizer.add_special_tokens(marks)
    tokenizer.save(str(folder / "tokenizer.json"))
    named = {"pad_token": "<pad>", "eos_token": "<eos>", "bos_token": "<bos>", "unk_token": "<unk>"}
    kind = {"tokenizer_class": "GemmaTokenizer", "add_bos_token": False, "add_eos_token": True, "do_lower_case": True}
    sides = {"padding_side": "right", "model_max_length": 24, "model_input_names": ["input_ids"]}
    _json(folder / "tokenizer_config.json", {**named, **kind, **sides})
    return len(tokens)
