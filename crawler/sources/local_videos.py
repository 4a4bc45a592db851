"""Moving pictures on this disk: files that the user named, and those below folders."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from crawler.sources.frame_delays import frame_delays
from crawler.sources.local_files import UNREADABLE, Leave, local_files, outermost
from system.regular_files import UnsafeFile, open_regular

_END = 1024 * 1024  # bytes at both ends by which a file is known again: an hour of video is a gigabyte
_MOST = 2**62  # bytes
_HEAD = 4096  # bytes that tell a moving picture from anything else


@dataclass(frozen=True, slots=True)
class LocalVideo:
    """A file that is, or is said to be, a moving picture."""

    path: Path  # absolute
    name: str  # below the folder that the user named, with slashes
    id: str  # sixteen hex digits of its size and both its ends
    delays_ms: tuple[int, ...] | None  # from the file of facts beside it
    named: bool  # by the user; else it was found in a folder


def local_videos(paths: Sequence[Path], moves: Callable[[bytes], bool], leave: Leave) -> Iterator[LocalVideo]:
    """The files, and what in the folders begins like a moving picture, in the order of the paths, then of names.

    Args:
        paths: files and folders; each must be there.
        moves: whether bytes begin like a moving picture.
        leave: is told what is passed over, and why.
    """
    named = {path for path in paths if not path.is_dir()}
    for file in local_files(outermost(paths), (), leave):
        try:
            head, digest = _known_by(file.path)
        except UnsafeFile as unsafe:
            leave(file.path, unsafe.why.removeprefix("is "))
            continue
        except OSError:
            leave(file.path, UNREADABLE)
            continue
        if file.path in named or moves(head):
            yield LocalVideo(file.path, file.name, digest, frame_delays(file.path), file.path in named)


def _known_by(path: Path) -> tuple[bytes, str]:
    """How a file begins, and what it is known by."""
    with open_regular(path, _MOST) as file:
        size = os.fstat(file.fileno()).st_size
        first = file.read(_END) or b""
        file.seek(max(0, size - _END))
        last = file.read(_END) or b""
    return first[:_HEAD], hashlib.sha256(b"%d\n" % size + first + last).hexdigest()[:16]
