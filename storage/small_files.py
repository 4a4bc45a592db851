"""Small files that a user names: settings, credentials, lists. Read whole, within bounds, and only regular files.

A pipe, a device or an endless file would hold the program for ever, and a folder or a socket says nothing that a user
understands; all of them are refused before a byte is read.
"""

from __future__ import annotations

import codecs
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from storage.errors import UnreadableFile
from system.regular_files import UnsafeFile, read_regular

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
            raise UnreadableFile(self.path, f"is not a text file (byte {error.start}); save it as UTF-8") from None
        if "\0" in text:
            raise UnreadableFile(self.path, "is not a text file (it has null characters); save it as UTF-8")
        return text


def read_small_file(path: Path, at_most: int) -> SmallFile:
    """Read a file of at most so many bytes.

    Raises:
        UnreadableFile: it is not there, may not be read, is larger, or is no regular file.
    """
    try:
        file = read_regular(path, at_most)
    except FileNotFoundError:
        raise UnreadableFile(path, "is not there") from None
    except UnsafeFile as refused:
        raise UnreadableFile(path, refused.why) from None
    except (OSError, ValueError) as error:  # a ValueError: the path has a null character
        raise UnreadableFile(path, f"cannot be read: {getattr(error, 'strerror', None) or error}") from None
    return SmallFile(path, file.content, file.mode)


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
