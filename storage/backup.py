"""A copy of the database that is whole by construction: written by SQLite itself, checked, then given its name."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from storage.errors import DatabaseDamaged
from storage.files import sync_folder
from storage.layout import require_folder
from storage.translate import at_border


def back_up(database: Path, folder: Path, name: str) -> Path:
    """Write a verified copy into `folder` and return its path; safe while others read and write.

    Raises:
        DatabaseDamaged: the copy does not pass the check; it is removed.
        StorageError: the disk refuses, or the folder is a link.
    """
    with at_border(folder):
        require_folder(folder)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync_folder(folder.parent)  # the folder's own name: files are destroyed because this copy is there
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
        final = folder / f"crawl-{name}-{stamp}.db"
        part = folder / f"{final.name}.part"
        part.unlink(missing_ok=True)
        try:
            with closing(
                sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
            ) as source:
                source.execute("VACUUM INTO ?", (part.absolute().as_uri(),))
            part.chmod(0o600)
            _verify(part)
            descriptor = os.open(part, os.O_RDWR)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            part.replace(final)
            sync_folder(folder)
        finally:
            part.unlink(missing_ok=True)
    return final


def _verify(copy: Path) -> None:
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()
    if verdict != ("ok",):
        raise DatabaseDamaged(f"{copy}: the backup does not pass its check: {verdict}")
