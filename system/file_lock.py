"""The one lock on a file: held until the file is closed or its process dies, so that no stale lock can exist.

On POSIX it is flock(2). Windows has none; there one byte behind the text is locked through the C runtime, so that
others can read what the file says. Either way the lock belongs to the open file: a second opening in the same process
is another party. Whoever waits asks again: nothing here blocks. Why not `filelock`: docs/adr/0009.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable

HELD_BY_ANOTHER = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
TEXT_AT_MOST = 4096  # bytes of a locked file that may be read and written while it is locked, on every system

if sys.platform == "win32":
    import msvcrt

    def lock(descriptor: int) -> None:
        """Lock an open file, at once or not at all.

        Raises:
            OSError: another process has it, with one of `HELD_BY_ANOTHER`; or the file system has no locks.
        """
        os.lseek(descriptor, TEXT_AT_MOST, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Lock an open file, at once or not at all.

        Raises:
            OSError: another process has it, with one of `HELD_BY_ANOTHER`; or the file system has no locks.
        """
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def lock_if_free(descriptor: int, take: Callable[[int], None] = lock) -> bool:
    """Lock an open file, by `take`; False: another process has it.

    Raises:
        OSError: the file system has no locks, or the disk fails.
    """
    try:
        take(descriptor)
    except OSError as error:
        if error.errno not in HELD_BY_ANOTHER:
            raise
        return False
    return True
