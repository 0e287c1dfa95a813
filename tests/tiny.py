"""A tiny CLIP with random weights, on disk as transformers saves one."""

from __future__ import annotations

import json
from pathlib import Path

__all__ = ["tiny_tokenizer_files", "write_tiny_clip"]

MERGES = ["a t</w>", "c at</w>", "d o", "do g</w>", "h e", "l o"]


def tiny_tokenizer_files(folder: Path) -> int:
    """A byte-level vocabulary and merges in the layout of OpenAI's; returns the number of tokens."""
    visible = [*range(33, 127), *range(161, 173), *range(174, 256)]
    hidden = [byte for byte in range(256) if byte not in visible]
    alphabet = [chr(byte) for byte in visible] + [chr(256 + i) for i in range(len(hidden))]
    tokens = alphabet + [letter + "</w>" for letter in alphabet]
    tokens += ["".join(merge.split()) for merge in MERGES] + ["<|startoftext|>", "<|endoftext|>"]
    (folder / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (folder / "merges.txt").write_text("#version: 0.2\n" + "\n".join(MERGES) + "\n", encoding="utf-8")
    return len(tokens)


def write_tiny_clip(folder: Path, *, seed: int = 0, size: int = 32, context: int = 48) -> Path:
    """A CLIP of a few thousand random weights, saved as transformers saves one."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizerFast

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = tiny_tokenizer_files(folder)
    tower = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
    marks = {"bos_token_id": vocabulary - 2, "eos_token_id": vocabulary - 1, "pad_token_id": vocabulary - 1}
    config = CLIPConfig(
        text_config={**tower, **marks, "vocab_size": vocabulary, "max_position_embeddings": context},
        vision_config={**tower, "image_size": size, "patch_size": 8},
        projection_dim=24,
    )
    torch.manual_seed(seed)
    CLIPModel(config).save_pretrained(folder)
    tokenizer = CLIPTokenizerFast.from_pretrained(folder, model_max_length=context)
    images = CLIPImageProcessor(size={"shortest_edge": size}, crop_size={"height": size, "width": size})
    CLIPProcessor(image_processor=images, tokenizer=tokenizer).save_pretrained(folder)
    return folder
