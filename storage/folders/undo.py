"""Moves taken back from their journal, the last one first; killed in between, the same call goes on."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from storage.database.error_translation import FULL, at_border
from storage.files.disk import Disk
from storage.folders.journal import Journal, Move, read_journal
from storage.folders.output_lock import sole_writer
from storage.folders.transfer import Changed, Occupied, is_file_of, settle


@dataclass(slots=True)
class Undone:
    """What came of it."""

    moves: int = 0  # that the journal has
    back: int = 0  # files that are where they were before, byte for byte
    left: list[tuple[Path, str]] = field(default_factory=list)  # files that are not, and why


def undo(path: Path, disk: Disk, clock: Callable[[], datetime], report: Callable[[float, str], None]) -> Undone:
    """Move every file of a journal back where it was; what stands in the way stays, and so does what was changed.

    Args:
        path: the journal.
        disk: the file system's promises.
        clock: for the line that says that all was taken back.
        report: share that is done, 0..1, and words.

    Raises:
        UnreadableFile: it is no journal.
        FolderBusy: another program sorts files there.
        StorageError: the disk refuses, or is full; what was taken back is back.
    """
    path = path.absolute()
    read_journal(path)  # before a lock is made beside what is no journal
    with at_border(path), sole_writer(path.parent, disk):
        content = read_journal(path)
        done = Undone(len(content.moves))
        for number, move in enumerate(reversed(content.moves), start=1):
            trouble = _back(move, disk)
            if trouble:
                done.left.append((move.source, trouble))
            else:
                done.back += 1
            report(number / len(content.moves), f"{done.back} of {len(content.moves)} files")
        if not done.left and not content.undone:
            with closing(Journal.reopen(path, content)) as journal:
                journal.append([{"undone": clock().isoformat(timespec="seconds")}])
    return done


def _back(move: Move, disk: Disk) -> str:
    """Move one file back; gives why that cannot be done."""
    try:
        if _is_back(move):
            return ""
        if not is_file_of(move.target, move.expected):
            return f"{move.target} was changed since"
        settle(move.target, move.source, move.expected, disk)
    except FileNotFoundError:
        return f"{move.target} is gone"
    except Occupied:
        return f"another file is there now; this one is {move.target}"
    except Changed:
        return f"{move.target} was changed since"
    except OSError as error:
        if error.errno in FULL:
            raise
        return f"{error.strerror or error}; it is still {move.target}"
    return ""


def _is_back(move: Move) -> bool:
    """Whether it is where it was, and nowhere else: moved back before, or never moved at all."""
    try:
        return not move.target.exists() and is_file_of(move.source, move.expected)
    except FileNotFoundError:
        return False
