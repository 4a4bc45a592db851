"""Small files that a user names: settings, credentials, lists. Read whole, within bounds, and only regular files.

A pipe, a device or an endless file would hold the program for ever, and a folder or a socket says nothing that a user
understands; all of them are refused before a byte is read.
"""

from __future__ import annotations

import codecs
import os
import stat
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import UnreadableFile

_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)
_WIDE = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}  # as Notepad's "Unicode" saves


@dataclass(frozen=True, slots=True)
class SmallFile:
    """What was read, and the mode bits of the very file that it was read from."""

    path: Path
    content: bytes
    mode: int

    def text(self) -> str:
        """The text, in UTF-8 with or without a byte-order mark, or in UTF-16 with one.

        Raises:
            UnreadableFile: it is no such text.
        """
        encoding = next((name for mark, name in _WIDE.items() if self.content.startswith(mark)), "utf-8-sig")
        try:
            text = self.content.decode(encoding)
        except UnicodeDecodeError as error:
            raise UnreadableFile(self.path, f"is no text file (byte {error.start}); save it as UTF-8") from None
        if "\0" in text:
            raise UnreadableFile(self.path, "is no text file (it has null characters); save it as UTF-8")
        return text


def read_small_file(path: Path, at_most: int) -> SmallFile:
    """Read a file of at most so many bytes.

    Raises:
        UnreadableFile: it is not there, may not be read, is larger, or is no regular file.
    """
    try:
        _check(path, path.stat(), at_most)
        descriptor = os.open(path, _FLAGS)
        with os.fdopen(descriptor, "rb", buffering=0):
            found = os.fstat(descriptor)
            _check(path, found, at_most)
            content = _read(descriptor, at_most + 1)
    except FileNotFoundError:
        raise UnreadableFile(path, "is not there") from None
    except (OSError, ValueError) as error:  # a ValueError: the path has a null character
        raise UnreadableFile(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if len(content) > at_most:  # it grew, or its size is not known
        raise UnreadableFile(path, f"is larger than {at_most} bytes")
    return SmallFile(path, content, found.st_mode)


def toml_of(file: SmallFile) -> dict[str, Any]:
    """The file as TOML.

    Raises:
        UnreadableFile: it is none, or nested too deeply. The message has the place, and nothing of the content.
    """
    try:
        return tomllib.loads(file.text())
    except RecursionError:
        raise UnreadableFile(file.path, "is nested too deeply for a file of settings") from None
    except ValueError as error:  # tomllib.TOMLDecodeError is one; a number of too many digits is another
        raise UnreadableFile(file.path, f"is not TOML: {str(error)[:200]}") from None


def _check(path: Path, found: os.stat_result, at_most: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise UnreadableFile(path, f"is {kind}, not a regular file")
    if found.st_size > at_most:
        raise UnreadableFile(path, f"is larger than {at_most} bytes")


def _read(descriptor: int, at_most: int) -> bytes:
    pieces: list[bytes] = []
    left = at_most
    while left > 0:
        piece = os.read(descriptor, left)
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
