"""Files of a folder moved into others: announced in a durable journal first, many at a time, finished after a kill."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from storage.database.error_translation import FULL, at_border
from storage.files.disk import Disk
from storage.folders.free_names import FreeNames
from storage.folders.journal import Job, Journal, Move, read_journal, unfinished_journals
from storage.folders.transfer import Changed, Expected, Occupied, give_name, settle, take_old_name
from system.flush import flush


@dataclass(frozen=True, slots=True)
class MoveOrder:
    """A file, and the folder that it is to be moved into."""

    source: Path  # absolute
    folder: Path  # absolute; made where it is missing
    expected: Expected


@dataclass(frozen=True, slots=True)
class MoveResult:
    """What became of an order."""

    target: Path | None  # where the file is now; None: it stays
    trouble: str = ""  # why it stays


@dataclass(frozen=True, slots=True)
class Resumed:
    """What a killed program had moved already."""

    journal: Path
    moved: int  # files, those included that were on their way
    left: tuple[str, ...] = ()  # for people: files that could not be moved any more


CHANGED = "it was changed since it was looked at"


class Mover:
    """Moves files by one journal; whoever uses it has locked the journal's folder."""

    def __init__(self, folder: Path, job: Job, disk: Disk, clock: Callable[[], datetime]) -> None:
        """Nothing is written before the first move.

        Args:
            folder: where the journal lies; it is there.
            job: what is sorted where.
            disk: the file system's promises.
            clock: for the journal's name.
        """
        self._folder, self._job, self._disk, self._clock = folder, job, disk, clock
        self._journal: Journal | None = None
        self._names = FreeNames()
        self._number = self._batch = 0

    @property
    def journal(self) -> Path | None:
        """The journal; None: nothing was moved."""
        return None if self._journal is None else self._journal.path

    def resume(self) -> Resumed | None:
        """Finish what a killed program left in the folder; a journal of the same job is gone on with.

        Returns:
            What the same job had moved already; None: it was not begun.
        Raises:
            StorageError: the disk refuses.
        """
        resumed = None
        with at_border(self._folder):
            for path in unfinished_journals(self._folder):
                content = read_journal(path)
                ours = content.job == self._job and self._journal is None
                journal = Journal.reopen(path, content)
                if ours:
                    self._journal = journal
                try:
                    left = self._settle_last(journal, content.moves)
                finally:
                    if not ours:
                        journal.close()
                if ours:
                    self._number = max((move.number for move in content.moves), default=0)
                    self._batch = max((move.batch for move in content.moves), default=0)
                    resumed = Resumed(path, len(content.moves) - len(left), left)
        return resumed

    def move(self, orders: Sequence[MoveOrder]) -> Sequence[MoveResult]:
        """Move files; their new names are durable, and their old ones gone, on return.

        Raises:
            StorageError: the disk refuses, or is full; what was moved is moved.
        """
        with at_border(self._folder):
            moves = self._announced(orders)
            results = [self._named(move) for move in moves]
            for folder in {move.target.parent for move in moves}:
                flush(folder)
            done = [self._taken(move, result) for move, result in zip(moves, results, strict=True)]
            for folder in {move.source.parent for move in moves}:
                flush(folder)
            self._names.settled()
            return done

    def finish(self) -> None:
        """Write the journal's end: the job is done."""
        if self._journal is not None:
            with at_border(self._journal.path):
                self._journal.append([{"end": self._clock().isoformat(timespec="seconds")}])

    def close(self) -> None:
        """Let the journal go; without an end it is gone on with by the next run."""
        if self._journal is not None:
            self._journal.close()

    def _announced(self, orders: Sequence[MoveOrder]) -> list[Move]:
        """Choose names, and write them into the journal."""
        if self._journal is None:
            self._journal = Journal.create(self._folder, self._job, self._clock())
        self._batch += 1
        moves = []
        for order in orders:
            order.folder.mkdir(parents=True, exist_ok=True)
            self._number += 1
            target = self._names.free(order.folder, order.source.name)
            moves.append(Move(self._number, self._batch, order.source, target, order.expected))
        self._journal.append(move.to_json() for move in moves)
        return moves

    def _named(self, move: Move) -> MoveResult | None:
        """Give the file its new name; None: its old one is to be taken yet."""
        try:
            old_is_left = give_name(move.source, move.target, move.expected, self._disk)
        except (Changed, Occupied, OSError) as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise
            return self._cancelled(move, error)
        return None if old_is_left else MoveResult(move.target)

    def _taken(self, move: Move, result: MoveResult | None) -> MoveResult:
        if result is not None:
            return result
        try:
            take_old_name(move.source, move.target, move.expected)
        except (Changed, OSError) as error:
            return self._cancelled(move, error)
        return MoveResult(move.target)

    def _cancelled(self, move: Move, error: Exception) -> MoveResult:
        if self._journal is not None:
            self._journal.append([{"cancelled": move.number, "why": _words(error)}])
        return MoveResult(None, _words(error))

    def _settle_last(self, journal: Journal, moves: Sequence[Move]) -> tuple[str, ...]:
        """Finish the last batch: the others had ended before it was announced. Gives lines for people."""
        last = max((move.batch for move in moves), default=0)
        return tuple(line for move in moves if move.batch == last for line in self._settle(journal, move))

    def _settle(self, journal: Journal, move: Move) -> Sequence[str]:
        """Finish one move that was announced; gives a line for people where that cannot be done."""
        try:
            settle(move.source, move.target, move.expected, self._disk)
        except (Changed, Occupied, OSError) as error:
            if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
                raise
            journal.append([{"cancelled": move.number, "why": _words(error)}])
            return (f"{move.source}: was not moved: {_words(error)}",)
        return ()


def _words(error: Exception) -> str:
    if isinstance(error, Changed):
        return CHANGED
    if isinstance(error, Occupied):
        return "something else has its new name"
    return getattr(error, "strerror", None) or str(error)
