"""The model picker without a browser: set a trait or a control, look at another."""

from __future__ import annotations

import threading
import time
import warnings
import weakref

import pytest
from fake_hub import private_cache
from fakes import FakeClip

from clipnb import needs
from clipnb.catalog import EMBEDDED, entries, select
from clipnb.errors import AssumedActivation, ModelUnavailable
from clipnb.types import ClipModel
from clipnb.widgets import ModelPicker, model_picker
from clipnb.widgets.model_view import memory_in_words

CLIP = "openai/clip-vit-base-patch32"
MCLIP = "M-CLIP/XLM-Roberta-Large-Vit-L-14"


class Opener:
    """What the button calls instead of clipnb.load; remembers how."""

    def __init__(self):
        self.calls, self.models = [], []

    def __call__(self, name, **options):
        self.calls.append((name, options))
        model = FakeClip()
        model.name = name
        self.models.append(weakref.ref(model))
        return model


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    return private_cache(monkeypatch, tmp_path / "hub")


@pytest.fixture
def opener():
    return Opener()


@pytest.fixture
def picker(opener):
    return ModelPicker(load=opener)


def listed(picker):
    return [name for _, name in picker.view.list.options]


def test_a_new_picker_shows_the_catalog_and_has_no_model(picker, opener):
    assert picker.names == listed(picker) == list(entries())
    assert picker.selected == picker.view.list.value == EMBEDDED
    assert picker.model is None
    assert picker.code == "model = clipnb.load()"
    assert f"{len(entries())} of {len(entries())} models" in picker.view.count.value
    assert opener.calls == []


@pytest.mark.parametrize("filters", [{"search": "vit-l apache"}, {"family": "taiyi"}, {"language": "sw"}])
def test_filters_by_trait_and_by_control_are_those_of_the_catalog(picker, filters):
    expected = [entry.name for entry in select(**filters)]
    (trait, value), *_ = filters.items()
    getattr(picker.view, trait).value = value
    assert getattr(picker, trait) == value
    assert picker.names == listed(picker) == expected
    assert picker.selected == (EMBEDDED if EMBEDDED in expected else expected[0])
    setattr(picker, trait, "")
    assert getattr(picker.view, trait).value == ""
    assert picker.names == list(entries())


def test_filters_add_up_and_say_where_nothing_is_left(picker, opener):
    picker.family, picker.language = "m-clip", "sw"
    assert len(picker.names) == 4
    picker.search = "no such thing"
    assert picker.names == listed(picker) == []
    assert picker.selected == picker.code == picker.view.card.value == ""
    assert "take a filter back" in picker.status
    assert picker.view.load.disabled
    picker.load()
    assert opener.calls == []
    picker.search = ""
    assert picker.selected.startswith("M-CLIP/")
    assert picker.status == ""
    assert not picker.view.load.disabled


def test_a_language_is_found_under_its_other_names_and_an_unknown_one_is_said(picker):
    picker.language = "nb"
    assert picker.names == [entry.name for entry in select(language="no")]
    picker.language = "xx"
    assert "'xx'" in picker.status
    assert picker.names == []
    picker.language = ""
    assert picker.status == ""


def test_the_card_has_the_facts_and_the_needs_before_anything_is_fetched(picker, opener, cache):
    picker.view.list.value = MCLIP
    assert picker.selected == MCLIP
    card = picker.view.card.value
    for fact in ("48: af, sq", "768 columns", "512 tokens", "559.9 million", "427.6 million", "MIT", "larger_mclip.md"):
        assert fact in card
    assert "encoded by the image tower of openai/clip-vit-large-patch14" in card
    assert "4.0 GB to fetch" in card
    assert f"{MCLIP}: 2.2 GB, openai/clip-vit-large-patch14: 1.7 GB" in card
    assert "4.0 GB in float32, 2.0 GB in bfloat16, at most" in card
    picker.selected = "RN50x4"
    assert "288 x 288 pixels" in picker.view.card.value
    assert opener.calls == []
    assert list(cache.iterdir()) == []


def test_what_is_in_the_cache_is_said(cache, opener):
    snapshot = cache / "models--openai--clip-vit-large-patch14" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").write_bytes(b"0" * 1000)
    refs = snapshot.parents[1] / "refs"
    refs.mkdir()
    (refs / "main").write_text("abc")
    picker = ModelPicker(MCLIP, load=opener)
    assert "2.2 GB to fetch" in picker.view.card.value
    assert "openai/clip-vit-large-patch14: on this machine" in picker.view.card.value
    assert "1.7 GB of 4.0 GB are on this machine" in picker.view.card.value
    labels = {name: label for label, name in picker.view.list.options}
    assert labels["openai/clip-vit-large-patch14"].endswith("on this machine")
    assert labels[CLIP].endswith("605 MB")


def test_more_than_is_free_is_a_warning_by_the_precision_that_was_chosen(picker, monkeypatch):
    monkeypatch.setattr(model_picker, "free_memory", lambda: 400.0)
    picker.selected = CLIP
    assert "605 MB in float32, 303 MB in bfloat16; 400 MB of main memory are free" in picker.view.card.value
    assert "less than float32 needs" in picker.view.card.value
    picker.view.dtype.value = "bfloat16"
    assert picker.dtype == "bfloat16"
    assert "clipnb-warning" not in picker.view.card.value
    assert "303 MB in bfloat16 (while it opens, up to the former); 400 MB" in picker.view.card.value
    monkeypatch.setattr(model_picker, "free_memory", lambda: None)
    picker.dtype = "float32"
    assert "free" not in picker.view.card.value


def test_memory_that_nobody_knows_is_no_warning():
    unknown = needs.Needs((needs.Part("a", None, None, 0.0, False),))
    assert memory_in_words(unknown, "float32", 1.0) == ("not published; 1.0 MB of main memory are free", False)


def test_the_code_follows_the_choices(picker):
    picker.selected = CLIP
    assert picker.code == f'model = clipnb.load("{CLIP}")'
    picker.view.device.value = "cuda"
    picker.view.dtype.value = "bfloat16"
    assert picker.code == f'model = clipnb.load("{CLIP}", device="cuda", dtype="bfloat16")'
    picker.device = "cuda:1"  # not on the menu
    assert 'device="cuda:1"' in picker.code
    assert "cuda:1" in picker.view.code.value
    with pytest.raises(Exception, match="int8"):
        picker.dtype = "int8"


def test_the_button_loads_and_others_see_it(picker, opener):
    seen = []
    picker.observe(lambda change: seen.append(change.new), "model")
    picker.selected, picker.device, picker.dtype = CLIP, "cpu", "bfloat16"
    picker.view.load.click()
    assert opener.calls == [(CLIP, {"device": "cpu", "dtype": "bfloat16"})]
    assert isinstance(picker.model, ClipModel)
    assert [model.name for model in seen] == [CLIP]
    assert picker.status == f"{CLIP} is loaded, on cpu: 8 columns, 12 tokens."
    assert f"{CLIP} is loaded" in picker.view.message.value
    assert not picker.loading
    assert picker.progress == -1
    assert not picker.view.load.disabled
    assert picker.selected == picker.view.list.value == CLIP


def test_the_options_that_are_not_chosen_are_left_to_the_loader(picker, opener):
    picker.load()
    assert opener.calls == [(EMBEDDED, {})]


def test_the_model_before_is_let_go_first(opener):
    def load(name, **options):
        assert [model for model in opener.models if model() is not None] == []
        return opener(name, **options)

    picker = ModelPicker(load=load)
    picker.load()
    picker.selected = CLIP
    picker.load()
    assert picker.model.name == CLIP
    assert picker.status.startswith(f"{CLIP} is loaded")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ModelUnavailable("openai/x: not in the cache; connect once"), "openai/x: not in the cache; connect once"),
        (RuntimeError("out of <memory>"), "That did not work: out of <memory>"),
        (KeyboardInterrupt(), f"Stopped; {CLIP} is not loaded."),
    ],
)
def test_what_goes_wrong_is_said_in_words(error, words):
    def load(name, **options):
        raise error

    picker = ModelPicker(CLIP, load=load)
    picker.view.load.click()
    assert picker.status == words
    assert 'class="clipnb-problem"' in picker.view.message.value
    assert "<memory>" not in picker.view.message.value
    assert picker.model is None
    assert not picker.loading
    assert not picker.view.load.disabled


def test_an_image_tower_that_cannot_be_had_is_said_now_not_with_the_first_picture():
    class Texts(FakeClip):
        @property
        def logit_scale(self):
            raise ModelUnavailable("its image tower is not in the cache")

    picker = ModelPicker(MCLIP, load=lambda name, **options: Texts())
    picker.load()
    assert picker.status == "its image tower is not in the cache"
    assert picker.model is None


def test_the_packages_warnings_are_said_too(opener):
    def load(name, **options):
        warnings.warn("QuickGELU was assumed", AssumedActivation, stacklevel=2)
        return opener(name, **options)

    picker = ModelPicker(CLIP, load=load)
    picker.load()
    assert picker.status.endswith("tokens. QuickGELU was assumed")


def test_progress_is_what_grows_in_the_cache(cache, opener, monkeypatch):
    monkeypatch.setattr(model_picker, "_SECONDS", 0.01)
    blobs = cache / "models--openai--clip-vit-base-patch32" / "blobs"
    shares, halfway = [], threading.Event()

    def load(name, **options):
        assert picker.loading
        assert picker.view.load.disabled
        assert picker.view.progress.layout.display is None
        assert "605 MB to fetch" in picker.status
        blobs.mkdir(parents=True)
        with (blobs / "abc.incomplete").open("wb") as file:
            file.truncate(302_500_000)
        assert halfway.wait(10)
        return opener(name, **options)

    def see(change):
        shares.append(change.new)
        if change.new > 0.4:
            halfway.set()

    picker = ModelPicker(CLIP, load=load)
    picker.observe(see, "progress")
    picker.load()
    assert shares[0] == 0
    assert shares[1] == pytest.approx(0.5)
    assert shares[-1] == -1
    assert picker.view.progress.layout.display == "none"
    count = threading.active_count()
    time.sleep(0.05)
    assert threading.active_count() <= count


def test_a_name_by_trait_takes_back_filters_that_hide_it_and_an_unknown_one_is_said(picker):
    picker.family = "taiyi"
    picker.selected = CLIP
    assert picker.family == picker.view.family.value == ""
    assert picker.selected == picker.view.list.value == CLIP
    picker.selected = "openai/clip-vit-base-patch23"
    assert "not in the catalog. Did you mean" in picker.status
    assert picker.view.load.disabled
    assert picker.code == ""
    picker.selected = CLIP
    assert picker.status == ""
    assert picker.view.card.value
    assert not picker.view.load.disabled


def test_every_model_has_a_card(picker):
    for name in entries():
        picker.selected = name
        assert f"<caption>{name}</caption>" in picker.view.card.value
        assert name in picker.code or name == EMBEDDED


def test_controls_have_names(picker):
    view = picker.view
    controls = (view.search, view.family, view.language, view.list, view.device, view.dtype, view.load, view.progress)
    assert all(control.description for control in controls)


def test_the_embedded_model_is_really_loaded():
    picker = ModelPicker()
    picker.view.load.click()
    assert picker.status.startswith(f"{EMBEDDED} is loaded")
    assert picker.model.encode_text(["猫"]).shape == (1, picker.model.dim)
