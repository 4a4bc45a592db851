"""Single files of the gallery's own: opened through no link, and put in place whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Iterable
from functools import partial
from io import TextIOWrapper
from pathlib import Path

from storage.archive_records import Digest
from storage.files.disk import Disk

HANDLES = os.open in os.supports_dir_fd and os.rename in os.supports_dir_fd and hasattr(os, "O_DIRECTORY")
NOFOLLOW = getattr(os, "O_NOFOLLOW", 0)
SAFE = NOFOLLOW | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_LOG = os.O_WRONLY | os.O_APPEND | os.O_CREAT | SAFE
FILE_MODE, FOLDER_MODE = 0o600, 0o700  # of what is the gallery's own: the database, the log, models, backups
CHUNK = 1 << 20  # bytes that are read at once
UMASK_FILE, UMASK_FOLDER = 0o666, 0o777  # what the umask takes its bits from


def folder_mode(mode: int) -> int:
    """The mode of a folder whose files have this mode: whoever may read them may enter it."""
    return mode | 0o700 | (mode & 0o444) >> 2


def sync_folder(path: Path, disk: Disk | None = None) -> None:
    """Make a folder's names durable, where the system can."""
    if not HANDLES:
        return
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFE)
    try:
        (disk or Disk()).flush_folder(handle)
    finally:
        os.close(handle)


def open_log(path: Path) -> TextIOWrapper:
    """Open a log for appending: through no link, and without waiting for a pipe.

    A log that has a second name elsewhere is left to that name, and a new one is begun here.

    Raises:
        OSError: it is no plain file, or the disk refuses.
    """
    descriptor = os.open(path, _LOG, FILE_MODE)
    info = os.fstat(descriptor)
    if stat.S_ISREG(info.st_mode) and info.st_nlink == 1:
        return os.fdopen(descriptor, "a", encoding="utf-8")
    os.close(descriptor)
    if not stat.S_ISREG(info.st_mode):
        raise OSError(errno.ELOOP, "is not a plain file", str(path))
    path.unlink()
    return os.fdopen(os.open(path, _LOG | os.O_EXCL, FILE_MODE), "a", encoding="utf-8")


def write_whole(path: Path, content: bytes, disk: Disk | None = None) -> None:
    """Put a small file of our own in place, whole or not at all, durable."""
    disk = disk or Disk()
    part = path.with_name(path.name + ".part")
    part.unlink(missing_ok=True)
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE, FILE_MODE)
    try:
        write_all(descriptor, content)
        disk.fsync(descriptor)
    finally:
        os.close(descriptor)
    part.replace(path)
    sync_folder(path.parent, disk)


def digest_of_file(path: Path) -> Digest:
    """Size, md5 and sha256 of a file's bytes.

    Raises:
        FileNotFoundError: it is not there.
        OSError: it is a link, or cannot be read.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | SAFE), "rb") as reading:
        return digest_of(iter(partial(reading.read, CHUNK), b""))


def digest_of(pieces: Iterable[bytes]) -> Digest:
    """Size, md5 and sha256 of bytes that come piece by piece."""
    md5, sha256, size = hashlib.md5(usedforsecurity=False), hashlib.sha256(), 0
    for piece in pieces:
        md5.update(piece)
        sha256.update(piece)
        size += len(piece)
    return Digest(size, md5.hexdigest(), sha256.hexdigest())


def write_all(descriptor: int, content: bytes) -> None:
    """Write everything; a short write (file size limit, nearly full disk) is followed by the error that caused it."""
    rest = memoryview(content)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
