"""Moves taken back from their journal, the last one first; killed in between, the same call goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

from storage.database.error_translation import FULL, at_border
from storage.files.disk import Disk
from storage.folders.journal import Journal, Move, read_journal
from storage.folders.output_lock import sole_writer
from storage.folders.transfer import Changed, Occupied, begin, is_file_of, take_old_name
from system.flush import flush

BATCH = 64  # files that are moved back together


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
        moves = content.moves[::-1]
        for start in range(0, len(moves), BATCH):
            batch = moves[start : start + BATCH]
            for move, trouble in zip(batch, _back(batch, disk), strict=True):
                if trouble:
                    done.left.append((move.source, trouble))
                else:
                    done.back += 1
            report((start + len(batch)) / len(moves), f"{done.back} of {len(moves)} files")
        if not done.left and not content.undone:
            with closing(Journal.reopen(path, content)) as journal:
                journal.append([{"undone": clock().isoformat(timespec="seconds")}])
    return done


def _back(moves: Sequence[Move], disk: Disk) -> Sequence[str]:
    """Move files back, together; gives for each why that cannot be done, or nothing.

    Their old names are made durable before their new ones go: a flush a folder, and not one a file.
    """
    begun = [_step(move, partial(_begun, move, disk)) for move in moves]
    for folder in {move.source.parent for move, (left, _) in zip(moves, begun, strict=True) if left}:
        flush(folder)
    troubles = [
        _step(move, partial(_ended, move))[1] if left else trouble
        for move, (left, trouble) in zip(moves, begun, strict=True)
    ]
    for folder in {move.target.parent for move, (left, _) in zip(moves, begun, strict=True) if left}:
        flush(folder)
    return troubles


def _step(move: Move, step: Callable[[], tuple[bool, str]]) -> tuple[bool, str]:
    """Do it; gives whether the file has two names now, and why it cannot be moved back."""
    try:
        return step()
    except FileNotFoundError:
        return False, f"{move.target} is gone"
    except Occupied:
        return False, f"another file is there now; this one is {move.target}"
    except Changed:
        return False, f"{move.target} was changed since"
    except OSError as error:
        if error.errno in FULL:
            raise
        return False, f"{error.strerror or error}; it is still {move.target}"


def _begun(move: Move, disk: Disk) -> tuple[bool, str]:
    if _is_back(move):
        return False, ""
    if not is_file_of(move.target, move.expected):
        return False, f"{move.target} was changed since"
    return begin(move.target, move.source, move.expected, disk), ""


def _ended(move: Move) -> tuple[bool, str]:
    take_old_name(move.target, move.source, move.expected)
    return False, ""


def _is_back(move: Move) -> bool:
    """Whether it is where it was, and nowhere else: moved back before, or never moved at all."""
    try:
        return not move.target.exists() and is_file_of(move.source, move.expected)
    except FileNotFoundError:
        return False
