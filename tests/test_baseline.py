"""The score explainer, against numpy on the full matrix of cosines."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from fakes import FakeClip
from PIL import Image
from scipy import stats

import clipnb
from clipnb import errors
from clipnb.scores.baseline import BINS, percent_words
from clipnb.scores.temperature import explain_scale, softmax_at
from clipnb.types import Embeddings, unit_rows

WIDTH = 2 / BINS


def rows(seed: int, count: int, prefix: str = "", modality: str = "image") -> Embeddings:
    # Off the centre, as CLIP's two cones are, so that the mean is not zero.
    vectors = np.random.default_rng(seed).normal(0.4, 1.0, (count, FakeClip.dim))
    return Embeddings(vectors, tuple(f"{prefix}{i}" for i in range(count)), modality, FakeClip.name)


@pytest.fixture(scope="module")
def images() -> Embeddings:
    return rows(1, 120)


@pytest.fixture(scope="module")
def texts() -> Embeddings:
    return rows(2, 120, "text ", "text")


def full(images: Embeddings, texts: Embeddings) -> np.ndarray:
    return images.vectors.astype(float) @ texts.vectors.astype(float).T


def off_diagonal(matrix: np.ndarray) -> np.ndarray:
    return matrix[~np.eye(len(matrix), dtype=bool)]


@pytest.fixture(scope="module")
def baseline(images: Embeddings, texts: Embeddings) -> clipnb.ScoreBaseline:
    return clipnb.score_baseline(FakeClip(), images, texts, pairs="diagonal")


def test_moments_and_percentiles_are_those_of_the_full_matrix(baseline, images, texts):
    cosines = off_diagonal(full(images, texts))
    assert baseline.n == 120 * 119
    np.testing.assert_allclose(
        [baseline.mean, baseline.std, baseline.low, baseline.high],
        [cosines.mean(), cosines.std(), cosines.min(), cosines.max()],
        rtol=1e-9,
    )
    np.testing.assert_allclose(baseline.related, np.sort(np.diag(full(images, texts))), atol=1e-6)
    at = np.linspace(cosines.min() - 0.01, cosines.max() + 0.01, 41).clip(-1, 1)
    exact = [stats.percentileofscore(cosines, value) for value in at]
    # Within one bin the pairs may lie anywhere: that is how far off a percentile may be.
    inside = np.histogram(cosines, np.linspace(-1, 1, BINS + 1))[0].max() / len(cosines) * 100
    np.testing.assert_allclose(baseline.percentile(at), exact, atol=inside)
    np.testing.assert_allclose(baseline.z(at), (at - cosines.mean()) / cosines.std(), rtol=1e-6)
    shares = [0.01, 0.25, 0.5, 0.9, 0.999]
    np.testing.assert_allclose(baseline.quantile(shares), np.quantile(cosines, shares), atol=0.01)
    np.testing.assert_allclose(baseline.percentile(baseline.quantile(shares)), np.multiply(shares, 100), atol=inside)
    assert baseline.quantile(0) == baseline.low
    assert baseline.quantile(1) == baseline.high


def test_small_blocks_change_nothing(monkeypatch, baseline, images, texts):
    monkeypatch.setattr("clipnb.scores.unrelated._CELLS", 7 * len(texts))
    again = clipnb.score_baseline(FakeClip(), images, texts, pairs=np.arange(120))
    np.testing.assert_array_equal(again.counts, baseline.counts)
    np.testing.assert_allclose(again.text_std, baseline.text_std)
    assert again.mean == pytest.approx(baseline.mean)


def test_pairs_in_every_form(images, texts):
    matrix = full(images, texts)
    some = np.full(120, -1)
    some[:10] = 5
    found = clipnb.score_baseline(FakeClip(), images, texts, pairs=some)
    assert found.n == 120 * 120 - 10
    np.testing.assert_allclose(found.related, np.sort(matrix[:10, 5]), atol=1e-6)
    mask = np.random.default_rng(0).random((120, 120)) < 0.2
    found = clipnb.score_baseline(FakeClip(), images, texts, pairs=mask)
    assert found.mean == pytest.approx(matrix[~mask].mean())
    assert found.n == (~mask).sum()
    found = clipnb.score_baseline(FakeClip(), images, texts)
    assert (found.n, len(found.related)) == (120 * 120, 0)


def test_texts_own_means_show_the_hubs(baseline, images, texts):
    matrix = full(images, texts)
    np.fill_diagonal(matrix, np.nan)
    table = baseline.per_text().set_index("text").loc[list(texts.ids)]
    np.testing.assert_allclose(table["mean"], np.nanmean(matrix, axis=0), rtol=1e-9)
    np.testing.assert_allclose(table["std"], np.nanstd(matrix, axis=0), rtol=1e-9)
    np.testing.assert_allclose(table["z"], stats.zscore(np.nanmean(matrix, axis=0)), rtol=1e-6)
    assert baseline.per_text()["mean"].is_monotonic_decreasing


def test_a_result_gets_percentile_and_z_beside_each_cosine(baseline, images):
    model = FakeClip()
    result = clipnb.zero_shot(model, images[:3], ["red", "green", "blue"])
    table = baseline.table(result)
    pd.testing.assert_frame_equal(table[list(result.top().columns)], result.top())
    np.testing.assert_allclose(table["percentile"], baseline.percentile(table["cosine"]))
    np.testing.assert_allclose(table["z"], baseline.z(table["cosine"]))
    assert list(baseline.table(result.top(1)).columns) == [*result.top().columns, "percentile", "z"]


def test_a_result_of_another_model_or_other_templates_is_told(baseline, images):
    model = FakeClip()
    with pytest.warns(errors.BaselineMismatch, match="templates= to score_baseline"):
        baseline.table(clipnb.zero_shot(model, images[:1], ["red", "green"], ["a {} thing"]))
    model.name = "another"
    result = clipnb.zero_shot(model, Embeddings(images.vectors[:1]), ["red"])
    with pytest.raises(errors.InvalidEmbeddings, match=r"'fake/colours'.*'another'"):
        baseline.table(result)
    with pytest.raises(errors.WrongType, match="no column 'cosine'"):
        baseline.table(pd.DataFrame({"score": [1.0]}))
    with pytest.raises(errors.WrongType, match="expected a ZeroShot"):
        baseline.table([0.2])


def test_sentences_name_rank_distance_and_odds(baseline):
    cosine = float(baseline.quantile(0.9))
    said = baseline.explain(cosine)
    assert f"{cosine:.3f} is higher than" in said
    assert f"of {baseline.n:,} unrelated picture-text pairs" in said
    assert f"{baseline.z(cosine):.1f} standard deviations above" in said
    assert f"scale of 20, each 0.01 more multiplies the odds by {np.exp(0.2):.2f}." in said
    assert f"odds by {np.exp(1):.2f}." in baseline.explain(cosine, logit_scale=100)
    assert "higher than all" in baseline.explain(1.0)
    assert "lower than all" in baseline.explain(-1.0)
    assert "deviations below" in baseline.explain(-1.0)


def test_percentages_never_round_to_all_or_nothing():
    assert [percent_words(p) for p in (50, 99.96, 99.996, 99.99999, 0.004, 1e-9)] == [
        "50.0%", "99.96%", "99.996%", "more than 99.999%", "0.004%", "less than 0.001%",
    ]  # fmt: skip


def test_file_keeps_everything(baseline, tmp_path):
    path = baseline.save(tmp_path / "baseline.json")
    again = clipnb.ScoreBaseline.load(path)
    np.testing.assert_array_equal(again.counts, baseline.counts)
    np.testing.assert_array_equal(again.text_mean, baseline.text_mean)
    np.testing.assert_allclose(again.related, baseline.related, atol=1e-6)
    for name in ("mean", "std", "low", "high", "model", "logit_scale", "source", "templates", "texts"):
        assert getattr(again, name) == getattr(baseline, name)
    assert again.explain(0.3) == baseline.explain(0.3)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 99}', None, "short"])
def test_damaged_files_are_named(content, baseline, tmp_path):
    path = tmp_path / "baseline.json"
    if content == "short":
        facts = json.loads(baseline.save(path).read_text(encoding="utf-8"))
        facts["counts"]["100000"] = 1
        content = json.dumps(facts)
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(errors.SourceError, match=r"baseline\.json"):
        clipnb.ScoreBaseline.load(path)


@pytest.mark.parametrize("value", [27.3, np.nan, -1.5, [0.1, 2.0]])
def test_logits_are_not_taken_for_cosines(value, baseline):
    for method in (baseline.percentile, baseline.z):
        with pytest.raises(errors.UnsupportedOption, match="Divide a logit by the logit_scale"):
            method(value)
    with pytest.raises(errors.WrongType):
        baseline.percentile("high")
    assert baseline.explain("0.27") == baseline.explain(0.27)
    with pytest.raises(errors.WrongType, match="one cosine at a time"):
        baseline.explain([0.2, 0.3])


def test_a_place_that_cannot_be_written_is_named(baseline, tmp_path):
    with pytest.raises(errors.UnsupportedOption, match=r"nowhere.*cannot be written"):
        baseline.save(tmp_path / "nowhere" / "baseline.json")


def test_wrong_input_is_named(images, texts):
    model = FakeClip()
    for pairs in (np.arange(119), np.zeros((2, 2), dtype=bool), np.full(120, 120), np.zeros(120)):
        with pytest.raises(errors.WrongShape, match="pairs"):
            clipnb.score_baseline(model, images, texts, pairs=pairs)
    with pytest.raises(errors.WrongShape, match="119"):
        clipnb.score_baseline(model, images, texts[:119], pairs="diagonal")
    with pytest.raises(errors.UnsupportedOption, match="pairs='all'"):
        clipnb.score_baseline(model, images, texts, pairs="all")
    with pytest.raises(errors.EmptyInput, match="both images and texts"):
        clipnb.score_baseline(model, images)
    with pytest.raises(errors.EmptyInput, match="0 unrelated pairs"):
        clipnb.score_baseline(model, images[:1], texts[:1], pairs="diagonal")
    with pytest.raises(errors.InvalidEmbeddings, match="'other'"):
        clipnb.score_baseline(model, Embeddings(images.vectors, model="other"), texts)
    with pytest.raises(errors.InvalidEmbeddings, match="'other'"):
        clipnb.score_baseline(model, images, Embeddings(texts.vectors, model="other"))
    with pytest.raises(errors.InvalidEmbeddings, match="8 columns, texts 3"):
        clipnb.score_baseline(model, images, Embeddings(texts.vectors[:, :3]))
    with pytest.raises(errors.WrongType, match="one text"):
        clipnb.score_baseline(model, images, "a text")
    with pytest.raises(errors.WrongType, match=r"clipnb\.load"):
        clipnb.score_baseline("ViT-B/32")
    with pytest.raises(errors.UnsupportedOption, match="templates="):
        clipnb.score_baseline(model, images, texts, templates="photo")
    with pytest.raises(errors.UnsupportedOption, match="languages"):
        clipnb.score_baseline(model, images, texts, languages=["en"])
    with pytest.raises(errors.UnsupportedOption, match="sample=1"):
        clipnb.score_baseline(model, sample=1)


def test_default_compares_emoji_with_names_in_the_models_languages():
    model = FakeClip()
    found = clipnb.score_baseline(model, sample=60)
    assert found.source == "60 Fluent emoji and their names in 4 languages"
    assert len(found.related) == len(found.texts) == 60
    # Pairs of one subgroup are left out beside the true ones.
    assert found.n < 60 * 59
    names = clipnb.datasets.emoji("fluent", ["en", "de", "zh", "ar"]).names
    for turn, code in enumerate(("en", "de", "zh", "ar")):
        assert len(set(found.texts[turn::4]) & set(names[code])) > 10
    assert found.texts == clipnb.score_baseline(model, sample=60).texts
    assert found.texts != clipnb.score_baseline(model, sample=60, seed=1).texts
    english = clipnb.score_baseline(model, sample=30, languages=["en"])
    assert set(english.texts) <= set(names["en"])
    assert english.source.endswith("in English")


def test_templates_go_around_texts_and_equal_texts_are_no_trouble():
    model = FakeClip()
    squares = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    found = clipnb.score_baseline(model, squares, ["mat", "hat", "mat"], templates=["a {}", "the {}"])
    mean = unit_rows(np.stack([model.encode_text([f"a {w}", f"the {w}"]).mean(axis=0) for w in ("mat", "hat", "mat")]))
    cosines = model.encode_image(squares) @ mean.T
    assert found.mean == pytest.approx(cosines.mean(), abs=1e-6)
    np.testing.assert_allclose(found.text_mean, cosines.mean(axis=0), atol=1e-6)
    assert found.templates == ("a {}", "the {}")


def test_softmax_at_a_scale_is_the_models_own():
    model = FakeClip()
    cosines = np.random.default_rng(0).uniform(-0.2, 0.4, 6)
    np.testing.assert_allclose(softmax_at(cosines, model.logit_scale)[0], model.probabilities(cosines), atol=1e-6)
    many = softmax_at(cosines, [1e-9, 1.0, 1e6])
    np.testing.assert_allclose(many[0], 1 / 6, atol=1e-6)
    assert many[2, cosines.argmax()] == 1
    for scales in (0, -1, np.nan, [[1.0]]):
        with pytest.raises(errors.UnsupportedOption):
            softmax_at(cosines, scales)
    for wrong in ([], [[0.1]], [np.nan]):
        with pytest.raises(errors.WrongShape):
            softmax_at(wrong, 1)


def test_scale_in_words():
    said = explain_scale([0.20, 0.27, 0.25], ["hat", "cat", "dog"], 100)
    plain, own = softmax_at([0.20, 0.27, 0.25], [1, 100])
    assert "'cat' (0.270) and 'dog' (0.250) are 0.020 apart" in said
    assert f"{plain[1]:.1%} and {plain[2]:.1%} of them" in said
    assert f"scale of 100 {own[1]:.1%} and {own[2]:.1%}" in said
    assert "only class" in explain_scale([0.2], ["cat"], 100)
    with pytest.raises(errors.WrongShape, match="2 classnames for 3"):
        explain_scale([0.1, 0.2, 0.3], ["a", "b"], 1)
