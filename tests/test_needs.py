"""What a model takes before it is opened, by the catalog's numbers and a cache on this disk."""

from __future__ import annotations

import json

import pytest
from fake_hub import COMMIT, private_cache

from clipnb import needs
from clipnb.catalog import EMBEDDED, entries, find
from clipnb.errors import UnknownModel, UnsupportedOption
from clipnb.needs import Needs, Part, downloaded, free_memory, in_words, needs_of

CLIP = "openai/clip-vit-base-patch32"


@pytest.fixture
def cache(monkeypatch, tmp_path):
    return private_cache(monkeypatch, tmp_path / "hub")


def put(cache, repo, **sizes):
    """Files of a repository in the cache, of so many megabytes; a text is a file's content."""
    home = cache / f"models--{repo.replace('/', '--')}"
    (home / "refs").mkdir(parents=True, exist_ok=True)
    (home / "refs" / "main").write_text(COMMIT)
    for name, content in sizes.items():
        file = home / "snapshots" / COMMIT / name
        file.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, str):
            file.write_text(content)
        else:
            with file.open("wb") as out:
                out.truncate(int(content * 1e6))  # holes take no room on the disk


def test_memory_is_parameters_times_bytes():
    found = needs_of(CLIP)
    assert found.parameters == 151.3
    assert found.memory() == found.memory("float32") == pytest.approx(605.2)
    assert found.memory("bfloat16") == found.memory("float16") == pytest.approx(302.6)
    with pytest.raises(UnsupportedOption, match="int8"):
        found.memory("int8")


def test_a_text_tower_needs_its_image_tower_too(cache):
    found = needs_of("M-CLIP/XLM-Roberta-Large-Vit-L-14")
    assert [part.name for part in found.parts] == ["M-CLIP/XLM-Roberta-Large-Vit-L-14", "openai/clip-vit-large-patch14"]
    assert found.memory() == pytest.approx(4 * (559.9 + 427.6))
    assert found.megabytes == found.to_fetch == 2240 + 1711
    put(cache, "openai/clip-vit-large-patch14", **{"model.safetensors": 1711})
    assert needs_of("M-CLIP/XLM-Roberta-Large-Vit-L-14").to_fetch == 2240
    assert not needs_of("M-CLIP/XLM-Roberta-Large-Vit-L-14").complete


def test_every_model_of_the_catalog_has_its_needs(cache):
    for entry in entries().values():
        found = needs_of(entry)
        assert len(found.parts) == 1 + entry.text_only, entry.name
        assert found.memory() > 0
        assert found.to_fetch == (0 if entry.name == EMBEDDED else found.megabytes)


def test_the_embedded_model_is_here():
    found = needs_of(EMBEDDED)
    assert found.complete
    assert found.to_fetch == 0


def test_what_lies_in_the_cache_is_not_fetched_again(cache):
    assert needs_of(CLIP).to_fetch == 605
    put(cache, CLIP, **{"config.json": "{}", "flax_model.msgpack": 605, "onnx/model.safetensors": 605})
    assert needs_of(CLIP).to_fetch == 605  # not what would be read
    put(cache, CLIP, **{"pytorch_model.bin": 605})
    assert needs_of(CLIP).to_fetch == 0
    assert needs_of(CLIP, cache=cache / "elsewhere").to_fetch == 605


def test_of_shards_the_missing_ones_are_fetched(cache):
    index = json.dumps({"weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}})
    put(cache, CLIP, **{"model.safetensors.index.json": index, "model-1.safetensors": 400})
    found = needs_of(CLIP)
    assert found.to_fetch == pytest.approx(205)
    assert not found.complete
    put(cache, CLIP, **{"model-2.safetensors": 205})
    assert needs_of(CLIP).complete


def test_a_link_to_a_file_that_is_gone_is_no_file(cache):
    put(cache, CLIP, **{"config.json": "{}"})
    (cache / "models--openai--clip-vit-base-patch32" / "snapshots" / COMMIT / "model.safetensors").symlink_to("nowhere")
    assert not needs_of(CLIP).complete


def test_of_a_repository_with_two_forms_the_one_that_is_read_counts(cache):
    repo = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K"
    put(cache, repo, **{"model.safetensors": 605})  # for transformers
    assert needs_of(repo).to_fetch == 605
    put(cache, repo, **{"open_clip_pytorch_model.bin": 605})
    assert needs_of(repo).complete
    put(cache, "timm/resnet50_clip.openai", **{"open_clip_model.safetensors": 408})
    assert needs_of("RN50").complete  # under its own name, from that repository


def test_every_module_of_sentence_transformers_counts(cache):
    repo = "sentence-transformers/clip-ViT-B-32-multilingual-v1"
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Dense": "Dense"}
    modules = [{"path": path, "type": f"sentence_transformers.models.{kind}"} for path, kind in kinds.items()]
    put(cache, repo, **{"modules.json": json.dumps(modules), "model.safetensors": 539})
    text = needs_of(repo).parts[0]
    assert not text.complete
    assert text.to_fetch == pytest.approx(2)
    put(cache, repo, **{"2_Dense/pytorch_model.bin": 2})
    assert needs_of(repo).parts[0].complete


def test_the_files_are_those_that_the_families_read():
    from clipnb.models import bert
    from clipnb.models.families import native, openai, remote

    assert tuple(openai.FILES) == needs.OPEN_CLIP_FILES
    for family in (bert, native, remote):
        assert tuple(pattern for (pattern,) in family.WEIGHTS) == needs.FILES


def test_unpublished_numbers_stay_unknown():
    found = Needs((Part("a", None, None, 0.0, False), Part("b", 1.0, 4.0, 0.0, True)))
    assert found.parameters is found.memory() is found.megabytes is found.to_fetch is None
    assert Part("a", None, None, 3.0, True).to_fetch == 0


def test_what_is_under_way_counts_as_downloaded(cache):
    entry = find(CLIP)
    assert downloaded([entry]) == 0
    blobs = cache / "models--openai--clip-vit-base-patch32" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "abc.incomplete").write_bytes(b"0" * 500_000)
    assert downloaded([entry]) == 0.5


def test_a_name_that_nobody_knows_is_named():
    with pytest.raises(UnknownModel, match=r"'openai/clip-vit-base-patch23' .* Did you mean"):
        needs_of("openai/clip-vit-base-patch23")


def test_free_memory_is_what_linux_says_within_the_limit_of_a_container(tmp_path):
    assert free_memory(tmp_path) is None
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc" / "meminfo").write_text("MemTotal: 9000 kB\nMemAvailable: 8000 kB\n")
    assert free_memory(tmp_path) == pytest.approx(8.192)
    group = tmp_path / "sys" / "fs" / "cgroup"
    group.mkdir(parents=True)
    files = {"memory.max": "max", "memory.current": "3000000", "memory.stat": "anon 1\ninactive_file 1000000\n"}
    for name, content in files.items():
        (group / name).write_text(content)
    assert free_memory(tmp_path) == pytest.approx(8.192)
    (group / "memory.max").write_text("5000000\n")
    assert free_memory(tmp_path) == pytest.approx(3)


@pytest.mark.parametrize(
    ("megabytes", "words"),
    [(None, "not published"), (0, "0.0 MB"), (9.96, "10 MB"), (605.2, "605 MB"), (999.9, "1.0 GB"), (2240, "2.2 GB")],
)
def test_sizes_are_said_as_people_say_them(megabytes, words):
    assert in_words(megabytes) == words
