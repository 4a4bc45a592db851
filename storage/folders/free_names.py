"""Names in a folder that nothing has yet: a second `mona.jpg` becomes `mona-2.jpg`."""

from __future__ import annotations

import os
from pathlib import Path

LONGEST_NAME = 255  # bytes; of most file systems


class FreeNames:
    """Gives out names in folders; one that was given out is not given out again before it is `settled`."""

    def __init__(self) -> None:
        self._given: set[Path] = set()
        self._last: dict[Path, int] = {}  # by the wanted path, where it was taken: the last number that was tried

    def free(self, folder: Path, name: str) -> Path:
        """A path in the folder that nothing has: of that name, else with a number."""
        wanted = folder / name
        number = self._last.get(wanted, 1)
        path = wanted if number == 1 else numbered(wanted, number)
        while path in self._given or os.path.lexists(path):
            number += 1
            path = numbered(wanted, number)
        if number > 1:
            self._last[wanted] = number
        self._given.add(path)
        return path

    def settled(self) -> None:
        """The names given out so far are on disk by now, or are not needed; nothing is remembered of them."""
        self._given.clear()


def numbered(path: Path, number: int) -> Path:
    """The same path with a number before its ending: `mona-2.jpg`; a name that is too long loses its last letters."""
    ending = f"-{number}{path.suffix}"
    room = LONGEST_NAME - len(os.fsencode(ending))
    stem = os.fsdecode(os.fsencode(path.stem)[:room])
    return path.with_name(stem + ending)
