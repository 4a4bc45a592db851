"""Files of a folder copied or linked into others; what is there is not made again, and nothing is overwritten."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

from storage.database.error_translation import FULL, at_border
from storage.files.disk import Disk
from storage.folders.free_names import FreeNames, numbered
from storage.folders.moves import CHANGED, MoveOrder, MoveResult
from storage.folders.transfer import Changed, Occupied, copy_to, is_file_of


class How(StrEnum):
    """What becomes of the files that are sorted."""

    LIST = "list"  # nothing: they are listed
    COPY = "copy"
    LINK = "link"
    MOVE = "move"


_NO_SYMBOLIC_LINKS = frozenset({errno.EPERM, errno.EACCES, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL})


class Placer:
    """Copies or links files, one at a time; whoever uses it has locked the folders."""

    def __init__(self, how: How, disk: Disk, notify: Callable[[str], None]) -> None:
        """Nothing is written yet.

        Args:
            how: COPY or LINK.
            disk: the file system's promises.
            notify: is told, once, that links of the wanted kind cannot be made there.
        """
        self._how, self._disk, self._notify = how, disk, notify
        self._names = FreeNames()
        self._noted: set[str] = set()

    def place(self, order: MoveOrder) -> MoveResult:
        """Give a folder this file; where it has it already, nothing is done.

        Raises:
            StorageError: the disk refuses, or is full.
        """
        with at_border(order.folder):
            order.folder.mkdir(parents=True, exist_ok=True)
            there = self._already(order)
            if there is not None:
                return MoveResult(there)
            try:
                placed = MoveResult(self._placed(order))
                self._names.settled()
                return placed
            except Changed:
                return MoveResult(None, CHANGED)
            except OSError as error:
                if error.errno in FULL:
                    raise
                return MoveResult(None, error.strerror or str(error))

    def _already(self, order: MoveOrder) -> Path | None:
        """Where the folder has this file, under its name or with a number."""
        path, number = order.folder / order.source.name, 1
        while os.path.lexists(path):
            if self._is_it(path, order):
                return path
            number += 1
            path = numbered(order.folder / order.source.name, number)
        return None

    def _is_it(self, path: Path, order: MoveOrder) -> bool:
        try:
            if path.is_symlink() or self._how is How.LINK:
                return path.samefile(order.source) or (not path.is_symlink() and is_file_of(path, order.expected))
            return is_file_of(path, order.expected)
        except OSError:  # a link that leads nowhere, a file that is closed to us
            return False

    def _placed(self, order: MoveOrder) -> Path:
        while True:
            target = self._names.free(order.folder, order.source.name)
            try:
                if self._how is How.LINK:
                    self._link(order, target)
                else:
                    copy_to(order.source, target, order.expected, self._disk)
            except Occupied:
                continue  # somebody took the name in this moment
            return target

    def _link(self, order: MoveOrder, target: Path) -> None:
        """A second name, else a symbolic link, else a copy."""
        try:
            if self._disk.second_name(os.fspath(order.source), os.fspath(target), None, None):
                return
            target.symlink_to(order.source)
            self._note(f"{order.folder}: hard links from {order.source.parent} are not possible; these are symbolic")
        except FileExistsError:
            raise Occupied(target) from None
        except OSError as error:
            if error.errno not in _NO_SYMBOLIC_LINKS:
                raise
            copy_to(order.source, target, order.expected, self._disk)
            self._note(f"{order.folder}: its file system has no links; these are copies")

    def _note(self, words: str) -> None:
        if words not in self._noted:
            self._noted.add(words)
            self._notify(words)
