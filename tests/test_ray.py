"""engine="ray" on a cluster of two local processes: the same rows as the local engine, a worker killed on the way."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fakes import FakeClip
from PIL import Image

import clipnb
from clipnb.embedding import embed
from clipnb.errors import SourceError, UnsupportedOption

ray = pytest.importorskip("ray", reason="pip install clipnb[ray]")
pytest.importorskip("ray.data", reason="pip install clipnb[ray]")


class Slow(FakeClip):
    """Leaves time to kill it, and says under which process it computes."""

    def __init__(self, marks: str) -> None:
        super().__init__()
        self.marks = marks

    def encode_image(self, images, **options):
        (Path(self.marks) / str(os.getpid())).touch()
        time.sleep(0.1)
        return super().encode_image(images, **options)


@pytest.fixture(scope="module")
def cluster():
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": _paths()})
    yield
    ray.shutdown()


def _paths() -> dict[str, str]:
    here = Path(__file__).parent
    return {"PYTHONPATH": os.pathsep.join([str(here), str(here.parent), os.environ.get("PYTHONPATH", "")])}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "photos"
    root.mkdir()
    for i in range(60):
        file = io.BytesIO()
        Image.new("RGB", (8, 8), ((37 * i) % 256, (91 * i) % 256, (17 * i) % 256)).save(file, "PNG")
        (root / f"{i:02d}.png").write_bytes(b"no" if i % 20 == 3 else file.getvalue())
    return root


def test_the_same_rows_and_errors_with_a_worker_killed(cluster, folder, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    killed = []

    def kill() -> None:
        """The first process that is seen computing."""
        end = time.monotonic() + 60
        while not killed and time.monotonic() < end:
            for mark in marks.iterdir():
                os.kill(int(mark.name), signal.SIGKILL)
                killed.append(int(mark.name))
                return
            time.sleep(0.02)

    hunter = threading.Thread(target=kill)
    hunter.start()
    options = {"shard_rows": 5, "batch_size": 2, "progress": False}
    found = embed(Slow(str(marks)), folder, out=tmp_path / "ray", engine="ray", engine_options={"actors": 2}, **options)
    hunter.join()
    assert killed
    found.check()
    local = embed(FakeClip(), folder, out=tmp_path / "local", **options)
    assert found.ids == local.ids
    np.testing.assert_array_equal(found.vectors, local.vectors)
    assert found.errors.equals(local.errors)
    assert {"model", "dim", "versions", "rows"} <= set(found.manifest)
    assert found.manifest["shards"] == local.manifest["shards"]


def test_either_engine_goes_on_from_the_others_shards(cluster, folder, tmp_path):
    options = {"shard_rows": 5, "progress": False, "out": tmp_path / "out"}
    embed(FakeClip(), folder, **options)
    for index in (2, 7):
        (tmp_path / "out" / f"shard-{index:06d}.parquet").unlink()
    with pytest.raises(clipnb.ClipnbError, match="2 shards"):
        clipnb.open_embeddings(tmp_path / "out").check()
    again = embed(FakeClip(), folder, engine="ray", engine_options={"actors": 1}, **options)
    again.check()
    assert len(again) == 57


def test_what_ray_cannot_do_is_said(cluster, folder, tmp_path):
    with pytest.raises(UnsupportedOption, match="pass out="):
        embed(FakeClip(), folder, engine="ray", progress=False)
    with pytest.raises(SourceError, match="its length is not known"):
        embed(FakeClip(), iter([Image.new("RGB", (2, 2))]), out=tmp_path / "out", engine="ray", progress=False)
    with pytest.raises(UnsupportedOption, match="gpus=-1"):
        embed(FakeClip(), folder, out=tmp_path / "o2", engine="ray", engine_options={"gpus": -1}, progress=False)
    with pytest.raises(UnsupportedOption, match="engine_options"):
        embed(FakeClip(), folder, engine_options={"actors": 2}, progress=False)
    with pytest.raises(UnsupportedOption, match="engine='spark'"):
        embed(FakeClip(), folder, engine="spark", progress=False)
