"""Paths below a gallery's root: checked, whoever wrote them, and taken apart."""

from __future__ import annotations

import os

from storage.errors import BadPath

LONGEST_NAME = 255  # bytes; more is refused by every file system


def check_path(path: object) -> None:
    """Refuse what cannot be the path of a gallery's file: rows may be damaged, and hold anything.

    Raises:
        BadPath: it is no text, absolute, not in its plainest form, or longer than file systems take.
    """
    steps(path)


def split(path: str) -> tuple[str, str]:
    """A path's folder, empty for the root itself, and its name there.

    Raises:
        BadPath: as `check_path` says.
    """
    above, _, name = "/".join(steps(path)).rpartition("/")
    return above, name


def steps(path: object) -> list[str]:
    """The steps of a path below the root, checked.

    Raises:
        BadPath: as `check_path` says.
    """
    if not isinstance(path, str):
        raise BadPath(f"{path!r}: cannot be a path")
    names = path.split("/")
    for name in names:
        if name in ("", ".", "..") or "\0" in name or len(os.fsencode(name)) > LONGEST_NAME:
            raise BadPath(f"{path!r:.200}: no file of a gallery has such a path")
    return names
