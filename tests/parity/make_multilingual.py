"""Tiny checkpoints of the multilingual text towers, and what the original libraries make of the texts in inputs.py.

Two environments, told apart by what is installed; run the script in each of them:

- environments/multilingual-clip.txt: Multilingual-CLIP's own classes, and the snippets on Taiyi's cards;
- environments/sentence-transformers.txt: sentence-transformers.

In a fresh virtual environment with Python 3.11: ``pip install -r <that file>``, then
``python tests/parity/make_multilingual.py``. The files come out the same every time.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import io
import json
import os
import pickle
import shutil
import sys
import tempfile
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["HF_HOME"] = tempfile.mkdtemp()

import numpy as np
import torch
import transformers
from inputs import PICTURES, TEXTS, upright

HERE = Path(__file__).parent
DIM, WIDTH, CONTEXT = 24, 64, 64
MARKS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOWER = {"hidden_size": WIDTH, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 48}


def fresh(name: str) -> Path:
    """An empty folder for a checkpoint."""
    folder = HERE / "checkpoints" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def scattered(module: torch.nn.Module, seed: int) -> torch.nn.Module:
    """The module with weights so large that every token counts; features are of order one."""
    generator = torch.Generator().manual_seed(seed)
    for name, weight in module.named_parameters():
        noise = torch.randn(weight.shape, generator=generator)
        scale = 0.35 if "embeddings" in name else weight.shape[-1] ** -0.5 * (1.5 if len(weight) == DIM else 1)
        with torch.no_grad():
            weight.copy_(
                noise * scale if weight.dim() > 1 else noise * 0.1 + ("LayerNorm" in name) * ("weight" in name)
            )
    return module.eval()


def save_bin(module: torch.nn.Module, folder: Path, prefix: str = "") -> None:
    """``pytorch_model.bin`` as transformers wrote it in 2022, with the buffer that it kept then."""
    tensors = dict(module.state_dict())
    tensors[f"{prefix}embeddings.position_ids"] = torch.arange(module.config.max_position_embeddings)[None]
    torch.save({key: value.contiguous() for key, value in tensors.items()}, folder / "pytorch_model.bin")


def write_vocabulary(folder: Path, *, lower: bool) -> int:
    """``vocab.txt`` with most, not all, of the characters of the texts, alone and inside a word; its length."""
    letters = sorted({c for text in TEXTS for c in (text.lower() if lower else text) if c.isprintable() and c != " "})
    known = [letter for i, letter in enumerate(letters) if i % 9]
    inside = ["##" + letter for letter in known if letter.isalpha() and ord(letter) < 0x600]
    words = [
        "cat",
        "photo",
        "##og",
        "кот",
        "##ка",
        "Hund",
        "hund",
        "##chen",
        "قط",
        "##ة",
        "חתול",
        "brown",
        "fox",
        "##ey",
    ]
    tokens = [*MARKS, *known, *inside, *words]
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n", encoding="utf-8")
    return len(tokens)


def write_reference(name: str, rows: list[list[int]], features: torch.Tensor, **others: np.ndarray) -> None:
    """Token ids one after another with their lengths, and the raw features, with the versions that made them."""
    packages = ("torch", "transformers", "tokenizers", "multilingual-clip", "sentence-transformers")
    versions = {}
    for package in packages:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    (HERE / "reference").mkdir(exist_ok=True)
    np.savez_compressed(
        HERE / "reference" / f"{name}.npz",
        ids=np.concatenate(rows).astype(np.int32),
        lengths=np.array([len(row) for row in rows], dtype=np.int32),
        features=features.detach().numpy().astype(np.float32),
        versions=np.array(json.dumps(versions)),
        **others,
    )
    print(name, len(rows), "texts, features", tuple(features.shape), "norm", float(features.norm(dim=1).mean()))


def cutting(tokenizer):
    """The tokenizer, cutting what is over the context: the originals leave that to the caller."""
    return lambda text, **options: tokenizer(text, truncation=True, max_length=CONTEXT, **options)


def agree(single: torch.Tensor, batch: torch.Tensor) -> torch.Tensor:
    """Features of one text at a time, which a batch must give as well."""
    assert (single - batch).abs().max() < 1e-5, (single - batch).abs().max()
    return single


# --- Multilingual-CLIP ----------------------------------------------------------------------------------------------


def sentencepiece_files(folder: Path) -> None:
    """A Unigram vocabulary with a normalisation of its own, in the form of XLM-R's ``sentencepiece.bpe.model``."""
    import sentencepiece
    from transformers import XLMRobertaTokenizerFast

    with tempfile.TemporaryDirectory() as scratch:
        here = Path.cwd()
        os.chdir(scratch)  # the path of the rules is kept in the model
        try:
            rules = {
                "ﬁ": "fi",
                "ﬃ": "ffi",
                "ﬂ": "fl",
                "ﬆ": "st",
                "ĳ": "ij",
                "½": "1⁄2",
                "①": "1",
                "…": "...",
                "\u3000": " ",
            }
            rules |= {chr(0xFEE0 + code): chr(code) for code in range(0x21, 0x7F)} | {"\t": " ", "\n": " ", "\r": " "}
            lines = ["\t".join(" ".join(f"{ord(c):X}" for c in side) for side in rule) for rule in rules.items()]
            Path("rules.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
            model = io.BytesIO()
            sentencepiece.SentencePieceTrainer.train(
                sentence_iterator=iter([text for text in TEXTS if "\0" not in text] * 3),
                model_writer=model,
                model_type="unigram",
                vocab_size=270,
                character_coverage=0.98,
                normalization_rule_tsv="rules.tsv",
                num_threads=1,
                minloglevel=2,
            )
        finally:
            os.chdir(here)
    (folder / "sentencepiece.bpe.model").write_bytes(model.getvalue())
    XLMRobertaTokenizerFast(str(folder / "sentencepiece.bpe.model"), model_max_length=CONTEXT).save_pretrained(folder)


def write_m_clip(name: str, base: transformers.PretrainedConfig, base_name: str, spelling: dict[str, object]) -> None:
    """A checkpoint of Multilingual-CLIP, whose original class first opens the model it was trained from."""
    from multilingual_clip.Config_MCLIP import MCLIPConfig
    from multilingual_clip.pt_multilingual_clip import MultilingualCLIP
    from transformers import AutoModel, AutoTokenizer

    folder = HERE / "checkpoints" / name
    tokenizer = AutoTokenizer.from_pretrained(folder, config=base)
    base.vocab_size = len(tokenizer)
    # The base lies where the Hub's client looks for it.
    cached = Path(os.environ["HF_HOME"]) / "hub" / f"models--{base_name.replace('/', '--')}"
    (cached / "refs").mkdir(parents=True)
    (cached / "refs" / "main").write_text("0" * 40)
    scattered(AutoModel.from_config(base), 1).save_pretrained(cached / "snapshots" / ("0" * 40))
    model = MultilingualCLIP(MCLIPConfig(modelBase=base_name, transformerDimSize=WIDTH, imageDimSize=DIM))
    scattered(model, 2)
    tensors = dict(model.state_dict())
    tensors["transformer.embeddings.position_ids"] = torch.arange(base.max_position_embeddings)[None]
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "config.json").write_text(json.dumps({**spelling, "modelBase": base_name}, indent=2) + "\n")

    if "model_type" in spelling:
        model = MultilingualCLIP.from_pretrained(folder).eval()
    else:  # a configuration without the type is read by the class all the same
        model = MultilingualCLIP.from_pretrained(folder, config=MCLIPConfig.from_pretrained(folder)).eval()
    assert (model.LinearTransformation.weight == tensors["LinearTransformation.weight"]).all()
    with torch.no_grad():
        single = torch.cat([model([text], cutting(tokenizer)) for text in TEXTS])
        features = agree(single, model(TEXTS, cutting(tokenizer)))
    write_reference(name, cutting(tokenizer)(TEXTS)["input_ids"], features)


def write_xlm_roberta() -> None:
    """As the XLM-R towers are on the Hub."""
    sentencepiece_files(fresh("m-clip-xlm-roberta"))
    positions = {"max_position_embeddings": CONTEXT + 2, "type_vocab_size": 1, "layer_norm_eps": 1e-5}
    base = transformers.XLMRobertaConfig(**TOWER, **positions)
    spelling = {"model_type": "M-CLIP", "numDims": DIM, "transformerDimensions": WIDTH, "transformers_version": "4.8.1"}
    write_m_clip("m-clip-xlm-roberta", base, "xlm-roberta-large", spelling)


def write_labse() -> None:
    """As the LaBSE tower is on the Hub, in the other spelling of the configuration and without its type."""
    folder = fresh("m-clip-labse")
    write_vocabulary(folder, lower=False)
    transformers.BertTokenizerFast(
        str(folder / "vocab.txt"), do_lower_case=False, model_max_length=CONTEXT
    ).save_pretrained(folder)
    base = transformers.BertConfig(**TOWER, max_position_embeddings=CONTEXT)
    spelling = {"transformerDimSize": WIDTH, "imageDimSize": DIM}
    write_m_clip("m-clip-labse", base, "sentence-transformers/LaBSE", spelling)


def write_m_bert() -> None:
    """As M-BERT-Base-ViT-B is on the Hub, and its head beside it, pickled by an older numpy."""
    from multilingual_clip.legacy_multilingual_clip import MultilingualClip

    folder = fresh("m-bert")
    size = write_vocabulary(folder, lower=False)
    (folder / "tokenizer_config.json").write_text(json.dumps({"do_lower_case": False, "model_max_length": CONTEXT}))
    config = transformers.BertConfig(
        **{**TOWER, "num_attention_heads": 4}, vocab_size=size, max_position_embeddings=CONTEXT
    )
    config.architectures = ["BertModel"]
    config.save_pretrained(folder)
    save_bin(scattered(transformers.BertModel(config), 3), folder)
    random = np.random.default_rng(4)
    weight = (random.standard_normal((WIDTH, DIM)) / 6).astype(np.float32)
    pickled = pickle.dumps([weight, random.standard_normal(DIM).astype(np.float32)], protocol=3)
    (folder / "head.pkl").write_bytes(pickled.replace(b"numpy._core", b"numpy.core"))

    model = MultilingualClip(str(folder), str(folder), "head.pkl", weights_dir=f"{folder}/").eval()
    model.tokenizer = cutting(tokenizer := model.tokenizer)
    with torch.no_grad():
        features = agree(torch.cat([model([text]) for text in TEXTS]), model(TEXTS))
    write_reference("m-bert", cutting(tokenizer)(TEXTS)["input_ids"], features)


def write_taiyi(name: str, *, classifier: bool) -> None:
    """As Taiyi's towers are on the Hub: ``vocab.txt`` is all of the tokenizer."""
    folder = fresh(name)
    size = write_vocabulary(folder, lower=True)
    config = transformers.BertConfig(
        **{**TOWER, "num_attention_heads": 4}, vocab_size=size, max_position_embeddings=CONTEXT, num_labels=DIM
    )
    kind = transformers.BertForSequenceClassification if classifier else transformers.BertModel
    config.architectures = [kind.__name__]
    config.save_pretrained(folder)
    module = scattered(kind(config), 5)
    save_bin(module, folder, "bert." if classifier else "")

    # The cards: no attention mask. One text at a time there is nothing to mask.
    text_tokenizer = transformers.BertTokenizer.from_pretrained(folder)
    text_encoder = kind.from_pretrained(folder).eval()
    rows, features = [], []
    for text in TEXTS:
        ids = cutting(text_tokenizer)(text, return_tensors="pt", padding=True)["input_ids"]
        with torch.no_grad():
            features.append(text_encoder(ids).logits if classifier else text_encoder(ids)[1])
        rows.append(ids[0].tolist())
    write_reference(name, rows, torch.cat(features))


# --- sentence-transformers ------------------------------------------------------------------------------------------


def opened(folder: Path):
    """What the original library opens."""
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(folder), device="cpu")


def write_encoded(name: str, model) -> None:
    """What the original library makes of the texts, and of the pictures if it takes any."""
    others = {}
    with torch.no_grad():
        single = torch.cat([model.encode([text], convert_to_tensor=True) for text in TEXTS])
        features = agree(single, model.encode(TEXTS, convert_to_tensor=True, batch_size=len(TEXTS)))
    pictures = [upright(path) for path in PICTURES.values()]
    if "image" in model[0].modalities:
        others["image_features"] = np.stack([model.encode([picture])[0] for picture in pictures])
        others["pixels"] = np.concatenate([model[0].preprocess([p])["pixel_values"].numpy() for p in pictures])
    rows = [model[0].preprocess([text])["input_ids"][0].tolist() for text in TEXTS]
    write_reference(name, rows, features, **others)


def write_st_multilingual() -> None:
    """As clip-ViT-B-32-multilingual-v1 is on the Hub: the layout of 2021."""
    from sentence_transformers.sentence_transformer.modules import Dense

    folder = fresh("st-multilingual")
    size = write_vocabulary(folder, lower=False)
    transformers.BertTokenizerFast(str(folder / "vocab.txt"), do_lower_case=False).save_pretrained(folder)
    told = json.loads((folder / "tokenizer_config.json").read_text())
    told |= {"tokenizer_class": "DistilBertTokenizer", "model_max_length": 512}
    (folder / "tokenizer_config.json").write_text(json.dumps(told, indent=2))
    config = transformers.DistilBertConfig(
        vocab_size=size, dim=WIDTH, hidden_dim=48, n_layers=1, n_heads=4, max_position_embeddings=2 * CONTEXT
    )
    scattered(transformers.DistilBertModel(config), 6).save_pretrained(folder)
    dense = scattered(Dense(WIDTH, DIM, bias=False, activation_function=torch.nn.Identity()), 7)
    described = {
        "": ("Transformer", "sentence_bert_config.json", {"max_seq_length": CONTEXT, "do_lower_case": False}),
        "1_Pooling": (
            "Pooling",
            "config.json",
            {
                "word_embedding_dimension": WIDTH,
                "pooling_mode_cls_token": False,
                "pooling_mode_mean_tokens": True,
                "pooling_mode_max_tokens": False,
                "pooling_mode_mean_sqrt_len_tokens": False,
            },
        ),
        "2_Dense": (
            "Dense",
            "config.json",
            {
                "in_features": WIDTH,
                "out_features": DIM,
                "bias": False,
                "activation_function": "torch.nn.modules.linear.Identity",
            },
        ),
    }
    modules = []
    for i, (path, (kind, file, content)) in enumerate(described.items()):
        (folder / path).mkdir(exist_ok=True)
        (folder / path / file).write_text(json.dumps(content, indent=2))
        modules.append({"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"})
    (folder / "modules.json").write_text(json.dumps(modules, indent=2))
    torch.save(dense.state_dict(), folder / "2_Dense" / "pytorch_model.bin")
    write_encoded("st-multilingual", opened(folder))


def write_st_layers() -> None:
    """As sentence-transformers saves today, with the other poolings, a bias, a tanh, a norm, and lowercase texts."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Dense, Normalize, Pooling, Transformer

    with tempfile.TemporaryDirectory() as scratch:
        base = Path(scratch)
        size = write_vocabulary(base, lower=False)
        transformers.BertTokenizerFast(
            str(base / "vocab.txt"), do_lower_case=False, model_max_length=CONTEXT
        ).save_pretrained(base)
        tower = {**TOWER, "hidden_size": 32, "num_attention_heads": 4}
        config = transformers.BertConfig(**tower, vocab_size=size, max_position_embeddings=CONTEXT)
        scattered(transformers.BertModel(config), 8).save_pretrained(base)
        texts = Transformer(scratch, do_lower_case=True)
    dense = scattered(Dense(3 * 32, DIM), 9)
    modules = [texts, Pooling(32, pooling_mode=("cls", "max", "mean")), dense, Normalize()]
    folder = fresh("st-layers")
    model = SentenceTransformer(modules=modules, device="cpu").eval()
    model.save(str(folder), create_model_card=False)
    # Not the model that comes back from the folder: transformers 5 overlooks the lowercasing in its tokenizer.json,
    # which transformers 4 heeds.
    write_encoded("st-layers", model)


def write_st_clip() -> None:
    """As clip-ViT-B-32 is on the Hub: a whole CLIP in a folder of its own."""
    sys.path.insert(0, str(HERE.parent))
    from tiny import write_tiny_clip

    folder = fresh("st-clip")
    write_tiny_clip(folder / "0_CLIPModel", seed=10, context=CONTEXT)
    module = {"idx": 0, "name": "0", "path": "0_CLIPModel", "type": "sentence_transformers.models.CLIPModel"}
    (folder / "modules.json").write_text(json.dumps([module], indent=2))
    write_encoded("st-clip", opened(folder))


if __name__ == "__main__":
    transformers.utils.logging.set_verbosity_error()
    if importlib.util.find_spec("sentence_transformers"):
        write_st_multilingual()
        write_st_layers()
        write_st_clip()
    else:
        write_xlm_roberta()
        write_labse()
        write_m_bert()
        write_taiyi("taiyi-102m", classifier=True)
        write_taiyi("taiyi-102m-vit-l", classifier=False)
    shutil.rmtree(os.environ["HF_HOME"])
