"""Errors of the disk and the database, translated into the errors of `storage`, with path and advice.

SQLAlchemy is not loaded for it: what only touches files starts without a database's library.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from storage.errors import (
    ArchiveError,
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DatabaseUnreachable,
    DiskFull,
    StorageError,
)

if TYPE_CHECKING:
    from storage.database.engine import Database

READ_ONLY = "its file system is read-only; here a gallery can only be looked at (crawl query, status, verify …)"
FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


@contextmanager
def at_border(place: Path | Database) -> Iterator[None]:
    """Translate whatever escapes; `place` is what the message names when the exception does not."""
    try:
        yield
    except Exception as error:
        ours = translated(error, place)
        if ours is error:
            raise
        raise ours from error


def translated(error: BaseException, place: Path | Database) -> BaseException:
    """The room's own error for a foreign one; errors that are not the disk's or the database's come back unchanged."""
    if isinstance(error, ArchiveError):
        return error
    wrapped = getattr(error, "orig", None)  # by SQLAlchemy
    if isinstance(wrapped, Exception):
        error = wrapped
    if isinstance(error, OSError):
        return _from_disk(error, place)
    if isinstance(error, sqlite3.Error):
        return _from_sqlite(error, place)
    if (driver := sys.modules.get("psycopg")) is not None and isinstance(error, driver.Error):
        return _from_server(error, place)
    if (pool := sys.modules.get("sqlalchemy.exc")) is not None and isinstance(error, pool.TimeoutError):
        return DatabaseBusy(f"{place}: busy: too many questions at once wait for an answer; ask again in a while")
    return error


def _from_disk(error: OSError, place: Path | Database) -> ArchiveError:
    name = error.filename2 or error.filename
    where = Path(name) if isinstance(name, str) and Path(name).is_absolute() else place
    if error.errno == errno.EROFS:
        return StorageError(f"{where}: {READ_ONLY}")
    if error.errno in FULL:
        return DiskFull(f"{where}: {error.strerror}; {free_words(_on_disk(place))}; free some space and run again")
    return StorageError(f"{where}: {error.strerror or error}; nothing was recorded that is not on disk")


def _from_sqlite(error: sqlite3.Error, place: Path | Database) -> ArchiveError:
    name, path = str(getattr(error, "sqlite_errorname", "") or ""), _on_disk(place)
    if name.startswith("SQLITE_FULL"):
        return DiskFull(f"{place}: the database cannot grow; {free_words(path)}; free some space and run again")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseBusy(f"{place}: busy: another program holds it for too long; close that program and run again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        backups = (path if path.is_dir() else path.parent) / "backups"
        return DatabaseDamaged(
            f"{place}: damaged ({error}); it was left as it is; put a backup from {backups} in its place"
        )
    if str(error).startswith("Could not decode to UTF-8"):
        return DatabaseDamaged(f"{place}: a row holds text that is none; crawl verify names damaged paths")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")) and _is_read_only(path):
        return StorageError(f"{place}: {READ_ONLY}")
    if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StorageError(f"{place}: {error} ({name}); check the disk and the permissions")
    return DatabaseError(f"{place}: {error}")


def _from_server(error: Any, place: Path | Database) -> ArchiveError:
    """Of psycopg's errors; without a state where no server answered."""
    state, said = str(error.sqlstate or ""), " ".join(str(error).split())
    if state in ("55P03", "40001", "40P01"):
        return DatabaseBusy(f"{place}: busy: another program holds it for too long; close that program and run again")
    if state == "53100":
        return DiskFull(f"{place}: the server's disk is full; free some space there and run again")
    if state in ("XX001", "XX002"):
        return DatabaseDamaged(f"{place}: damaged ({said}); put a backup in its place")
    if state == "3D000" or (not state and said.endswith("does not exist") and "database" in said):
        return DatabaseError(f"{place}: there is no such database; make one: createdb NAME ({said})")
    if state.startswith("28") or (not state and ("password" in said or "authentication" in said)):
        return DatabaseError(f"{place}: refused ({said}); a password belongs into ~/.pgpass or PGPASSWORD")
    if not state or state.startswith(("08", "57P")):
        return DatabaseUnreachable(
            f"{place}: cannot be reached ({said}); what was recorded is safe; run again when the server is there"
        )
    return DatabaseError(f"{place}: {said}")


def _on_disk(place: Path | Database) -> Path:
    """Where its disk can be asked."""
    return place if isinstance(place, Path) else place.folder


def not_writable(path: Path) -> StorageError:
    """The error for a gallery in which we may write nothing."""
    if _is_read_only(path):
        return StorageError(f"{path}: {READ_ONLY}")
    return StorageError(f"{path}: you may not write there; mend its permissions, or ask its owner")


def _is_read_only(path: Path) -> bool:
    """Whether the file system refuses every change; False where it does not say."""
    try:
        place = path if path.is_dir() else path.parent
        return hasattr(os, "statvfs") and bool(os.statvfs(place).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def free_words(path: Path) -> str:
    """How much space is left where `path` is, for people."""
    place = path if path.exists() else path.parent
    try:
        return f"{shutil.disk_usage(place).free / 1e6:.1f} MB are free there"
    except OSError:
        return "free space unknown"
