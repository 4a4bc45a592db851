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
FEW = 128 * 1024  # bytes of a picture that are kept in memory once they were read
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
    for top, text in _paths(folders, apart, leave):
        path = Path(text)
        yield LocalFile(path, path.name if text == top else text[len(top) :].lstrip(os.sep).replace(os.sep, "/"))


def count_files(folders: Sequence[Path], apart: Collection[Path]) -> int:
    """How many `local_files` there are."""
    return sum(1 for _ in _paths(folders, apart, lambda path, why: None))


def _paths(folders: Sequence[Path], apart: Collection[Path], leave: Leave) -> Iterator[tuple[str, str]]:
    """The files with the folder that the user named, as text: a hundred thousand paths take their time otherwise."""
    shut = {Path(os.path.realpath(folder)) for folder in apart}
    for named in folders:
        top = os.fspath(named)
        if not named.is_dir():
            yield top, top
            continue
        waiting = [top]
        while waiting:
            folder = waiting.pop()
            inner, files = _entries(folder, leave)
            waiting += [one for one in reversed(inner) if _is_entered(Path(one), shut, leave)]
            for path in files:
                yield top, path


def _entries(folder: str, leave: Leave) -> tuple[list[str], list[str]]:
    """The folders and the files in a folder, by name, hidden ones left out; links to folders count as folders."""
    inner, files = [], []
    try:
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        leave(Path(error.filename or folder), UNREADABLE)
        return [], []
    for entry in found:
        if entry.name.startswith("."):
            continue
        if _is_folder(entry):
            inner.append(entry.path)
        elif entry.is_symlink():
            leave(Path(entry.path), LINK)
        else:
            files.append(entry.path)
    return inner, files


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link that leads round in circles, or what cannot be asked
        return False


def _is_entered(folder: Path, shut: Collection[Path], leave: Leave) -> bool:
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


@dataclass(frozen=True, slots=True)
class Content:
    """A picture file's bytes: what they are, and they themselves where they are few."""

    digest: Digest
    data: bytes | None  # None: more than `FEW` of them


def content_of(path: Path, is_picture: Callable[[bytes], bool], most: int) -> Content | None:
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
            size, few, digests = len(head), [head], (hashlib.sha256(head), hashlib.md5(head, usedforsecurity=False))
            while size <= most and (piece := file.read(_PIECE)):
                size += len(piece)
                for digest in digests:
                    digest.update(piece)
                few = [*few, piece] if size <= FEW else []
            if size > most:
                raise FileTrouble("too large")
    except UnsafeFile as unsafe:
        raise FileTrouble(unsafe.why.removeprefix("is ")) from None
    except OSError as error:
        raise FileTrouble(UNREADABLE if error.errno else str(error)) from None
    sha256, md5 = (digest.hexdigest() for digest in digests)
    return Content(Digest(size, md5, sha256), b"".join(few) if size <= FEW else None)
