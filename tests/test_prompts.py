import numpy as np
import pytest
from fakes import FakeClip

import clipnb
from clipnb.errors import (
    BadTemplate,
    DuplicateLabels,
    EmptyInput,
    EmptyLabels,
    PromptFileError,
    UnknownLabel,
    WrongType,
)
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


def test_synonyms_are_averaged_and_the_class_keeps_its_name():
    prompts = clipnb.Prompts(["dog", "cat"], ["a {}"], {"dog": ["puppy", "hound"]})
    assert prompts.classnames == ("dog", "cat")
    assert prompts.texts == [["a dog", "a puppy", "a hound"], ["a cat"]]
    assert prompts.synonyms == {"dog": ("puppy", "hound")}
    model = FakeClip()
    mean = model.encode_text(prompts.texts[0]).astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(prompts.encode(model).vectors[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_a_mapping_says_all_the_names():
    prompts = clipnb.Prompts.of({"K9": ["dog", "puppy"], "cat": ["cat"]}, ["a {}"])
    assert prompts.classnames == ("K9", "cat")
    assert prompts.texts == [["a dog", "a puppy"], ["a cat"]]
    assert clipnb.Prompts.of(prompts, "plain").texts == [["dog", "puppy"], ["cat"]]
    assert prompts == clipnb.Prompts.of({"K9": ["dog", "puppy"], "cat": ["cat"]}, ["a {}"])
    assert hash(prompts) != hash(clipnb.Prompts(["K9", "cat"], ["a {}"]))


@pytest.mark.parametrize(
    ("names", "synonyms", "error", "said"),
    [
        (["dog"], {"dgo": ["puppy"]}, UnknownLabel, "'dgo'.*Did you mean 'dog'"),
        (["dog"], {"dog": "puppy"}, WrongType, r"class 'dog'.*\['puppy'\]"),
        (["dog"], {"dog": []}, EmptyLabels, "class 'dog' is empty"),
        (["dog"], {"dog": ["puppy", " "]}, EmptyLabels, "name 1 of class 'dog' is blank"),
        (["dog"], {"dog": [3]}, WrongType, "name 0 of class 'dog' is 3"),
        (["dog"], {"dog": ["dog "]}, DuplicateLabels, "the names of class 'dog'.*'dog'"),
        (["dog", "cat"], {"dog": ["cat"]}, DuplicateLabels, "'cat', a name of class 'dog', is a class of its own"),
        ({"dog": ["dog", "cat"], "cat": ["cat"]}, None, DuplicateLabels, "'cat', a name of class 'dog'"),
        (["dog"], [("dog", "puppy")], WrongType, "expected a mapping"),
        ({"dog": ["a", "a"]}, None, DuplicateLabels, "class 'dog'.*'a'"),
        ({"dog": None}, None, WrongType, "class 'dog' are None"),
        ({}, None, EmptyLabels, "empty"),
    ],
)
def test_bad_synonyms(names, synonyms, error, said):
    with pytest.raises(error, match=said):
        clipnb.Prompts(names, synonyms=synonyms)


def test_sets_by_name():
    prompts = clipnb.Prompts("cifar10", "cifar10")
    assert (len(prompts), len(prompts.texts[0])) == (10, 18)
    assert prompts.classnames.groups is None
    assert clipnb.Prompts.of("fer2013").texts[3] == ["happy", "smiling"]
    with pytest.raises(WrongType, match="Did you mean 'cifar10'"):
        clipnb.Prompts("cifar-10")


def test_names_and_templates_from_files(tmp_path):
    (tmp_path / "names.txt").write_text("\ufeffcat\n\n  chien \r\n猫\n", encoding="utf-8")
    (tmp_path / "templates.txt").write_text("{}\na photo of a {}.\n", encoding="utf-8")
    prompts = clipnb.Prompts(tmp_path / "names.txt", str(tmp_path / "templates.txt"))
    assert prompts.classnames == ("cat", "chien", "猫")
    assert prompts.templates == ("{}", "a photo of a {}.")
    (tmp_path / "names.json").write_text('["cat", "dog"]')
    (tmp_path / "words.json").write_text('{"cat": ["cat", "kitten"]}')
    (tmp_path / "templates.json").write_text('["the {}"]')
    assert clipnb.Prompts(tmp_path / "names.json", tmp_path / "templates.json").texts == [["the cat"], ["the dog"]]
    assert clipnb.Prompts(tmp_path / "words.json").synonyms == {"cat": ("kitten",)}
    assert clipnb.Prompts.from_file(tmp_path / "names.txt").templates == ("{}",)


@pytest.mark.parametrize(
    "prompts",
    [
        clipnb.Prompts(["Katze", "猫"], ["{}", "ein Bild: {}"]),
        clipnb.Prompts(["dog", "cat"], "photo", {"dog": ["puppy"]}),
        clipnb.Prompts({"K9": ["dog", "puppy"], "cat": ["cat", "kitten"]}),
        clipnb.Prompts("imagenet-1k-ja", "imagenet-ja"),
    ],
    ids=["plain", "synonyms", "other words", "a set"],
)
def test_a_file_and_back(prompts, tmp_path):
    prompts.to_file(tmp_path / "prompts.json")
    assert clipnb.Prompts.from_file(tmp_path / "prompts.json") == prompts
    assert clipnb.Prompts(tmp_path / "prompts.json").words == prompts.words
    assert clipnb.Prompts(["x"], tmp_path / "prompts.json").templates == prompts.templates


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("names.txt", "cat\ndog\n\ncat \n", DuplicateLabels, "names.txt, line 4: the label 'cat' .* in line 1"),
        ("names.txt", "\n\n", PromptFileError, "names.txt is empty"),
        ("names.txt", b"cat\nCaf\xe9\n", PromptFileError, "line 2: no UTF-8"),
        ("names.json", '["cat",\n"dog"', PromptFileError, "line 2: no JSON"),
        ("names.json", '["cat", 3]', PromptFileError, "entry 1: 3 is a int"),
        ("names.json", '["cat", " "]', EmptyLabels, "entry 1: the label is blank"),
        ("names.json", "[]", PromptFileError, "empty list"),
        ("names.json", '"cat"', PromptFileError, "holds a str"),
        ("names.json", '{"cat": ["a"], "cat": ["b"]}', PromptFileError, "'cat' stands twice"),
        ("names.json", '{"classnames": ["a"], "synonym": {}}', PromptFileError, "the keys synonym"),
        ("names.json", '{"classnames": {"a": 1}}', PromptFileError, "classnames is a dict; expected a list"),
        ("names.json", '{"classnames": ["a"], "words": {"b": ["c"]}}', PromptFileError, "'b', which is no class"),
    ],
)
def test_bad_files_of_names(name, content, error, said, tmp_path):
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error, match=said):
        clipnb.Prompts(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content", "error", "said"),
    [
        ("t.txt", "a {}\n\na photo\n", BadTemplate, "t.txt, line 3: template 'a photo' has 0 places"),
        ("t.txt", "a {\n", BadTemplate, "t.txt, line 1: template 'a {'"),
        ("t.json", '["a {}", "b {} {}"]', BadTemplate, "t.json, entry 1: .* 2 places"),
        ("t.json", '{"sentences": []}', PromptFileError, "without the key 'templates'; it has sentences"),
    ],
)
def test_bad_files_of_templates(name, content, error, said, tmp_path):
    (tmp_path / name).write_text(content)
    with pytest.raises(error, match=said):
        clipnb.Prompts(["cat"], tmp_path / name)


def test_files_that_are_not_there(tmp_path):
    for call in (
        lambda: clipnb.Prompts(tmp_path / "no.txt"),
        lambda: clipnb.Prompts("no-such-file.json"),
        lambda: clipnb.Prompts(["a"], "no-such-file.txt"),
        lambda: clipnb.Prompts.from_file(tmp_path),
        lambda: clipnb.Prompts(["a"]).to_file(tmp_path / "no" / "folder.json"),
    ):
        with pytest.raises(PromptFileError, match=r"cannot be (read|written)"):
            call()
