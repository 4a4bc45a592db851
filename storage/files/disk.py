"""What a gallery asks of its file system beyond reading and writing, and what becomes of it where that is refused.

Shares and small file systems keep fewer promises than a local disk. Some of them a gallery can do without, and says so
once a run; without the others it is refused, and the line names the file system.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from storage.errors import StorageError
from system import file_lock
from system.flush import NO_FOLDER_FLUSH, flush_file_system, tells_of_failures

MOUNTS = Path("/proc/self/mountinfo")
MEMORY = Path("/proc/meminfo")
LITTLE = 128 * 1024 * 1024  # bytes that may wait to be written when the whole file system is flushed
ASKED_EVERY_S = 0.1
_DIRTY = re.compile(r"^(Dirty|Writeback): +(\d+) kB$", re.MULTILINE)

# Where several machines may write: SQLite's log needs memory that all writers share, and theirs they do not.
_OVER_FUSE = ("sshfs", "glusterfs", "rclone", "s3fs", "davfs2", "curlftpfs", "ceph", "smbnetfs")
NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "lustre", "glusterfs", "beegfs", "orangefs"}
    | {f"fuse.{name}" for name in _OVER_FUSE}
)

# Whose flush as a whole makes each file as durable as fsync does. FUSE answers it without telling its program, and a
# few others leave bytes in the disk's own cache; there files are flushed one by one.
FLUSHED_WHOLE = frozenset({"ext3", "ext4", "xfs", "btrfs", "f2fs", "bcachefs", "zfs", "overlay", "tmpfs"})

_REFUSED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}
_NO_MODES = frozenset({*_REFUSED, errno.EPERM, errno.EACCES})
_NO_HARD_LINKS = frozenset({*_REFUSED, errno.EPERM, errno.EACCES, errno.EMLINK, errno.EXDEV})
_NO_LOCKS = frozenset({*_REFUSED, errno.ENOLCK})


UNREADABLE = frozenset(
    {errno.EIO, errno.EBADMSG, getattr(errno, "ESTALE", errno.EIO), getattr(errno, "EUCLEAN", errno.EIO)}
)


def is_unreadable(error: OSError) -> bool:
    """Whether a file's own bytes cannot be had: a bad spot of the disk, not our lack of memory, rights or handles."""
    return error.errno in UNREADABLE


class Lack(StrEnum):
    """A promise that a file system does not keep and a gallery can do without: what follows from it."""

    MODES = "does not let file modes be changed; who may read the gallery is up to it"
    FOLDER_FLUSH = "cannot flush folders; after a power cut a file may lack its name, crawl verify finds that"
    HARD_LINKS = "has no hard links; a picture that two targets keep is stored twice"


@dataclass(frozen=True, slots=True)
class FileSystem:
    """Where a path lies."""

    type: str  # as the system calls it: ext4, nfs4, fuse.sshfs …
    mounted_at: str

    def __str__(self) -> str:
        return f"{self.type} at {self.mounted_at}"


class Disk:
    """The operations that a file system may refuse, and which of them it did refuse.

    Tests hand in a subclass whose system calls fail.
    """

    def __init__(self, mounts: Path = MOUNTS, memory: Path = MEMORY) -> None:
        """Nothing was refused yet; `mounts` is the system's table of mounted file systems, `memory` of what its memory
        is used for, as in proc(5).
        """
        self.lacks: set[Lack] = set()
        self._mounts = mounts
        self._memory = memory
        self._little_waits, self._asked_again = False, 0.0  # at most `LITTLE`; when that is looked at again
        self._refuses_together = False
        self._flushed_whole: dict[Path, bool] = {}  # by root

    # --- the system calls, one each ------------------------------------------------------------------------------

    def fchmod(self, descriptor: int, mode: int) -> None:
        """Change a file's mode."""
        if hasattr(os, "fchmod"):
            os.fchmod(descriptor, mode)

    def fsync(self, descriptor: int) -> None:
        """Flush a file or a folder."""
        os.fsync(descriptor)

    def flush_everything(self, descriptor: int) -> None:
        """Flush the whole file system of an open file or folder."""
        flush_file_system(descriptor)

    def unflushed_bytes(self) -> int | None:
        """How much all programs of the machine have written that is not on any disk yet; None: the system hides it."""
        try:
            found = dict(_DIRTY.findall(self._memory.read_text("ascii")))
        except (OSError, UnicodeDecodeError):
            return None
        return 1024 * sum(map(int, found.values())) if found else None

    def read(self, descriptor: int, most: int) -> bytes:
        """Read on; nothing at the end."""
        return os.read(descriptor, most)

    def link(self, source: str, target: str, source_folder: int | None, target_folder: int | None) -> None:
        """Give a file a second name."""
        os.link(source, target, src_dir_fd=source_folder, dst_dir_fd=target_folder, follow_symlinks=False)

    def flock(self, descriptor: int) -> None:
        """Lock a file, at once or not at all."""
        file_lock.lock(descriptor)

    def free_bytes(self, path: Path) -> int:
        """How much room is left where a path lies."""
        return shutil.disk_usage(path).free

    def file_system(self, path: Path) -> FileSystem | None:
        """Where a path lies; None: the system does not tell."""
        try:
            return _mounted(self._mounts.read_text("utf-8", "surrogateescape"), os.path.realpath(path))
        except OSError:
            return None

    # --- what the gallery asks for -------------------------------------------------------------------------------

    def set_mode(self, descriptor: int, mode: int) -> None:
        """Ask for a mode: a file without it is as good."""
        with self._without(Lack.MODES, _NO_MODES):
            self.fchmod(descriptor, mode)

    def flush_folder(self, descriptor: int) -> None:
        """Make a folder's names durable, where the file system can.

        Raises:
            OSError: it can, and failed.
        """
        with self._without(Lack.FOLDER_FLUSH, NO_FOLDER_FLUSH):
            self.fsync(descriptor)

    def flushes_together(self, path: Path) -> bool:
        """Whether flushing the whole file system is a cheap way to flush a few dozen files, and says when it failed.

        It is not while another program writes much: it would be waited for.

        Args:
            path: of a folder on it.
        """
        if self._refuses_together or not tells_of_failures() or not self._is_flushed_whole(path):
            return False
        if (now := time.monotonic()) >= self._asked_again:
            waiting = self.unflushed_bytes()
            self._little_waits = waiting is not None and waiting <= LITTLE
            self._asked_again = now + ASKED_EVERY_S
        return self._little_waits

    def _is_flushed_whole(self, path: Path) -> bool:
        if path not in self._flushed_whole:
            found = self.file_system(path)
            self._flushed_whole[path] = found is not None and found.type.lower() in FLUSHED_WHOLE
        return self._flushed_whole[path]

    def flush_together(self, descriptor: int) -> bool:
        """Flush the whole file system of an open file or folder; False: that is refused here, and never tried again.

        Raises:
            OSError: it failed: nothing that was written since the last time may be believed.
        """
        try:
            self.flush_everything(descriptor)
        except OSError as error:
            if error.errno not in NO_FOLDER_FLUSH:
                raise
            self._refuses_together = True
        return not self._refuses_together

    def second_name(self, source: str, target: str, source_folder: int | None, target_folder: int | None) -> bool:
        """Give a file a second name; False: it must be copied, for there can be none."""
        with self._without(Lack.HARD_LINKS, _NO_HARD_LINKS):
            self.link(source, target, source_folder, target_folder)
            return True
        return False

    def lock(self, descriptor: int, path: Path) -> bool:
        """Lock a file until it is closed; False: another process has it.

        Raises:
            StorageError: the file system has no locks; it is named.
        """
        try:
            self.flock(descriptor)
        except OSError as error:
            if error.errno in file_lock.HELD_BY_ANOTHER:
                return False
            if error.errno in _NO_LOCKS:
                raise StorageError(
                    f"{path}: its file system{self._named(path)} has no locks ({error.strerror}), and without them two "
                    "programs could write at once; keep the gallery on another disk"
                ) from error
            raise
        return True

    def require_local(self, path: Path) -> None:
        """Refuse a network's file system.

        Raises:
            StorageError: it is one; it is named.
        """
        found = self.file_system(path)
        if found is not None and found.type.lower() in NETWORK:
            raise StorageError(
                f"{path}: lies on a network ({found}), where two machines at once would damage its database; use a "
                "local disk, or say network = true below [disk] in crawl.toml when no other machine uses this one"
            )

    def notes(self, path: Path) -> tuple[str, ...]:
        """What the file system does not keep, for people; a line each."""
        return tuple(f"{path}: its file system{self._named(path)} {lack}" for lack in Lack if lack in self.lacks)

    def _named(self, path: Path) -> str:
        found = self.file_system(path)
        return "" if found is None else f" ({found})"

    @contextlib.contextmanager
    def _without(self, lack: Lack, refusals: frozenset[int]) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in refusals:
                raise
            self.lacks.add(lack)


def _mounted(table: str, path: str) -> FileSystem | None:
    """The deepest mount that a path lies below; of several at one point, the last one covers the others."""
    found: FileSystem | None = None
    for line in table.splitlines():
        before, _, after = line.partition(" - ")
        if len(fields := before.split(" ")) < 5 or not after:
            continue
        point = _ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4])
        below = path == point or path.startswith(point.rstrip("/") + "/")
        if below and (found is None or len(point) >= len(found.mounted_at)):
            found = FileSystem(after.split(" ")[0], point)
    return found


_ESCAPED = re.compile(r"\\([0-7]{3})")  # blanks and the like, as mountinfo writes them
