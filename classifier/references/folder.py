"""A folder with a few pictures of one target and nothing else: `crawl train NAME --references DIR`.

Nothing in it is written, renamed or moved. Folders in it are not entered: a folder of classes would make everybody in
it the target.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from classifier.errors import ClassFolderError
from classifier.package.references import MOST_REFERENCES
from classifier.pictures.class_folders import (
    NO_PICTURE,
    ClassPicture,
    LeftOut,
    left_out_lines,
    read_class_file,
    why_not,
)

LEAST_REFERENCES = 3  # usable pictures; fewer say nothing about what they have in common
COPY, TOO_MANY, A_FOLDER = "a copy of another one", f"more than {MOST_REFERENCES} pictures", "a folder"
_MOST_ENTRIES = 10_000  # of the folder


@dataclass(frozen=True, slots=True)
class ReferenceFolder:
    """What a folder of references holds."""

    folder: Path
    pictures: Sequence[ClassPicture]  # by name, each file once
    left_out: Sequence[LeftOut]  # by name

    def lines(self) -> list[str]:
        """What is in it and what is left out, for people."""
        return [f"{self.folder}: {len(self.pictures)} reference pictures", *left_out_lines(self.left_out)]


def reference_pictures(folder: Path) -> ReferenceFolder:
    """Every picture that lies in a folder; reads each file once.

    Raises:
        ClassFolderError: no such folder, or fewer pictures in it than can be learned from; names what was left out.
    """
    pictures: list[ClassPicture] = []
    left: list[LeftOut] = []
    for path in _entries(folder):
        _take(path, folder, pictures, left)
    check_enough_references(folder, len(pictures), left)
    return ReferenceFolder(folder, tuple(pictures), tuple(left))


def check_enough_references(folder: Path, usable: int, left: Sequence[LeftOut]) -> None:
    """Refuse too few of them, and say what was left out and what is expected.

    Raises:
        ClassFolderError: they are too few.
    """
    if usable >= LEAST_REFERENCES:
        return
    folders = [one.name for one in left if one.why == A_FOLDER]
    hint = (
        f"; they must lie in the folder itself: name {folder / folders[0]}, or give one folder a class with --from"
        if folders
        else "".join(f"; {line}" for line in left_out_lines(left))
    )
    raise ClassFolderError(
        f"{folder} has {usable} usable pictures; at least {LEAST_REFERENCES} that show the target are needed, and 20 "
        f"are far better than 5{hint}"
    )


def _entries(folder: Path) -> list[Path]:
    try:
        entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except OSError as error:
        raise ClassFolderError(f"cannot read the folder {folder}: {error.strerror}") from error
    if len(entries) > _MOST_ENTRIES:
        raise ClassFolderError(f"{folder} has more than {_MOST_ENTRIES} files; name a folder with 5 to 20 pictures")
    return entries


def _take(path: Path, folder: Path, pictures: list[ClassPicture], left: list[LeftOut]) -> None:
    """Put one entry among the pictures, or among what is left out."""
    if path.is_dir():
        left.append(LeftOut(path.name, A_FOLDER))
        return
    if len(pictures) == MOST_REFERENCES:
        left.append(LeftOut(path.name, TOO_MANY))
        return
    try:
        content = read_class_file(path, folder)
    except OSError as error:
        left.append(LeftOut(path.name, why_not(error)))
        return
    if content is None:
        left.append(LeftOut(path.name, NO_PICTURE))
        return
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    if any(md5 == other.md5 for other in pictures):
        left.append(LeftOut(path.name, COPY))
        return
    pictures.append(ClassPicture(path, path.name, "", shows=True, size=len(content), md5=md5, group=""))
