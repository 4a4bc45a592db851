"""Errors of the disk and the database, translated into the errors of `storage`, with path and advice.

SQLAlchemy is not loaded for it: what only touches files starts without a database's library.
"""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import (
    ArchiveError,
    DatabaseBusy,
    DatabaseDamaged,
    DatabaseError,
    DiskFull,
    StorageError,
)

READ_ONLY = "its file system is read-only; here a gallery can only be looked at (crawl query, status, verify …)"
FULL = frozenset({errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)})


@contextmanager
def at_border(path: Path) -> Iterator[None]:
    """Translate whatever escapes; `path` is what the message names when the exception does not."""
    try:
        yield
    except Exception as error:
        ours = translated(error, path)
        if ours is error:
            raise
        raise ours from error


def translated(error: BaseException, path: Path) -> BaseException:
    """The room's own error for a foreign one; errors that are not the disk's or the database's come back unchanged."""
    if isinstance(error, ArchiveError):
        return error
    wrapped = getattr(error, "orig", None)  # by SQLAlchemy
    if isinstance(wrapped, sqlite3.Error):
        error = wrapped
    if isinstance(error, OSError):
        return _from_disk(error, path)
    if isinstance(error, sqlite3.Error):
        return _from_database(error, path)
    return error


def _from_disk(error: OSError, path: Path) -> ArchiveError:
    name = error.filename2 or error.filename
    where = Path(name) if isinstance(name, str) and Path(name).is_absolute() else path
    if error.errno == errno.EROFS:
        return StorageError(f"{where}: {READ_ONLY}")
    if error.errno in FULL:
        return DiskFull(f"{where}: {error.strerror}; {free_words(path)}; free some space and run again")
    return StorageError(f"{where}: {error.strerror or error}; nothing was recorded that is not on disk")


def _from_database(error: sqlite3.Error, path: Path) -> ArchiveError:
    name = str(getattr(error, "sqlite_errorname", "") or "")
    if name.startswith("SQLITE_FULL"):
        return DiskFull(f"{path}: the database cannot grow; {free_words(path)}; free some space and run again")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return DatabaseBusy(f"{path}: busy: another program holds it for too long; close that program and run again")
    if name.startswith(("SQLITE_CORRUPT", "SQLITE_NOTADB")):
        return DatabaseDamaged(
            f"{path}: damaged ({error}); it was left as it is; put a backup from {path.parent / 'backups'} in its place"
        )
    if str(error).startswith("Could not decode to UTF-8"):
        return DatabaseDamaged(f"{path}: a row holds text that is none; crawl verify names damaged paths")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_IOERR")) and _is_read_only(path):
        return StorageError(f"{path}: {READ_ONLY}")
    if name.startswith(("SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return StorageError(f"{path}: {error} ({name}); check the disk and the permissions")
    return DatabaseError(f"{path}: {error}")


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
