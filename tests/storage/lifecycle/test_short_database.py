"""A full disk can stop the folding-in of the log after the first page: the database is short then, and whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from storage.archive import Archive
from storage.archive_records import ArchiveSettings
from storage.database.engines.sqlite import header_problem


@pytest.mark.fault("D06")
def test_a_short_database_is_damaged_only_without_its_log(tmp_path: Path) -> None:
    root = tmp_path / "root"
    Archive.open(root, ArchiveSettings(reserve_bytes=0)).close()
    database = root / "crawl.db"
    with database.open("r+b") as file:
        file.truncate(database.stat().st_size - 4096)

    without_log = header_problem(database)
    (root / "crawl.db-wal").write_bytes(b"frames")
    with_log = header_problem(database)

    assert without_log is not None
    assert "cut short" in without_log
    assert with_log is None
