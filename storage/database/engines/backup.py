"""A copy of the database that is whole by construction: written by the engine itself, checked, then given its name."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from storage.database.error_translation import at_border
from storage.errors import DatabaseDamaged
from storage.files.disk import Disk
from storage.files.layout import require_folder
from storage.files.single_files import FILE_MODE, FOLDER_MODE, sync_folder


def back_up(database: Path, folder: Path, name: str, disk: Disk | None = None) -> Path:
    """Write a verified copy of an SQLite file into `folder` and return its path; safe while others read and write.

    Raises:
        DatabaseDamaged: the copy does not pass the check; it is removed.
        StorageError: the disk refuses, or the folder is a link.
    """
    final = folder / f"crawl-{name}-{time_stamp()}.db"
    with placed(final, disk or Disk()) as part:
        with closing(
            sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
        ) as source:
            source.execute("VACUUM INTO ?", (part.absolute().as_uri(),))
        _verify(part)
    return final


def time_stamp() -> str:
    """The time, for a copy's name."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")


@contextmanager
def placed(final: Path, disk: Disk) -> Iterator[Path]:
    """A file to be filled and checked, which gets its name when that went well, and goes when it did not.

    Raises:
        StorageError: the disk refuses, or the folder is a link.
    """
    folder = final.parent
    with at_border(folder):
        require_folder(folder)
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
        sync_folder(folder.parent, disk)  # the folder's own name: files are destroyed because this copy is there
        part = folder / f"{final.name}.part"
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, FILE_MODE))  # another's would be open to all
        try:
            yield part
            descriptor = os.open(part, os.O_RDWR)
            try:
                disk.fsync(descriptor)
            finally:
                os.close(descriptor)
            part.replace(final)
            sync_folder(folder, disk)
        finally:
            part.unlink(missing_ok=True)


def _verify(copy: Path) -> None:
    with closing(sqlite3.connect(f"{copy.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        verdict = connection.execute("PRAGMA integrity_check").fetchone()
    if verdict != ("ok",):
        raise DatabaseDamaged(f"{copy}: the backup does not pass its check: {verdict}")
