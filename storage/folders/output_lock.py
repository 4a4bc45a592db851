"""One program at a time writes into a folder of sorted files or of frames; the lock is dropped when its holder dies."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from storage.errors import FolderBusy
from storage.files.disk import Disk

LOCK = ".crawl-classify.lock"


@contextmanager
def sole_writer(
    folder: Path, disk: Disk, lock: str = LOCK, command: str = "crawl classify or crawl frames"
) -> Iterator[None]:
    """Hold a folder while the block runs.

    Args:
        folder: which.
        disk: the file system's promises.
        lock: name of the file that is locked.
        command: which command holds folders by that file.

    Raises:
        FolderBusy: another program writes into it.
        StorageError: its file system has no locks.
        OSError: the disk refuses.
    """
    path = folder / lock
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
    descriptor = os.open(path, flags, 0o600)
    try:
        if not disk.lock(descriptor, path):
            raise FolderBusy(f"{folder}: another {command} is at work there; wait for it, or stop it")
        yield
    finally:
        os.close(descriptor)
