import io
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from clipnb.errors import EmptyInput, UnreadableImage, WrongType
from clipnb.images import check_images, read_image, read_images

SIZE = (56, 40)


def test_every_kind_of_file_becomes_rgb(pictures):
    for name, path in pictures.items():
        image = read_image(path)
        assert image.mode == "RGB", name
        if name not in ("turned.jpg", "tall.png"):
            assert image.size == SIZE, name


def test_paths_bytes_images_and_arrays_are_the_same_picture(pictures):
    path = pictures["rgb.png"]
    array = np.asarray(read_image(path))
    with Image.open(path) as opened:
        same = [str(path), path.read_bytes(), bytearray(path.read_bytes()), opened, array, array[::1]]
        for image in read_images(same):
            np.testing.assert_array_equal(image, array)


def test_pictures_are_turned_upright(pictures):
    with Image.open(pictures["turned.jpg"]) as stored:
        expected = stored.convert("RGB").transpose(Image.Transpose.ROTATE_270)
    np.testing.assert_array_equal(read_image(pictures["turned.jpg"]), expected)


def blended(rgba: np.ndarray) -> np.ndarray:
    alpha = rgba[..., 3:] / 255
    return rgba[..., :3] * alpha + 255 * (1 - alpha)


@pytest.mark.parametrize("name", ["rgba.png", "grey-alpha.png", "palette-transparent.png", "rgba.webp"])
def test_transparency_is_blended_with_white(pictures, name):
    with Image.open(pictures[name]) as stored:
        expected = blended(np.asarray(stored.convert("RGBA"), dtype=float))
    assert np.abs(np.asarray(read_image(pictures[name])) - expected).max() <= 1  # Pillow rounds


def test_premultiplied_transparency_too(pictures):
    with Image.open(pictures["rgba.png"]) as stored:
        given = stored.convert("RGBa")
    expected = blended(np.asarray(given.convert("RGBA"), dtype=float))
    assert np.abs(np.asarray(read_image(given)) - expected).max() <= 1


def test_sixteen_bits_keep_their_range(pictures):
    with Image.open(pictures["sixteen.png"]) as stored:
        values = np.asarray(stored)
    assert values.max() > 60000
    for channel in np.moveaxis(np.asarray(read_image(pictures["sixteen.png"])), -1, 0):
        np.testing.assert_array_equal(channel, values // 256)


def test_the_first_frame_of_an_animation(pictures):
    with Image.open(pictures["animated.gif"]) as animation:
        first = np.asarray(animation.convert("RGB"))
        np.testing.assert_array_equal(read_image(pictures["animated.gif"]), first)


def test_the_callers_picture_is_left_alone(pictures):
    with Image.open(pictures["rgba.png"]) as given:
        before = given.copy()
        read_image(given)
        assert given.mode == "RGBA"
        np.testing.assert_array_equal(given, before)


def broken(folder: Path, pictures) -> dict[str, Path]:
    png, jpg = pictures["rgb.png"].read_bytes(), pictures["turned.jpg"].read_bytes()
    contents = {
        "zero.png": b"",
        "text.png": b"this is no picture",
        "cut.png": png[: len(png) // 2],
        "cut.jpg": jpg[: len(jpg) // 2],
        "header.png": png[:20],
        "garbled.png": png[:60] + bytes(50) + png[110:],
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return {name: folder / name for name in contents} | {"missing.png": folder / "missing.png", "folder": folder}


def test_unreadable_files_are_named(tmp_path, pictures):
    for name, path in broken(tmp_path, pictures).items():
        with pytest.raises(UnreadableImage) as caught:
            read_image(path)
        assert str(path) in str(caught.value), name


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (b"", "image 7: no bytes"),
        (b"nonsense", "image 7"),
        ("https://example.org/cat.png", "download the picture first"),
        ("no\0name.png", "name.png"),
        ("x" * 5000, "x"),
        (np.zeros((0, 4, 3), np.uint8), "image 7: no pixels"),
        (Image.new("RGB", (0, 3)), "image 7: no pixels"),
        (Image.new("F", (3, 3)), "image 7: floating-point pixels"),
        (Image.fromarray(np.full((2, 2), 70000, np.int32)), "image 7: .*70000"),
    ],
)
def test_unreadable_without_a_name_are_counted(image, said):
    with pytest.raises(UnreadableImage, match=said):
        read_image(image, 7)


@pytest.mark.parametrize(
    ("image", "said"),
    [
        (3, "image 7 is a int"),
        (None, "NoneType"),
        (np.zeros((4, 4, 3)), "float64"),
        (np.zeros((4, 4), np.uint8), r"shape \[4, 4\]"),
        (np.zeros((3, 4, 4), np.uint8), r"shape \[3, 4, 4\]"),
    ],
)
def test_wrong_types(image, said):
    with pytest.raises(WrongType, match=said):
        read_image(image, 7)


def test_decompression_bombs_are_refused(monkeypatch):
    file = io.BytesIO()
    Image.new("1", (400, 400)).save(file, "PNG")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(UnreadableImage, match=r"image 0.*DecompressionBomb"):
        read_image(file.getvalue())


def test_a_list_of_images_is_asked_for():
    for single in ("cat.png", Path("cat.png"), b"..", Image.new("RGB", (2, 2)), np.zeros((4, 4, 3), np.uint8)):
        with pytest.raises(WrongType, match=r"\[image\]"):
            check_images(single)
    for other in (3, None, {"a": 1}):
        with pytest.raises(WrongType, match=type(other).__name__):
            check_images(other)
    assert check_images(pd.Series(["x", "y"], index=[5, 9])) == ["x", "y"]
    with pytest.raises(EmptyInput, match="list of images is empty"):
        check_images([])
    assert len(check_images(np.zeros((2, 4, 4, 3), np.uint8))) == 2
    assert len(check_images(Image.new("RGB", (2, 2)) for _ in range(3))) == 3
