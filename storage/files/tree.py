"""The gallery's files, reached through directory handles: nothing is ever followed out of the root.

Order of writing: bytes durable (fsync), name durable (rename, fsync of the folder), then the caller commits the row.
A failed fsync is never repeated and believed. Paths are relative to the root, with `/`, and built by this room only.

Where the system has no directory handles (Windows), paths are used instead, links are refused by a look before each
step, and folders are not fsynced: a power cut may then lose a name that was just given, which `crawl verify` reports.
"""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from storage.archive_records import Digest
from storage.errors import StorageError
from storage.files.disk import Disk
from storage.files.layout import kind_of
from storage.files.relative_paths import split, steps
from storage.files.single_files import (
    CHUNK,
    FILE_MODE,
    HANDLES,
    NOFOLLOW,
    SAFE,
    UMASK_FILE,
    UMASK_FOLDER,
    digest_of,
    folder_mode,
    write_all,
)
from storage.files.store import FileStat

_TRIALS = ("trial", "trial-2")  # names in `staging/`


class Folder:
    """An open folder; a handle where the system has them, else a checked path."""

    def __init__(self, where: str, handle: int | None, disk: Disk) -> None:
        self._where = where
        self.handle = handle
        self._disk = disk

    @property
    def path(self) -> Path:
        """Where it is, for messages, and for systems without handles; made when it is asked for: files pass by here."""
        return Path(self._where)

    def at(self, name: str) -> str:
        """What to pass to the system for an entry of this folder."""
        return name if self.handle is not None else self.entry(name)

    def entry(self, name: str) -> str:
        """The path of an entry."""
        return os.path.join(self._where, name)  # noqa: PTH118 - a tenth of what pathlib takes, for each file's each step

    def sync(self) -> None:
        """Make the folder's names durable, where the file system can."""
        if self.handle is not None:
            self._disk.flush_folder(self.handle)

    def close(self) -> None:
        """Let the handle go."""
        if self.handle is not None:
            os.close(self.handle)


class Tree:
    """Everything below one root; a `storage.files.store.FileStore`."""

    at_once = 1
    renames = True
    keeps_links = True  # where the file system has them

    def __init__(self, root: Path, disk: Disk | None = None, mode: int | None = None) -> None:
        """Open the root.

        Args:
            root: must be there.
            disk: the file system's promises; None: this machine's.
            mode: of pictures, 0..0o777; their folders are open to whoever may read them. None: as the umask says.
        """
        self.root = root
        self.disk = disk or Disk()
        self._mode = mode
        handle = os.open(root, os.O_RDONLY | os.O_DIRECTORY | SAFE) if HANDLES else None
        self._top = Folder(str(root), handle, self.disk)

    def close(self) -> None:
        """Let the root's handle go."""
        self._top.close()

    def where(self, path: str) -> str:
        """Where a file is, for people."""
        return str(self.root / path)

    @contextlib.contextmanager
    def at(self, path: str) -> Iterator[Path]:
        """The file itself."""
        yield self.root / path

    @contextlib.contextmanager
    def folder(self, path: str, *, create: bool = False, made: list[str] | None = None) -> Iterator[Folder]:
        """Open a folder below the root, step by step, following no link.

        Folders that had to be made are durable, or, where `made` is given, listed there for the caller to flush.

        Raises:
            BadPath: no folder of a gallery has such a path.
            StorageError: a step is a link or no folder.
            FileNotFoundError: it is not there, and `create` is off.
        """
        current = self._top
        try:
            names = steps(path) if path else []
            for depth, name in enumerate(names):
                following, is_new = self._step(current, name, create=create, flush=made is None)
                if is_new and made is not None:
                    made.append("/".join(names[: depth + 1]))
                if current is not self._top:
                    current.close()
                current = following
            yield current
        finally:
            if current is not self._top:
                current.close()

    def _step(self, above: Folder, name: str, *, create: bool, flush: bool) -> tuple[Folder, bool]:
        try:
            return self._enter(above, name), False
        except FileNotFoundError:
            if not create:
                raise
        with contextlib.suppress(FileExistsError):
            os.mkdir(above.at(name), UMASK_FOLDER, dir_fd=above.handle)
            if flush:
                above.sync()
        entered = self._enter(above, name)
        if self._mode is not None and entered.handle is not None:
            self.disk.set_mode(entered.handle, folder_mode(self._mode))
        return entered, True

    def _enter(self, above: Folder, name: str) -> Folder:
        path = above.entry(name)
        if not HANDLES:
            if stat.S_ISDIR(os.lstat(path).st_mode):
                return Folder(path, None, self.disk)
            raise StorageError(f"{path}: is not a folder; move it away")
        try:
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFE, dir_fd=above.handle)
            return Folder(path, handle, self.disk)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                raise StorageError(
                    f"{path}: is a link or no folder; nothing is written through it, move it away"
                ) from None
            raise

    def try_promises(self) -> None:
        """Ask the file system for what it may refuse, so that `disk.notes` can say so before anything depends on it.

        Raises:
            OSError: it fails, rather than refuses.
        """
        with self.folder("staging", create=True) as folder:
            for name in _TRIALS:
                self._unlink(folder, name)
            try:
                descriptor = self._create(folder, _TRIALS[0])
                try:
                    self.disk.set_mode(descriptor, FILE_MODE)
                finally:
                    os.close(descriptor)
                self.disk.second_name(folder.at(_TRIALS[0]), folder.at(_TRIALS[1]), folder.handle, folder.handle)
            finally:
                for name in _TRIALS:
                    self._unlink(folder, name)
            folder.sync()

    def prepare_staging(self) -> None:
        """Make sure that `staging/` is a folder, and no link.

        Raises:
            StorageError: it is none.
        """
        with self.folder("staging", create=True):
            pass

    def is_absent(self, path: str) -> bool:
        """Whether there is nothing of that name, by one look; what is there may be anything, or a link's."""
        try:
            os.stat("/".join(steps(path)), dir_fd=self._top.handle, follow_symlinks=False)
        except FileNotFoundError:
            return self._top.handle is not None
        except OSError:
            return False
        return False

    def is_taken(self, path: str) -> bool:
        """Whether a name is taken, by a link, a folder or a pipe as well.

        Raises:
            StorageError: a link stands in the place of its folder.
        """
        try:
            with self.folder(split(path)[0]):
                pass
        except FileNotFoundError:
            return False
        try:
            return self.facts(path) is not None
        except StorageError:
            return True

    def facts(self, path: str) -> FileStat | None:
        """Size and identity of a regular file, or None where there is nothing.

        Raises:
            StorageError: there is something that is no regular file.
        """
        above, name = split(path)
        try:
            with self.folder(above) as folder:
                info = os.stat(folder.at(name), dir_fd=folder.handle, follow_symlinks=False)
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(info.st_mode):
            raise StorageError(f"{self.root / path}: is {kind_of(info.st_mode)} where a file should be; move it away")
        return FileStat(info.st_size, info.st_nlink)

    @contextlib.contextmanager
    def open(self, path: str) -> Iterator[int]:
        """Open a regular file for reading, following no link and waiting for no pipe; gives a descriptor."""
        above, name = split(path)
        with self.folder(above) as folder:
            descriptor = self._open_regular(folder, name, os.O_RDONLY)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _open_regular(self, folder: Folder, name: str, flags: int) -> int:
        path = folder.path / name
        try:
            if not NOFOLLOW and path.is_symlink():
                raise OSError(errno.ELOOP, "is a link")
            descriptor = os.open(folder.at(name), flags | SAFE, dir_fd=folder.handle)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.EMLINK, errno.ENXIO, errno.EISDIR):
                raise StorageError(f"{path}: is not a regular file; move it away") from None
            raise
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise StorageError(f"{path}: is not a regular file; move it away")
        return descriptor

    def put(self, staging: str, path: str, content: bytes, *, flush: bool = True) -> None:
        """Give bytes a name, whole or not at all, and make both durable with as few flushes as can be.

        The name comes before the flush, so a power cut in between may leave it with other bytes: only for what has an
        open intent and no row yet, and can be fetched again.

        Args:
            flush: off where the caller flushes everything at once afterwards.
        """
        (staging_above, staging_name), (above, name) = split(staging), split(path)
        made: list[str] = []
        with self.folder(staging_above) as waiting, self.folder(above, create=True, made=made) as folder:
            descriptor = self._create(waiting, staging_name)
            placed = False
            try:
                try:
                    write_all(descriptor, content)
                    os.replace(
                        waiting.at(staging_name),
                        folder.at(name),
                        src_dir_fd=waiting.handle,
                        dst_dir_fd=folder.handle,
                    )
                    placed = True
                    if flush:
                        self.disk.fsync(descriptor)
                finally:
                    os.close(descriptor)
                if flush:
                    folder.sync()
                    self._flush_names(made)
            except BaseException:
                self._unlink(*((folder, name) if placed else (waiting, staging_name)))
                raise

    def _flush_names(self, made: list[str]) -> None:
        """Make the names of new folders durable."""
        for new in made:
            with self.folder(split(new)[0]) as parent:
                parent.sync()

    def flush_together(self) -> bool:
        """Make all that was written here durable, bytes and names; False: it must be flushed one by one here.

        Raises:
            OSError: it failed; nothing that was put without a flush may be believed.
        """
        return self._top.handle is not None and self.disk.flush_together(self._top.handle)

    def flushes_together(self) -> bool:
        """Whether many files are better flushed by `flush_together` than one by one."""
        return self._top.handle is not None and self.disk.flushes_together(self.root)

    def _create(self, folder: Folder, name: str) -> int:
        descriptor = os.open(
            folder.at(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL | SAFE, UMASK_FILE, dir_fd=folder.handle
        )
        if self._mode is not None:
            self.disk.set_mode(descriptor, self._mode)
        return descriptor

    def make_durable(self, path: str, *, keep: bool = False) -> FileStat:
        """fsync a file that somebody else wrote; on failure it is removed, for it may not be what it seems.

        Args:
            keep: leave it all the same: it was here before, and rows may rely on it.
        """
        above, name = split(path)
        with self.folder(above) as folder:
            descriptor = self._open_regular(folder, name, os.O_RDWR)
            try:
                try:
                    if self._mode is not None:
                        self.disk.set_mode(descriptor, self._mode)
                    self.disk.fsync(descriptor)
                    info = os.fstat(descriptor)
                finally:
                    os.close(descriptor)
            except OSError:
                if not keep:
                    self._unlink(folder, name)
                raise
        return FileStat(info.st_size, info.st_nlink)

    def holds(self, path: str, digest: Digest) -> bool:
        """Whether a file of that name is there, with these bytes."""
        facts = self.facts(path)
        return facts is not None and facts.size == digest.size and self.digest(path) == digest

    def bring_in(self, source: Path, target: str) -> None:
        """Make a copy of a file that lies elsewhere, by way of `staging/`; durable."""
        staging = f"staging/brought-{secrets.token_hex(8)}.part"
        try:
            with source.open("rb") as reading, self.folder("staging", create=True) as folder:
                writing = self._create(folder, staging.rpartition("/")[2])
                try:
                    while chunk := reading.read(CHUNK):
                        write_all(writing, chunk)
                    self.disk.fsync(writing)
                finally:
                    os.close(writing)
            self.move(staging, target)
        finally:
            self.remove(staging)

    def move(self, source: str, target: str) -> None:
        """Give a file its name, replacing a regular file of that name, and make both folders durable."""
        (source_above, source_name), (target_above, target_name) = split(source), split(target)
        self.facts(target)  # refuses what is no regular file
        with self.folder(source_above) as old, self.folder(target_above, create=True) as new:
            os.replace(old.at(source_name), new.at(target_name), src_dir_fd=old.handle, dst_dir_fd=new.handle)
            new.sync()
            old.sync()

    def link(self, source: str, target: str) -> None:
        """Give a file a second name; a copy where the file system has no hard links."""
        (source_above, source_name), (target_above, target_name) = split(source), split(target)
        with self.folder(source_above) as old, self.folder(target_above, create=True) as new:
            if not self.disk.second_name(old.at(source_name), new.at(target_name), old.handle, new.handle):
                self._copy(old, source_name, new, target_name)
            new.sync()

    def _copy(self, old: Folder, source_name: str, new: Folder, target_name: str) -> None:
        reading = self._open_regular(old, source_name, os.O_RDONLY)
        try:
            writing = self._create(new, target_name)
            try:
                while chunk := self.disk.read(reading, CHUNK):
                    write_all(writing, chunk)
                self.disk.fsync(writing)
            finally:
                os.close(writing)
        except BaseException:
            self._unlink(new, target_name)
            raise
        finally:
            os.close(reading)

    def remove(self, path: str) -> bool:
        """Remove a regular file or link of that name (never what a link points to); says whether one was there."""
        above, name = split(path)
        try:
            with self.folder(above) as folder:
                os.unlink(folder.at(name), dir_fd=folder.handle)
                folder.sync()
        except FileNotFoundError:
            return False
        return True

    def _unlink(self, folder: Folder, name: str) -> None:
        with contextlib.suppress(OSError):
            os.unlink(folder.at(name), dir_fd=folder.handle)

    def read(self, path: str) -> bytes:
        """A whole small file."""
        with self.open(path) as descriptor:
            parts = []
            while chunk := self.disk.read(descriptor, CHUNK):
                parts.append(chunk)
        return b"".join(parts)

    def digest(self, path: str) -> Digest:
        """Size, md5 and sha256 of the bytes on disk."""
        with self.open(path) as descriptor:
            return digest_of(iter(partial(self.disk.read, descriptor, CHUNK), b""))

    def names(self, path: str) -> list[str]:
        """The entries of a folder, sorted; nothing where it is not there."""
        try:
            with self.folder(path) as folder:
                where = folder.handle if folder.handle is not None else folder.path
                return sorted(os.listdir(where))  # noqa: PTH208 - pathlib has no directory handles
        except FileNotFoundError:
            return []

    def walk(self, path: str) -> Iterator[tuple[str, bool]]:
        """Everything below a folder but folders: its path, and whether it is a regular file; no link is entered."""
        for name in self.names(path):
            below = f"{path}/{name}" if path else name
            with self.folder(path) as folder:
                mode = os.stat(folder.at(name), dir_fd=folder.handle, follow_symlinks=False).st_mode
            if stat.S_ISDIR(mode):
                yield from self.walk(below)
            else:
                yield below, stat.S_ISREG(mode)
