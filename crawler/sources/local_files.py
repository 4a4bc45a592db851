"""Picture files below folders of this disk, as they are found; nothing is followed that leads elsewhere."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from storage.archive_records import Digest
from storage.files.layout import is_gallery
from system.regular_files import UnsafeFile, open_regular

PICTURE_NAMES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".webp", ".avif"})
LINK, LINKED_FOLDER, UNREADABLE, GALLERY = "a link", "a link to a folder", "cannot be read", "a gallery"
_HEAD = 512  # bytes that tell a picture from anything else
_PIECE = 1024 * 1024  # bytes that are read at once
_MOST_OF_ANYTHING = 2**63  # bytes; of what is no picture only the head is read

Leave = Callable[[Path, str], None]  # is told what is passed over, and why


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file below a folder that the user named."""

    path: Path  # absolute
    name: str  # below that folder, with slashes


class FileTrouble(Exception):
    """A picture's file cannot be read; `reason` is counted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def outermost(folders: Sequence[Path]) -> list[Path]:
    """The folders without those that lie in another, each once."""
    real = {folder: Path(os.path.realpath(folder)) for folder in folders}
    kept: dict[Path, Path] = {}
    for folder in sorted(folders, key=lambda one: len(real[one].parts)):
        if not any(real[folder].is_relative_to(other) for other in kept):
            kept[real[folder]] = folder
    return [folder for folder in dict.fromkeys(folders) if folder in kept.values()]


def local_files(folders: Sequence[Path], apart: Collection[Path], leave: Leave) -> Iterator[LocalFile]:
    """Every file below the folders, folder by folder, by name; hidden files are nobody's.

    Args:
        folders: or single files; absolute, none within another.
        apart: folders that are passed over silently, links followed: what is sorted must not be looked at again.
        leave: is told of links, of galleries and of folders that cannot be read.
    """
    shut = {Path(os.path.realpath(folder)) for folder in apart}
    for top in folders:
        if not top.is_dir():
            yield LocalFile(top, top.name)
            continue
        for at, inner, names in os.walk(top, onerror=lambda error: leave(Path(error.filename), UNREADABLE)):
            folder = Path(at)
            inner[:] = [name for name in sorted(inner) if _is_entered(folder / name, shut, leave)]
            for name in sorted(names):
                path = folder / name
                if name.startswith("."):
                    continue
                if path.is_symlink():
                    leave(path, LINK)
                    continue
                yield LocalFile(path, path.relative_to(top).as_posix())


def _is_entered(folder: Path, shut: Collection[Path], leave: Leave) -> bool:
    if folder.name.startswith("."):
        return False
    if folder.is_symlink():
        leave(folder, LINKED_FOLDER)
        return False
    if is_gallery(folder):  # it must know where its files are
        leave(folder, GALLERY)
        return False
    return Path(os.path.realpath(folder)) not in shut


def has_picture_name(path: Path) -> bool:
    """Whether a file is called like a picture."""
    return path.suffix.lower() in PICTURE_NAMES


def content_of(path: Path, is_picture: Callable[[bytes], bool], most: int) -> Digest | None:
    """What a picture file's bytes are; None: it is none, by name nor by its first bytes.

    Args:
        path: the file.
        is_picture: whether bytes begin like a picture.
        most: bytes that a picture may have.

    Raises:
        FileTrouble: it is called like a picture and is none, is too large, or cannot be read.
    """
    try:
        with open_regular(path, _MOST_OF_ANYTHING, links=False) as file:
            head = file.read(_HEAD) or b""
            if not is_picture(head):
                if not has_picture_name(path):
                    return None
                raise FileTrouble("no picture" if head else "empty")
            size, digests = len(head), (hashlib.sha256(head), hashlib.md5(head, usedforsecurity=False))
            while size <= most and (piece := file.read(_PIECE)):
                size += len(piece)
                for digest in digests:
                    digest.update(piece)
            if size > most:
                raise FileTrouble("too large")
    except UnsafeFile as unsafe:
        raise FileTrouble(unsafe.why.removeprefix("is ")) from None
    except OSError as error:
        raise FileTrouble(UNREADABLE if error.errno else str(error)) from None
    sha256, md5 = (digest.hexdigest() for digest in digests)
    return Digest(size, md5, sha256)
