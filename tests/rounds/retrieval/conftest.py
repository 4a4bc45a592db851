"""A gallery to search."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.archive import Archive
from tests.storage.samples import NO_RESERVE, new_gallery


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Archive]:
    """A new gallery."""
    archive = Archive.open(new_gallery(tmp_path / "gallery-data"), NO_RESERVE)
    yield archive
    archive.close()
