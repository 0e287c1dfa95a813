import numpy as np
import pytest

from clipnb import datasets
from clipnb.errors import UnknownConcept, UnknownLanguage, UnknownStyle

EMOJI = datasets.emoji(languages=["en", "zh", "ar"])


def test_every_style_opens():
    styles = datasets.emoji_styles()
    assert {"twemoji", "noto", "fluent"} <= set(styles.index)
    assert styles.loc["fluent", "role"] == "test"
    assert styles["licence"].notna().all()
    for style, pictures in styles["pictures"].items():
        found = datasets.emoji(style)
        assert len(found) == len(found.images) == pictures
        last = found.images[-1]
        assert (last.size, last.mode) == ((64, 64), "RGB")
        assert np.asarray(last).min() < 200, style  # the last tile is drawn on
        assert found.attribution.count("http") == 1


def test_rows_belong_together():
    row = EMOJI.emojis.index("🐱")
    assert (EMOJI.codes[row], EMOJI.groups[row], EMOJI.subgroups[row]) == (
        "1f431",
        "animals & nature",
        "animal-mammal",
    )
    assert EMOJI.names.loc["🐱", "en"] == "cat face"
    assert "猫" in EMOJI.names.loc["🐱", "zh"]
    assert "cat" in EMOJI.keywords["en"][row]
    assert list(EMOJI.names.columns) == ["en", "zh", "ar"]
    assert len(EMOJI.names) == len(EMOJI) == len(EMOJI.held_out)


def test_thumbnails_keep_what_images_put_on_white():
    thumbnail = EMOJI.thumbnail(3)
    assert thumbnail.mode == "RGBA"
    alpha = np.asarray(thumbnail)[..., 3]
    assert (np.asarray(EMOJI.images[3])[alpha == 0] == 255).all()
    np.testing.assert_array_equal(EMOJI.images[2:5][1], EMOJI.images[3])
    with pytest.raises(IndexError):
        EMOJI.images[len(EMOJI)]


def test_names_that_cldr_does_not_have_are_missing():
    languages = datasets.emoji_languages()
    assert len(languages) > 100
    fewest = min(languages, key=languages.__getitem__)
    assert datasets.emoji("twemoji", fewest).names[fewest].notna().sum() == languages[fewest]


def test_selections():
    animals = EMOJI.select(group="Animals & Nature")
    assert set(animals.groups) == {"animals & nature"}
    assert set(EMOJI.select(subgroup="animal-bird").subgroups) == {"animal-bird"}
    for found in (
        EMOJI.select(names=["dog face", "cat face"]),
        EMOJI.select(emojis=["🐶", "1f431"]),
        datasets.emoji(concepts=["dog face", "🐱"]),
    ):
        assert found.emojis == ("🐶", "🐱")
        np.testing.assert_array_equal(found.images[1], EMOJI.images[EMOJI.emojis.index("🐱")])
    assert EMOJI.select(group="Animals & Nature", names=["cat face", "pizza"]).emojis == ("🐱",)
    with pytest.raises(UnknownConcept, match="'pizza' among these"):
        animals.select(names=["pizza"])
    assert animals.take([2, 0]).emojis == (animals.emojis[2], animals.emojis[0])


def test_variation_selectors_make_no_difference():
    assert EMOJI.select(emojis=["❤"]).emojis == EMOJI.select(emojis=["❤️"]).emojis


def test_concepts_kept_from_the_model():
    held = datasets.emoji("twemoji", held_out=True)
    assert held.held_out.all()
    assert not datasets.emoji("twemoji", held_out=False).held_out.any()
    assert len(held) == 98


def test_unknown_names_come_with_the_nearest():
    with pytest.raises(UnknownStyle, match=r"'fluant'.* Did you mean 'fluent'"):
        datasets.emoji("fluant")
    with pytest.raises(UnknownLanguage, match=r"'zh-Hans'.* Did you mean 'zh-Hant'"):
        datasets.emoji(languages=["en", "zh-Hans"])
    with pytest.raises(UnknownConcept, match=r"'cat fac'.* Did you mean 'cat face'"):
        EMOJI.select(names=["cat fac"])
    with pytest.raises(UnknownConcept, match="no emoji '🏴x'"):
        EMOJI.select(emojis=["🏴x"])
    with pytest.raises(UnknownConcept, match=r"'animal'.* Did you mean 'animals & nature'.* Known: "):
        EMOJI.select(group="animal")
    with pytest.raises(UnknownConcept, match="'nonsense'"):
        datasets.emoji(concepts=["nonsense"])
