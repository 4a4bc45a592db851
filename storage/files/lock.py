"""One writer per gallery: a lock that is dropped when its holder dies, on a file that says who holds it."""

from __future__ import annotations

import contextlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from storage.errors import GalleryBusy
from storage.files.disk import Disk
from storage.files.layout import LOCK


class GalleryLock:
    """Held from `take` to `release`, or to the process's death."""

    def __init__(self, descriptor: int, path: Path, *, was_clean: bool) -> None:
        self._descriptor: int | None = descriptor
        self._path = path
        self.was_clean = was_clean  # whether the holder before us ended in order

    @classmethod
    def take(cls, root: Path, command: str, disk: Disk) -> GalleryLock:
        """Take the gallery, at once or not at all.

        Raises:
            GalleryBusy: another process has it; the message says which.
            StorageError: the file system has no locks.
            OSError: the lock file is a link, or cannot be written.
        """
        path = root / LOCK
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, flags, 0o600)
        try:
            if not disk.lock(descriptor, path):
                holder = _holder(descriptor)
                raise GalleryBusy(f"{root}: another program owns this gallery{holder}; wait for it, or stop it")
            before = _read(descriptor)
            lock = cls(descriptor, path, was_clean=before.get("state", "closed") == "closed")
            now = datetime.now(UTC).isoformat(timespec="seconds")
            lock._write({"pid": os.getpid(), "since": now, "command": command, "state": "open"})
        except BaseException:
            os.close(descriptor)
            raise
        return lock

    def release(self, *, clean: bool = True) -> None:
        """Let the gallery go; `clean`: everything was written and folded in."""
        if self._descriptor is None:
            return
        try:
            if clean:
                with contextlib.suppress(OSError):  # a full disk does not matter; the next start just looks closer
                    self._write({"state": "closed"})
        finally:  # whatever interrupts it must not keep the lock
            os.close(self._descriptor)
            self._descriptor = None

    def _write(self, facts: dict[str, Any]) -> None:
        """Leave a word for messages; the lock itself does not depend on it."""
        if self._descriptor is None:
            return
        content = json.dumps(facts).encode()
        os.lseek(self._descriptor, 0, os.SEEK_SET)
        os.write(self._descriptor, content.ljust(512))
        os.fsync(self._descriptor)


def _read(descriptor: int) -> dict[str, Any]:
    os.lseek(descriptor, 0, os.SEEK_SET)
    try:
        facts = json.loads(os.read(descriptor, 512) or b"{}")
    except ValueError:
        return {"state": "unknown"}
    return facts if isinstance(facts, dict) else {"state": "unknown"}


def _holder(descriptor: int) -> str:
    facts = _read(descriptor)
    if "pid" not in facts:
        return ""
    return f" (process {facts['pid']}, {facts.get('command') or 'crawl'}, since {facts.get('since')})"
