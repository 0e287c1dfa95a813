"""The photographs that ship in the package."""

from __future__ import annotations

from clipnb import datasets


def test_photos_are_small_rgb_pictures_whose_source_is_stated():
    photos = datasets.photos()
    assert list(photos) == ["cat", "coffee", "rocket"]
    sources = (datasets.FOLDER.parent / "photos" / "SOURCES.md").read_text(encoding="utf-8")
    for name, photo in photos.items():
        assert photo.mode == "RGB"
        assert max(photo.size) <= 360
        assert f"| {name}.jpg |" in sources
