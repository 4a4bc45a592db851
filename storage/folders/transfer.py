"""One file from one place to another, so that at every moment it is whole in one of them; nothing is overwritten.

On one file system a file gets a second name before it loses the first; where there are no second names, the new name
is reserved by an empty file that the file itself then replaces. To another file system the bytes are copied beside the
new name, flushed, read back and compared; then the copy gets its name, and only then the old file goes.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path

from storage.files.disk import Disk
from system.flush import flush

PART = ".crawl-part"  # ending of a copy that is not whole yet; its name begins with a dot
_PIECE = 1024 * 1024  # bytes that are copied at once


class Changed(Exception):
    """A file is not what it was when it was looked at; it stays where it is."""


class Occupied(Exception):
    """Something has the new name already; it is left alone."""


@dataclass(frozen=True, slots=True)
class Expected:
    """What a file must be to be moved."""

    size: int  # bytes
    sha256: str


def give_name(source: Path, target: Path, expected: Expected, disk: Disk) -> bool:
    """Give a file its new name; gives whether it has its old one still, which `take_old_name` takes.

    Args:
        source: the file.
        target: its new name; its folder is there.
        expected: what the file is.
        disk: the file system's promises.

    Raises:
        Changed: the file is another one now.
        Occupied: the new name is taken.
        OSError: the disk refuses; the file is where it was.
    """
    _check(source, expected)
    if os.path.lexists(target):
        raise Occupied(target)
    try:
        if disk.second_name(os.fspath(source), os.fspath(target), None, None):
            return True
    except FileExistsError:
        raise Occupied(target) from None
    if source.stat().st_dev == target.parent.stat().st_dev:
        _rename(source, target)
        return False
    copy_to(source, target, expected, disk)
    return True


def take_old_name(source: Path, target: Path, expected: Expected) -> None:
    """Take a file's old name, once its new one is durable.

    Raises:
        Changed: the old name is another file's now, or the file was written to; both stay.
    """
    if not _one_file(source, target):
        _check(source, expected)
        if not (is_file_of(source, expected) and is_file_of(target, expected)):
            raise Changed(source)
    source.unlink()


def settle(source: Path, target: Path, expected: Expected, disk: Disk) -> None:
    """Finish what a killed program began, from what is on disk: afterwards the file is at its new place.

    Raises:
        Changed, Occupied: it cannot be finished; the file is where it was, and so is whatever has the new name.
        FileNotFoundError: the file is in neither place.
        OSError: the disk refuses.
    """
    if begin(source, target, expected, disk):
        flush(target.parent)
        take_old_name(source, target, expected)


def begin(source: Path, target: Path, expected: Expected, disk: Disk) -> bool:
    """The first half of `settle`; gives whether the old name is to be taken yet, once the new one is durable.

    Raises: as `settle`.
    """
    part_of(target).unlink(missing_ok=True)
    here, there = os.path.lexists(source), os.path.lexists(target)
    if not here and not there:
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), os.fspath(source))
    if here and there:
        _settle_both(source, target, expected, disk)
    if not here or there:
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    return give_name(source, target, expected, disk)


def _settle_both(source: Path, target: Path, expected: Expected, disk: Disk) -> None:
    """Both names are there: of one file, of a file and its copy, or the new one is only reserved."""
    if _is_reserved(target, expected) and not _second_names(source, target, disk):
        _check(source, expected)
        source.replace(target)
    elif _one_file(source, target):
        source.unlink()
    elif not is_file_of(target, expected):
        raise Occupied(target)
    else:
        with contextlib.suppress(Changed):  # the file was moved, and another one has its old name now
            take_old_name(source, target, expected)


def copy_to(source: Path, target: Path, expected: Expected, disk: Disk) -> None:
    """Copy a file's bytes, times and mode; the copy is durable and was compared before it gets its name.

    Raises:
        Changed: the bytes are not the expected ones.
        Occupied: the new name is taken.
        OSError: the disk refuses; nothing is left of the copy.
    """
    part = part_of(target)
    part.unlink(missing_ok=True)  # of a killed program: the name is ours alone
    try:
        digest = hashlib.sha256()
        with source.open("rb") as old, part.open("xb") as new:
            while piece := old.read(_PIECE):
                digest.update(piece)
                new.write(piece)
            new.flush()
            os.fsync(new.fileno())
        if digest.hexdigest() != expected.sha256:
            raise Changed(source)
        if not is_file_of(part, expected):
            raise OSError(f"{target}: what was written is not what was read; check the disk")
        shutil.copystat(source, part)
        publish(part, target, disk)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def part_of(target: Path) -> Path:
    """Where a copy lies until it is whole; short, whatever the file is called."""
    name = hashlib.sha256(os.fsencode(target.name)).hexdigest()[:32]
    return target.with_name(f".{name}{PART}")


def is_file_of(path: Path, expected: Expected) -> bool:
    """Whether a regular file has exactly these bytes."""
    info = path.lstat()
    if not stat.S_ISREG(info.st_mode) or info.st_size != expected.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == expected.sha256


def _one_file(one: Path, other: Path) -> bool:
    """Whether two names are one file's; a link to a file is not the file."""
    first, second = one.lstat(), other.lstat()
    return (first.st_dev, first.st_ino) == (second.st_dev, second.st_ino)


def _check(source: Path, expected: Expected) -> None:
    info = source.lstat()
    if not stat.S_ISREG(info.st_mode) or info.st_size != expected.size:
        raise Changed(source)


def publish(part: Path, target: Path, disk: Disk) -> None:
    """Give a whole file its name, and take the one that it was written under.

    Raises:
        Occupied: the name is taken.
        OSError: the disk refuses.
    """
    try:
        if disk.second_name(os.fspath(part), os.fspath(target), None, None):
            part.unlink()
            return
    except FileExistsError:
        raise Occupied(target) from None
    _rename(part, target)


def _rename(source: Path, target: Path) -> None:
    """Rename without overwriting, where there are no second names: an empty file of ours reserves the new name."""
    try:
        os.close(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except FileExistsError:
        raise Occupied(target) from None
    try:
        source.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            if target.stat().st_size == 0:
                target.unlink()
        raise


def _second_names(source: Path, target: Path, disk: Disk) -> bool:
    """Whether files there can have two names; then nothing is ever reserved, and an empty file is somebody's."""
    probe = part_of(target)
    if source.stat().st_dev == target.parent.stat().st_dev and disk.second_name(
        os.fspath(source), os.fspath(probe), None, None
    ):
        probe.unlink()
        return True
    return False


def _is_reserved(target: Path, expected: Expected) -> bool:
    """Whether the new name is only reserved: an empty file has it, and the one to be moved is not empty."""
    info = target.lstat()
    return stat.S_ISREG(info.st_mode) and info.st_size == 0 and expected.size > 0
