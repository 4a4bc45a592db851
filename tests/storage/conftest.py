"""Galleries for the storage tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from storage.archive import Archive
from tests.equipment import galleries_on
from tests.equipment.clock import ShiftedClock
from tests.equipment.postgres import server_or_skip
from tests.storage.samples import NO_RESERVE, new_gallery


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Where a gallery may be made."""
    return tmp_path / "gallery-data"


@pytest.fixture
def clock() -> ShiftedClock:
    """The clock of `archive`."""
    return ShiftedClock()


@pytest.fixture(autouse=True)
def _no_databases_left() -> Iterator[None]:
    """What a test made on a server goes when it ends."""
    before = server_or_skip().made if galleries_on.on_a_server() else 0
    yield
    if galleries_on.on_a_server():
        server_or_skip().drop_databases(before)


@pytest.fixture
def archive(root: Path, clock: ShiftedClock) -> Iterator[Archive]:
    """A new gallery."""
    archive = Archive.open(new_gallery(root), replace(NO_RESERVE, clock=clock))
    yield archive
    archive.close()
