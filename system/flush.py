"""Make files and folders outlive a power cut, as far as the file system can."""

from __future__ import annotations

import errno
import os
from pathlib import Path

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


def _fsync(path: Path, flags: int) -> None:
    handle = os.open(path, flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
