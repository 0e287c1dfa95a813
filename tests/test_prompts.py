import numpy as np
import pytest
from fakes import FakeClip

import clipnb
from clipnb.errors import BadTemplate, DuplicateLabels, EmptyInput, EmptyLabels, WrongType
from clipnb.prompts import TEMPLATES


def test_texts_are_every_class_in_every_template():
    prompts = clipnb.Prompts.of(["猫", "كلب"], ["{}", "a photo of a {}."])
    assert prompts.texts == [["猫", "a photo of a 猫."], ["كلب", "a photo of a كلب."]]


def test_named_sets_and_defaults():
    assert clipnb.Prompts.of(["cat"]).templates == ("{}",)
    for name, templates in TEMPLATES.items():
        assert clipnb.Prompts.of(["cat"], name).templates == templates
    assert clipnb.Prompts(["cat", "dog"]).classnames == ("cat", "dog")
    ready = clipnb.Prompts.of(["cat"], "photo")
    assert clipnb.Prompts.of(ready) is ready
    assert clipnb.Prompts.of(ready, "plain").templates == ("{}",)


def test_classes_are_averaged_in_the_space_of_embeddings():
    model = FakeClip()
    prompts = clipnb.Prompts.of(["stone", "red"], ["{}", "a {} thing"])
    rows = [model.encode_text(texts).astype(np.float64).mean(axis=0) for texts in prompts.texts]
    expected = [row / np.linalg.norm(row) for row in rows]
    found = prompts.encode(model)
    np.testing.assert_allclose(found.vectors, expected, atol=1e-6)
    assert (found.ids, found.modality, found.model) == (("stone", "red"), "text", model.name)


@pytest.mark.parametrize("names", [[], (), [""], ["cat", "  "]])
def test_no_labels(names):
    with pytest.raises(EmptyLabels, match=r"empty|blank"):
        clipnb.Prompts.of(names)
    assert issubclass(EmptyLabels, EmptyInput)


def test_blank_labels_are_named():
    with pytest.raises(EmptyLabels, match="label 1 is blank"):
        clipnb.Prompts.of(["cat", "\t"])


def test_duplicates_are_named():
    with pytest.raises(DuplicateLabels, match="'cat', '犬'") as caught:
        clipnb.Prompts.of(["cat", "dog", " cat", "犬", "犬"])
    assert "dog" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "said"),
    [
        ("cat", r"\['cat'\]"),
        (3, "int"),
        (["cat", 3], "label 1 is 3, a int"),
        ([None], "NoneType"),
        (b"cat", "expected a list"),
    ],
)
def test_wrong_types(names, said):
    with pytest.raises(WrongType, match=said):
        clipnb.Prompts.of(names)


@pytest.mark.parametrize(
    ("templates", "said"),
    [
        (["a photo"], "0 places"),
        (["{} and {}"], "2 places"),
        (["a {name}"], "1 places|exactly one"),
        (["{0}"], "exactly one"),
        (["a {"], "'a {'"),
        ([], "empty"),
        ("foto", "Did you mean 'photo'"),
        ("a photo of a {}", r"\['a photo of a {}'\]"),
    ],
)
def test_bad_templates(templates, said):
    with pytest.raises(BadTemplate, match=said):
        clipnb.Prompts.of(["cat"], templates)
    with pytest.raises(WrongType, match="int"):
        clipnb.Prompts.of(["cat"], [3])


def test_braces_in_a_class_name_stay():
    assert clipnb.Prompts.of(["{}"], ["a {}"]).texts == [["a {}"]]
