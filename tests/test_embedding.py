"""embed(): every kind of source, every kind of damage, and runs that are killed."""

from __future__ import annotations

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeClip
from PIL import Image

import clipnb
from clipnb.embedding import embed
from clipnb.errors import (
    EmptyInput,
    FolderBusy,
    InvalidEmbeddings,
    SourceError,
    StoreError,
    UnknownColumn,
    UnreadableImage,
    UnsupportedOption,
    WrongType,
)
from clipnb.store import Store

QUIET = {"progress": False}


@pytest.fixture
def model() -> FakeClip:
    return FakeClip()


def colour(i: int) -> Image.Image:
    return Image.new("RGB", (8 + i % 5, 8), ((37 * i) % 256, (91 * i) % 256, (17 * i) % 256))


def png(i: int) -> bytes:
    file = io.BytesIO()
    colour(i).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty pictures in two levels."""
    root = tmp_path / "photos"
    (root / "inner").mkdir(parents=True)
    for i in range(20):
        (root / ("inner" if i % 2 else ".") / f"{i:02d}.png").write_bytes(png(i))
    return root


def expected(model: FakeClip, indices: list[int]) -> np.ndarray:
    return model.encode_image([colour(i) for i in indices])


# --- sources -------------------------------------------------------------------------------------------------------


def test_a_folder_with_what_is_below(model, folder):
    (folder / "notes.txt").write_text("no picture")
    (folder / ".hidden.png").write_bytes(b"")
    found = embed(model, folder, **QUIET)
    order = [*range(0, 20, 2), *range(1, 20, 2)]
    assert found.ids == tuple(f"{'inner/' if i % 2 else ''}{i:02d}.png" for i in order)
    assert (found.modality, found.model) == ("image", model.name)
    np.testing.assert_allclose(found.vectors, expected(model, order), atol=1e-6)
    assert found.errors.empty


def test_pictures_whose_names_hide_it(model, folder):
    (folder / "page.html").write_bytes(png(3))
    (folder / "no-suffix").write_bytes(png(4))
    assert {"page.html", "no-suffix"} <= set(embed(model, folder, **QUIET).ids)


def sources(folder: Path, tmp_path: Path) -> dict[str, object]:
    """The pictures 0 to 5 as every kind of source."""
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    paths = [folder / ("inner" if i % 2 else ".") / f"{i:02d}.png" for i in range(6)]
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive, tarfile.open(tmp_path / "a.tar", "w") as tar:
        archive.writestr("README.md", "no picture")
        for i in range(6):
            archive.writestr(f"{i}.png", png(i))
            member = tarfile.TarInfo(f"{i:05d}.png")
            member.size = len(png(i))
            tar.addfile(member, io.BytesIO(png(i)))
            caption = tarfile.TarInfo(f"{i:05d}.txt")
            tar.addfile(caption)
    frame = pd.DataFrame({"path": [str(path) for path in paths], "n": range(6)})
    table = pa.table({"image": [png(i) for i in range(6)], "id": list("abcdef")})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=4)
    frame.assign(path=[os.path.relpath(path, tmp_path) for path in paths]).to_csv(tmp_path / "a.csv", index=False)
    return {
        "glob": str(tmp_path / "photos" / "**" / "0[0-5].png"),
        "list of paths": paths,
        "list of texts that are paths": [str(path) for path in paths],
        "list of pictures": [colour(i) for i in range(6)],
        "list of bytes": [png(i) for i in range(6)],
        "arrays": [np.asarray(colour(i)) for i in range(6)],
        "generator": (colour(i) for i in range(6)),
        "named pictures": [(f"n{i}", colour(i)) for i in range(6)],
        "zip": tmp_path / "a.zip",
        "tar": tmp_path / "a.tar",
        "DataFrame": frame,
        "DataFrame of pictures": pd.DataFrame({"image": [colour(i) for i in range(6)]}),
        "Series": frame["path"],
        "Arrow": table,
        "Parquet": tmp_path / "a.parquet",
        "CSV": tmp_path / "a.csv",
    }


def test_every_kind_of_source_gives_the_same_rows(model, folder, tmp_path):
    for kind, source in sources(folder, tmp_path).items():
        found = embed(model, source, batch_size=4, **QUIET)
        order = [0, 2, 4, 1, 3, 5] if kind == "glob" else range(6)
        np.testing.assert_allclose(found.vectors, expected(model, list(order)), atol=1e-6, err_msg=kind)
        assert found.errors.empty, kind
        assert len(set(found.ids)) == 6, kind


def test_texts(model, tmp_path):
    texts = ["red", "grün", "a long story", "红"]
    (tmp_path / "lines.txt").write_text("\n".join(texts), encoding="utf-8")
    want = model.encode_text(texts)
    for source in (texts, iter(texts), tmp_path / "lines.txt"):
        found = embed(model, source, **QUIET)
        assert (found.modality, found.ids) == ("text", tuple(texts))
        np.testing.assert_allclose(found.vectors, want, atol=1e-6)


def test_a_text_that_is_too_long_or_no_text_has_a_line(model):
    found = embed(model, ["red", "word " * 20, "blue"], **QUIET)
    assert found.ids == ("red", "blue")
    assert found.errors["position"].tolist() == [1]
    assert "20 tokens > 12" in found.errors["reason"][0]
    found = embed(model, ["red", None, "blue"], modality="text", **QUIET)
    assert found.errors["position"].tolist() == [1]


@pytest.mark.parametrize(
    ("source", "options", "error", "said"),
    [
        ([], {}, EmptyInput, "list is empty"),
        (iter([]), {}, EmptyInput, "iterator is empty"),
        ("nowhere", {}, SourceError, "nowhere: no such file or folder; a text to embed goes into a list"),
        ("*.nothing", {}, EmptyInput, "matches no file"),
        (["a.png", "a cat"], {}, SourceError, "'a cat' for one: say modality="),
        (7, {}, WrongType, "int"),
        (b"bytes", {}, WrongType, "bytes"),
        (["red"], {"modality": "sound"}, UnsupportedOption, "modality='sound'"),
        (["red"], {"batch_size": 0}, UnsupportedOption, "batch_size=0"),
        (["red"], {"workers": -1}, UnsupportedOption, "workers=-1"),
        (["red"], {"shard_rows": "auto"}, UnsupportedOption, "shard_rows='auto'"),
        (["red"], {"on_error": "ignore"}, UnsupportedOption, "on_error='ignore'"),
    ],
)
def test_bad_sources_and_options(model, source, options, error, said):
    with pytest.raises(error, match=said.replace("*", r"\*")):
        embed(model, source, **options, **QUIET)


def test_tables_without_a_column_to_guess(model):
    import pandas as pd

    frame = pd.DataFrame({"a": ["red"], "b": ["blue"]})
    with pytest.raises(UnknownColumn, match="'a', 'b'"):
        embed(model, frame, **QUIET)
    with pytest.raises(UnknownColumn, match="no column 'c'"):
        embed(model, frame, column="c", **QUIET)
    found = embed(model, frame, column="b", id_column="a", modality="text", **QUIET)
    assert found.ids == ("red",)


def test_a_model_is_asked_for():
    with pytest.raises(WrongType, match=r"clipnb\.load\('openai"):
        embed("openai/clip", ["red"], **QUIET)


# --- damage --------------------------------------------------------------------------------------------------------


def test_every_kind_of_damage_has_its_line_and_the_run_goes_on(model, folder, monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10_000)
    whole = io.BytesIO()
    Image.effect_noise((64, 64), 90).save(whole, "JPEG")
    (folder / "truncated.jpg").write_bytes(whole.getvalue()[:1500])
    (folder / "zero.png").write_bytes(b"")
    (folder / "page.jpg").write_bytes(b"<html>not found</html>")
    (folder / "broken.png").symlink_to(folder / "gone.png")
    Image.new("1", (400, 400)).save(folder / "bomb.png")
    rescued = {
        "cmyk.jpg": Image.new("CMYK", (8, 8), (0, 255, 255, 0)),
        "sixteen.png": Image.fromarray(np.full((8, 8), 40000, dtype=np.uint16)),
        "palette.png": colour(5).quantize(4),
        "wrongly-named.jpg": colour(6),
        "animated.gif": colour(7),
    }
    for name, image in rescued.items():
        image.save(folder / name, "PNG" if name == "wrongly-named.jpg" else None)
    turned = Image.Exif()
    turned[0x0112] = 6
    colour(8).save(folder / "turned.jpg", exif=turned)
    (Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.png"))).write_bytes(png(9))
    found = embed(model, folder, **QUIET)
    assert set(found.errors["id"]) == {"truncated.jpg", "zero.png", "page.jpg", "broken.png", "bomb.png"}
    reasons = dict(zip(found.errors["id"], found.errors["reason"], strict=True))
    assert "cut short" in reasons["truncated.jpg"]
    assert "empty" in reasons["zero.png"]
    assert "no such file" in reasons["broken.png"]
    assert {*rescued, "turned.jpg", r"caf\xe9.png"} <= set(found.ids)
    assert len(found) == 20 + len(rescued) + 2


def test_addresses(model, tmp_path):
    """A real server on this machine: a picture, an error, one that hangs, one that is no picture."""
    import http.server
    import threading

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            if self.path == "/hangs":
                time.sleep(3)
            self.send_response(404 if self.path == "/missing" else 200)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # the client has gone
                self.wfile.write(png(3) if self.path == "/3.png" else b"<html>")

        def log_message(self, *args):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    home = f"http://127.0.0.1:{server.server_port}"
    try:
        from clipnb.sources.web import Url

        slow = ("slow", Url(f"{home}/hangs", timeout=0.5, attempts=1))
        found = embed(model, [f"{home}/3.png", f"{home}/missing", f"{home}/page", slow], **QUIET, modality="image")
    finally:
        server.shutdown()
        server.server_close()
    assert found.ids == (f"{home}/3.png",)
    np.testing.assert_allclose(found.vectors, expected(model, [3]), atol=1e-6)
    assert ["404" in reason for reason in found.errors["reason"]] == [True, False, False]
    assert "timed out" in found.errors["reason"][2]


def test_the_first_error_can_stop_the_run(model, folder):
    (folder / "00a.png").write_bytes(b"no")
    with pytest.raises(UnreadableImage, match=r"00a\.png"):
        embed(model, folder, on_error="raise", **QUIET)


def test_nothing_at_all(model):
    with pytest.raises(InvalidEmbeddings, match="none of the 2 items"):
        embed(model, [b"no", b"neither"], **QUIET)


def test_a_hugging_face_dataset(model, folder):
    """Its pictures are decoded here: a bad one is a line, where the library would stop."""
    datasets = pytest.importorskip("datasets")
    cells = [{"bytes": b"no" if i == 2 else png(i), "path": None} for i in range(5)]
    features = datasets.Features({"image": datasets.Image(), "caption": datasets.Value("string")})
    table = datasets.Dataset.from_dict({"image": cells, "caption": [f"text {i}" for i in range(5)]}, features=features)
    found = embed(model, table, **QUIET)
    np.testing.assert_allclose(found.vectors, expected(model, [0, 1, 3, 4]), atol=1e-6)
    assert found.errors["position"].tolist() == [2]
    assert embed(model, table, column="caption", **QUIET).ids[3] == "text 3"


def test_a_broken_archive(model, tmp_path, folder):
    sources(folder, tmp_path)
    whole = (tmp_path / "a.tar").read_bytes()
    (tmp_path / "short.tar").write_bytes(whole[: len(whole) // 2 + 100])
    found = embed(model, tmp_path / "short.tar", **QUIET)
    assert 0 < len(found) < 6
    assert "cannot be read any further" in found.errors["reason"].iloc[-1]
    (tmp_path / "b.zip").write_bytes(b"PK no")
    with pytest.raises(SourceError, match=r"b\.zip: not a zip"):
        embed(model, tmp_path / "b.zip", **QUIET)


# --- folders of shards ---------------------------------------------------------------------------------------------


def test_a_folder_holds_the_same_rows(model, folder, tmp_path):
    (folder / "04b.png").write_bytes(b"no")
    memory = embed(model, folder, **QUIET)
    stored = embed(model, folder, out=tmp_path / "out", shard_rows=6, **QUIET)
    np.testing.assert_array_equal(stored.vectors, memory.vectors)
    assert stored.ids == memory.ids
    assert stored.errors.equals(memory.errors)
    assert stored.complete
    stored.check()
    again = clipnb.open_embeddings(tmp_path / "out")
    np.testing.assert_array_equal(again[[0, 19, 7]].vectors, memory.vectors[[0, 19, 7]])
    assert again[[0, 19, 7]].ids == tuple(memory.ids[i] for i in (0, 19, 7))
    np.testing.assert_array_equal(np.concatenate([block for _, block in again.blocks(4)]), memory.vectors)
    assert [start for start, _ in again.blocks(4)] == [0, 4, 5, 9, 11, 15, 17]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert (manifest["rows"], manifest["errors"], manifest["model"]) == (20, 1, model.name)
    assert clipnb.search(stored, memory.vectors[3], k=1)["id"].tolist() == [memory.ids[3]]


def test_plain_parquet_for_others(model, folder, tmp_path):
    import pyarrow.dataset as ds

    stored = embed(model, folder, out=tmp_path / "out", shard_rows=6, **QUIET)
    table = ds.dataset(sorted((tmp_path / "out").glob("*.parquet"))).to_table()
    np.testing.assert_array_equal(np.stack(table["vector"].to_pylist()).astype(np.float32), stored.vectors)
    assert table["position"].to_pylist() == list(range(20))


def test_duckdb_and_lancedb_open_the_shards_as_they_are(model, folder, tmp_path):
    stored = embed(model, folder, out=tmp_path / "out", shard_rows=6, **QUIET)
    query = stored.vectors[7]
    duckdb = pytest.importorskip("duckdb")
    found = duckdb.sql(
        "select id from read_parquet($files) order by list_cosine_similarity(vector::float[], $query) desc limit 1",
        params={"files": f"{tmp_path}/out/*.parquet", "query": query.tolist()},
    ).fetchall()
    assert found == [(stored.ids[7],)]
    lancedb = pytest.importorskip("lancedb")
    import pyarrow.dataset as ds

    shards = ds.dataset(sorted((tmp_path / "out").glob("*.parquet")))
    table = lancedb.connect(tmp_path / "lance").create_table("rows", shards.to_table())
    assert table.search(query).metric("cosine").limit(1).to_list()[0]["id"] == stored.ids[7]


def test_another_model_or_source_is_refused(model, folder, tmp_path):
    out = tmp_path / "out"
    embed(model, folder, out=out, shard_rows=6, **QUIET)
    model.name = "fake/other"
    with pytest.raises(StoreError, match=r"made with model 'fake/colours', .* 'fake/other'.*resume=False"):
        embed(model, folder, out=out, shard_rows=6, **QUIET)
    model.name = "fake/colours"
    with pytest.raises(StoreError, match="shard_rows 6"):
        embed(model, folder, out=out, shard_rows=7, **QUIET)
    (folder / "05b.png").write_bytes(png(2))
    with pytest.raises(StoreError, match="source has changed since, between items 0 and 5"):
        embed(model, folder, out=out, shard_rows=6, **QUIET)
    assert len(embed(model, folder, out=out, shard_rows=7, resume=False, **QUIET)) == 21
    assert len(list(out.glob("*.parquet"))) == 3


def test_a_finished_run_is_not_done_again(model, folder, tmp_path):
    embed(model, folder, out=tmp_path / "out", shard_rows=6, **QUIET)
    before = model.image_calls
    embed(model, folder, out=tmp_path / "out", shard_rows=6, **QUIET)
    assert model.image_calls == before


def test_what_was_added_to_the_end_since_is_embedded(model, tmp_path):
    pictures = [colour(i) for i in range(17)]
    embed(model, pictures[:10], out=tmp_path / "out", shard_rows=6, **QUIET)
    grown = embed(model, pictures, out=tmp_path / "out", shard_rows=6, **QUIET)
    grown.check()
    np.testing.assert_allclose(grown.vectors, expected(model, range(17)), atol=1e-6)
    assert embed(model, iter(pictures), out=tmp_path / "stream", shard_rows=6, **QUIET).ids == grown.ids
    with pytest.raises(StoreError, match="source has changed since, between items 12 and 16"):
        embed(model, pictures[:15], out=tmp_path / "out", shard_rows=6, **QUIET)


def test_shards_that_were_lost_or_damaged_are_made_again(model, folder, tmp_path):
    out = tmp_path / "out"
    first = embed(model, folder, out=out, shard_rows=6, **QUIET).vectors.copy()
    (out / "shard-000001.parquet").unlink()
    damaged = bytearray((out / "shard-000002.parquet").read_bytes())
    damaged[40] ^= 255
    (out / "shard-000002.parquet").write_bytes(damaged)
    with pytest.raises(StoreError, match=r"2 shards .*000001.parquet, shard-000002"):
        clipnb.open_embeddings(out).check()
    again = embed(model, folder, out=out, shard_rows=6, **QUIET)
    again.check()
    np.testing.assert_array_equal(again.vectors, first)


def test_two_runs_on_one_folder(model, folder, tmp_path):
    with Store(tmp_path / "out").locked(), pytest.raises(FolderBusy, match="another run is writing there"):
        embed(model, folder, out=tmp_path / "out", **QUIET)


def test_a_full_disk_is_said_in_words(model, folder, tmp_path, monkeypatch):
    import errno

    from clipnb.store import folder as shelves

    original, calls = shelves.write_rows, []

    def full(*arguments):
        calls.append(1)
        if len(calls) > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(*arguments)

    monkeypatch.setattr(shelves, "write_rows", full)
    with pytest.raises(StoreError, match=r"the disk is full; the shards written before are intact"):
        embed(model, folder, out=tmp_path / "out", shard_rows=6, **QUIET)
    partial = clipnb.open_embeddings(tmp_path / "out")
    assert (len(partial), partial.complete) == (12, False)
    partial.check()
    monkeypatch.undo()
    assert len(embed(model, folder, out=tmp_path / "out", shard_rows=6, **QUIET)) == 20


@pytest.fixture
def small_disk(tmp_path):
    """A disk of two megabytes, where the system lets one make it."""
    disk = tmp_path / "disk"
    disk.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", disk], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no disk can be made here: {made.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs")
def test_a_disk_that_is_really_full_and_one_that_is_read_only(model, small_disk, folder):
    out, ballast = small_disk / "out", small_disk / "ballast"
    free = os.statvfs(small_disk)
    ballast.write_bytes(bytes(free.f_bavail * free.f_frsize - 60_000))
    many = [colour(i % 20) for i in range(400)]
    with pytest.raises(StoreError, match="the disk is full"):
        embed(model, many, out=out, shard_rows=40, **QUIET)
    partial = clipnb.open_embeddings(out)
    partial.check()
    assert 0 < len(partial) < 400
    ballast.unlink()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreError, match="the disk is read-only"):
        embed(model, many, out=out, shard_rows=40, **QUIET)
    assert len(clipnb.open_embeddings(out)) == len(partial)
    subprocess.run(["mount", "-o", "remount,rw", small_disk], check=True)
    assert len(embed(model, many, out=out, shard_rows=40, **QUIET)) == 400


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission(model, folder, tmp_path):
    (tmp_path / "out").mkdir(mode=0o500)
    with pytest.raises(StoreError, match="no permission"):
        embed(model, folder, out=tmp_path / "out", **QUIET)


def test_out_is_a_file(model, folder, tmp_path):
    (tmp_path / "out").write_text("")
    with pytest.raises(StoreError, match=r"out: .* file"):
        embed(model, folder, out=tmp_path / "out", **QUIET)


def test_folders_that_are_none_of_ours(tmp_path):
    with pytest.raises(StoreError, match=r"no manifest\.json"):
        clipnb.open_embeddings(tmp_path)
    (tmp_path / "manifest.json").write_text('{"format": "other"}')
    with pytest.raises(StoreError, match="format is 'other'"):
        clipnb.open_embeddings(tmp_path)


RUNNER = """
import sys, time
sys.path.insert(0, {tests!r})
from fakes import FakeClip
from clipnb.embedding import embed

class Slow(FakeClip):
    def encode_image(self, images, **options):
        time.sleep(0.02)
        return super().encode_image(images, **options)

embed(Slow(), {source!r}, out={out!r}, shard_rows=7, batch_size=4, workers=2, progress=False)
"""


@pytest.mark.skipif(os.name != "posix", reason="SIGKILL")
def test_killed_at_any_moment_and_started_again(model, tmp_path):
    """A dozen runs killed at random, the last one undisturbed: the same rows, and a shard is never made twice."""
    source, out = tmp_path / "photos", tmp_path / "out"
    source.mkdir()
    for i in range(150):
        (source / f"{i:03d}.png").write_bytes(b"no" if i % 50 == 7 else png(i))
    code = RUNNER.format(tests=str(Path(__file__).parent), source=str(source), out=str(out))
    chance, stamps, kills = random.Random(0), {}, 0
    for _ in range(12):
        process = subprocess.Popen([sys.executable, "-c", code])
        time.sleep(0.3 + chance.random() * 0.5)
        if process.poll() is None:
            kills += 1
        process.send_signal(signal.SIGKILL)
        process.wait()
        for commit in out.glob("shard-*.json"):
            stamps.setdefault(commit.name, commit.stat().st_mtime_ns)
    subprocess.run([sys.executable, "-c", code], check=True)
    assert kills
    assert all((out / name).stat().st_mtime_ns == stamp for name, stamp in stamps.items())
    resumed = clipnb.open_embeddings(out)
    resumed.check()
    undisturbed = embed(model, source, **QUIET)
    assert resumed.ids == undisturbed.ids
    np.testing.assert_array_equal(resumed.vectors, undisturbed.vectors)
    assert resumed.errors.equals(undisturbed.errors)
    assert not list(out.glob(".*.partial"))


def test_texts_do_not_open_the_image_tower(tiny_folder):
    model = clipnb.load(tiny_folder, image_tower=False)
    assert len(embed(model, ["a cat", "a dog"], **QUIET)) == 2
    with pytest.raises(clipnb.ClipnbError, match="image_tower="):
        embed(model, [colour(1)], **QUIET)
