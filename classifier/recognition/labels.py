"""What a class is called: a character, alone or with its work in front: `mona`, `genshin_impact/mona`; or nobody.

A style is a label beside it: `style=cel-shaded`. Names become folders and lines of tables, so what cannot be one is
refused where names are made and where a package is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

NOBODY = "nobody"  # the class of pictures that show none of the others
STYLE = "style="  # how a folder's name begins that says its pictures' style
LONGEST_CLASS = 200  # characters
_NOBODY_TOO = frozenset({"none", "other", "others", "negative", "negatives", "unknown"})
_FORBIDDEN = re.compile(r'[\\:*?"<>|]')  # by some file system
_DEVICES = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)  # of one


@dataclass(frozen=True, slots=True)
class Label:
    """What a folder says of a picture, in three levels."""

    character: str  # or whatever else the classes are; `nobody`: none of them
    work: str = ""  # that the character is of; "": the folder does not say
    style: str = ""  # "": the folder does not say

    @property
    def name(self) -> str:
        """Of the class: `genshin_impact/mona`, `mona`."""
        return f"{self.work}/{self.character}" if self.work else self.character


def work_of(name: str) -> str:
    """The work that a class's name says; "": none."""
    return name.rpartition("/")[0]


def means_nobody(folder: str) -> bool:
    """Whether a folder of this name holds pictures that show none of the classes."""
    flat = re.sub(r"[\W_]+", "_", folder.lower()).strip("_")
    return flat == NOBODY or flat in _NOBODY_TOO


def class_names(names: Sequence[str]) -> tuple[str, ...]:
    """Names of classes, checked.

    Raises:
        ValueError: fewer than two, one twice, or one that cannot be a class's.
    """
    if len(names) < 2:
        raise ValueError(f"a recogniser tells at least two classes apart, got {len(names)}")
    for name in names:
        if why := wrong_with_class(name):
            raise ValueError(f"{name[:LONGEST_CLASS]!r} cannot be a class: {why}")
    if len({name.casefold() for name in names}) < len(names):
        raise ValueError("a class has the name of another")
    return tuple(names)


def wrong_with_class(name: str) -> str:
    """Why a text cannot be a class's name; "": it can. It names a folder, or a folder in a folder, on every system."""
    if len(name) > LONGEST_CLASS:
        return f"it has more than {LONGEST_CLASS} characters"
    parts = name.split("/")
    if len(parts) > 2:
        return "it has more than two levels, a work and a character"
    for part in parts:
        if not part or part != part.strip() or part[0] in ".-" or part[-1] == ".":
            return f"{part!r} is no name of a folder"
        if _FORBIDDEN.search(part) or not part.isprintable():
            return "it has a letter that no file's name has"
        if _DEVICES.fullmatch(part):
            return f"{part!r} is a device on some systems"
    return ""
