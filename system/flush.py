"""Make files and folders outlive a power cut, as far as the file system can."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from functools import cache
from pathlib import Path
from typing import Any

# What file systems answer that cannot flush a folder, or give a program no way to ask; anything else is a failure.
NO_FOLDER_FLUSH = frozenset(
    {
        errno.EINVAL,
        errno.ENOSYS,
        errno.ENOTSUP,
        errno.EOPNOTSUPP,
        errno.EPERM,
        errno.EACCES,
        errno.EBADF,
        errno.EISDIR,
    }
)


def flush(path: Path) -> None:
    """Make a file's bytes or a folder's names durable; a folder's only where the file system can.

    Raises:
        OSError: it can, and failed: what was written may not be there.
    """
    if not path.is_dir():
        _fsync(path, os.O_RDWR)
    elif os.name == "posix":  # elsewhere folders cannot be opened; a rename is durable on its own
        try:
            _fsync(path, os.O_RDONLY)
        except OSError as error:
            if error.errno not in NO_FOLDER_FLUSH:
                raise


def flush_file_system(descriptor: int) -> None:
    """Make everything on the file system of an open file durable, what other programs wrote too.

    Raises:
        OSError: it failed since the file was opened, or since the last time that this was asked of it; or the system
            has no such call (`ENOSYS`).
    """
    call = _syncfs()
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(descriptor) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def tells_of_failures() -> bool:
    """Whether `flush_file_system` is there and says when bytes could not be written: Linux does so since 5.8."""
    return _syncfs() is not None


@cache
def _syncfs() -> Any | None:
    if sys.platform != "linux" or _kernel() < (5, 8):
        return None
    try:
        return ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None


def _kernel() -> tuple[int, ...]:
    parts = os.uname().release.split("-")[0].split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
