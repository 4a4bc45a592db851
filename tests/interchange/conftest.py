"""What the tests of exports begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.interchange.small_gallery import SmallGallery


@pytest.fixture
def gallery(tmp_path: Path) -> SmallGallery:
    return SmallGallery(tmp_path / "root", tmp_path / "out")
