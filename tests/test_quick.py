"""The quick path: within one grey level of the family's own pixels, and exact where it is asked to be."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import clipnb
from clipnb.models.preparing import Quick, Strict
from clipnb.models.towers import on_device


def grey_levels(values: np.ndarray, model) -> np.ndarray:
    """Pixel values [image, channel, height, width] back on the scale of 0 to 255."""
    recipe = model.image_tower.recipe
    mean, std = (np.array(channels, dtype=np.float32)[None, :, None, None] for channels in (recipe.mean, recipe.std))
    return (values * std + mean) * 255


def photographs() -> dict[str, bytes]:
    """Files of many shapes, kinds and turns, of something that has both edges and smooth places."""
    found = {}
    photo = clipnb.datasets.photos()["cat"]
    for width, height in ((640, 480), (480, 640), (333, 517), (2000, 150), (70, 61), (33, 300), (64, 64), (20, 31)):
        picture = photo.resize((width, height))
        for mode, kind, options in (
            ("RGB", "JPEG", {"quality": 90}),
            ("RGB", "JPEG", {"quality": 90, "progressive": True, "subsampling": 0}),
            ("L", "JPEG", {}),
            ("CMYK", "JPEG", {}),
            ("RGB", "PNG", {}),
            ("L", "PNG", {}),
            ("RGBA", "PNG", {}),
            ("P", "PNG", {}),
            ("RGB", "WEBP", {"quality": 80}),
        ):
            file = io.BytesIO()
            picture.convert(mode).save(file, kind, **options)
            found[f"{width}x{height} {mode} {kind} {len(options)}"] = file.getvalue()
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = turn
        file = io.BytesIO()
        photo.resize((311, 197)).save(file, "JPEG", exif=exif)
        found[f"turned {turn}"] = file.getvalue()
    return found


CHECKPOINTS = Path(__file__).parent / "parity" / "checkpoints"


@pytest.fixture(scope="module", params=["the embedded model", "open_clip"])
def model(request):
    """Two families: one of transformers, and one that resizes as torchvision does."""
    if request.param == "the embedded model":
        return clipnb.load(device="cpu")
    return clipnb.load(
        CHECKPOINTS / "open-clip-vit", device="cpu", tokenizer=next((CHECKPOINTS / "openai-merges").iterdir())
    )


def test_within_one_grey_level_of_the_familys_own(model):
    quick = model.preparer()
    for name, data in photographs().items():
        found = quick.pixels.batch([quick.prepare(data, name)])["pixel_values"]
        wanted = model.preprocess([data])
        assert found.shape == wanted.shape, name
        apart = np.abs(grey_levels(found, model) - grey_levels(wanted, model)).max()
        assert apart <= 1.01, f"{name}: {apart:.2f} levels"


def test_strict_is_equal_bit_for_bit(model):
    strict = model.preparer(strict=True)
    for name, data in photographs().items():
        np.testing.assert_array_equal(
            strict.prepare(data, name)["pixel_values"], model.preprocess([data]), err_msg=name
        )


def test_rows_are_as_near(model):
    data = [data for name, data in photographs().items() if "x" in name]
    quick = clipnb.embed(model, data, progress=False).vectors
    strict = clipnb.embed(model, data, progress=False, strict=True).vectors
    np.testing.assert_allclose(strict, model.encode_image(data), atol=1e-5)
    assert (quick * strict).sum(axis=1).min() > 0.999


def test_without_simplejpeg_pillow_does_it(model, monkeypatch):
    import sys

    data = photographs()["640x480 RGB JPEG 1"]
    quick = model.preparer()
    one = quick.prepare(data, "")
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    other = quick.prepare(data, "")
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 1


def test_a_damaged_jpeg_is_left_to_pillow(model):
    data = photographs()["640x480 RGB JPEG 1"]
    with pytest.raises(clipnb.ClipnbError, match=r"photo: damaged or cut short"):
        model.preparer().prepare(data[: len(data) // 2], "photo")


@pytest.mark.parametrize("folder", sorted(CHECKPOINTS.glob("native-*")), ids=lambda folder: folder.name)
def test_every_family_of_transformers(folder):
    """Within one grey level where there is a quick way; else the family's own."""
    model = clipnb.load(folder, device="cpu")
    preparer = model.preparer()
    for name, data in photographs().items():
        if not name.startswith(("333x517", "64x64", "turned 6")):
            continue
        if isinstance(preparer, Strict):
            found = preparer.prepare(data, name)["pixel_values"]
            np.testing.assert_array_equal(found.reshape(-1), model.preprocess([data]).reshape(-1))
            continue
        found = preparer.pixels.batch([preparer.prepare(data, name)])["pixel_values"]
        apart = np.abs(grey_levels(found, model) - grey_levels(model.preprocess([data]), model)).max()
        assert apart <= 1.01, f"{name}: {apart:.2f} levels"


def test_levels_are_normalised_where_they_lie_as_by_the_table(model):
    """What a GPU gets, computed here: every grey level in every channel."""
    import torch

    quick = model.preparer()
    levels = np.stack([np.arange(256, dtype=np.uint8).reshape(16, 16)] * 3)
    wanted = quick.pixels.batch([levels, levels[:, ::-1]])["pixel_values"]
    sent = quick.pixels.levels([levels, levels[:, ::-1]])
    assert sent["pixel_values"].dtype == np.uint8
    inputs = on_device(sent, model.image_tower.module)
    assert inputs["pixel_values"].dtype == torch.uint8
    module = torch.nn.Linear(1, 1)
    found = quick.pixels.on_device(inputs, module)["pixel_values"]
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), wanted, rtol=0, atol=1e-6)
    half = quick.pixels.on_device(inputs, module.to(torch.bfloat16))["pixel_values"]
    assert torch.equal(half, found.to(torch.bfloat16))  # rounded once, at the end
    floats = {"pixel_values": found}
    assert quick.pixels.on_device(floats, module) is floats


def test_a_gpu_gets_8_bit_pictures_and_the_same_rows(model, monkeypatch):
    """The processor in the place of an Apple GPU: whoever asks for the device is told of that one."""
    from types import SimpleNamespace

    data = [data for name, data in photographs().items() if name.startswith("640x480 RGB") or "480x640 L" in name]
    quick = model.preparer()
    good = [quick.prepare(one, "") for one in data]
    plain = [one for one in good if one.dtype == np.uint8]
    assert 2 < len(plain) < len(good)
    wanted = [quick.encode(plain), quick.encode(good)]
    sent, features = [], quick.features

    def seen(batch):
        sent.append(batch["pixel_values"].dtype)
        return features(batch)

    module = SimpleNamespace(parameters=lambda: iter([SimpleNamespace(device=SimpleNamespace(type="mps"))]))
    other = Quick(quick.pixels, SimpleNamespace(module=module), seen)
    np.testing.assert_allclose(other.encode(plain), wanted[0], atol=1e-5)
    np.testing.assert_allclose(other.encode(good), wanted[1], atol=1e-5)
    assert sent == [np.uint8, np.float32]
