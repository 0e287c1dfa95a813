"""Published names and templates: complete, valid, with their sources, equal to what others ship."""

import copy
import hashlib
import pickle
from collections import Counter

import numpy as np
import pandas as pd
import pytest

import clipnb
from clipnb.errors import UnknownConcept, UnknownPromptSet, WrongShape
from clipnb.prompts import Prompts
from clipnb.prompts.sets import TEMPLATES, ClassNames, set_names

COUNTS = {
    "caltech101": 102, "cifar10": 10, "cifar100": 100, "country211": 211, "dtd": 47, "eurosat": 10, "fer2013": 7,
    "fgvc-aircraft": 100, "flowers102": 102, "food101": 101, "gtsrb": 43, "imagenet-1k": 1000, "imagenet-a": 200,
    "imagenet-r": 200, "mnist": 10, "oxford-pets": 37, "resisc45": 45, "stanford-cars": 196, "stl10": 10,
    "sun397": 397, "voc2007": 20,
}  # fmt: skip


@pytest.mark.parametrize("name", set_names("classnames"))
def test_names_are_usable_and_say_where_they_come_from(name):
    found = clipnb.datasets.classnames(name)
    assert Prompts(name).classnames == found
    assert len(set(found)) == len(found) == COUNTS.get(name, len(found))
    assert found.source.startswith("https://")
    assert "MIT" in found.licence
    assert found.name == name
    assert found.title
    assert found.note
    assert found.language in clipnb.datasets.emoji_languages()
    assert set(found.words) <= set(found)
    assert found.keys is None or len(set(found.keys)) == len(found)


@pytest.mark.parametrize("name", set_names("templates"))
def test_templates_are_usable_and_say_where_they_come_from(name):
    found = clipnb.datasets.templates(name)
    assert Prompts(["a"], name).templates == tuple(found) == tuple(TEMPLATES[name])
    assert found.source.startswith("https://") or found.source == "written for clipnb"
    assert found.licence in ("MIT", "Apache-2.0")
    assert found.note
    assert found.language in clipnb.datasets.emoji_languages() or name == "plain"


def test_the_sets_that_were_promised():
    assert set(COUNTS) <= set(set_names("classnames"))
    assert [len(TEMPLATES[name]) for name in ("imagenet-80", "imagenet-7", "cifar10", "cifar100", "food101")] == [
        80, 7, 18, 18, 1,
    ]  # fmt: skip
    assert set(TEMPLATES["imagenet-7"]) < set(TEMPLATES["imagenet-80"])
    assert set(TEMPLATES["photo"]) < set(TEMPLATES["imagenet-80"])
    languages = {TEMPLATES[name].language for name in TEMPLATES if name.startswith("photo-")}
    assert {"de", "fr", "es", "it", "pt", "nl", "sv", "pl", "ru", "tr", "ar", "he", "hi", "zh", "ja", "ko", "th"} <= (
        languages
    )
    assert list(TEMPLATES)[:3] == ["plain", "photo", "emoji"]


def test_imagenet_is_in_the_order_of_its_synsets():
    names = clipnb.datasets.classnames("imagenet-1k")
    assert list(names.keys) == sorted(names.keys)
    # Known by heart to everybody who has used ImageNet, spread over the list.
    spots = {0: ("n01440764", "tench"), 207: ("n02099601", "Golden Retriever"), 281: ("n02123045", "tabby cat"),
             504: ("n03063599", "coffee mug"), 999: ("n15075141", "toilet paper")}  # fmt: skip
    assert {row: (names.keys[row], names[row]) for row in spots} == spots
    assert names.by_key["n02510455"] == "giant panda"
    assert clipnb.datasets.classnames("imagenet-1k-ja").keys == names.keys
    assert clipnb.datasets.classnames("imagenet-a").by_key.items() <= names.by_key.items()


def test_names_that_were_published_twice_keep_their_sentences():
    names = clipnb.datasets.classnames("imagenet-1k")
    assert dict(names.words) == {"missile [projectile]": ("missile",), "sunglasses [sunglass]": ("sunglasses",)}
    texts = Prompts(names, ["a {}"]).texts
    assert Counter(text for [text] in texts).most_common(3)[:2] == [("a missile", 2), ("a sunglasses", 2)]
    italian = clipnb.datasets.classnames("imagenet-1k-it")
    assert italian.words["una gru [crane bird]"] == ("una gru",)


def _digest(texts):
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def test_every_letter_as_published():
    # Digests of IMAGENET_CLASSNAMES and OPENAI_IMAGENET_TEMPLATES in open_clip_torch 3.3.0.
    spoken = [word for [word] in Prompts("imagenet-1k").words]
    assert _digest(spoken) == "571ae1c583b4be7da87519494c52bf405a46af05d5815627c7a0dee997068b60"
    assert _digest(TEMPLATES["imagenet-80"]) == "4f976686fb651bb5803d4689dcd849f75efe0ef19a3c801355bc9a6f03c8a5af"


def test_as_open_clip_has_them():
    metadata = pytest.importorskip("open_clip.zero_shot_metadata")
    prompts = Prompts("imagenet-1k", "imagenet-80")
    assert prompts.texts == [
        [template(name) for template in metadata.OPENAI_IMAGENET_TEMPLATES] for name in metadata.IMAGENET_CLASSNAMES
    ]
    assert list(TEMPLATES["imagenet-7"]) == [each("{}") for each in metadata.SIMPLE_IMAGENET_TEMPLATES]


def test_groups():
    cifar = clipnb.datasets.classnames("cifar100")
    assert set(Counter(cifar.groups).values()) == {5}
    assert len(set(cifar.groups)) == 20
    assert cifar.select(group="trees").names == ("maple tree", "oak tree", "palm tree", "pine tree", "willow tree")
    assert list(cifar) == sorted(cifar)
    assert Counter(clipnb.datasets.classnames("oxford-pets").groups) == {"cat": 12, "dog": 25}
    with pytest.raises(UnknownConcept, match=r"'tree'.*Did you mean 'trees'"):
        cifar.select(group="tree")
    with pytest.raises(UnknownConcept, match="no groups"):
        clipnb.datasets.classnames("mnist").select(group="odd")


def test_parts_keep_what_is_known():
    names = clipnb.datasets.classnames("imagenet-1k")
    part = names.select(keys=["n04008634", "n01440764"])
    assert part == ("missile [projectile]", "tench")
    assert part.keys == ("n04008634", "n01440764")
    assert (part.words, part.source) == ({"missile [projectile]": ("missile",)}, names.source)
    with pytest.raises(UnknownConcept, match=r"n01440765.*Did you mean"):
        names.select(keys=["n01440765"])
    with pytest.raises(WrongShape, match="1 keys for 2"):
        ClassNames(["a", "b"], keys=["x"])


def test_names_are_a_tuple_for_everybody_else():
    names = clipnb.datasets.classnames("cifar100")
    for again in (pickle.loads(pickle.dumps(names)), copy.deepcopy(names)):
        assert (again, again.groups, again.source) == (names, names.groups, names.source)
    assert pd.Series(names).tolist() == list(names) == np.array(names).tolist()
    assert pd.DataFrame(np.eye(100), index=names, columns=names).loc["apple", "apple"] == 1
    assert "apple" in repr(names)


def test_unknown_names():
    with pytest.raises(UnknownPromptSet, match=r"'imagenet1k'.*Did you mean 'imagenet-1k'"):
        clipnb.datasets.classnames("imagenet1k")
    with pytest.raises(UnknownPromptSet, match="Did you mean 'imagenet-80'"):
        clipnb.datasets.templates("imagenet-81")
    with pytest.raises(UnknownPromptSet, match="known: classnames, templates"):
        clipnb.datasets.prompt_sets("sentences")
    with pytest.raises(KeyError):
        TEMPLATES["foto"]
    assert "foto" not in TEMPLATES
    assert 3 not in TEMPLATES


def test_the_table_of_all_sets():
    table = clipnb.datasets.prompt_sets()
    assert len(table) == len(set_names("classnames")) + len(TEMPLATES)
    row = table.set_index(["kind", "name"]).loc[("classnames", "cifar100")]
    assert (row.entries, row.groups, row.language) == (100, 20, "en")
    assert not table.drop(columns="language").isin(["", None]).any().any()
    assert set(clipnb.datasets.prompt_sets("templates").kind) == {"templates"}
