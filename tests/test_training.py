"""Teaching a text tower: what is learned from, what comes out, and what a killed run becomes."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from fakes import FakeClip
from training_child import PAIRS, distill, student

import clipnb
from clipnb import training
from clipnb.errors import (
    FolderBusy,
    ModelFolderError,
    StoreError,
    TextTooLong,
    TruncatedText,
    UnsupportedOption,
    WrongType,
)
from clipnb.store.lock import locked
from clipnb.training import TeacherCache, open_student

CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"
TEXTS = ["der rac", "", "red car", "雪 ❄ снег", "a fish, and a bird"]


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    return distill(tmp_path_factory.mktemp("student") / "out")


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return torch.load(folder / "pytorch_model.bin", weights_only=True)


def same_weights(one: Path, other: Path) -> bool:
    left, right = weights(one), weights(other)
    return left.keys() == right.keys() and all(torch.equal(left[key], right[key]) for key in left)


# --- what comes out ---


def original(folder: Path, texts: list[str]) -> np.ndarray:
    """Raw features by Multilingual-CLIP's own class.

    Its ``from_pretrained`` does not work with transformers 5; its class and its forward do.
    """
    from multilingual_clip.Config_MCLIP import MCLIPConfig
    from multilingual_clip.pt_multilingual_clip import MultilingualCLIP
    from transformers import AutoTokenizer, __version__

    tokenizer = AutoTokenizer.from_pretrained(folder)
    if __version__.startswith("4."):
        model = MultilingualCLIP.from_pretrained(folder)
    else:
        model = MultilingualCLIP(MCLIPConfig(**json.loads((folder / "config.json").read_text())))
        model.load_state_dict(weights(folder), strict=True)
    del sys.modules["multilingual_clip.pt_multilingual_clip"]  # another test sees to it that clipnb leaves it alone
    with torch.inference_mode():
        return model.eval().forward(texts, tokenizer).numpy()


def test_the_original_library_opens_the_result(result, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    ours = clipnb.load(result.folder, image_tower=False, device="cpu").encode_text(TEXTS, normalize=False)
    assert ours.shape == (len(TEXTS), FakeClip.dim)
    np.testing.assert_allclose(original(result.folder, TEXTS), ours, atol=1e-5)


def test_a_folder_that_moved(result, tmp_path):
    moved = tmp_path / "elsewhere" / "tower"
    shutil.copytree(result.folder, moved)
    config = json.loads((moved / "config.json").read_text())
    (moved / "config.json").write_text(json.dumps({**config, "modelBase": "/gone/for/good"}))
    ours = clipnb.load(moved, image_tower=False, device="cpu").encode_text(TEXTS)
    np.testing.assert_array_equal(ours, clipnb.load(result.folder, image_tower=False, device="cpu").encode_text(TEXTS))


def test_the_base_is_a_model_by_itself(result):
    from transformers import AutoModel, AutoTokenizer

    model, tokenizer = AutoModel.from_pretrained(result.folder / "base"), AutoTokenizer.from_pretrained(result.folder)
    ours = clipnb.load(result.folder, image_tower=False, device="cpu").text_model(["red car"])
    with torch.inference_mode():
        found = model.eval()(**tokenizer(["red car"], return_tensors="pt")).last_hidden_state
    np.testing.assert_allclose(found.numpy(), ours.last_hidden_state, atol=1e-5)


def test_it_learned(result):
    """Compared with the same student untaught, and with what a single row for everything would reach."""
    table = result.validation.pivot(index="step", columns="language", values="cosine")
    assert list(table.index) == [0, 10, 20, 30]
    assert (table.loc[30] > table.loc[0] + 0.2).all()
    assert result.log["loss"].iloc[-1] < 0.75 < result.log["loss"].iloc[0]  # 1 is what the mean row has
    assert (result.steps, result.teacher) == (30, FakeClip.name)


def test_pictures_by_the_teacher(tmp_path):
    model = clipnb.load(device="cpu")
    pairs = [("cat", "katt", "sv"), ("dog", "hund", "sv")]
    small = training.small_student(["katt", "hund"], vocabulary=270, width=64, layers=1, dropout=0.0)
    done = training.distill(model, small, pairs, tmp_path, steps=80, lr=1e-3, device="cpu", progress=False)
    both, pictures = done.load(device="cpu"), clipnb.datasets.emoji(concepts=["cat", "dog"]).images
    assert both.dim == model.dim
    np.testing.assert_array_equal(both.encode_image(pictures), model.encode_image(pictures))
    cosines = clipnb.similarity.cosine(both.encode_text(["katt", "hund"]), model.encode_text(["cat", "dog"]))
    assert cosines.diagonal().min() > 0.9 > max(cosines[0, 1], cosines[1, 0]) + 0.1


# --- the loss, and the weights ---


def test_the_first_loss_by_hand(tmp_path):
    small, teacher = student(dropout=0.0), FakeClip()
    done = training.distill(
        teacher, small, PAIRS, tmp_path, steps=1, batch_size=len(PAIRS), device="cpu", progress=False
    )
    fresh = small.fitted(teacher.dim, 0)
    rows = []
    with torch.inference_mode():
        for _, text, _ in PAIRS:
            states = fresh.transformer.eval()(torch.tensor([small.tokenizer(text)["input_ids"]])).last_hidden_state
            rows.append(fresh.head(states.mean(dim=1))[0].numpy())
    targets = teacher.encode_text([source for source, _, _ in PAIRS], normalize=False)
    expected = ((np.array(rows) - targets) ** 2).mean() / targets.var(axis=0).mean()
    assert done.log["loss"].iloc[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.slow
def test_a_killed_run_ends_with_the_weights_of_an_undisturbed_one(result, tmp_path):
    child = [sys.executable, str(Path(__file__).with_name("training_child.py")), str(tmp_path / "out"), "17"]
    environment = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    killed = subprocess.run(child, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert (tmp_path / "out" / "training" / "checkpoint.pt").exists()
    assert not (tmp_path / "out" / "config.json").exists()
    again = distill(tmp_path / "out")
    assert same_weights(again.folder, result.folder)
    pd.testing.assert_frame_equal(again.validation, result.validation)
    pd.testing.assert_frame_equal(again.log.drop(columns="seconds"), result.log.drop(columns="seconds"))
    assert not (tmp_path / "out" / "training" / "checkpoint.pt").exists()


def test_the_checkpoint_holds_all_that_matters(result, tmp_path, monkeypatch):
    """The same without a process of its own, stopped at a step between two checkpoints."""
    from clipnb.training.lesson import Lesson

    learn, seen = Lesson._step, []

    def until(self, *arguments):
        seen.append(None)
        if len(seen) == 17:
            raise KeyboardInterrupt
        return learn(self, *arguments)

    monkeypatch.setattr(Lesson, "_step", until)
    with pytest.raises(KeyboardInterrupt):
        distill(tmp_path)
    monkeypatch.setattr(Lesson, "_step", lambda self, *arguments: seen.append(None) or learn(self, *arguments))
    seen.clear()
    assert same_weights(distill(tmp_path).folder, result.folder)
    assert len(seen) == 30 - 14
    seen.clear()
    done = distill(tmp_path)  # it is finished: nothing is learned again
    assert not seen
    assert done.steps == 30
    distill(tmp_path, resume=False, steps=2)
    assert len(seen) == 2
    assert not same_weights(tmp_path, result.folder)


def test_threads_are_given_back(tmp_path, monkeypatch):
    from clipnb.training.lesson import Lesson

    learn, inside, before = Lesson._step, [], torch.get_num_threads()

    def watched(self, *arguments):
        inside.append(torch.get_num_threads())
        return learn(self, *arguments)

    monkeypatch.setattr(Lesson, "_step", watched)
    distill(tmp_path, steps=1, threads=before + 1)
    assert (inside, torch.get_num_threads()) == ([before + 1], before)
    with pytest.raises(UnsupportedOption, match="threads=0"):
        distill(tmp_path, threads=0)


def test_another_seed_is_another_student(result, tmp_path):
    assert not same_weights(distill(tmp_path, seed=1).folder, result.folder)


def test_a_student_that_is_handed_over_stays_as_it_is(tmp_path):
    small = student()
    before = small.digest()
    training.distill(FakeClip(), small, PAIRS, tmp_path, steps=2, device="cpu", progress=False)
    assert small.digest() == before == student().digest()


# --- students that know something ---


class Narrow(FakeClip):
    """A teacher with as many columns as the stored checkpoints."""

    name, dim = "fake/narrow", 24

    def encode_text(self, texts, *, normalize=True, **others):
        rows = super().encode_text(texts, normalize=False, **others)
        rows = np.tile(rows, 3) + np.arange(24, dtype=np.float32) / 24
        return clipnb.types.unit_rows(rows) if normalize else rows


@pytest.mark.parametrize("name", ["m-clip-xlm-roberta", "m-clip-labse"])
def test_a_multilingual_clip_goes_on_learning(name, tmp_path):
    before = clipnb.load(CHECKPOINTS / name, image_tower=False, device="cpu").encode_text(TEXTS, normalize=False)
    opened = open_student(CHECKPOINTS / name)
    assert (opened.head.out_features, opened.base) == (
        24,
        json.loads((CHECKPOINTS / name / "config.json").read_text())["modelBase"],
    )
    options = {"steps": 1, "lr": 1e-12, "warmup": 0.0, "device": "cpu", "progress": False}
    done = training.distill(Narrow(), CHECKPOINTS / name, PAIRS, tmp_path, **options)
    after = clipnb.load(done.folder, image_tower=False, device="cpu").encode_text(TEXTS, normalize=False)
    np.testing.assert_allclose(after, before, atol=1e-5)
    assert not (done.folder / "base").exists()  # the Hub has it
    with pytest.raises(UnsupportedOption, match="its head gives 24 columns and the teacher's rows have 8"):
        training.distill(FakeClip(), CHECKPOINTS / name, PAIRS, tmp_path / "other", **options)


def test_an_encoder_without_a_head(result, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    opened = open_student(result.folder / "base")
    assert (opened.head, opened.width, opened.context_length) == (None, 64, 24)
    done = training.distill(Narrow(), result.folder / "base", PAIRS, tmp_path, steps=2, device="cpu", progress=False)
    ours = clipnb.load(done.folder, image_tower=False, device="cpu").encode_text(TEXTS, normalize=False)
    np.testing.assert_allclose(original(done.folder, TEXTS), ours, atol=1e-5)
    (tmp_path / "pytorch_model.bin").unlink()
    with pytest.raises(ModelFolderError, match="weights"):
        open_student(tmp_path)


def test_a_result_goes_on_learning_another_language(result, tmp_path):
    more = [(source, f"der {text}", "de") for source, text, code in PAIRS if code == "en"]
    done = training.distill(FakeClip(), result.folder, more, tmp_path, steps=2, device="cpu", progress=False)
    assert done.load(image_tower=False, device="cpu").dim == FakeClip.dim
    assert training.Distilled.read(tmp_path) == done
    with pytest.raises(StoreError, match="no finished training"):
        training.Distilled.read(tmp_path / "base")


# --- small students ---


def test_every_script_has_tokens():
    small = student()
    texts = ["kedja", "ქართული", "ଓଡ଼ିଆ", "ᏣᎳᎩ", "🦙", "ﬁ Ａ"]
    for text, row in zip(texts, small.token_rows(texts), strict=True):
        assert small.tokenizer.unk_token_id not in row
        assert (row[0], row[-1]) == (0, 2)
        if text != "ﬁ Ａ":
            assert small.tokenizer.decode(row, skip_special_tokens=True).strip() == text.lower()
    assert small.token_rows(["ﬁ Ａ"]) == small.token_rows(["FI a"])  # NFKC, lowercase
    assert len(small.tokenizer) <= 300


def test_sizes_of_a_small_student():
    small = student(width=128, layers=2)
    assert (small.width, small.context_length, small.transformer.config.num_attention_heads) == (128, 24, 2)
    for sizes in ({"width": 100}, {"layers": 0}, {"context": 2}, {"vocabulary": 100}, {"dropout": 1.0}):
        with pytest.raises(UnsupportedOption, match=next(iter(sizes))):
            student(**sizes)
    with pytest.raises(WrongType, match="put it into a list"):
        training.small_student("katt")


# --- what is refused ---


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"steps": None}, "either steps= or epochs="),
        ({"epochs": 2}, "either steps= or epochs="),
        ({"steps": 0}, "steps=0"),
        ({"steps": 2.5}, r"steps=2\.5: expected a whole number from 1"),
        ({"steps": "2"}, "steps='2'"),
        ({"steps": None, "epochs": float("nan")}, "epochs=nan"),
        ({"steps": None, "epochs": 0}, "more than none"),
        ({"batch_size": 2.5}, "batch_size"),
        ({"checkpoint_every": 0}, "checkpoint_every=0"),
        ({"validate_every": 0}, "validate_every=0"),
        ({"weight_decay": "a"}, "weight_decay='a'"),
        ({"weight_decay": -1.0}, "decay from 0"),
        ({"seed": -1}, "seed=-1: expected a whole number from 0"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"lr": 0.0}, "lr=0.0"),
        ({"warmup": 1.0}, "warmup=1.0"),
        ({"dtype": "float16"}, "bfloat16"),
        ({"device": "meta"}, "meta"),
    ],
)
def test_options_out_of_range(options, words, tmp_path):
    with pytest.raises(UnsupportedOption, match=words):
        distill(tmp_path, **options)


def test_a_folder_of_another_training(tmp_path):
    distill(tmp_path, steps=1)
    with pytest.raises(StoreError, match=r"lr was 0.001 and is 0.002.*resume=False"):
        distill(tmp_path, steps=1, lr=0.002)
    with locked(tmp_path), pytest.raises(FolderBusy):
        distill(tmp_path, steps=1)
    (tmp_path / "training" / "log.csv").unlink()
    with pytest.raises(StoreError, match=r"lr was 0.001 and is 0.002"):
        distill(tmp_path, steps=1, lr=0.002)
    shutil.rmtree(tmp_path / "training")
    with pytest.raises(StoreError, match=r"another training; .*resume=False"):
        distill(tmp_path, steps=1, lr=0.002)
    assert distill(tmp_path, steps=1, lr=0.002, resume=False).steps == 1


def test_a_folder_of_another_model_stays_as_it_is(tmp_path):
    (tmp_path / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    for resume in (True, False):
        with pytest.raises(StoreError, match="not a result of distill"):
            distill(tmp_path, steps=1, resume=resume)
    assert (tmp_path / "config.json").read_text(encoding="utf-8") == '{"model_type": "bert"}'


def test_texts_without_a_source_are_counted(tmp_path):
    corpus = clipnb.Corpus("c", (), ("a", "b"), {"en": ("car",), "sv": ("bil", "hus")}, {"en": (0,), "sv": (0, 1)})
    with pytest.warns(UserWarning, match="without a sentence in 'en' are not learned from: sv 1"):
        training.distill(FakeClip(), student(), corpus, tmp_path, steps=1, device="cpu", progress=False)


def test_a_damaged_checkpoint(tmp_path):
    distill(tmp_path, steps=1)
    (tmp_path / "training" / "checkpoint.pt").write_bytes(b"half a file")
    with pytest.raises(StoreError, match=r"checkpoint.pt: cannot be read .*resume=False"):
        distill(tmp_path, steps=1)
    distill(tmp_path, steps=1, resume=False)


def test_long_texts_are_named_or_counted(tmp_path):
    pairs = [*PAIRS, ("a car " * 10, "rac " * 30, "sv"), ("a red car", "car " * 30, "en")]
    options = {"steps": 1, "device": "cpu", "progress": False}
    with pytest.raises(TextTooLong, match="tokens > 12"):
        training.distill(FakeClip(), student(), pairs, tmp_path, **options)
    with pytest.raises(TextTooLong, match=r"text 72, 'car .* > 24, the student's context"):
        training.distill(FakeClip(), student(), [*PAIRS, pairs[-1]], tmp_path / "other", **options)
    with pytest.warns(TruncatedText) as said:  # what failed before it learned anything is in nobody's way
        training.distill(FakeClip(), student(), pairs, tmp_path, truncate=True, **options)
    words = [str(warning.message) for warning in said]
    assert any("1 of 37 texts cut at the teacher's 12 tokens" in line for line in words)
    assert any("2 of 74 texts cut at the student's 24 tokens: en 1, sv 1" in line for line in words)


def test_what_is_no_teacher(tmp_path):
    with pytest.raises(WrongType, match="the teacher is a int"):
        training.distill(3, student(), PAIRS, tmp_path, steps=1)
    with pytest.raises(WrongType, match="the student is a int"):
        training.distill(FakeClip(), 3, PAIRS, tmp_path, steps=1)


def test_the_teacher_is_asked_once_for_all_trainings(tmp_path):
    class Counting(FakeClip):
        asked: list[str] = []  # noqa: RUF012

        def encode_text(self, texts, **options):
            self.asked.extend(texts)
            return super().encode_text(texts, **options)

    options = {"steps": 1, "device": "cpu", "progress": False, "cache": tmp_path / "cache"}
    training.distill(Counting(), student(), PAIRS, tmp_path / "one", **options)
    training.distill(Counting(), student(), PAIRS[:30], tmp_path / "two", **options)
    sources = {source for source, _, _ in PAIRS}
    assert all(Counting.asked.count(source) == 1 for source in sources)
    assert len(TeacherCache(tmp_path / "cache", FakeClip())) == len(sources)
