"""The one way to read a file that somebody else wrote: a regular file of a bounded size, or nothing.

A pipe, a device or a socket would hold the reader for ever, an endless file would fill the memory; what a link leads
to may be no part of the folder that it lies in. All of them are refused before a byte is read.
"""

from __future__ import annotations

import errno
import os
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFLNK: "a link",
}
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_BINARY", 0)
)
_PIECE = 1024 * 1024  # bytes that are read at once


class UnsafeFile(OSError):
    """What is there is no file that may be read; `why` goes on a sentence that begins with its path."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(errno.EINVAL, why, str(path))
        self.why = why


@dataclass(frozen=True, slots=True)
class RegularFile:
    """What was read, and the mode bits of the very file that it was read from."""

    content: bytes
    mode: int


def read_regular(path: Path, at_most: int, *, links: bool = True, within: Path | None = None) -> RegularFile:
    """Read a whole file; see `open_regular`.

    Raises:
        UnsafeFile: it is no regular file, is larger, or lies elsewhere.
        OSError: it is not there, or cannot be read.
    """
    with open_regular(path, at_most, links=links, within=within) as file:
        mode = os.fstat(file.fileno()).st_mode
        pieces, left = [], at_most + 1
        while left > 0 and (piece := file.read(min(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
    if left <= 0:  # it grew, or its size is not known
        raise UnsafeFile(path, _larger(at_most))
    return RegularFile(b"".join(pieces), mode)


def open_regular(path: Path, at_most: int, *, links: bool = True, within: Path | None = None) -> BinaryIO:
    """Open a file for reading, without waiting for whatever it may be.

    Args:
        path: the file.
        at_most: bytes that it may have.
        links: whether it may be a link to the file.
        within: the folder that a link may not lead out of; None: it may lead anywhere.

    Raises:
        UnsafeFile: it is no regular file, is larger, or lies elsewhere.
        OSError: it is not there, or cannot be read.
    """
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        if not links:
            raise UnsafeFile(path, "is a link, not a regular file")
        if within is not None and leads_out(path, within):
            raise UnsafeFile(path, LEADS_OUT)
        info = path.stat()
    _check(path, info, at_most)  # before it is opened: to open a device may do something
    descriptor = os.open(path, _FLAGS | (0 if links else getattr(os, "O_NOFOLLOW", 0)))
    file = os.fdopen(descriptor, "rb", buffering=0)
    try:
        _check(path, os.fstat(descriptor), at_most)
    except BaseException:
        file.close()
        raise
    return file


LEADS_OUT = "is a link out of the folder"


def leads_out(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, lies outside a folder."""
    try:
        return not path.resolve().is_relative_to(folder.resolve())
    except RuntimeError:  # it leads round in circles
        return True


def _check(path: Path, info: os.stat_result, at_most: int) -> None:
    if not stat.S_ISREG(info.st_mode):
        kind = _KINDS.get(stat.S_IFMT(info.st_mode), "something else")
        raise UnsafeFile(path, f"is {kind}, not a regular file")
    if info.st_size > at_most:
        raise UnsafeFile(path, _larger(at_most))


def _larger(at_most: int) -> str:
    megabytes, rest = divmod(at_most, 1 << 20)
    return f"is larger than {at_most} bytes" if rest else f"is larger than {megabytes} MB"
