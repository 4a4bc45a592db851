"""Galleries for the storage tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.archive import Archive
from tests.storage.samples import NO_RESERVE, new_gallery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a gallery may be made."""
    return tmp_path / "gallery-data"


@pytest.fixture
def archive(root: Path) -> Iterator[Archive]:
    """A new gallery."""
    archive = Archive.open(new_gallery(root), NO_RESERVE)
    yield archive
    archive.close()
