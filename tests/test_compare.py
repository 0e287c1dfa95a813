"""Several models on the same input, with models that know colours; one test with a real one."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest
from fakes import COLOURS, FakeClip
from PIL import Image
from scipy.stats import spearmanr

import clipnb
from clipnb.comparison import Comparison, spearman_rows
from clipnb.errors import (
    ClipnbError,
    DuplicateLabels,
    EmptyInput,
    EmptyLabels,
    InvalidEmbeddings,
    ModelUnavailable,
    NoImageTower,
    TextTooLong,
    TruncatedText,
    UnknownLabel,
    UnknownModel,
    UnreadableImage,
    UnsupportedOption,
    WrongType,
)
from clipnb.similarity import cosine

TEXTS = ["red", "green", "blue", "一把椅子"]
LONG = "a very very very very very very very very very very long red"


class Other(FakeClip):
    """Takes green for blue, scores every pair by itself, and reads three words."""

    name, dim, context_length, logit_scale, logit_bias = "fake/other", 6, 3, 30.0, -10.0

    def encode_text(self, texts, **options):
        if not options.get("truncate"):
            return super().encode_text(["blue" if text == "green" else text for text in texts], **options)[:, :6]
        return super().encode_text([" ".join(text.split()[:3]) for text in texts], **options)[:, :6]

    def encode_image(self, images, **options):
        return super().encode_image(images, **options)[:, :6]

    def probabilities(self, sim):
        return (1 / (1 + np.exp(-self.logit_scale * np.asarray(sim) - self.logit_bias))).astype(np.float32)


@pytest.fixture
def images():
    return [Image.new("RGB", (12, 12), COLOURS[name]) for name in ("red", "green", "blue")]


@pytest.fixture
def compared(images):
    return clipnb.compare([FakeClip(), Other()], images, TEXTS)


def test_each_model_says_what_it_says_alone(compared, images):
    assert compared.models == ("fake/colours", "fake/other")
    assert len(compared) == 2
    for model in (FakeClip(), Other()):
        alone = clipnb.zero_shot(model, images, TEXTS)
        np.testing.assert_allclose(compared[model.name].similarity, alone.similarity, atol=1e-6)
        np.testing.assert_allclose(compared[model.name].probabilities, alone.probabilities, atol=1e-6)


def test_the_result_does_not_depend_on_the_batch(compared, images):
    again = clipnb.compare([FakeClip(), Other()], images, TEXTS, batch_size=1)
    np.testing.assert_array_equal(again["fake/other"].similarity, compared["fake/other"].similarity)


def test_the_table_is_tidy(compared):
    table = compared.table()
    assert list(table.columns) == ["model", "image", "text", "cosine", "probability", "rank"]
    assert len(table) == 2 * 3 * 4
    assert not table.duplicated(["model", "image", "text"]).any()
    wide = table[table.model == "fake/other"].pivot(index="image", columns="text", values="cosine")
    sim = compared["fake/other"].similarity
    np.testing.assert_array_equal(wide.loc[list(compared.image_ids), TEXTS], sim)
    ranks = table[table.model == "fake/colours"].pivot(index="image", columns="text", values="rank")
    expected = np.argsort(np.argsort(-compared["fake/colours"].similarity, axis=1, kind="stable"), axis=1) + 1
    np.testing.assert_array_equal(ranks.loc[list(compared.image_ids), TEXTS], expected)
    by_image = table.groupby(["model", "image"]).probability.sum().unstack(0)
    np.testing.assert_allclose(by_image["fake/colours"], 1, rtol=1e-5)  # a softmax
    assert (abs(by_image["fake/other"] - 1) > 0.01).any()


def test_the_summary_has_a_row_a_model(compared, images):
    summary = compared.summary()
    assert list(summary.index) == ["fake/colours", "fake/other"]
    assert summary.dim.tolist() == [8, 6]
    assert summary.context_length.tolist() == [12, 3]
    assert summary.logit_scale.tolist() == [20.0, 30.0]
    assert summary.scores.tolist() == ["softmax", "sigmoid"]
    assert summary.best_texts["fake/colours"] == ("red", "green", "blue")
    best = compared["fake/other"].similarity.argmax(axis=1)
    assert summary.best_texts["fake/other"] == tuple(TEXTS[j] for j in best) != ("red", "green", "blue")
    assert "top1" not in summary
    assert summary.cosine_mean["fake/other"] == pytest.approx(compared["fake/other"].similarity.mean(), abs=1e-6)
    assert summary.cosine_std["fake/other"] == pytest.approx(compared["fake/other"].similarity.std(), abs=1e-6)
    assert summary.cut_texts.tolist() == [0, 0]

    known = clipnb.compare([FakeClip(), Other()], images, TEXTS, labels=["red", "green", "blue"]).summary()
    assert "best_texts" not in known
    assert known.top1["fake/colours"] == 1
    assert known.top1["fake/other"] < 1


def test_agreement_is_that_of_scipy(compared):
    one, other = (compared[model].similarity for model in compared.models)
    row = compared.agreement().iloc[0]
    assert (row.model_a, row.model_b) == compared.models
    assert row.same_best == (one.argmax(axis=1) == other.argmax(axis=1)).mean()
    assert row.spearman == pytest.approx(np.mean([spearmanr(a, b)[0] for a, b in zip(one, other, strict=True)]))
    assert row.images_ranked == 3


def test_rank_correlations_with_ties_are_those_of_scipy():
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 4, (20, 7)).astype(np.float32), rng.normal(size=(20, 7)).astype(np.float32)
    expected = [spearmanr(x, y)[0] for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(spearman_rows(a, b), expected, atol=1e-12)
    np.testing.assert_allclose(spearman_rows(b, -b), -1)


def test_what_has_no_ranking_is_left_out_and_counted(images):
    single = clipnb.compare([FakeClip(), Other()], images, ["red"]).agreement().iloc[0]
    assert np.isnan(single.spearman)
    assert single.images_ranked == 0
    assert single.same_best == 1
    assert clipnb.compare([FakeClip()], images, TEXTS).agreement().empty


def test_a_long_text_is_cut_where_it_has_to_be_and_nowhere_in_silence(images):
    texts = ["red", LONG, "green", "blue or not so blue", "yellow"]
    with pytest.warns(TruncatedText) as caught:
        result = clipnb.compare([FakeClip(), Other()], images, texts)
    words = [str(warning.message) for warning in caught]
    assert len(words) == 2
    assert words[0].startswith("fake/colours: 1 of 5 texts cut at 12 tokens: 'a very")
    assert words[1].startswith("fake/other: 2 of 5 texts cut at 3 tokens: ")
    assert caught[0].filename == __file__
    assert result.facts["fake/colours"].cut_texts == (LONG,)
    assert result.facts["fake/other"].cut_texts == (LONG, "blue or not so blue")
    assert result.summary().cut_texts.tolist() == [1, 2]
    expected = cosine(Other().encode_image(images), Other().encode_text(texts[1:2], truncate=True))
    np.testing.assert_allclose(result["fake/other"].similarity[:, 1:2], expected, atol=1e-6)


def test_a_long_text_raises_where_it_is_asked_to(images):
    with pytest.raises(TextTooLong, match=r"^fake/other: .*tokens > 3"):
        clipnb.compare([Other()], images, ["red", LONG], truncate=False)


def test_names_are_opened_one_after_the_other_and_let_go(images):
    alive: list[weakref.ref] = []

    def load(name):
        gc.collect()
        assert [ref for ref in alive if ref() is not None] == []
        model = FakeClip()
        model.circle, model.name = model, name
        alive.append(weakref.ref(model))
        return model

    result = clipnb.compare(["a", "b", "c"], images, TEXTS, load=load)
    assert len(alive) == 3
    assert [ref for ref in alive if ref() is not None] == []
    assert result.models == ("a", "b", "c")
    assert result.facts["b"].name == "b"


def test_a_dict_names_models_and_what_opens_them(images):
    result = clipnb.compare({"ours": FakeClip(), "theirs": "some/name"}, images, TEXTS, load=lambda name: Other())
    assert result.models == ("ours", "theirs")
    assert result.facts["theirs"].name == "fake/other"
    assert result.table().model.unique().tolist() == ["ours", "theirs"]


def test_images_are_paths_bytes_or_arrays_too(pictures):
    files = [pictures["rgb.png"], pictures["rgb.png"].read_bytes(), np.asarray(Image.open(pictures["rgb.png"]))]
    result = clipnb.compare([FakeClip()], files, TEXTS)
    sim = result["fake/colours"].similarity
    np.testing.assert_array_equal(sim[0], sim[1])
    np.testing.assert_array_equal(sim[0], sim[2])
    assert result.image_ids == (str(files[0]), "image 1", "image 2")
    assert clipnb.compare([FakeClip()], files, TEXTS, image_ids="abc").image_ids == ("a", "b", "c")


def test_a_model_that_cannot_be_opened_is_named(images):
    def load(name):
        raise ModelUnavailable("the Hub cannot be reached")

    with pytest.raises(ModelUnavailable, match=r"^theirs: the Hub cannot be reached"):
        clipnb.compare({"ours": FakeClip(), "theirs": "some/name"}, images, TEXTS, load=load)
    with pytest.raises(UnknownModel, match="no-such-model"):
        clipnb.compare(["clipnb/emoji", "no-such-model"], images, TEXTS, load=None)

    class Texts(FakeClip):
        def encode_image(self, images, **options):
            raise NoImageTower("loaded for its texts alone")

    with pytest.raises(NoImageTower, match=r"^fake/colours: loaded for its texts"):
        clipnb.compare([Texts()], images, TEXTS)
    with pytest.raises(UnreadableImage, match=r"^nowhere.png"):
        clipnb.compare([FakeClip()], ["nowhere.png"], TEXTS)


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"models": []}, EmptyInput, "list of models is empty"),
        ({"models": "clipnb/emoji"}, WrongType, "put it into a list"),
        ({"models": FakeClip()}, WrongType, "put it into a list"),
        ({"models": 3}, WrongType, "models is a int"),
        ({"models": [3]}, WrongType, "model 0 is 3"),
        ({"models": {3: FakeClip()}}, WrongType, "label 3 of model 0"),
        ({"models": [FakeClip(), FakeClip()]}, DuplicateLabels, "two of the models are called 'fake/colours'"),
        ({"texts": "red"}, WrongType, "single text, 'red'"),
        ({"texts": []}, EmptyLabels, "empty"),
        ({"texts": ["red", "red"]}, DuplicateLabels, "'red'"),
        ({"labels": ["red"]}, UnknownLabel, "1 labels for 3 images"),
        ({"labels": ["red", "red", "pink"]}, UnknownLabel, "'pink'"),
        ({"images": []}, EmptyInput, "list of images is empty"),
        ({"batch_size": 0}, UnsupportedOption, "batch_size=0"),
        ({"image_ids": ["a"]}, UnsupportedOption, "1 image_ids for 3 images"),
    ],
)
def test_wrong_arguments_are_named_before_a_model_is_opened(images, change, error, words):
    def load(name):
        raise AssertionError("opened")

    arguments = {"models": ["a"], "images": images, "texts": TEXTS, "load": load, **change}
    with pytest.raises(error, match=words):
        clipnb.compare(**arguments)


def test_a_comparison_is_of_the_same_inputs(compared, images):
    other = clipnb.compare([Other()], images, ["red", "blue"])
    with pytest.raises(InvalidEmbeddings, match="not of the same"):
        Comparison({**compared.results, "x": other["fake/other"]}, {**compared.facts, "x": other.facts["fake/other"]})
    with pytest.raises(EmptyInput):
        Comparison({}, {})
    with pytest.raises(UnknownModel, match="Did you mean 'fake/colours'"):
        compared["fake/colour"]
    assert issubclass(UnknownModel, ClipnbError)
    assert repr(compared) == "Comparison(fake/colours, fake/other: 3 images, 4 texts)"


def test_the_embedded_model_beside_a_random_one(tiny_folder):
    pictures = clipnb.datasets.emoji("fluent").select(names=["cat", "dog", "octopus"])
    texts = ["猫", "狗", "章鱼"]
    result = clipnb.compare(
        {"ours": "clipnb/emoji", "random": tiny_folder}, pictures.images, texts, labels=texts, progress=True
    )
    alone = clipnb.zero_shot(clipnb.load(), pictures.images, texts, labels=texts)
    np.testing.assert_array_equal(result["ours"].similarity, alone.similarity)
    assert result.summary().top1["ours"] == alone.metrics()["top1"]
    assert result.facts["random"].dim != result.facts["ours"].dim
    assert result["ours"].labels == tuple(texts)
