import numpy as np
import pytest
from scipy.spatial.distance import pdist
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

import clipnb
from clipnb.aligning import separability
from clipnb.errors import EmptyInput, InvalidEmbeddings, UnsupportedOption, WrongShape, WrongType
from clipnb.modality import alignment_loss, uniformity
from clipnb.types import unit_rows

RNG = np.random.default_rng(0)
THINGS = RNG.normal(size=(120, 16))
IMAGES = clipnb.Embeddings(THINGS + 1.5, tuple(f"t{i}" for i in range(120)), "image", "m")
TEXTS = clipnb.Embeddings(THINGS + 0.3 * RNG.normal(size=THINGS.shape) - 1.5, IMAGES.ids, "text", "m")


def test_the_centres_of_known_clouds_are_as_far_apart_as_they_are():
    """Images on a circle around e1, texts on one around e2, both of cosine 0.8: centres 0.8 e1 and 0.8 e2."""
    angle = np.linspace(0, 2 * np.pi, 40, endpoint=False)
    ring = 0.6 * np.c_[np.cos(angle), np.sin(angle)]
    images = np.c_[np.full(40, 0.8), np.zeros(40), ring]
    texts = np.c_[np.zeros(40), np.full(40, 0.8), ring]
    gap = clipnb.modality_gap(images, texts)
    assert gap.distance == pytest.approx(0.8 * np.sqrt(2), abs=1e-6)
    assert gap.relative == pytest.approx(0.8 * np.sqrt(2) / 0.6, abs=1e-5)
    assert gap.raw.alignment == pytest.approx(2 * 0.8**2, abs=1e-6)
    assert gap.separability == 1.0
    assert (gap.centred.distance, gap.centred.alignment) == pytest.approx((0, 0), abs=1e-6)


def test_alignment_and_uniformity_are_the_papers_formulas():
    """The two functions of Wang and Isola's paper, with scipy's pairwise distances."""
    a, b = IMAGES.vectors.astype(float), TEXTS.vectors.astype(float)
    assert alignment_loss(a, b) == pytest.approx((np.linalg.norm(a - b, axis=1) ** 2).mean(), rel=1e-6)
    assert uniformity(a) == pytest.approx(np.log(np.exp(-2 * pdist(a) ** 2).mean()), rel=1e-5)
    many = unit_rows(RNG.normal(size=(2500, 3)))  # more than one block; on a sphere known in closed form
    expected = np.log((1 - np.exp(-8)) / 8)  # mean over cosines, which are uniform within [-1, 1]
    assert uniformity(many) == pytest.approx(expected, abs=0.02)
    assert uniformity(np.tile(a[:1], (5, 1))) == pytest.approx(0, abs=1e-5)
    assert uniformity(many, sample=500, seed=1) == pytest.approx(expected, abs=0.1)


def test_a_plane_between_sets_of_unequal_size_is_scikit_learns():
    a = unit_rows(RNG.normal(size=(60, 12)))
    b = unit_rows(RNG.normal(size=(150, 12)) + 0.3)
    rng = np.random.default_rng(0)
    fold_a, fold_b = rng.permutation(60) % 5, rng.permutation(150) % 5
    right = np.zeros(2)
    for held in range(5):
        fit = np.r_[a[fold_a != held], b[fold_b != held]]
        kind = np.r_[np.zeros((fold_a != held).sum()), np.ones((fold_b != held).sum())]
        plane = LinearDiscriminantAnalysis(solver="eigen", priors=[0.5, 0.5]).fit(fit, kind)
        right += [(plane.predict(a[fold_a == held]) == 0).sum(), (plane.predict(b[fold_b == held]) == 1).sum()]
    found = separability(a, b, paired=False, shrinkage=0.0)
    assert 0.6 < found < 1
    assert found == pytest.approx((right / [60, 150]).mean())


def test_a_gap_is_found_and_centring_closes_it():
    gap = clipnb.modality_gap(IMAGES, TEXTS)
    assert gap.separability == 1.0
    assert gap.centred.separability < 0.65
    assert gap.centred.distance < 0.1 * gap.distance
    assert gap.centred.alignment < 0.2 * gap.raw.alignment
    assert gap.count == 120
    assert "120 pairs" in gap.sentence()
    assert "100%" in gap.sentence()
    table = gap.table()
    assert list(table.index) == list(gap.raw._fields)
    assert table.loc["distance", "raw"] == gap.distance
    assert any("Liang" in line for line in gap.references())
    assert any("Isola" in line for line in gap.references())


def test_rows_of_both_with_a_modality_each_are_the_same():
    order = np.random.default_rng(1).permutation(240)
    both = IMAGES.concat(TEXTS)[order]
    kind = np.array(["image"] * 120 + ["text"] * 120)[order]
    mixed, apart = clipnb.modality_gap(both, modality=list(kind), pairs=None), clipnb.modality_gap(IMAGES, TEXTS)
    assert mixed.distance == pytest.approx(apart.distance, abs=1e-6)
    assert mixed.raw.uniformity == pytest.approx(apart.raw.uniformity, abs=1e-5)
    assert np.isnan(mixed.raw.alignment)
    assert mixed.count == 0


def test_pairs_may_be_named_and_are_not_guessed_from_other_ids():
    captions = clipnb.Embeddings(TEXTS.vectors, tuple(f"caption {i}" for i in range(120)))
    assert np.isnan(clipnb.modality_gap(IMAGES, captions).raw.alignment)
    rows = clipnb.modality_gap(IMAGES, captions, pairs="rows")
    assert rows.raw.alignment == pytest.approx(alignment_loss(IMAGES.vectors, TEXTS.vectors))
    twice = np.array([[0, 0], [0, 1], [5, 7]])  # two captions of one picture
    named = clipnb.modality_gap(IMAGES, captions, pairs=twice)
    expected = alignment_loss(IMAGES.vectors[twice[:, 0]], TEXTS.vectors[twice[:, 1]])
    assert named.raw.alignment == pytest.approx(expected)
    assert named.count == 3


def test_what_does_not_apply_is_nan_and_said():
    few = clipnb.modality_gap(IMAGES[:1], TEXTS[:3])
    assert np.isnan(few.separability)
    assert np.isnan(few.raw.uniformity_images)
    assert few.centred is None
    assert "Centring would leave nothing" in few.sentence()
    assert "nan" not in few.sentence()


def test_clouds_without_extent_are_infinitely_far_apart_and_no_number_is_said():
    for count in (1, 20, 3000):
        gap = clipnb.modality_gap(np.repeat(THINGS[:1], count, axis=0), np.repeat(THINGS[1:2], count, axis=0))
        assert gap.relative == np.inf
        assert "times as far" not in gap.sentence()
    same = np.repeat(THINGS[:1], 20, axis=0)
    assert clipnb.modality_gap(same, same).relative == 0


def test_sides_that_do_not_belong_together_are_refused():
    with pytest.raises(WrongType, match="texts are missing"):
        clipnb.modality_gap(IMAGES)
    with pytest.raises(WrongType, match="both texts and modality"):
        clipnb.modality_gap(IMAGES, TEXTS, modality=["image"] * 120)
    with pytest.raises(InvalidEmbeddings, match="exchanged"):
        clipnb.modality_gap(TEXTS, IMAGES)
    with pytest.raises(InvalidEmbeddings, match="16 columns, texts 8"):
        clipnb.modality_gap(THINGS, THINGS[:, :8])
    with pytest.raises(InvalidEmbeddings, match="'n'"):
        clipnb.modality_gap(IMAGES, clipnb.Embeddings(TEXTS.vectors, TEXTS.ids, "text", "n"))
    with pytest.raises(InvalidEmbeddings, match="'sound'"):
        clipnb.modality_gap(THINGS, modality=["sound"] * 120)
    with pytest.raises(EmptyInput, match="no texts"):
        clipnb.modality_gap(THINGS, modality=["image"] * 120)
    with pytest.raises(WrongShape, match="3 modalities"):
        clipnb.modality_gap(THINGS, modality=["image"] * 3)
    with pytest.raises(WrongShape, match="1 modalities for 120 rows"):
        clipnb.modality_gap(THINGS, modality=5)
    for refuse in (clipnb.modality_gap, clipnb.joint, lambda a, b: clipnb.joint(b, b).like(a, "image")):
        with pytest.raises(InvalidEmbeddings, match="different lengths"):
            refuse([[1.0, 2.0], [3.0]], THINGS)
    with pytest.raises(WrongShape, match="120 images and 60 texts"):
        clipnb.modality_gap(IMAGES, TEXTS[:60], pairs="rows")
    with pytest.raises(UnsupportedOption, match="outside"):
        clipnb.modality_gap(IMAGES, TEXTS, pairs=[[0, 120]])
    with pytest.raises(InvalidEmbeddings, match="rows 1"):
        clipnb.modality_gap([[1.0, 0.0], [np.nan, 1.0]], [[1.0, 0.0]])
    with pytest.raises(UnsupportedOption, match="folds=1"):
        clipnb.modality_gap(IMAGES, TEXTS, folds=1)


def test_rows_for_one_map():
    raw = clipnb.joint(IMAGES, TEXTS)
    np.testing.assert_array_equal(raw.embeddings.vectors, np.r_[IMAGES.vectors, TEXTS.vectors])
    assert raw.modality == ("image",) * 120 + ("text",) * 120
    assert raw.rows == (*range(120), *range(120))
    assert raw.embeddings.ids[0] == "image t0"  # the same id would name two points
    assert clipnb.joint(IMAGES, clipnb.Embeddings(THINGS, range(120))).embeddings.ids[0] == "t0"
    words = clipnb.joint(IMAGES, TEXTS, mode="text")
    assert len(words) == 120
    assert set(words.modality) == {"text"}


def test_centred_rows_lie_beside_what_they_are_about():
    nearest = {}
    for mode in ("raw", "centred"):
        rows = clipnb.joint(IMAGES, TEXTS, mode=mode)
        sim = rows.embeddings.vectors @ rows.embeddings.vectors.T - 2 * np.eye(240)
        nearest[mode] = (sim.argmax(axis=1)[:120] == np.arange(120, 240)).mean()
    assert nearest["raw"] == 0
    assert nearest["centred"] > 0.9
    centred = clipnb.joint(IMAGES, TEXTS, mode="centred")
    np.testing.assert_allclose(centred.like(TEXTS[3:5], "text").vectors, centred.embeddings.vectors[123:125], atol=1e-6)


def test_rows_that_cannot_be_joined():
    with pytest.raises(UnsupportedOption, match="mode='both'"):
        clipnb.joint(IMAGES, TEXTS, mode="both")
    with pytest.raises(EmptyInput, match="two texts or more"):
        clipnb.joint(IMAGES, TEXTS[:1], mode="centred")
    with pytest.raises(UnsupportedOption, match="modality='sound'"):
        clipnb.joint(IMAGES, TEXTS).like(TEXTS, "sound")
    with pytest.raises(InvalidEmbeddings, match="modality 'text', not 'image'"):
        clipnb.joint(IMAGES, TEXTS).like(TEXTS, "image")
    with pytest.raises(WrongType, match="one word"):
        clipnb.joint(THINGS, modality="image")
    assert repr(clipnb.joint(IMAGES, TEXTS[:7])) == f"Joint({len(IMAGES)} images, 7 texts, mode='raw')"
    with pytest.raises(InvalidEmbeddings, match="8 columns"):
        clipnb.joint(IMAGES, TEXTS).like(THINGS[:, :8], "text")


def test_new_pictures_find_their_place_on_a_centred_map():
    rows = clipnb.joint(IMAGES[:100], TEXTS[:100], mode="centred")
    projection = clipnb.project(rows.embeddings, method="pca")
    places = projection.transform(rows.like(IMAGES[:100], "image"))
    np.testing.assert_allclose(places, projection.coords[:100], atol=1e-5)
    new = projection.transform(rows.like(IMAGES[100:], "image"))
    beside = projection.transform(rows.like(TEXTS[100:], "text"))
    apart = np.linalg.norm(new[:, None] - beside, axis=2)
    assert np.median(np.diag(apart)) < 0.3 * np.median(apart)  # a picture lies beside its own text
