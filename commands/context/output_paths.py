"""Files and folders that a user names to be written: never a gallery's own, and nothing that would be waited for."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import IO

from commands.errors import UsageRefused
from storage.database.error_translation import FULL
from storage.errors import StorageError
from storage.files.layout import gallery_around
from storage.files.obstacles import file_in_the_way


def check_output(path: Path, named: str) -> None:
    """Refuse what belongs to a gallery.

    Args:
        path: that is to be written, or written into.
        named: how the user named it, as `--output`.

    Raises:
        UsageRefused: it is a gallery's own, or lies in what is.
    """
    gallery = gallery_around(path)
    if gallery is not None:
        raise UsageRefused(f"{named}: {path} belongs to the gallery {gallery}; name another place, nothing was written")


def check_output_folder(folder: Path, named: str) -> None:
    """Refuse a folder that cannot be one, or belongs to a gallery; asked before something long begins.

    Raises:
        UsageRefused: see there.
    """
    check_output(folder, named)
    blocked = file_in_the_way(folder.absolute())
    if blocked is not None:
        raise UsageRefused(f"{named}: {blocked} is not a folder; name another, nothing was written")


def write_output(path: Path, named: str, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file, a device, or a pipe that somebody reads.

    A file that is there is replaced when the new one is whole, and stays as it was otherwise; a link stays a link.

    Raises:
        UsageRefused: it cannot be written there.
        StorageError: there is no room.
    """
    check_output(path, named)
    try:
        if not _is_a_stream(path):
            _replace(Path(os.path.realpath(path)), write)
        else:
            with open(path, "wb", opener=_opened) as file:
                write(file)
    except BrokenPipeError:
        return  # whoever read it has enough
    except OSError as error:
        refused = StorageError if error.errno in FULL else UsageRefused
        raise refused(f"cannot write {path}: {_why(path, error)}") from error


def _is_a_stream(path: Path) -> bool:
    """Whether it is written into as it stands: a pipe, a device, or what `/dev/stdout` leads to."""
    return (path.exists() and not path.is_file()) or path.absolute().parts[1:2] in (("dev",), ("proc",))


def _replace(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a new file beside the old one, with the old one's mode, and let it take the place of it."""
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    if mode is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    part = path.with_name(f".crawl-{secrets.token_hex(8)}.part")
    try:
        with part.open("xb") as file:
            if mode is not None:
                with contextlib.suppress(OSError):  # a file system without modes
                    part.chmod(mode)
            write(file)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _opened(path: str, flags: int) -> int:
    """Open without waiting for a reader."""
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if hasattr(os, "O_NONBLOCK"):
        os.set_blocking(descriptor, True)
    return descriptor


def _why(path: Path, error: OSError) -> str:
    if error.errno == errno.ENXIO and path.exists() and stat.S_ISFIFO(path.stat().st_mode):
        return "it is a pipe that nobody reads; start its reader first, or name a file"
    return error.strerror or str(error)
