import numpy as np
import pytest
from fakes import COLOURS, FakeClip
from PIL import Image

import clipnb
from clipnb.errors import (
    DuplicateLabels,
    EmptyInput,
    EmptyLabels,
    TextTooLong,
    UnknownLabel,
    UnreadableImage,
    UnsupportedOption,
    WrongType,
)

MODEL = FakeClip()
PAINTED = [Image.new("RGB", (8, 8), COLOURS[name]) for name in ("red", "green", "blue")]


def test_colours_are_told_apart_in_three_scripts():
    for names in (["red", "green", "blue"], ["红", "grün", "أزرق"]):
        result = clipnb.zero_shot(MODEL, PAINTED, names, labels=names)
        assert result.predictions == names
        scores = result.metrics()
        assert scores["top1"] == scores["top5"] == scores["mean_per_class_recall"] == scores["macro_f1"] == 1.0
        np.testing.assert_array_equal(result.confusion().to_numpy(), np.eye(3))


def test_probabilities_are_the_models_own():
    result = clipnb.zero_shot(MODEL, PAINTED, ["red", "green"])
    logits = np.exp(MODEL.logit_scale * result.similarity.astype(float))
    np.testing.assert_allclose(result.probabilities, logits / logits.sum(axis=1, keepdims=True), atol=1e-6)
    assert (result.model, result.image_ids) == (MODEL.name, ("image 0", "image 1", "image 2"))


def test_the_batch_makes_no_difference():
    whole = clipnb.zero_shot(MODEL, PAINTED, ["red", "stone"], "photo")
    for batch_size in (1, 2):
        parts = clipnb.zero_shot(MODEL, PAINTED, ["red", "stone"], "photo", batch_size=batch_size, progress=True)
        np.testing.assert_allclose(parts.similarity, whole.similarity, atol=1e-6)
        assert parts.image_ids == whole.image_ids


def test_images_are_called_by_their_path_or_as_told(pictures):
    paths = [pictures["rgb.png"], str(pictures["grey.png"]), PAINTED[0]]
    assert clipnb.zero_shot(MODEL, paths, ["a"]).image_ids == (str(paths[0]), paths[1], "image 2")
    assert clipnb.zero_shot(MODEL, PAINTED, ["a"], image_ids=["x", "y", "z"]).image_ids == ("x", "y", "z")
    with pytest.raises(UnsupportedOption, match="1 image_ids for 3 images"):
        clipnb.zero_shot(MODEL, PAINTED, ["a"], image_ids=["x"])


@pytest.mark.parametrize(
    ("images", "names", "error", "said"),
    [
        (PAINTED, [], EmptyLabels, "list of labels is empty"),
        (PAINTED, ["cat", "cat"], DuplicateLabels, "'cat'"),
        (PAINTED, "cat", WrongType, r"\['cat'\]"),
        (PAINTED, ["cat", 5], WrongType, "label 1 is 5"),
        (PAINTED, ["word " * 40], TextTooLong, "40 tokens > 12"),
        ([], ["cat"], EmptyInput, "list of images is empty"),
        (PAINTED[0], ["cat"], WrongType, r"\[image\]"),
        ([*PAINTED, b"broken"], ["cat"], UnreadableImage, "image 3"),
        ([*PAINTED, "gone.png"], ["cat"], UnreadableImage, "gone.png: no such file"),
        ([*PAINTED, 4], ["cat"], WrongType, "image 3 is a int"),
    ],
)
def test_bad_input_is_named(images, names, error, said):
    with pytest.raises(error, match=said):
        clipnb.zero_shot(MODEL, images, names, batch_size=2)


def test_a_long_label_is_cut_only_when_asked():
    long = "red " * (MODEL.context_length + 1)
    with pytest.raises(TextTooLong, match="tokens"):
        clipnb.zero_shot(MODEL, PAINTED, [long, "green"])
    assert clipnb.zero_shot(MODEL, PAINTED, [long, "green"], truncate=True).predictions[:2] == [long, "green"]


def test_bad_labels_and_options():
    with pytest.raises(WrongType, match=r"the model is a str; open one first: clipnb\.load\('RN50'\)"):
        clipnb.zero_shot("RN50", PAINTED, ["red"])
    with pytest.raises(UnknownLabel, match="2 labels for 3 images"):
        clipnb.zero_shot(MODEL, PAINTED, ["red"], labels=["red", "red"])
    with pytest.raises(UnknownLabel, match="image 2, 'pink'"):
        clipnb.zero_shot(MODEL, PAINTED, ["red"], labels=["red", "red", "pink"])
    with pytest.raises(UnsupportedOption, match="batch_size=0"):
        clipnb.zero_shot(MODEL, PAINTED, ["red"], batch_size=0)
