"""Fixtures: a tiny checkpoint of every family that transformers opens itself."""

from __future__ import annotations

import shutil
from pathlib import Path

import native_families
import pytest


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Each checkpoint is written once, when first asked for."""
    base, written = tmp_path_factory.mktemp("families"), {}

    def folder(family: str) -> Path:
        if family not in written:
            if family == "siglip":
                pytest.importorskip("sentencepiece", reason="SigLIP's tokenizer is sentencepiece's")
            written[family] = native_families.write(family, base / family)
        return written[family]

    return folder


@pytest.fixture
def copy(request, folders, tmp_path) -> Path:
    return Path(shutil.copytree(folders(getattr(request, "param", "clip")), tmp_path / "copy"))
